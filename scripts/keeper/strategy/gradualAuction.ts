// The keeper's own model of a lane. See docs/protocol.md for the formulas and symbols; nothing here is read off the
// contracts, so that the two check each other. Ages are Wad seconds, rates collateral an hour, prices scaled by 1e36.
import { BPS, bpsToWad, ceilDiv, largest, max, min, PRICE_SCALE, WAD } from "../../lib";

const HOUR = 3600n;

/** How a position is priced at the lane's head, and how far the lane's oldest emission is older than that. */
export interface Head {
  /** m: multiple of the oracle price at which the next unit is sold, Wad. */
  multipleWad: bigint;
  /** Collateral that is sold at `multipleWad` before the multiple begins to rise. */
  flat: bigint;
}

/** A lane at one time, as a position sees it. */
export interface LaneNow {
  priceE36: bigint;
  /** a_L: age of the oldest unsold emission. */
  ageWad: bigint;
  /** The position's pace. */
  ratePerHour: bigint;
  /** σ: fall of the multiple per second, Wad. */
  slopeWad: bigint;
}

/** (π_max + δ)/σ, the longest age a lane can reach. Rounded down. */
export function longestAgeWad(premiumBps: bigint, discountBps: bigint, slopeWad: bigint): bigint {
  return (bpsToWad(premiumBps + discountBps) * WAD) / slopeWad;
}

/** a_L: the age of the oldest unsold emission, 0 where the cursor is ahead of the clock. */
export function laneAgeWad(now: bigint, cursorWad: bigint, longestWad: bigint): bigint {
  return max(0n, min(now * WAD - cursorWad, longestWad));
}

/** r·a: what a lane has let out in `ageWad`. Rounded down. */
export function emitted(ratePerHour: bigint, ageWad: bigint): bigint {
  return (ratePerHour * ageWad) / (HOUR * WAD);
}

/** The lane's age once `amount` of its oldest emission is sold. Rounded against the buyer. */
export function ageAfterWad(ageWad: bigint, amount: bigint, ratePerHour: bigint): bigint {
  return max(0n, ageWad - ceilDiv(amount * HOUR * WAD, ratePerHour));
}

/** β·(1 − ℓ) with β = 0.5: the most that discount and fee may come to, Wad. 0 from an LTV of 1 on. */
export function equityShareWad(ltvWad: bigint): bigint {
  return max(0n, (WAD - ltvWad) / 2n);
}

/** r·(1 + u·x²) with x = (ℓ − lltv)/(1 − lltv), x = 1 from an LTV of 1 on: how fast a position is sold. Rounded down. */
export function paceOf(ratePerHour: bigint, urgency: bigint, ltvWad: bigint, lltvWad: bigint): bigint {
  const urgentWad = max(0n, min(ltvWad, (WAD * WAD) / ltvWad) - lltvWad);
  const x = (urgentWad * WAD) / (WAD - lltvWad);
  return (ratePerHour * (WAD + (urgency * x * x) / WAD)) / WAD;
}

/** The multiple falls from 1 + π to 1 − δ_i, no further. @param discountWad δ_i. */
export function head(lane: LaneNow, premiumWad: bigint, discountWad: bigint): Head {
  const ageWad = min(lane.ageWad, ((premiumWad + discountWad) * WAD) / lane.slopeWad);
  return {
    multipleWad: WAD + premiumWad - (lane.slopeWad * ageWad) / WAD,
    flat: emitted(lane.ratePerHour, lane.ageWad - ageWad),
  };
}

/** p·(m·q + σ·max(0, q − flat)²/(2r)): what `amount` costs, fee included. Rounded up. */
export function cost(lane: LaneNow, { multipleWad, flat }: Head, amount: bigint): bigint {
  const rising = max(0n, amount - flat);
  const twoRates = 2n * lane.ratePerHour;
  const units = twoRates * multipleWad * amount + HOUR * lane.slopeWad * rising * rising;
  return ceilDiv(lane.priceE36 * units, twoRates * WAD * PRICE_SCALE);
}

/** The multiple of the unit after `amount`, Wad. Rounded up. */
export function marginalMultipleWad(lane: LaneNow, { multipleWad, flat }: Head, amount: bigint): bigint {
  const rising = max(0n, amount - flat);
  return multipleWad + ceilDiv(HOUR * lane.slopeWad * rising, lane.ratePerHour);
}

/** What a position owes and holds, for `sizeToTarget`. Debt in loan asset, collateral in its own smallest units. */
export interface Size {
  collateral: bigint;
  debt: bigint;
  minDebt: bigint;
  /** τ in Bps. */
  targetLtvBps: bigint;
  /** φ of what is repaid, Wad. */
  feeWad: bigint;
}

/**
 * The most that may be sold of a position: what brings it to its target LTV, rounded down, or what closes its debt where
 * less than `minDebt` would be left.
 */
export function sizeToTarget(lane: LaneNow, start: Head, size: Size): bigint {
  const scale = PRICE_SCALE * BPS;
  const repaid = (amount: bigint): bigint => (cost(lane, start, amount) * WAD) / (WAD + size.feeWad);
  const toTarget = largest(size.collateral, (amount) => {
    const debt = size.debt - repaid(amount);
    return debt * scale >= size.targetLtvBps * lane.priceE36 * (size.collateral - amount);
  });
  const left = (size.targetLtvBps * lane.priceE36 * (size.collateral - toTarget)) / scale;
  if (toTarget === 0n || left >= size.minDebt) return toTarget;
  return largest(size.collateral, (amount) => repaid(amount) <= size.debt);
}
