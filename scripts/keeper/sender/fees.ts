import { max, min } from "../../lib";

/** EIP-1559 fees, wei for a unit of gas. */
export interface Fees {
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

/** The operator's limits, wei for a unit of gas. */
export interface FeeLimits {
  /** Tip for the block's proposer. */
  priorityFee: bigint;
  /** Never more than this, whatever a transaction is worth. */
  maxFeePerGas: bigint;
}

/** The highest base fee that the next block can have: an eighth above this one's. */
export function nextBaseFee(baseFee: bigint): bigint {
  return (baseFee * 9n) / 8n;
}

/**
 * Fees for a new transaction: room for the base fee to double, but never more in all than it is worth.
 * @param gas Units that it takes.
 * @param worth Wei that it may cost; undefined for no such bound.
 * @returns Undefined where it isn't worth what even the next block may ask.
 */
export function firstFees(
  baseFee: bigint,
  limits: FeeLimits,
  gas: bigint,
  worth: bigint | undefined,
): Fees | undefined {
  const least = nextBaseFee(baseFee) + limits.priorityFee;
  const maxFeePerGas = min(2n * baseFee + limits.priorityFee, bound(limits, gas, worth));
  return maxFeePerGas < least ? undefined : { maxFeePerGas, maxPriorityFeePerGas: limits.priorityFee };
}

/**
 * Fees that replace a transaction: an eighth more, which every node takes, or today's if they are higher.
 * @returns Undefined where that is above the bound.
 */
export function bumpedFees(
  old: Fees,
  baseFee: bigint,
  limits: FeeLimits,
  gas: bigint,
  worth: bigint | undefined,
): Fees | undefined {
  const bump = (fee: bigint): bigint => (fee * 9n) / 8n + 1n;
  const maxPriorityFeePerGas = max(bump(old.maxPriorityFeePerGas), limits.priorityFee);
  const least = max(bump(old.maxFeePerGas), maxPriorityFeePerGas, nextBaseFee(baseFee) + maxPriorityFeePerGas);
  const most = bound(limits, gas, worth);
  if (least > most) return undefined;
  return { maxFeePerGas: max(least, min(most, 2n * baseFee + maxPriorityFeePerGas)), maxPriorityFeePerGas };
}

function bound(limits: FeeLimits, gas: bigint, worth: bigint | undefined): bigint {
  return worth === undefined ? limits.maxFeePerGas : min(limits.maxFeePerGas, max(0n, worth) / gas);
}
