import { ceilDiv, INDEX_SCALE, PRICE_SCALE, WAD } from "../../lib";

/**
 * One borrower in one market. Never changed in place: a change makes a new one. The market is checksummed; the owner is
 * where a strategy gets it, and in lower case where thousands are read or written at once.
 */
export interface Position {
  readonly market: string;
  readonly owner: string;
  /** In the collateral's smallest units. */
  readonly collateral: bigint;
  readonly debtShares: bigint;
}

/** What the position owes in loan asset, rounded up. */
export function debtOf(position: Pick<Position, "debtShares">, indexE27: bigint): bigint {
  return ceilDiv(position.debtShares * indexE27, INDEX_SCALE);
}

/** Debt over the collateral's value in Wad, value rounded down and LTV up; undefined where there is no value. */
export function ltvWad(collateral: bigint, debt: bigint, priceE36: bigint): bigint | undefined {
  const value = (collateral * priceE36) / PRICE_SCALE;
  return value === 0n ? undefined : ceilDiv(debt * WAD, value);
}
