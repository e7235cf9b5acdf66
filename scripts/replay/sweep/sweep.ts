import { ownVersion, packageVersion } from "../chain/artifacts";
import { AT_ONCE, WorkerPool } from "../jobs";
import { codeVersion } from "./codeVersion";
import { runSweepJob, type Outcome, type SweepJob } from "./job";
import { planSweep, type SweepOptions } from "./plan";
import { runQueued } from "./queue";
import { renderSweepCsv } from "./report/csv";
import { renderSweepPage } from "./report/html";
import { SweepFolder } from "./store";
import { summarize, type Sweep } from "./summary";

interface Running {
  /** Folder of the sweep; what is done in it already isn't done again. */
  out: string;
  /** Redis whose workers take the jobs; processes of our own where it is not given. */
  redis?: string;
  command: string;
  /** `kept` of them were done before. */
  onProgress: (done: number, total: number, kept: number) => void;
}

/**
 * Runs every point of a sweep with every scenario and seed, and writes what came of it. Each run is kept as soon as it is done.
 * Errors: those of the options, before anything is started; the first of any run, after which the others are ended.
 */
export async function runSweep(options: SweepOptions, { out, redis, command, onProgress }: Running): Promise<Sweep> {
  const code = codeVersion();
  const points = planSweep(options, code);
  const folder = new SweepFolder(out);
  const jobs = new Map(points.flatMap(({ runs }) => runs.map(({ id, job }) => [id, job] as const)));
  const outcomes = new Map<string, Outcome>();
  for (const id of jobs.keys()) {
    const outcome = folder.read(id);
    if (outcome) outcomes.set(id, outcome);
  }
  const kept = outcomes.size;
  onProgress(kept, jobs.size, kept);
  const left = [...jobs].filter(([id]) => !outcomes.has(id)).map(([id, job]) => ({ id, job }));
  const onDone = (id: string, job: SweepJob, outcome: Outcome): void => {
    folder.keep(id, job, outcome);
    outcomes.set(id, outcome);
    onProgress(outcomes.size, jobs.size, kept);
  };
  if (redis === undefined) await runHere(left, onDone);
  else if (left.length > 0) await runQueued(left, redis, onDone);

  const { scenarios, axes, seeds, bookToDepth, buffer, keepers, stepSeconds, fromSeconds, toSeconds } = options;
  const sweep: Sweep = {
    ...{ scenarios: [...scenarios], seeds, axes: [...axes], bookToDepth, buffer, keepers },
    ...{ stepSeconds: stepSeconds ?? "scenario", fromSeconds, toSeconds: toSeconds ?? "end" },
    code,
    versions: { spillway: ownVersion(), anvil: packageVersion("@foundry-rs/anvil"), solc: packageVersion("solc") },
    command,
    points: summarize(points, outcomes),
  };
  folder.put("sweep.json", `${JSON.stringify(sweep, null, 2)}\n`);
  folder.put("sweep.csv", renderSweepCsv(sweep));
  folder.put("index.html", renderSweepPage(sweep));
  return sweep;
}

async function runHere(
  jobs: readonly { id: string; job: SweepJob }[],
  onDone: (id: string, job: SweepJob, outcome: Outcome) => void,
): Promise<void> {
  const pool = new WorkerPool();
  const failure = new AbortController();
  const queue = jobs.values();
  const takeTurns = async (): Promise<void> => {
    for (const { id, job } of queue) {
      if (failure.signal.aborted) return;
      onDone(id, job, await runSweepJob(job, pool, failure.signal));
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, takeTurns));
  } finally {
    failure.abort();
  }
}
