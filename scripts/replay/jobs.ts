import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { endWithUs, type ErrorCode, SpillwayError } from "../lib";
import type { EngineRun, EngineRunOptions } from "./engineRun";

/** One engine through one crash, as plain data that can go to another process. */
export interface Job {
  engine: string;
  /** Without a fork the worker reconstructs a mainnet of its own. */
  options: Omit<EngineRunOptions, "onStep" | "fork"> & Partial<Pick<EngineRunOptions, "fork">>;
}

/** What a worker says to whom started it. */
export type WorkerMessage =
  | { kind: "step" }
  | { kind: "done"; run: EngineRun }
  | { kind: "failed"; code: ErrorCode; message: string; stack?: string };

/** A run keeps one core busy with its clients and half of another with its chain. */
export const AT_ONCE = Math.max(1, Math.min(4, availableParallelism()));

/** Runs jobs in processes of their own, as many at a time as there are cores; the others wait in the order in which they came. */
export class WorkerPool {
  private free = AT_ONCE;
  private readonly waiting: (() => void)[] = [];

  /** Errors: as `runEngine`; the reason of `signal` when it is aborted before the job has begun, and `INTERNAL` when later. */
  async run(job: Job, onStep: () => void, signal: AbortSignal): Promise<EngineRun> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      signal.throwIfAborted();
      const worker = startWorker();
      const stop = (): boolean => worker.kill("SIGTERM");
      signal.addEventListener("abort", stop);
      try {
        return await resultOf(worker, job, onStep);
      } finally {
        signal.removeEventListener("abort", stop);
      }
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}

/**
 * Runs jobs in a pool, and returns what came of each in their order. The first failure ends the others of these jobs. Errors: as
 * `runEngine`.
 */
export async function runJobs(
  jobs: readonly Job[],
  onStep: (job: number) => void,
  pool = new WorkerPool(),
): Promise<EngineRun[]> {
  const failure = new AbortController();
  try {
    return await Promise.all(
      jobs.map((job, index) =>
        pool.run(
          job,
          () => {
            onStep(index);
          },
          failure.signal,
        ),
      ),
    );
  } catch (error) {
    failure.abort();
    throw error;
  }
}

function startWorker(): ChildProcess {
  const worker = fork(join(__dirname, "worker.ts"), [], {
    // whatever started us, the worker is TypeScript too
    execArgv: ["--require", require.resolve("tsx/cjs")],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  endWithUs(worker, "SIGTERM");
  return worker;
}

function resultOf(worker: ChildProcess, job: Job, onStep: () => void): Promise<EngineRun> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "step") onStep();
      else if (message.kind === "done") resolve(message.run);
      else reject(new SpillwayError(message.code, message.message, { cause: message.stack }));
    });
    worker.on("error", reject);
    worker.on("exit", (code, signal) => {
      reject(new SpillwayError("INTERNAL", `the worker of ${job.engine} ended early (${String(signal ?? code)})`));
    });
    worker.send(job);
  });
}
