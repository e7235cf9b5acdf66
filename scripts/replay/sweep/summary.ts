import { SpillwayError } from "../../lib";
import { item } from "../item";
import { measure, valueOf, type Measure, type MeasureField } from "../report/measures";
import type { Keepers } from "../model/choices";
import type { Value } from "../model/overrides";
import type { Figures } from "../model/result";
import type { Axis, PlannedPoint } from "./plan";
import type { Outcome } from "./job";

/** What is told of a point. The first three make the frontier. */
export const FIELDS = [
  ...(["excessDrawdownPct", "badDebtPct", "borrowerLossPct"] as const),
  ...(["lenderLossPct", "bufferPnlPct", "peakInventoryPct", "inventoryLeftPct"] as const),
  ...(["maxDisplacementPct", "liquidatedPct", "positionsHitPct", "keeperProfitPct", "gasCostPct"] as const),
  ...(["worstLtvPct", "timeOverLimitMinutes.p50", "timeOverLimitMinutes.p90", "timeUnderwaterMinutes"] as const),
] as const satisfies readonly MeasureField[];
export type Field = (typeof FIELDS)[number];
export const DECISIVE = FIELDS.slice(0, 3);

export const measures: readonly Measure[] = FIELDS.map((field) => measure(field));

export type SweepFigures = Record<Field, number>;

export interface Point {
  values: Record<string, Value>;
  /** Over all scenarios and seeds. */
  mean: SweepFigures;
  /** The worst of any one run; where neither end is worse, the lowest. */
  worst: SweepFigures;
  /** Mean over seeds, per scenario. */
  scenarios: Record<string, SweepFigures>;
  /** No other point is better in one of the three figures and no worse in the others. */
  frontier: boolean;
  runs: { scenario: string; seed: number; job: string; stateRoot: string }[];
}

/** `DIR/sweep.json`. Figures are `EngineResult`'s, of Spillway. */
export interface Sweep {
  scenarios: string[];
  /** How many; they are 1 to this. */
  seeds: number;
  axes: Axis[];
  /** What is not varied. */
  bookToDepth: number;
  buffer: number;
  keepers: Keepers;
  stepSeconds: number | "scenario";
  fromSeconds: number;
  toSeconds: number | "end";
  /** Fingerprint of the code that ran the jobs. */
  code: string;
  versions: Record<string, string>;
  command: string;
  points: Point[];
}

/** Joins what came of every run, point by point, and finds the frontier. */
export function summarize(planned: readonly PlannedPoint[], outcomes: ReadonlyMap<string, Outcome>): Point[] {
  const points = planned.map(({ values, runs }): Point => {
    const done = runs.map(({ id, job }) => {
      const outcome = outcomes.get(id);
      if (outcome === undefined) throw new SpillwayError("INTERNAL", `job ${id} was not run`);
      return {
        scenario: job.scenario,
        seed: job.seed,
        job: id,
        stateRoot: outcome.stateRoot,
        figures: sweepFigures(outcome.figures),
      };
    });
    const all = done.map(({ figures }) => figures);
    const scenarios = [...new Set(done.map(({ scenario }) => scenario))].map((name): [string, SweepFigures] => [
      name,
      means(done.filter(({ scenario }) => scenario === name).map(({ figures }) => figures)),
    ]);
    return {
      values,
      mean: means(all),
      worst: perField((field) => {
        const found = all.map((figures) => figures[field]);
        return measure(field).better === "lower" ? Math.max(...found) : Math.min(...found);
      }),
      scenarios: Object.fromEntries(scenarios),
      frontier: false,
      runs: done.map(({ figures: _, ...run }) => run),
    };
  });
  return points.map((point) => ({ ...point, frontier: !points.some((other) => beats(other.mean, point.mean)) }));
}

/** A hundredth of a per cent more or less counts as the same, but for bad debt: some is never the same as none. */
function decisive(figures: SweepFigures): number[] {
  return DECISIVE.map((field) => Math.round(figures[field] * (field === "badDebtPct" ? 1e6 : 100)));
}

function beats(one: SweepFigures, other: SweepFigures): boolean {
  const theirs = decisive(other);
  const differences = decisive(one).map((value, index) => value - item(theirs, index));
  return differences.every((difference) => difference <= 0) && differences.some((difference) => difference < 0);
}

function sweepFigures(figures: Figures): SweepFigures {
  return perField((field) => Number(valueOf(figures, field)));
}

function means(all: readonly SweepFigures[]): SweepFigures {
  return perField((field) => all.reduce((sum, figures) => sum + figures[field], 0) / all.length);
}

function perField(of: (field: Field) => number): SweepFigures {
  return Object.fromEntries(FIELDS.map((field) => [field, of(field)])) as SweepFigures;
}
