/**
 * The lane of docs/protocol.md with the roundings of its section "Roundings". Formulas are the exact ones of
 * `gradualAuctionModel`; rounding is added here. The size, which is a root, is computed in whole numbers as that section
 * says and then held against the exact one.
 */
import {
  Rational,
  advance as exactAdvance,
  cost as exactCost,
  head as exactHead,
  longestAge as exactLongestAge,
  quantityToTarget as exactQuantity,
  type Head,
} from "../contracts/libraries/gradualAuctionModel";
import { HOUR, PRICE, WAD, lessOrZero, min, mulDown, mulUp, sqrtDown } from "./math";

const fraction = (wad: bigint): Rational => Rational.wad(wad);
const wadDown = (x: Rational): bigint => x.mul(Rational.of(WAD)).floor();
const wadUp = (x: Rational): bigint => x.mul(Rational.of(WAD)).ceil();
const price = (priceE36: bigint): Rational => Rational.of(priceE36, PRICE);

export interface Offer {
  head: Head;
  multiple: bigint;
  available: bigint;
  flatWad: bigint;
  ratePerHour: bigint;
  slope: bigint;
}

/** A, in seconds Wad. */
export const longestAge = (premium: bigint, discount: bigint, slope: bigint): bigint =>
  wadDown(exactLongestAge(fraction(premium), fraction(discount), fraction(slope)));

/** a_L, in seconds Wad. */
export const laneAge = (now: bigint, cursor: bigint, longest: bigint): bigint =>
  min(lessOrZero(now * WAD, cursor), longest);

/**
 * What is for sale to who gets at most `discount`. `laneAge` in seconds Wad, the rest as in the contracts. A `bite` of emission, seconds Wad,
 * that has gathered besides is all sold at the multiple of the rest.
 */
export function offer(
  ratePerHour: bigint,
  slope: bigint,
  laneAge: bigint,
  premium: bigint,
  discount: bigint,
  bite = 0n,
): Offer {
  const lane = { ratePerHour, slope: fraction(slope), premium: fraction(premium), discount: fraction(discount) };
  const age = min(laneAge, longestAge(premium, discount, slope));
  const all = exactHead(lane, fraction(laneAge));
  const multiple = wadUp(exactHead(lane, fraction(age)).multiple);
  const flatWad = wadDown(all.rate.mul(fraction(laneAge - age))) + wadDown(all.rate.mul(fraction(bite)));
  return {
    head: { ...all, multiple: fraction(multiple), flat: fraction(flatWad) },
    multiple,
    available: all.available.floor() + all.rate.mul(fraction(bite)).floor(),
    flatWad,
    ratePerHour,
    slope,
  };
}

/** Exact but for the multiple and the flat part, which were rounded before; then rounded up. */
export const cost = (o: Offer, priceE36: bigint, quantity: bigint): bigint =>
  exactCost(o.head, price(priceE36), quantity).ceil();

/** c, in seconds Wad. */
export const advance = (now: bigint, age: bigint, ratePerHour: bigint, quantity: bigint): bigint =>
  wadUp(exactAdvance(Rational.of(now), fraction(age), ratePerHour, quantity));

/** What brings a position to `target`, all of it sold at one multiple. */
export function fixedPriceToTarget(
  multiple: bigint,
  priceE36: bigint,
  collateral: bigint,
  debt: bigint,
  target: bigint,
): bigint {
  return gap(priceE36, collateral, debt, target) / (multiple - target);
}

/** What brings a position to `target` from this offer. */
export function quantityToTarget(
  o: Offer,
  priceE36: bigint,
  collateral: bigint,
  debt: bigint,
  target: bigint,
  fee: bigint,
): bigint {
  const rounded = roundedQuantity(o, gap(priceE36, collateral, debt, target), target, fee);
  const exact = exactQuantity(o.head, price(priceE36), collateral, debt, fraction(target), fraction(fee));
  // the roundings cost at most a hair of it, and never sell more
  if (rounded > exact || exact - rounded > exact / 10n ** 15n + 2n) {
    throw new Error(`size ${rounded} is not just under the exact ${exact}`);
  }
  return rounded;
}

/** D/p − τ·Q, Wad: what is too little collateral for the debt at the target. */
function gap(priceE36: bigint, collateral: bigint, debt: bigint, target: bigint): bigint {
  return lessOrZero(mulDown(debt, PRICE * WAD, priceE36), target * collateral);
}

function roundedQuantity(o: Offer, toClose: bigint, target: bigint, fee: bigint): bigint {
  const gain = mulUp(o.multiple, WAD, WAD + fee) - target;
  const flat = mulUp(gain, o.flatWad, WAD);
  if (toClose <= flat) return toClose / gain;
  const rest = toClose - flat;
  const curve = mulUp(rest, 2n * HOUR * o.slope * WAD, o.ratePerHour * (WAD + fee));
  const root = sqrtDown(gain * gain + curve) + 1n;
  return (o.flatWad + mulDown(2n * rest, WAD, gain + root)) / WAD;
}
