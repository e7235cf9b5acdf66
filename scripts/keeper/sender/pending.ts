import type { Fees } from "./fees";
import type { Job, Outcome } from "./job";

/** A nonce's transaction, from when it is signed until it is final. Plain data: it is kept over a restart. */
export interface Pending {
  nonce: number;
  /** Undefined for a transaction that isn't ours to repeat: one given up, or one that another run or program made. */
  job: Job | undefined;
  /** Gas limit, units. */
  gas: bigint;
  fees: Fees;
  /** The newest version as signed; `0x` for one that is not known here. */
  raw: string;
  /** Hashes of all versions, newest last. */
  hashes: string[];
  /** Block at which the first version was sent. */
  firstAt: number;
  /** Block at which the newest version was sent. */
  sentAt: number;
  /** How often its fee was raised. */
  bumps: number;
  /** Sent to private relays only, until this block. */
  privateUntil: number | undefined;
  /** What came of it, and the block that says so. It stays until that block is final, lest a reorganisation undo it. */
  settled: { result: Outcome["result"]; block: number } | undefined;
}

/** Where an account stood, and on which chain: the count of its transactions as of a block. */
export interface Mark {
  nonce: number;
  block: number;
  hash: string;
}

/** Keeps pending transactions and marks over a restart, by account. */
export interface PendingStore {
  load(account: string): Pending[];
  /** Adds or replaces, by nonce, all or none. */
  save(account: string, pending: readonly Pending[]): void;
  remove(account: string, nonces: readonly number[]): void;
  /** The first mark, by which another chain is known, and the last one. */
  marks(account: string): { first: Mark; last: Mark } | undefined;
  setMark(account: string, mark: Mark): void;
  clearMarks(account: string): void;
}
