import { Queue, QueueEvents, Worker, type ConnectionOptions, type Job } from "bullmq";
import { type ErrorCode, SpillwayError } from "../../lib";
import { AT_ONCE, WorkerPool } from "../jobs";
import { codeVersion } from "./codeVersion";
import { jobSchema, outcomeSchema, runSweepJob, type Outcome, type SweepJob } from "./job";

/** A worker that doesn't renew its claim on a job for so long is taken for dead, milliseconds. */
const CLAIM = 15_000;
/** How often workers look for jobs of dead ones, milliseconds. */
const LOOK = 5_000;
/** Results wait so long in Redis to be fetched, seconds. */
const KEEP = 7 * 86_400;
/** A job whose workers have died so often is what kills them. */
const DEATHS = 5;

/** Only workers with the same code find the queue's jobs. */
const queueName = (code: string): string => `spillway-sweep-${code}`;

/** Checks the address, and that a Redis answers there. Throws `BAD_INPUT`, `REDIS_UNREACHABLE`. The address may hold a password: only its host is named. */
async function connection(url: string): Promise<ConnectionOptions> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^rediss?:$/.test(parsed.protocol)) {
    throw new SpillwayError("BAD_INPUT", "--redis needs an address like redis://127.0.0.1:6379");
  }
  const options = { url, maxRetriesPerRequest: null };
  const probe = new Queue("spillway-sweep", { connection: { ...options, retryStrategy: () => null } });
  try {
    await new Promise((resolve, reject) => {
      probe.on("error", reject);
      probe.waitUntilReady().then(resolve, reject);
    });
  } catch (cause) {
    // with no second try it is closed already; closing it again would throw its error once more, at nobody
    const why = cause instanceof Error && cause.message !== "" ? cause.message : "no answer";
    throw new SpillwayError("REDIS_UNREACHABLE", `no Redis at ${parsed.host}: ${why}`, { cause });
  }
  await probe.close();
  return options;
}

/** A job that failed, in the text that the queue keeps. */
const failure = (error: unknown): string =>
  error instanceof SpillwayError ? `${error.code}: ${error.message}` : `INTERNAL: ${String(error)}`;

function fromFailure(text: string): SpillwayError {
  const [, code = "INTERNAL", message = text] = /^([A-Z_]+): (.*)$/s.exec(text) ?? [];
  return new SpillwayError(code as ErrorCode, message);
}

/**
 * Puts jobs into the queue that are not in it yet, and hands on what comes of each. A job has the same id in every sweep, so it is
 * done once, also when the sweep is started again. Errors: those of the job that failed first; `REDIS_UNREACHABLE`.
 */
export async function runQueued(
  jobs: readonly { id: string; job: SweepJob }[],
  url: string,
  onDone: (id: string, job: SweepJob, outcome: Outcome) => void,
): Promise<void> {
  const options = await connection(url);
  const name = queueName(codeVersion());
  const queue = new Queue<SweepJob>(name, { connection: options });
  const events = new QueueEvents(name, { connection: options });
  queue.on("error", complain).setMaxListeners(0);
  events.on("error", complain).setMaxListeners(0);
  try {
    await events.waitUntilReady();
    const wait = async ({ id, job }: { id: string; job: SweepJob }): Promise<void> => {
      const keep = { age: KEEP };
      const queued = await queue.add("run", job, { jobId: id, removeOnComplete: keep, removeOnFail: keep });
      // it failed in an earlier sweep
      if (await queued.isFailed()) await queued.retry("failed");
      let value: unknown;
      try {
        value = await queued.waitUntilFinished(events);
      } catch (error) {
        throw fromFailure(error instanceof Error ? error.message : String(error));
      }
      onDone(id, job, outcomeSchema.parse(value));
    };
    await Promise.all(jobs.map(wait));
  } finally {
    await events.close();
    await queue.close();
  }
}

/**
 * Takes jobs from the queue, as many at a time as there are cores, until the process ends. What it is at then is left to other
 * workers. Errors: `BAD_INPUT`, `REDIS_UNREACHABLE`.
 */
export async function workQueue(url: string, log: (line: string) => void): Promise<void> {
  const options = await connection(url);
  const code = codeVersion();
  const pool = new WorkerPool();
  const run = async ({ id, data }: Job<unknown>): Promise<Outcome> => {
    log(`${id ?? ""} begun`);
    try {
      return await runSweepJob(jobSchema.parse(data), pool, new AbortController().signal);
    } catch (error) {
      throw new Error(failure(error), { cause: error });
    }
  };
  const worker = new Worker<unknown, Outcome>(queueName(code), run, {
    connection: options,
    concurrency: AT_ONCE,
    lockDuration: CLAIM,
    stalledInterval: LOOK,
    maxStalledCount: DEATHS,
  });
  worker.on("error", complain);
  worker.on("completed", ({ id }) => {
    log(`${id ?? ""} done`);
  });
  worker.on("failed", (job, error) => {
    log(`${job?.id ?? ""} failed: ${error.message}`);
  });
  worker.on("stalled", (id) => {
    log(`${id} was left by a worker that died; it is tried again`);
  });
  await worker.waitUntilReady();
  log(`ready for jobs of code ${code}, ${AT_ONCE} at a time`);
}

function complain(error: Error): void {
  process.stderr.write(`redis: ${error.message}\n`);
}
