import { WAD, bpsToWad, max } from "../../lib";
import type { MarketView } from "../strategy/view";

/**
 * What the lane's oldest unit costs a position that is just over its limit, in the oracle's price, Wad: 1 + π falling with age
 * to 1 − δ_0. Formula: docs/protocol.md.
 */
export function multipleAtHeadWad({ lane, parameters }: MarketView): bigint {
  const lowest = WAD - bpsToWad(parameters.firstDiscountBps);
  return max(lowest, WAD + lane.premiumWad - (lane.ageWad * parameters.slopeWad) / WAD);
}
