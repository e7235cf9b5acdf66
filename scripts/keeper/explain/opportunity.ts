import type { Taken } from "../book/events";

/** Work that somebody else did, why this keeper did not, and what it cost and would have brought. Amounts in smallest units. */
export interface Opportunity extends Taken {
  /** Where it was done. */
  block: number;
  transaction: string;
  /** When it was done: the block's time, seconds. Undefined where that block was not looked at by itself. */
  takenAt: bigint | undefined;
  /** Block, and its time in seconds, at which this keeper first saw that there was something to do; undefined where it never did. */
  firstSeenBlock: number | undefined;
  firstSeenAt: bigint | undefined;
  /** Why this keeper did not do it, or lost it. */
  reason: string;
  /** The oracle's price then, scaled by 1e36; what was paid is `cost` for `amount`. */
  oraclePriceE36: bigint | undefined;
  /** The winner's units of gas, its transaction's shared evenly among what it did; undefined where no receipt was found. */
  gasUsed: bigint | undefined;
  /** Wei that the winner paid for a unit, and what of it was its tip. */
  gasPrice: bigint | undefined;
  tip: bigint | undefined;
  /** Loan asset that doing the same would have brought, by the venue last seen or by pay, less the winner's gas. Undefined where that can't be told. */
  wouldHaveEarned: bigint | undefined;
}
