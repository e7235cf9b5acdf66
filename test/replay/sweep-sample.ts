import { codeVersion } from "../../scripts/replay/sweep/codeVersion";
import type { Outcome } from "../../scripts/replay/sweep/job";
import { planSweep, type SweepOptions } from "../../scripts/replay/sweep/plan";
import { summarize, type Sweep } from "../../scripts/replay/sweep/summary";
import { figures } from "./report-sample";

export const sweepOptions = (change: Partial<SweepOptions> = {}): SweepOptions => ({
  scenarios: ["black-thursday", "may-2021"],
  axes: [
    { name: "pace", values: [1, 3, 6] },
    { name: "buffer", values: [0, 0.1] },
    { name: "book-to-depth", values: [50, 150] },
  ],
  ...{ bookToDepth: 150, buffer: 0.02, keepers: "profit", seeds: 2, fromSeconds: 0 },
  ...change,
});

/** Figures that a reader can follow: a faster pace deepens the crash and leaves less bad debt, and a buffer takes bad debt and half of the depth away. */
function outcome(pace: number, buffer: number, bookToDepth: number, seed: number): Outcome {
  const covered = buffer > 0;
  const {
    amplification: _,
    wallSeconds,
    stepsPerSecond: __,
    stateRoot,
    ...rest
  } = figures({
    excessDrawdownPct: (pace * bookToDepth * (covered ? 0.5 : 1)) / 100 + seed / 10,
    badDebtPct: covered ? 0 : 1 / pace,
    borrowerLossPct: (covered ? 1.25 : 1) - pace / 50,
    bufferPnlPct: covered ? 0.5 - seed / 10 : 0,
  });
  return { figures: rest, wallSeconds, stateRoot };
}

export function sampleSweep(options = sweepOptions()): Sweep {
  const code = codeVersion();
  const points = planSweep(options, code);
  const runs = points.flatMap((point) => point.runs);
  const outcomes = new Map(
    runs.map(({ id, job }) => [id, outcome(job.overrides["pace"] ?? 1.2, job.buffer, job.bookToDepth, job.seed)]),
  );
  return {
    ...{ scenarios: [...options.scenarios], seeds: options.seeds, axes: [...options.axes] },
    ...{ bookToDepth: 150, buffer: 0.02, keepers: "profit", stepSeconds: "scenario", fromSeconds: 0, toSeconds: "end" },
    ...{ code, versions: { anvil: "1.7.1" }, command: "npm run replay -- sweep --vary pace=1,3,6" },
    points: summarize(points, outcomes),
  };
}
