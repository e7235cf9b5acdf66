import type { HealthReason } from "../health";

/**
 * What the page shows, as of one block: plain JSON. Amounts are decimal numbers in whole tokens, percentages in percent; what is
 * drawn needs no more than six digits.
 */
export interface Snapshot {
  /** Milliseconds since 1970. */
  at: number;
  chainId: number;
  block: number;
  /** Seconds since 1970. */
  blockTime: number;
  vault: string;
  /** Symbol of the loan asset. */
  asset: string;
  dryRun: boolean;
  ready: boolean;
  reasons: readonly HealthReason[];
  lanes: readonly LaneRow[];
  positions: readonly PositionRow[];
  actions: readonly ActionRow[];
  missed: readonly MissedRow[];
  profit: readonly ProfitRow[];
  buffer: BufferRow;
  nodes: readonly NodeRow[];
  signers: readonly SignerRow[];
  /** Empty for a keeper on its own. */
  fleet: readonly MemberRow[];
  /** The last blocks, oldest first. */
  series: readonly Sample[];
}

export interface LaneRow {
  market: string;
  /** Symbol of the collateral. */
  name: string;
  /** Loan asset for one collateral; null where the oracle gives none. */
  price: number | null;
  isOpen: boolean;
  diverged: boolean;
  /** Collateral an hour. */
  pace: number | null;
  premiumPct: number | null;
  /** What the head asks of a position just over the limit, in percent of the price. */
  headPct: number | null;
  unhealthy: number;
  /** Debt of the market, loan asset. */
  debt: number;
  lltvPct: number;
}

export interface PositionRow {
  market: string;
  name: string;
  owner: string;
  collateral: number;
  debt: number;
  ltvPct: number;
  /** How far the price has to fall until it is unhealthy, percent; negative where it is. */
  distancePct: number;
}

export interface ActionRow {
  block: number;
  kind: string;
  name: string;
  hash: string;
  nonce: number;
  /** Why it was done: what it was expected to bring, loan asset. */
  expected: number;
  result: "pending" | "mined" | "reverted" | "lost";
  /** Loan asset; null until it is mined. */
  earned: number | null;
  gas: number | null;
}

export interface MissedRow {
  block: number;
  kind: string;
  name: string;
  owner: string;
  taker: string;
  reason: string;
}

/** Profit and gas of one kind of transaction since the start, loan asset. */
export interface ProfitRow {
  kind: string;
  count: number;
  earned: number;
  gas: number;
}

export interface BufferRow {
  cash: number;
  inventory: readonly { name: string; amount: number; value: number | null }[];
}

export interface NodeRow {
  host: string;
  role: string;
  head: number | null;
  ageSeconds: number | null;
  latencyMs: number | null;
  errors: number;
  score: number;
}

export interface SignerRow {
  address: string;
  nonce: number;
  pending: number;
  /** Ether. */
  balance: number;
  /** Blocks since its next nonce was found to wait too long; 0 where it does not. */
  waitingBlocks: number;
}

export interface MemberRow {
  id: string;
  host: string;
  role: string;
  signer: string;
  head: number;
  lagBlocks: number;
  jobs: number;
  seenSecondsAgo: number;
}

/** One block of the charts. */
export interface Sample {
  /** Seconds since 1970. */
  time: number;
  /** Profit after gas since the start, loan asset. */
  profit: number;
  unhealthy: number;
}
