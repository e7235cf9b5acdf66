import { TRANSACTION_KINDS, type EngineResult, type ReplayParameters, type ReplayResult } from "../model/result";
import { BASELINE, orderedEngines } from "./engines";

/** What came of one scenario. */
export type Outcome = { title: string; real: boolean } & (
  { result: ReplayResult } | { scenario: string; error: { code: string; message: string } }
);

/** `DIR/results.json`: many scenarios, each with the same engines. */
export interface Comparison {
  /** The command that runs all of it again. */
  command: string;
  outcomes: readonly Outcome[];
  totals: Totals;
}

/** Figures over all real crashes of the comparison together. */
export interface Totals {
  /** Their names; those that failed are not among them. */
  scenarios: string[];
  /** How many real crashes were asked for. */
  asked: number;
  engines: Record<string, Total>;
}

/** Sums over crashes, but for the highest LTV and the longest wait, which are those of any of them. */
export type Total = Record<(typeof SUMMED)[number] | (typeof HIGHEST)[number], number> &
  Pick<EngineResult, "transactions">;

/** What adds up over crashes. */
export const SUMMED = [
  "excessDrawdownPct",
  "liquidatedPct",
  "badDebtPct",
  "lenderLossPct",
  "borrowerLossPct",
  "bufferPnlPct",
  "keeperProfitPct",
  "gasUsed",
  "gasCostPct",
] as const satisfies readonly (keyof EngineResult)[];

/** What the worst crash decides. */
export const HIGHEST = ["worstLtvPct", "timeUnderwaterMinutes"] as const satisfies readonly (keyof EngineResult)[];

export type Done = Extract<Outcome, { result: ReplayResult }>;

export function done(outcomes: readonly Outcome[]): Done[] {
  return outcomes.filter((outcome) => "result" in outcome);
}

/** Puts outcomes side by side, in their order. */
export function compare(command: string, outcomes: readonly Outcome[]): Comparison {
  const real = done(outcomes).filter((outcome) => outcome.real);
  const engines: Record<string, Total> = {};
  for (const engine of enginesOf(outcomes)) {
    const figures = real.flatMap(({ result }) => result.engines[engine] ?? []);
    if (figures.length === 0) continue;
    engines[engine] = totalOf(figures);
  }
  return {
    command,
    outcomes,
    totals: {
      scenarios: real.map(({ result }) => result.scenario),
      asked: outcomes.filter((outcome) => outcome.real).length,
      engines,
    },
  };
}

function totalOf(figures: readonly EngineResult[]): Total {
  const sum = (of: (one: EngineResult) => number): number => figures.reduce((total, one) => total + of(one), 0);
  const kinds = [...TRANSACTION_KINDS, "reverted"] as const;
  return {
    ...byName(SUMMED, (field) => sum((one) => one[field])),
    ...byName(HIGHEST, (field) => Math.max(...figures.map((one) => one[field]))),
    transactions: byName(kinds, (kind) => sum((one) => one.transactions[kind])),
  };
}

function byName<K extends string>(names: readonly K[], of: (name: K) => number): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<K, number>;
}

/** The engines that took part anywhere, in the order in which they are always shown. */
export function enginesOf(outcomes: readonly Outcome[]): string[] {
  return orderedEngines(Object.fromEntries(done(outcomes).flatMap(({ result }) => Object.entries(result.engines))));
}

/** Where Spillway stands against the others over the real crashes together, in one sentence; empty without any. */
export function ratioSentence({ totals }: Comparison, name: (engine: string) => string): string {
  const own = totals.engines["spillway"];
  const peers = Object.entries(totals.engines).filter(([engine]) => engine !== "spillway" && engine !== BASELINE);
  const depth = own?.excessDrawdownPct ?? 0;
  if (!own || peers.length === 0 || depth <= 0) return "";
  const parts = peers.map(([engine, total]) => `${name(engine)} ${(total.excessDrawdownPct / depth).toFixed(1)} times`);
  return `For each point by which Spillway deepened them, ${parts.join(", ")} as much.`;
}

/** What all runs share of their parameters, from the first that was done. */
export function sharedParameters(comparison: Comparison): (ReplayParameters & { seed: number }) | undefined {
  const [first] = done(comparison.outcomes);
  return first && { ...first.result.parameters, seed: first.result.seed };
}
