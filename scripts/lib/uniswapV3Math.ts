// Uniswap v3 whitepaper, section 6: within a range of constant liquidity L, selling token 0 moves 1/√P by amount/L, and
// selling token 1 moves √P by amount/L. Square roots of prices have 96 binary digits after the point.
import { PRICE_SCALE, ceilDiv, min } from "./fixedPoint";
import type { VenueQuote } from "./venueQuote";

export const Q96 = 1n << 96n;
/** Uniswap's fees are in millionths. */
const FEE_SCALE = 1_000_000n;
const DIGITS = 160n;
/** √1.0001 with 160 binary digits after the point, rounded down. */
const TICK_ROOT = sqrt((10_001n << (2n * DIGITS)) / 10_000n);

/** A stretch of prices with the same liquidity, from where the one before it ends. */
export interface Range {
  liquidity: bigint;
  /** Where it ends, in the direction of the sale. */
  sqrtPriceEndX96: bigint;
}

/** A pool as one sale sees it. */
export interface PoolState {
  sqrtPriceX96: bigint;
  /** In millionths, 3000 is 0.3 %. */
  fee: bigint;
  /** True when token 0 is sold, so that the price falls. */
  zeroForOne: boolean;
  /** What is known of the pool beyond the current price, nearest first. */
  ranges: readonly Range[];
}

/** The integer square root, rounded down. */
export function sqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** √(1.0001^tick), 96 binary digits after the point; within a few units of the pool's own figure. */
export function sqrtPriceAtTick(tick: number): bigint {
  let power = TICK_ROOT;
  let result = 1n << DIGITS;
  for (let rest = Math.abs(tick); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * power) >> DIGITS;
    power = (power * power) >> DIGITS;
  }
  return tick < 0 ? ((1n << DIGITS) * Q96) / result : (result * Q96) >> DIGITS;
}

/** Quotes sales by stepping through the ranges that are known. Rounding is the pool's: always against the seller. */
export function quoteRanges(pool: PoolState): VenueQuote {
  const steps = stepsOf(pool);
  const last = steps.at(-1);
  const most = last === undefined ? 0n : withFee(last.startIn + last.amountIn, pool.fee);

  const locate = (amount: bigint): { proceeds: bigint; sqrtPriceX96: bigint } => {
    const net = (min(amount, most) * (FEE_SCALE - pool.fee)) / FEE_SCALE;
    const step = steps.find(({ startIn, amountIn }) => net <= startIn + amountIn) ?? last;
    if (step === undefined) return { proceeds: 0n, sqrtPriceX96: pool.sqrtPriceX96 };
    const end = priceAfter(step, min(net - step.startIn, step.amountIn), pool.zeroForOne);
    return { proceeds: step.startOut + amountOut(step, end, pool.zeroForOne), sqrtPriceX96: end };
  };

  return {
    most,
    proceeds: (amount) => locate(amount).proceeds,
    marginalE36: (amount) => {
      const { sqrtPriceX96 } = locate(amount);
      const square = sqrtPriceX96 * sqrtPriceX96;
      const priceE36 = pool.zeroForOne ? (square * PRICE_SCALE) / (Q96 * Q96) : (Q96 * Q96 * PRICE_SCALE) / square;
      return (priceE36 * (FEE_SCALE - pool.fee)) / FEE_SCALE;
    },
    near: (priceE36) => {
      const feeLess = FEE_SCALE - pool.fee;
      const scaled = PRICE_SCALE * feeLess;
      if (priceE36 === 0n) return most;
      const target = pool.zeroForOne
        ? sqrt((priceE36 * FEE_SCALE * Q96 * Q96) / scaled)
        : sqrt((scaled * Q96 * Q96) / (priceE36 * FEE_SCALE));
      const isPast = (price: bigint): boolean => (pool.zeroForOne ? price <= target : price >= target);
      const step = steps.findLast(({ sqrtPriceX96 }) => !isPast(sqrtPriceX96));
      if (step === undefined) return 0n;
      const { liquidity, sqrtPriceX96: start } = step;
      const net = pool.zeroForOne
        ? (liquidity * Q96 * (start - target)) / (start * target)
        : (liquidity * (target - start)) / Q96;
      return withFee(step.startIn + min(net, step.amountIn), pool.fee);
    },
  };
}

interface Step {
  liquidity: bigint;
  sqrtPriceX96: bigint;
  /** What was sold, net of the fee, and received before this step. */
  startIn: bigint;
  startOut: bigint;
  /** What it takes, net of the fee, to get to its end. */
  amountIn: bigint;
}

function stepsOf({ sqrtPriceX96, zeroForOne, ranges }: PoolState): Step[] {
  const steps: Step[] = [];
  let price = sqrtPriceX96;
  let startIn = 0n;
  let startOut = 0n;
  for (const { liquidity, sqrtPriceEndX96: end } of ranges) {
    if (zeroForOne ? end >= price : end <= price) continue;
    const amountIn = zeroForOne ? (liquidity * Q96 * (price - end)) / (price * end) : (liquidity * (end - price)) / Q96;
    const step = { liquidity, sqrtPriceX96: price, startIn, startOut, amountIn };
    steps.push(step);
    startIn += amountIn;
    startOut += amountOut(step, end, zeroForOne);
    price = end;
  }
  return steps;
}

/** Uniswap v3 whitepaper, (6.14) and (6.16), rounded so that the seller gets less. */
function priceAfter({ liquidity, sqrtPriceX96 }: Step, net: bigint, zeroForOne: boolean): bigint {
  if (net === 0n) return sqrtPriceX96;
  if (!zeroForOne) return sqrtPriceX96 + (net * Q96) / liquidity;
  return ceilDiv(liquidity * Q96 * sqrtPriceX96, liquidity * Q96 + net * sqrtPriceX96);
}

function amountOut({ liquidity, sqrtPriceX96 }: Step, end: bigint, zeroForOne: boolean): bigint {
  if (zeroForOne) return (liquidity * (sqrtPriceX96 - end)) / Q96;
  return (liquidity * Q96 * (end - sqrtPriceX96)) / (end * sqrtPriceX96);
}

function withFee(net: bigint, fee: bigint): bigint {
  return (net * FEE_SCALE) / (FEE_SCALE - fee);
}
