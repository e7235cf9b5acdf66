import { createHash } from "node:crypto";
import { z } from "zod";
import { SpillwayError } from "../../lib";
import { item } from "../item";
import type { WorkerPool } from "../jobs";
import { KEEPERS } from "../model/choices";
import { TRANSACTION_KINDS, type Figures } from "../model/result";
import { plan } from "../run";
import { codeVersion } from "./codeVersion";

/** One run of Spillway: plain data that means the same on every machine with the same code. */
export const jobSchema = z.strictObject({
  /** `codeVersion()`. */
  code: z.string(),
  scenario: z.string(),
  seed: z.int().min(0),
  bookToDepth: z.number(),
  buffer: z.number(),
  keepers: z.enum(KEEPERS),
  stepSeconds: z.int().positive(),
  fromSeconds: z.int().min(0),
  toSeconds: z.int().positive(),
  /** As `Overrides`, with keys in order. */
  overrides: z.record(z.string(), z.number()),
});
export type SweepJob = z.output<typeof jobSchema>;

const figures = z.object({
  excessDrawdownPct: z.number(),
  maxDisplacementPct: z.number(),
  liquidatedPct: z.number(),
  positionsHitPct: z.number(),
  badDebtPct: z.number(),
  lenderLossPct: z.number(),
  borrowerLossPct: z.number(),
  bufferPnlPct: z.number(),
  peakInventoryPct: z.number(),
  inventoryLeftPct: z.number(),
  keeperProfitPct: z.number(),
  perKeeper: z.array(
    z.object({
      profitPct: z.number(),
      won: z.number(),
      reverted: z.number(),
      revertedGas: z.number(),
      revertedGasCostPct: z.number(),
    }),
  ),
  gasUsed: z.number(),
  gasCostPct: z.number(),
  transactions: z.record(z.enum([...TRANSACTION_KINDS, "reverted"]), z.number()),
  worstLtvPct: z.number(),
  timeOverLimitMinutes: z.object({ p50: z.number(), p90: z.number(), p100: z.number() }),
  timeUnderwaterMinutes: z.number(),
  steps: z.number(),
}) satisfies z.ZodType<Figures>;

/** What came of a job. */
export const outcomeSchema = z.object({ figures, stateRoot: z.string(), wallSeconds: z.number() });
export type Outcome = z.output<typeof outcomeSchema>;

/** The name of a job: a hash of everything that it is told, and of the code. */
export function jobId(job: SweepJob): string {
  return createHash("sha256")
    .update(JSON.stringify(jobSchema.parse(job)))
    .digest("hex")
    .slice(0, 32);
}

/**
 * Runs a job in a process of its own, on a reconstructed mainnet of its own. Errors: as `runEngine`; `BAD_INPUT` when the code here
 * isn't the one that the job was made for.
 */
export async function runSweepJob(job: SweepJob, pool: WorkerPool, signal: AbortSignal): Promise<Outcome> {
  if (codeVersion() !== job.code) {
    throw new SpillwayError("BAD_INPUT", "the code has changed since the sweep was started; start it again");
  }
  const { seed, bookToDepth, buffer, keepers, overrides, ...window } = job;
  const { scenario, start, stepSeconds, paths } = plan(window);
  const options = {
    ...{ scenario, start, stepSeconds, paths, seed, bookToDepth, buffer, keepers, overrides },
    impact: true,
    startPrices: paths.map((path) => item(path, 0)),
  };
  const run = await pool.run({ engine: "spillway", options }, () => undefined, signal);
  return { figures: run.figures, stateRoot: run.stateRoot, wallSeconds: run.wallSeconds };
}
