/** a·b/d, rounded down. */
export const mulDiv = (a: bigint, b: bigint, d: bigint): bigint => (a * b) / d;

/** a·b/d, rounded up. */
export const mulDivUp = (a: bigint, b: bigint, d: bigint): bigint => (a * b + d - 1n) / d;

/** e^x for a Wad, rounded down, by its series with 20 digits to spare. */
export function expWad(xWad: bigint): bigint {
  const scale = 10n ** 38n;
  let term = scale;
  let sum = 0n;
  for (let n = 1n; term > 0n; n++) {
    sum += term;
    term = (term * xWad) / (n * 10n ** 18n);
  }
  return sum / 10n ** 20n;
}
