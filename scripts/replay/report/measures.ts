import type { EngineResult } from "../model/result";
import { BASELINE, orderedEngines } from "./engines";

export type Group = "The market" | "Borrowers and lenders" | "The buffer" | "Keepers and time" | "The run itself";

/** A figure of `EngineResult`; `transactions` is their number, and a dot leads to one of several figures of a field. */
export type MeasureField =
  | Exclude<keyof EngineResult, "timeOverLimitMinutes" | "perKeeper">
  | `timeOverLimitMinutes.${keyof EngineResult["timeOverLimitMinutes"]}`;

/** One row of the report. `better` is null where neither more nor less is better. */
export interface Measure {
  field: MeasureField;
  group: Group;
  /** At most 28 characters, so that the terminal's table fits. */
  label: string;
  /** Empty for plain numbers. */
  unit: string;
  explanation: string;
  better: "lower" | "higher" | null;
  /** For people: rounded, thousands parted, `n/a` where there is no figure. */
  format: (value: Value) => string;
}

/** One figure; null where there is none. */
export type Value = number | string | null;

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
/** A decimal where whole minutes would say too little. */
const minutes = (value: unknown): string => formatNumber(value, typeof value === "number" && value < 10 ? 1 : 0);
const shortHash = (value: unknown): string => {
  if (typeof value !== "string" || value === "") return NO_FIGURE;
  return value.length > 14 ? `${value.slice(0, 6)}…${value.slice(-4)}` : value;
};

const BY_FIELD: Record<MeasureField, Omit<Measure, "field">> = {
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
  gasCostPct: {
    group: "Keepers and time",
    label: "Cost of that gas",
    unit: "% of book",
    explanation: "What keepers paid for the gas of their transactions, at the price of gas of that time.",
    better: "lower",
    format: decimal,
  },
  transactions: {
    group: "Keepers and time",
    label: "Keepers' transactions",
    unit: "",
    explanation:
      "Number of transactions that keepers sent, those that reverted among them; under it how many of each kind.",
    better: null,
    format: whole,
  },
  worstLtvPct: {
    group: "Keepers and time",
    label: "Highest LTV reached",
    unit: "%",
    explanation:
      "The highest loan-to-value of any position with collateral at any moment, at the oracle price, before or after keepers acted.",
    better: "lower",
    format: decimal,
  },
  "timeOverLimitMinutes.p50": {
    group: "Keepers and time",
    label: "Time over limit (median)",
    unit: "min",
    explanation:
      "How long positions stood above their liquidation limit in all, half of the debt no longer than this. Of positions that ever were above it, by their debt then.",
    better: "lower",
    format: minutes,
  },
  "timeOverLimitMinutes.p90": {
    group: "Keepers and time",
    label: "Time over limit (90 %)",
    unit: "min",
    explanation: "The same, nine tenths of the debt no longer than this.",
    better: "lower",
    format: minutes,
  },
  "timeOverLimitMinutes.p100": {
    group: "Keepers and time",
    label: "Time over limit (longest)",
    unit: "min",
    explanation: "The same, the position that stood above it longest in all.",
    better: "lower",
    format: minutes,
  },
  timeUnderwaterMinutes: {
    group: "Keepers and time",
    label: "Longest wait over the limit",
    unit: "min",
    explanation:
      "The longest that any one position stood above its liquidation limit at a stretch without being dealt with.",
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

/** Every figure of EngineResult, once, in the order in which all reports show them. */
export const MEASURES: readonly Measure[] = (Object.keys(BY_FIELD) as MeasureField[]).map(measure);

export function measure(field: MeasureField): Measure {
  return { field, ...BY_FIELD[field] };
}

/** The figure of a result, or of what is there of it. */
export function valueOf(engine: Partial<EngineResult> | undefined, field: MeasureField): Value {
  switch (field) {
    case "transactions": {
      const kinds = engine?.transactions;
      return kinds ? Object.values(kinds).reduce((sum, count) => sum + count, 0) : null;
    }
    case "timeOverLimitMinutes.p50":
      return engine?.timeOverLimitMinutes?.p50 ?? null;
    case "timeOverLimitMinutes.p90":
      return engine?.timeOverLimitMinutes?.p90 ?? null;
    case "timeOverLimitMinutes.p100":
      return engine?.timeOverLimitMinutes?.p100 ?? null;
    default:
      return engine?.[field] ?? null;
  }
}

/** A figure for people. */
export function shown(row: Measure, engine: Partial<EngineResult> | undefined): string {
  return row.format(valueOf(engine, row.field));
}

/** Transactions by kind, the kinds that occurred: `open 12, buy inventory 3`; empty where there are none. */
export function transactionsText({ transactions }: Partial<EngineResult>): string {
  return Object.entries(transactions ?? {})
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${whole(count)}`)
    .join(", ");
}

/** A figure with its unit, as in running text: `7.30 %`, never broken between the two. */
export function figure(field: MeasureField, engine: EngineResult): string {
  const text = shown(measure(field), engine);
  return text === NO_FIGURE ? text : `${text}\u00a0${BY_FIELD[field].unit.replace(/^% .*/, "%")}`.trimEnd();
}

/**
 * The engines with the best figure in a row. Figures that read the same count as the same. Empty where neither end is
 * better, where fewer than two engines have a figure, or where all of them are equal. The baseline never takes part.
 */
export function bestEngines(row: Measure, engines: Record<string, Partial<EngineResult>>): Set<string> {
  const figures = orderedEngines(engines).flatMap((engine) => {
    const value = valueOf(engines[engine], row.field);
    return engine !== BASELINE && typeof value === "number" && Number.isFinite(value)
      ? [{ engine, value, text: row.format(value) }]
      : [];
  });
  if (row.better === null || new Set(figures.map(({ text }) => text)).size < 2) return new Set();
  const sign = row.better === "lower" ? 1 : -1;
  const best = figures.reduce((a, b) => (sign * b.value < sign * a.value ? b : a));
  return new Set(figures.filter(({ text }) => text === best.text).map(({ engine }) => engine));
}
