import { WAD } from "./math";

const DIGITS = 10n ** 60n;
/** One part in so many: how far Solady's `expWad` may be from the exact power. Seen: −2.1e-21 to 1.65e-20. */
const MARGIN = 5n * 10n ** 19n;

/** A power so close to a whole number that the library's inexactness decides its last digit: it has to be asked. */
export class Unsettled extends Error {
  constructor(readonly xWad: bigint) {
    super(`the last digit of e^${xWad} is the library's to say`);
  }
}

const learnt = new Map<bigint, bigint>();

/**
 * e^x rounded down, both Wad, as the contracts have it: worked out here to sixty digits, with nothing in common with
 * Solady's approximation; where that lies on the other side of a whole number within its margin, what {@link learn} was
 * told. Errors: {@link Unsettled} until it was.
 */
export function expDown(xWad: bigint): bigint {
  const exact = power(xWad);
  const [least, most] = [-1n, 1n].map((side) => ((exact + (side * exact) / MARGIN) * WAD) / DIGITS) as [bigint, bigint];
  if (least === most) return least;
  const known = learnt.get(xWad);
  if (known === undefined) throw new Unsettled(xWad);
  if (known < least || known > most) throw new Error(`expWad(${xWad}) is ${known}, not from ${least} to ${most}`);
  return known;
}

/** Takes over what the library says of an exponent. */
export function learn(xWad: bigint, resultWad: bigint): void {
  learnt.set(xWad, resultWad);
}

/** e^x with sixty digits: the series of e^(|x| / 2^8), squared eight times. */
function power(xWad: bigint): bigint {
  const negative = xWad < 0n;
  const small = ((negative ? -xWad : xWad) * DIGITS) / WAD / 256n;
  let sum = DIGITS;
  let term = DIGITS;
  for (let i = 1n; term !== 0n; ++i) {
    term = (term * small) / DIGITS / i;
    sum += term;
  }
  for (let i = 0; i < 8; ++i) sum = (sum * sum) / DIGITS;
  return negative ? (DIGITS * DIGITS) / sum : sum;
}
