import { ceilDiv, Q96, sqrt } from "../../lib";

/**
 * Uniswap v3 prices in integers, for a pool whose whole liquidity stands over the full range: no swap crosses a tick that
 * changes it, so one formula holds for any price. Source: Uniswap v3 whitepaper, section 6.2; rounding as in `SqrtPriceMath`.
 */
/** Token 0 between two prices at a liquidity: what a swap takes in (rounded up) or gives out (rounded down). */
export function amount0(sqrtA: bigint, sqrtB: bigint, liquidity: bigint, up: boolean): bigint {
  const [low, high] = sqrtA < sqrtB ? [sqrtA, sqrtB] : [sqrtB, sqrtA];
  const top = (liquidity << 96n) * (high - low);
  return up ? ceilDiv(ceilDiv(top, high), low) : top / high / low;
}

/** Token 1 between two prices at a liquidity: what a swap takes in (rounded up) or gives out (rounded down). */
export function amount1(sqrtA: bigint, sqrtB: bigint, liquidity: bigint, up: boolean): bigint {
  const top = liquidity * (sqrtA < sqrtB ? sqrtB - sqrtA : sqrtA - sqrtB);
  return up ? ceilDiv(top, Q96) : top / Q96;
}

/** Which of the pool's tokens the collateral is, and both tokens' decimals. */
export interface PairUnits {
  collateralIsToken0: boolean;
  collateralDecimals: number;
  loanDecimals: number;
}

/** `sqrtPriceX96` at which one whole collateral costs `price` whole loan tokens. */
export function sqrtPriceOf(price: number, units: PairUnits): bigint {
  // twelve digits of price are more than any market quotes
  const scaled = BigInt(Math.round(price * 1e12));
  const collateral = 10n ** BigInt(units.collateralDecimals + 12);
  const loan = scaled * 10n ** BigInt(units.loanDecimals);
  return units.collateralIsToken0 ? sqrt((loan << 192n) / collateral) : sqrt((collateral << 192n) / loan);
}

/** The price that a `sqrtPriceX96` stands for, whole loan tokens per whole collateral. */
export function priceOf(sqrtPrice: bigint, units: PairUnits): number {
  const ratio = (Number(sqrtPrice) / 2 ** 96) ** 2;
  const token1PerToken0 = units.collateralIsToken0 ? ratio : 1 / ratio;
  return token1PerToken0 * 10 ** (units.collateralDecimals - units.loanDecimals);
}

/**
 * The liquidity at which selling `collateral` (its units), fee aside, lowers the price by 1 %. For a full-range pool
 * Δx = L·(1/√(0.99·P) − 1/√P), so that a liquidity found at one price lets out 1/√P as much collateral at another: after
 * a fall by half a sale of √2 the size moves the price by as much (and its proceeds are 1/√2).
 */
export function liquidityForDepth(collateral: bigint, sqrtPrice: bigint, units: PairUnits): bigint {
  const root99 = sqrt((99n << 192n) / 100n); // √0.99, scaled by 2^96
  if (units.collateralIsToken0) {
    const after = (sqrtPrice * root99) >> 96n;
    return ceilDiv(collateral * after * sqrtPrice, (sqrtPrice - after) << 96n);
  }
  const after = (sqrtPrice << 96n) / root99;
  return ceilDiv(collateral << 96n, after - sqrtPrice);
}
