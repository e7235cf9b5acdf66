/**
 * Aave v3's liquidation in exact integers, after `LiquidationLogic`, `GenericLogic` and `PercentageMath` of @aave/core-v3 1.19.3.
 */
const WAD = 10n ** 18n;
const RAY = 10n ** 27n;
const BPS = 10_000n;
const CLOSE_FACTOR_HEALTH = (95n * WAD) / 100n;

/** What the rules need of a market: prices in USD with 8 decimals, the rest as configured. */
export interface Terms {
  collateralPrice: bigint;
  loanPrice: bigint;
  collateralUnit: bigint;
  loanUnit: bigint;
  thresholdBps: bigint;
  /** With the debt's worth: 10,500 for a bonus of 5 %. */
  bonusBps: bigint;
  protocolFeeBps: bigint;
}

export interface Outcome {
  /** Units of collateral for the liquidator, and for the protocol. */
  seized: bigint;
  protocolFee: bigint;
  repaid: bigint;
}

export function rayMul(a: bigint, b: bigint): bigint {
  return (a * b + RAY / 2n) / RAY;
}

export function rayDiv(a: bigint, b: bigint): bigint {
  return (a * RAY + b / 2n) / b;
}

function percentMul(value: bigint, bps: bigint): bigint {
  return (value * bps + BPS / 2n) / BPS;
}

function percentDiv(value: bigint, bps: bigint): bigint {
  return (value * BPS + bps / 2n) / bps;
}

/** Health factor, Wad; undefined without debt. */
export function health(collateral: bigint, debt: bigint, terms: Terms): bigint | undefined {
  const collateralBase = (collateral * terms.collateralPrice) / terms.collateralUnit;
  const debtBase = (debt * terms.loanPrice) / terms.loanUnit;
  if (debtBase === 0n) return undefined;
  return (percentMul(collateralBase, terms.thresholdBps) * WAD + debtBase / 2n) / debtBase;
}

/** Most debt that one call may repay: none of a healthy position, half of it, or from a health of 0.95 down all. */
export function maxRepay(debt: bigint, healthFactor: bigint | undefined): bigint {
  if (healthFactor === undefined || healthFactor >= WAD) return 0n;
  return healthFactor > CLOSE_FACTOR_HEALTH ? percentMul(debt, BPS / 2n) : debt;
}

/** What repaying `debtToCover`, at most {@link maxRepay}, does to a position with that much collateral. */
export function liquidate(collateral: bigint, debtToCover: bigint, terms: Terms): Outcome {
  const { collateralPrice, loanPrice, collateralUnit, loanUnit, bonusBps, protocolFeeBps } = terms;
  const base = (loanPrice * debtToCover * collateralUnit) / (collateralPrice * loanUnit);
  let taken = percentMul(base, bonusBps);
  let repaid = debtToCover;
  if (taken > collateral) {
    taken = collateral;
    repaid = percentDiv((collateralPrice * taken * loanUnit) / (loanPrice * collateralUnit), bonusBps);
  }
  const protocolFee = percentMul(taken - percentDiv(taken, bonusBps), protocolFeeBps);
  return { seized: taken - protocolFee, protocolFee, repaid };
}
