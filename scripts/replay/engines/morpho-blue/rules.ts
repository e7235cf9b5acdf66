/**
 * Morpho Blue's accounting and liquidation in exact integers, after `Morpho.sol`, `SharesMathLib` and `MathLib` of
 * @morpho-org/morpho-blue 1.0.0.
 */
const WAD = 10n ** 18n;
const PRICE_SCALE = 10n ** 36n;
const VIRTUAL_SHARES = 1_000_000n;
const VIRTUAL_ASSETS = 1n;
const CURSOR = (3n * WAD) / 10n;
const MAX_INCENTIVE = (115n * WAD) / 100n;

/** Totals of a market. */
export interface Totals {
  totalSupplyAssets: bigint;
  totalSupplyShares: bigint;
  totalBorrowAssets: bigint;
  totalBorrowShares: bigint;
  lastUpdate: bigint;
}

/** What the rules need of a market. */
export interface Terms {
  totals: Totals;
  /** Loan asset for a unit of collateral, scaled by 1e36. */
  priceE36: bigint;
  lltv: bigint;
}

export interface Position {
  collateral: bigint;
  borrowShares: bigint;
}

const up = (a: bigint, b: bigint, c: bigint): bigint => (a * b + c - 1n) / c;

export function toAssetsUp(shares: bigint, { totalBorrowAssets, totalBorrowShares }: Totals): bigint {
  return up(shares, totalBorrowAssets + VIRTUAL_ASSETS, totalBorrowShares + VIRTUAL_SHARES);
}

function toAssetsDown(shares: bigint, { totalBorrowAssets, totalBorrowShares }: Totals): bigint {
  return (shares * (totalBorrowAssets + VIRTUAL_ASSETS)) / (totalBorrowShares + VIRTUAL_SHARES);
}

function toSharesUp(assets: bigint, { totalBorrowAssets, totalBorrowShares }: Totals): bigint {
  return up(assets, totalBorrowShares + VIRTUAL_SHARES, totalBorrowAssets + VIRTUAL_ASSETS);
}

/** Totals with the interest of a fixed rate (Wad per second) up to a time; Morpho compounds with three terms of the series. */
export function accrue(totals: Totals, ratePerSecond: bigint, timestamp: number): Totals {
  const elapsed = BigInt(timestamp) - totals.lastUpdate;
  if (elapsed <= 0n) return totals;
  const first = ratePerSecond * elapsed;
  const second = (first * first) / (2n * WAD);
  const third = (second * first) / (3n * WAD);
  const interest = (totals.totalBorrowAssets * (first + second + third)) / WAD;
  return {
    ...totals,
    totalBorrowAssets: totals.totalBorrowAssets + interest,
    totalSupplyAssets: totals.totalSupplyAssets + interest,
    lastUpdate: BigInt(timestamp),
  };
}

/** What a liquidator gets for 1 of debt, Wad: min(1.15, 1 / (1 − 0.3 · (1 − lltv))). */
export function incentive(lltv: bigint): bigint {
  const factor = (WAD * WAD) / (WAD - (CURSOR * (WAD - lltv)) / WAD);
  return factor < MAX_INCENTIVE ? factor : MAX_INCENTIVE;
}

export function isHealthy({ collateral, borrowShares }: Position, { totals, priceE36, lltv }: Terms): boolean {
  const canOwe = (((collateral * priceE36) / PRICE_SCALE) * lltv) / WAD;
  return canOwe >= toAssetsUp(borrowShares, totals);
}

/** Collateral that repaying so many shares brings, and the debt repaid. */
export function seizedFor(repaidShares: bigint, { totals, priceE36, lltv }: Terms): { seized: bigint; repaid: bigint } {
  const worth = (toAssetsDown(repaidShares, totals) * incentive(lltv)) / WAD;
  return { seized: (worth * PRICE_SCALE) / priceE36, repaid: toAssetsUp(repaidShares, totals) };
}

/** Shares, and debt, that taking so much collateral repays. */
export function repaidFor(seized: bigint, { totals, priceE36, lltv }: Terms): { shares: bigint; repaid: bigint } {
  const shares = toSharesUp(up(up(seized, priceE36, PRICE_SCALE), WAD, incentive(lltv)), totals);
  return { shares, repaid: toAssetsUp(shares, totals) };
}
