import { ltvWad } from "../book/position";
import { bpsToWad, ceilDiv, max, min, PRICE_SCALE, WAD } from "../../lib";
import { isFull } from "./buy";
import { PAID_UNITS, gasCost, payOfPosition } from "./gas";
import { equityShareWad, sizeToTarget } from "./gradualAuction";
import { type Decisions, type MarketView, type Policy, type PositionView, loss, valueOf, worthOf } from "./view";

/** An absorption's effect on the buffer, and its pay in collateral. */
interface Absorption {
  taken: bigint;
  cost: bigint;
  pay: bigint;
}

/**
 * Has the buffer absorb what it may and can, riskiest first, all in one call: where pay covers the gas of each position and
 * of the whole.
 */
export function decideAbsorb(view: MarketView, policy: Policy): Decisions {
  const { market, parameters, lane, minDebt } = view;
  const priceE36 = lane.diverged ? min(view.priceE36, view.borrowPriceE36 ?? view.priceE36) : view.priceE36;
  const capacity = { ...view.capacity };
  const candidates = view.unhealthy.filter(
    ({ position, ltvWad }) => ltvWad >= bpsToWad(parameters.absorbLtvBps) && position.collateral > 0n,
  );
  const skips: Decisions["skips"] = [];
  const owners: string[] = [];
  const total = { gas: 0n, pay: 0n, loss: 0n };
  for (const item of candidates) {
    const { owner } = item.position;
    if (owners.length === policy.maxOrders) break;
    if (isFull(capacity, priceE36, minDebt)) {
      skips.push({ market, owner, reason: "buffer-full" });
      continue;
    }
    if (item.ltvWad < WAD && ltvAt(item.position.collateral, item.debt, priceE36) >= WAD) {
      skips.push({ market, owner, reason: "diverged" });
      continue;
    }
    const kind = owners.length === 0 ? "absorb" : "absorbMore";
    const { taken, cost, pay } = absorption(view, item, priceE36, capacity, PAID_UNITS[kind]);
    const paid = valueOf(pay, view.priceE36);
    const acceptable = loss(policy, cost);
    // the first one's gas is the call's: whether that is worth it is seen once all are known
    const more = gasCost(view.gas, view.units.absorbMore);
    if (taken === 0n || max(paid, acceptable) <= more) {
      skips.push({ market, owner, reason: taken === 0n ? "buffer-full" : "gas" });
      continue;
    }
    owners.push(owner);
    capacity.cash -= cost;
    capacity.room -= taken;
    total.gas += gasCost(view.gas, view.units[kind]);
    total.pay += paid;
    total.loss += acceptable;
  }
  if (owners.length === 0) return { decisions: [], skips };
  if (total.pay <= total.gas && total.loss < total.gas) {
    return { decisions: [], skips: [...skips, ...owners.map((owner) => ({ market, owner, reason: "gas" as const }))] };
  }
  return { decisions: [{ kind: "absorb", market, owners, ...worthOf(total.pay, total.loss) }], skips };
}

/** What the buffer takes of a position at `priceE36`, for what, and what that pays: for a part in proportion. */
function absorption(
  { market, parameters, minDebt, pay }: MarketView,
  { position, debt }: PositionView,
  priceE36: bigint,
  { cash, room }: MarketView["capacity"],
  units: bigint,
): Absorption {
  const full = payOfPosition(pay, units, market, priceE36, { collateral: position.collateral, debt });
  const collateral = position.collateral - full;
  const ltv = ltvAt(collateral, debt, priceE36);
  const multipleWad = WAD - min(bpsToWad(parameters.absorbDiscountBps), equityShareWad(ltv));
  // everything at one multiple: a lane that doesn't fall
  const lane = { priceE36, ageWad: 0n, ratePerHour: 1n, slopeWad: 0n };
  const { targetLtvBps } = parameters;
  const wanted =
    ltv >= WAD
      ? collateral
      : sizeToTarget(lane, { multipleWad, flat: collateral }, { collateral, debt, minDebt, targetLtvBps, feeWad: 0n });
  const costOf = (amount: bigint): bigint => min(ceilDiv(amount * multipleWad * priceE36, WAD * PRICE_SCALE), debt);
  let taken = min(wanted, room);
  if (costOf(taken) > cash) taken = min(taken, (cash * PRICE_SCALE * WAD) / (priceE36 * multipleWad));
  return { taken, cost: min(costOf(taken), cash), pay: wanted === 0n ? 0n : (full * taken) / wanted };
}

/** What has no value is insolvent. */
function ltvAt(collateral: bigint, debt: bigint, priceE36: bigint): bigint {
  return ltvWad(collateral, debt, priceE36) ?? WAD;
}
