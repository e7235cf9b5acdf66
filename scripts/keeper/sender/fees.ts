import { max, min } from "../../lib";

/** EIP-1559 fees, wei for a unit of gas. */
export interface Fees {
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

/** The operator's limits, wei for a unit of gas. */
export interface FeeLimits {
  /** The least tip for the block's proposer. */
  priorityFee: bigint;
  /** Never more than this, whatever a transaction is worth. */
  maxFeePerGas: bigint;
}

/** A transaction to be priced. */
export interface Priced {
  /** Units that it takes. */
  gas: bigint;
  /** Wei that it may cost; undefined for no such bound. */
  worth: bigint | undefined;
  /** The tip that wins; paid as far as half of what the transaction earns allows. */
  tip: bigint;
}

/** The highest base fee that the next block can have: an eighth above this one's. */
export function nextBaseFee(baseFee: bigint): bigint {
  return (baseFee * 9n) / 8n;
}

/**
 * Fees for a new transaction: room for the base fee to double, but never more in all than it is worth.
 * @param gas Units that it takes.
 * @param worth Wei that it may cost; undefined for no such bound.
 * @param tip The tip that wins.
 * @returns Undefined where it isn't worth what even the next block may ask, or the limit is below this block's base fee.
 */
export function firstFees(
  baseFee: bigint,
  limits: FeeLimits,
  gas: bigint,
  worth: bigint | undefined,
  tip = limits.priorityFee,
): Fees | undefined {
  const paidTip = affordableTip(baseFee, limits, { gas, worth, tip });
  if (isAbove(nextBaseFee(baseFee) + paidTip, gas, worth)) return undefined;
  // the limit itself may be short of the next block's highest base fee, which is seldom reached
  if (limits.maxFeePerGas < baseFee + paidTip) return undefined;
  return {
    maxFeePerGas: min(2n * baseFee + paidTip, bound(limits, gas, worth)),
    maxPriorityFeePerGas: paidTip,
  };
}

/** What each further replacement multiplies a fee by: slow at first, then so that any base fee is caught up with. */
const STEPS = [
  [9n, 8n],
  [5n, 4n],
  [3n, 2n],
  [2n, 1n],
] as const;

/**
 * Fees that replace a transaction: a step more, at least the eighth that every node takes, or today's if they are higher.
 * Where a whole step is past the bound, a smaller one is taken.
 * @param bumps How often it was replaced so far.
 * @returns Undefined where even an eighth is above the bound.
 */
export function bumpedFees(
  old: Fees,
  baseFee: bigint,
  limits: FeeLimits,
  gas: bigint,
  worth: bigint | undefined,
  { tip = limits.priorityFee, bumps = 0 } = {},
): Fees | undefined {
  const most = bound(limits, gas, worth);
  const [times, over] = STEPS[Math.min(bumps, STEPS.length - 1)] ?? STEPS[0];
  const leastTip = eighthMore(old.maxPriorityFeePerGas);
  const wantedTip = max(
    leastTip,
    (old.maxPriorityFeePerGas * times) / over,
    affordableTip(baseFee, limits, { gas, worth, tip }),
  );
  const next = nextBaseFee(baseFee);
  const leastFee = max(eighthMore(old.maxFeePerGas), leastTip);
  if (leastFee > most || isAbove(next + leastTip, gas, worth) || limits.maxFeePerGas < baseFee + leastTip) {
    return undefined;
  }
  const maxPriorityFeePerGas = max(leastTip, min(wantedTip, most - min(most, next)));
  const stepped = max((old.maxFeePerGas * times) / over, 2n * baseFee + maxPriorityFeePerGas);
  return { maxFeePerGas: max(leastFee, min(most, stepped)), maxPriorityFeePerGas };
}

/** Whether a transaction at these fees can't be in the next block if the base fee rises as it may. */
export function isUnderpaid({ maxFeePerGas }: Fees, baseFee: bigint): boolean {
  return maxFeePerGas < nextBaseFee(baseFee);
}

/** The tip that wins, as far as half of what is earned after the base fee pays for it; never below the operator's least. */
function affordableTip(baseFee: bigint, { priorityFee }: FeeLimits, { gas, worth, tip }: Priced): bigint {
  if (worth === undefined) return max(priorityFee, tip);
  const earned = worth / gas - nextBaseFee(baseFee);
  return max(priorityFee, min(tip, earned / 2n));
}

/** An eighth more, rounded up: what nodes ask of a replacement is a tenth. */
function eighthMore(fee: bigint): bigint {
  return (fee * 9n) / 8n + 1n;
}

function isAbove(fee: bigint, gas: bigint, worth: bigint | undefined): boolean {
  return worth !== undefined && fee > max(0n, worth) / gas;
}

function bound(limits: FeeLimits, gas: bigint, worth: bigint | undefined): bigint {
  return worth === undefined ? limits.maxFeePerGas : min(limits.maxFeePerGas, max(0n, worth) / gas);
}
