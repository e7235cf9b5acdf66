/** Whole-number arithmetic of the model: the direction of rounding is in each name. */

export const BPS = 10_000n;
export const WAD = 10n ** 18n;
export const WAD_PER_BPS = 10n ** 14n;
export const RAY = 10n ** 27n;
export const PRICE = 10n ** 36n;
export const HOUR = 3600n;
export const YEAR = 365n * 86_400n;
export const MAX_UINT256 = 2n ** 256n - 1n;

export const min = (...all: [bigint, ...bigint[]]): bigint => all.reduce((least, x) => (x < least ? x : least));
export const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
export const clamp = (x: bigint, low: bigint, high: bigint): bigint => min(max(x, low), high);
/** `a − b`, and 0 where that is negative. */
export const lessOrZero = (a: bigint, b: bigint): bigint => max(a - b, 0n);
export const bps = (whole: bigint, share: bigint): bigint => (whole * share) / BPS;

export const mulDown = (x: bigint, y: bigint, d: bigint): bigint => (x * y) / d;
export const mulUp = (x: bigint, y: bigint, d: bigint): bigint => (x * y + d - 1n) / d;
export const divUp = (x: bigint, d: bigint): bigint => mulUp(x, 1n, d);

/** The largest whole number whose square is at most `x`. */
export function sqrtDown(x: bigint): bigint {
  if (x < 2n) return x;
  let root = 1n << BigInt(Math.ceil(x.toString(2).length / 2));
  for (;;) {
    const next = (root + x / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
}
