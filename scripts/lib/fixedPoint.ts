/** 1 in Wad: LTVs, multiples, premiums and seconds with 18 decimals. */
export const WAD = 10n ** 18n;
/** 1 in Bps. */
export const BPS = 10_000n;
/** Scale of oracle prices: loan asset's smallest units for one smallest unit of collateral, times this. */
export const PRICE_SCALE = 10n ** 36n;
/** Scale of the vault's debt index. */
export const INDEX_SCALE = 10n ** 27n;

/** `a / b` rounded up, for `a >= 0` and `b > 0`. */
export function ceilDiv(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}

export function min(first: bigint, ...rest: bigint[]): bigint {
  return rest.reduce((least, value) => (value < least ? value : least), first);
}

export function max(first: bigint, ...rest: bigint[]): bigint {
  return rest.reduce((most, value) => (value > most ? value : most), first);
}

/** Bps as Wad. */
export function bpsToWad(bps: bigint): bigint {
  return (bps * WAD) / BPS;
}

/**
 * The largest integer in [0, `limit`] for which `holds` is true.
 * @param holds True from 0 up to some point and false from there on; taken as true for 0.
 */
export function largest(limit: bigint, holds: (value: bigint) => boolean): bigint {
  if (limit <= 0n) return 0n;
  if (holds(limit)) return limit;
  let low = 0n;
  let high = limit;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
