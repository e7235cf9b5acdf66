import type { Keepers, Match } from "./choices";

/** What a keeper's transaction is for. Spillway's keepers do all but `liquidate`, the peers' only that. */
export const TRANSACTION_KINDS = [
  "liquidate",
  "open",
  "buy",
  "absorb",
  "buyInventory",
  "sync",
  "fulfil",
  "other",
] as const;
export type TransactionKind = (typeof TRANSACTION_KINDS)[number];

/** The median, the value that 90 % stay under, and the highest. All 0 where there is nothing to take them of. */
export interface Percentiles {
  p50: number;
  p90: number;
  p100: number;
}

/** What one of the keepers earned and did. */
export interface KeeperResult {
  /** Profit after gas, percent of the book's starting collateral value. */
  profitPct: number;
  /** Transactions that went through, and that reverted. */
  won: number;
  reverted: number;
  /** Units of gas that those that reverted took, and what the keeper paid for it, percent of the book. */
  revertedGas: number;
  revertedGasCostPct: number;
}

/**
 * What a replay measures, and the shape of `result.json`.
 *
 * Losses, depths and displacements are positive numbers. Everything that ends in `Pct` is in percent of the book's
 * starting collateral value (at the outside price of the first step) unless its comment says otherwise.
 */
export interface EngineResult {
  /** How much deeper the protocol made the crash: (lowest outside price without our sales − lowest market price) / lowest outside price, in percent of that price. 0 when the market's low was no lower. */
  excessDrawdownPct: number;
  /** Largest |market price − outside price without our sales| / outside price at any step, in percent. */
  maxDisplacementPct: number;
  /** Collateral liquidated / collateral liquidated in the same run with no price impact. Null when nothing was liquidated without impact. */
  amplification: number | null;
  liquidatedPct: number;
  /** Positions touched by a liquidation, percent of all positions. */
  positionsHitPct: number;
  /** Debt without collateral at the end: written off plus the uncovered debt of positions with LTV ≥ 1 at the last market price. */
  badDebtPct: number;
  /** What lenders lost of it. */
  lenderLossPct: number;
  /** Collateral taken from borrowers at oracle price, less debt repaid for it. */
  borrowerLossPct: number;
  /** The buffer's result, inventory marked at the last market price; 0 for engines without a buffer. */
  bufferPnlPct: number;
  peakInventoryPct: number;
  inventoryLeftPct: number;
  /** Keepers' profit after gas. */
  keeperProfitPct: number;
  /** Each keeper's share of it: the first one's, then its rivals'. */
  perKeeper: KeeperResult[];
  /** Gas of all liquidation calls. */
  gasUsed: number;
  /** What keepers paid for that gas, at the scenario's price of gas. */
  gasCostPct: number;
  /** Keepers' transactions by what they did; those that reverted are counted apart. A kind that did not occur is 0. */
  transactions: Record<TransactionKind | "reverted", number>;
  /** Highest LTV that any position with collateral reached at the feed's price, before or after keepers acted, in percent. */
  worstLtvPct: number;
  /** Of the positions that were ever above their lltv: how long each was in all, weighted by its debt when it first was. */
  timeOverLimitMinutes: Percentiles;
  /** Longest time that any one position was above its lltv and not yet dealt with, minutes. */
  timeUnderwaterMinutes: number;
  steps: number;
  wallSeconds: number;
  stepsPerSecond: number;
  stateRoot: string;
}

/** The fields of `EngineResult` that a run's own record decides. */
export type Figures = Omit<EngineResult, "amplification" | "wallSeconds" | "stepsPerSecond" | "stateRoot">;

/**
 * One number a step, all arrays of the same length. Prices in loan asset per collateral. `null` where an engine has no
 * such thing (a peer has no lane and no buffer).
 */
export interface EngineSeries {
  /** Seconds UTC. */
  time: number[];
  /** The outside price as it was, without any of our sales. */
  outside: number[];
  /** The pool's price after the step. */
  pool: number[];
  /** What the oracle feed said. */
  feed: number[];
  /** Collateral sold by liquidations up to and with this step, percent of the book. */
  soldPct: number[];
  /** The most that the lanes' pace would have let out up to this step, percent of the book. */
  paceAllowancePct: (number | null)[];
  /** Positions above their lltv. */
  positionsUnderwater: number[];
  badDebtPct: number[];
  bufferCashPct: (number | null)[];
  bufferInventoryPct: (number | null)[];
  /** Lowest head multiple over the running auctions (1 = oracle price); null while none runs. */
  auctionMultiple: (number | null)[];
}

export interface ReplayParameters {
  engines: string[];
  bookToDepth: number;
  buffer: number;
  match: Match;
  keepers: Keepers;
  rivals: number;
  stepSeconds: number;
  fromSeconds: number;
  toSeconds: number;
  prices: "scenario" | "file";
  fork: "reconstructed" | { url: string; block: number };
  /** Every figure of the scenario and of the markets that shaped the run, flat, for the report. */
  [name: string]: unknown;
}

/** `DIR/result.json`. */
export interface ReplayResult {
  scenario: string;
  seed: number;
  parameters: ReplayParameters;
  /** Name → version of everything that shaped the run (spillway, solc, anvil, the peers' packages). */
  versions: Record<string, string>;
  /** The command that runs it again. */
  command: string;
  engines: Record<string, EngineResult>;
}

/** `DIR/series.json`: engine → series. */
export type ReplaySeries = Record<string, EngineSeries>;
