import type { EngineResult } from "../result";
import { BASELINE, orderedEngines } from "./engines";

export type Group = "The market" | "Borrowers and lenders" | "The buffer" | "Keepers and time" | "The run itself";

/** One row of the report. `better` is null where neither more nor less is better. */
export interface Measure {
  field: keyof EngineResult;
  group: Group;
  /** At most 28 characters, so that the terminal's table fits. */
  label: string;
  /** Empty for plain numbers. */
  unit: string;
  explanation: string;
  better: "lower" | "higher" | null;
  /** For people: rounded, thousands parted, `n/a` where there is no figure. */
  format: (value: EngineResult[keyof EngineResult]) => string;
}

/** What stands where there is no figure. */
export const NO_FIGURE = "n/a";

/** Two decimals; two significant digits where two decimals would show nothing; a true minus sign. */
export function formatNumber(value: unknown, decimals = 2): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return NO_FIGURE;
  const size = Math.abs(value);
  const small = decimals > 0 && size > 0 && size < 0.5 * 10 ** (1 - decimals);
  const text = small
    ? size < 1e-6
      ? size.toExponential(1)
      : size.toLocaleString("en-US", { maximumSignificantDigits: 2 })
    : size.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

const decimal = (value: unknown): string => formatNumber(value);
const whole = (value: unknown): string => formatNumber(value, 0);
const shortHash = (value: unknown): string => {
  if (typeof value !== "string" || value === "") return NO_FIGURE;
  return value.length > 14 ? `${value.slice(0, 6)}…${value.slice(-4)}` : value;
};

const BY_FIELD: Record<keyof EngineResult, Omit<Measure, "field">> = {
  excessDrawdownPct: {
    group: "The market",
    label: "Crash made deeper by",
    unit: "%",
    explanation:
      "How far the lowest market price lay below the lowest price that the outside market reached without these sales, in percent of that price.",
    better: "lower",
    format: decimal,
  },
  maxDisplacementPct: {
    group: "The market",
    label: "Largest gap to outside price",
    unit: "%",
    explanation:
      "The largest distance between the market price and the outside price at any moment, in percent of the outside price.",
    better: "lower",
    format: decimal,
  },
  amplification: {
    group: "The market",
    label: "Amplification",
    unit: "×",
    explanation:
      "Collateral sold, over what the same engine would have sold had its sales not moved the price. 1 means no spiral.",
    better: "lower",
    format: decimal,
  },
  liquidatedPct: {
    group: "The market",
    label: "Collateral liquidated",
    unit: "% of book",
    explanation: "How much of the collateral was taken from borrowers, in percent of the book's starting value.",
    better: "lower",
    format: decimal,
  },
  positionsHitPct: {
    group: "Borrowers and lenders",
    label: "Positions hit",
    unit: "% of all",
    explanation: "Positions that were liquidated at least in part, in percent of all positions.",
    better: "lower",
    format: decimal,
  },
  borrowerLossPct: {
    group: "Borrowers and lenders",
    label: "Borrowers' loss",
    unit: "% of book",
    explanation: "Worth, at the oracle price, of the collateral taken from borrowers, less the debt it repaid.",
    better: "lower",
    format: decimal,
  },
  badDebtPct: {
    group: "Borrowers and lenders",
    label: "Bad debt",
    unit: "% of book",
    explanation:
      "Debt that no collateral covers at the end: written off, or more than the collateral behind it is worth.",
    better: "lower",
    format: decimal,
  },
  lenderLossPct: {
    group: "Borrowers and lenders",
    label: "Lenders' loss",
    unit: "% of book",
    explanation: "The part of the bad debt that lenders bore, after reserves and the buffer.",
    better: "lower",
    format: decimal,
  },
  bufferPnlPct: {
    group: "The buffer",
    label: "Buffer's result",
    unit: "% of book",
    explanation:
      "What the buffer gained or lost, what it still holds counted at the last market price. 0 for an engine without a buffer.",
    better: "higher",
    format: decimal,
  },
  peakInventoryPct: {
    group: "The buffer",
    label: "Most held by the buffer",
    unit: "% of book",
    explanation: "The most collateral that the buffer held at any moment: a risk its underwriters carried.",
    better: "lower",
    format: decimal,
  },
  inventoryLeftPct: {
    group: "The buffer",
    label: "Still held at the end",
    unit: "% of book",
    explanation: "Collateral in the buffer at the end of the run, which has yet to be sold.",
    better: "lower",
    format: decimal,
  },
  keeperProfitPct: {
    group: "Keepers and time",
    label: "Keepers' profit",
    unit: "% of book",
    explanation:
      "What liquidators made after gas. Borrowers pay it, but below zero nobody would liquidate, so neither end is marked as best.",
    better: null,
    format: decimal,
  },
  gasUsed: {
    group: "Keepers and time",
    label: "Gas of liquidations",
    unit: "",
    explanation: "Gas of all liquidation calls together.",
    better: "lower",
    format: whole,
  },
  timeUnderwaterMinutes: {
    group: "Keepers and time",
    label: "Longest time over the limit",
    unit: "min",
    explanation: "The longest that any one position stood above its liquidation limit without being dealt with.",
    better: "lower",
    format: whole,
  },
  steps: {
    group: "The run itself",
    label: "Steps",
    unit: "",
    explanation: "Steps of the clock that were replayed.",
    better: null,
    format: whole,
  },
  wallSeconds: {
    group: "The run itself",
    label: "Time it took",
    unit: "s",
    explanation: "Real time that the run took.",
    better: null,
    format: decimal,
  },
  stepsPerSecond: {
    group: "The run itself",
    label: "Speed",
    unit: "steps/s",
    explanation: "Steps per second of real time.",
    better: null,
    format: decimal,
  },
  stateRoot: {
    group: "The run itself",
    label: "State root",
    unit: "",
    explanation:
      "Fingerprint of the chain after the last step; the same inputs give the same one. In full further down.",
    better: null,
    format: shortHash,
  },
};

/** Every field of EngineResult, once, in the order in which all reports show them. */
export const MEASURES: readonly Measure[] = (Object.keys(BY_FIELD) as (keyof EngineResult)[]).map((field) => ({
  field,
  ...BY_FIELD[field],
}));

export function measure(field: keyof EngineResult): Measure {
  return { field, ...BY_FIELD[field] };
}

/** A figure with its unit, as in running text: `7.30 %`, never broken between the two. */
export function figure(field: keyof EngineResult, engine: EngineResult): string {
  const text = BY_FIELD[field].format(engine[field]);
  return text === NO_FIGURE ? text : `${text}\u00a0${BY_FIELD[field].unit.replace(/^% .*/, "%")}`.trimEnd();
}

/**
 * The engines with the best figure in a row. Figures that read the same count as the same. Empty where neither end is
 * better, where fewer than two engines have a figure, or where all of them are equal. The baseline never takes part.
 */
export function bestEngines(row: Measure, engines: Record<string, Partial<EngineResult>>): Set<string> {
  const figures = orderedEngines(engines).flatMap((engine) => {
    const value = engines[engine]?.[row.field];
    return engine !== BASELINE && typeof value === "number" && Number.isFinite(value)
      ? [{ engine, value, text: row.format(value) }]
      : [];
  });
  if (row.better === null || new Set(figures.map(({ text }) => text)).size < 2) return new Set();
  const sign = row.better === "lower" ? 1 : -1;
  const best = figures.reduce((a, b) => (sign * b.value < sign * a.value ? b : a));
  return new Set(figures.filter(({ text }) => text === best.text).map(({ engine }) => engine));
}
