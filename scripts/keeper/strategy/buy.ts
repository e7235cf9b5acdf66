import type { Order } from "../chain/contracts";
import { BPS, bpsToWad, ceilDiv, largest, max, min, WAD } from "../../lib";
import type { MarketQuote } from "../venues/joinQuotes";
import { GAS_UNITS, gasCost } from "./gas";
import {
  type Head,
  type LaneNow,
  ageAfterWad,
  cost,
  emitted,
  equityShareWad,
  head,
  laneAgeWad,
  longestAgeWad,
  marginalMultipleWad,
  paceOf,
  sizeToTarget,
} from "./gradualAuction";
import {
  type Decision,
  type MarketView,
  type Policy,
  type PositionView,
  type Skip,
  type SkipReason,
  moreGas,
  valueOf,
} from "./view";

type Buy = Extract<Decision, { kind: "buy" }>;

/** On what terms a position is sold now. */
interface Terms {
  /** δ_i: how far under the oracle price, Wad. */
  discountWad: bigint;
  /** φ: of what is repaid, Wad. */
  feeWad: bigint;
  ratePerHour: bigint;
}

/**
 * δ_i = min(δ, δ_0 + (ℓ − lltv), β·(1 − ℓ)); discount and fee together stay within β·(1 − ℓ). The next block's first buy is
 * bound by no earlier fill.
 */
export function termsOf({ lane, parameters, lltvBps }: MarketView, { ltvWad }: PositionView): Terms {
  const lltvWad = bpsToWad(lltvBps);
  const widestWad = bpsToWad(parameters.maxDiscountBps);
  const ratePerHour = paceOf(lane.ratePerHour, parameters.urgency, ltvWad, lltvWad);
  if (ltvWad >= WAD) return { discountWad: widestWad, feeWad: 0n, ratePerHour };
  const allowance = equityShareWad(ltvWad);
  const discountWad = min(widestWad, bpsToWad(parameters.firstDiscountBps) + ltvWad - lltvWad, allowance);
  return { discountWad, feeWad: min(bpsToWad(parameters.liquidationFeeBps), allowance - discountWad), ratePerHour };
}

/** Whether the buffer could not even absorb the smallest position. */
export function isFull({ cash, room }: MarketView["capacity"], priceE36: bigint, minDebt: bigint): boolean {
  return min(cash, valueOf(room, priceE36)) < max(minDebt, 1n);
}

/** A position, how the lane sells it, and how fast a buyer gains by it. */
interface Offer {
  item: PositionView;
  terms: Terms;
  start: Head;
  /** What the venue pays for the first unit above the head's price, for each second of the lane that it takes. */
  gainPerSecond: bigint;
}

/**
 * The most that can be sold at a profit when `sold` goes to the venue before it: as long as what the venue pays for the
 * next unit covers what the lane asks for it.
 */
export function profitableAmount(quote: MarketQuote, lane: LaneNow, start: Head, sold: bigint, limit: bigint): bigint {
  return largest(min(limit, quote.most - sold), (amount) =>
    quote.pays(sold + amount, ceilDiv(lane.priceE36 * marginalMultipleWad(lane, start, amount), WAD)),
  );
}

/**
 * Which positions to buy from, and how much of each: those first that bring most for each second of the lane that they
 * take, ties by owner, each as far as its target, the lane and the venue's price allow. The positions share one lane and
 * one pool, so each buy makes the next one dearer.
 */
export function decideBuy(view: MarketView, policy: Policy, spoken: ReadonlySet<string>): { buy?: Buy; skips: Skip[] } {
  const { quote, market } = view;
  const full = isFull(view.capacity, view.priceE36, view.minDebt);
  const candidates = view.unhealthy.filter(
    // the buffer absorbs what is insolvent
    ({ position, ltvWad }) => position.collateral > 0n && (ltvWad < WAD || full) && !spoken.has(position.owner),
  );
  if (candidates.length === 0) return { skips: [] };
  const skipAll = (reason: SkipReason): { skips: Skip[] } => ({
    skips: candidates.map(({ position }) => ({ market, owner: position.owner, reason })),
  });
  if (!view.lane.isOpen) return skipAll("lane-closed");
  if (quote === undefined) return skipAll("no-venue");

  const { priceE36, premiumWad } = view.lane;
  const shared = { priceE36, ageWad: view.lane.ageWad, slopeWad: view.parameters.slopeWad };
  const best = quote.marginalE36(0n);
  const offers = candidates
    .map((item): Offer => {
      const terms = termsOf(view, item);
      const start = head({ ...shared, ratePerHour: terms.ratePerHour }, premiumWad, terms.discountWad);
      const gainPerSecond = terms.ratePerHour * (best * WAD - priceE36 * start.multipleWad);
      return { item, terms, start, gainPerSecond };
    })
    .filter(({ gainPerSecond }) => gainPerSecond >= 0n)
    .sort((a, b) => compare(b.gainPerSecond, a.gainPerSecond) || byOwner(a.item, b.item));

  const orders: Order[] = [];
  let sold = 0n;
  let gain = 0n;
  let gainsLessThanGas = false;
  for (const { item, terms } of offers) {
    if (orders.length === policy.maxOrders || shared.ageWad === 0n) break;
    const lane = { ...shared, ratePerHour: terms.ratePerHour };
    const start = head(lane, premiumWad, terms.discountWad);
    if (!quote.pays(sold, ceilDiv(priceE36 * start.multipleWad, WAD))) continue;
    const toTarget = sizeToTarget(lane, start, {
      collateral: item.position.collateral,
      debt: item.debt,
      minDebt: view.minDebt,
      targetLtvBps: view.parameters.targetLtvBps,
      feeWad: terms.feeWad,
    });
    const limit = min(toTarget, emitted(lane.ratePerHour, lane.ageWad));
    const amount = profitableAmount(quote, lane, start, sold, limit);
    const gained = quote.proceeds(sold + amount) - quote.proceeds(sold) - cost(lane, start, amount);
    if (gained <= gasCost(view.gas, GAS_UNITS.order)) {
      gainsLessThanGas ||= gained > 0n;
      continue;
    }
    orders.push({ owner: item.position.owner, maxCollateral: amount });
    sold += amount;
    gain += gained;
    shared.ageWad = ageAfterWad(shared.ageWad, amount, lane.ratePerHour);
  }

  if (orders.length === 0) return skipAll(gainsLessThanGas ? "gas" : "unprofitable");
  const sale = quote.sale(sold, (units) => gasCost(view.gas, units));
  gain -= quote.proceeds(sold) - sale.proceeds;
  const gas = gasCost(view.gas, GAS_UNITS.buy + GAS_UNITS.order * BigInt(orders.length) + moreGas(sale));
  if (gain < gas + policy.minProfit) return skipAll("gas");
  return {
    buy: { kind: "buy", market, worth: gain - policy.minProfit, orders, minProfit: gas + policy.minProfit, sale },
    skips: [],
  };
}

/**
 * What opening the lane may bring besides pay: half of what one buy would gain, all positions together, gas taken off,
 * once the head has come down to the first discount. Half, because others see it as well.
 */
export function gainOnceOpen(view: MarketView, policy: Policy): bigint {
  const { firstDiscountBps, slopeWad } = view.parameters;
  const ageWad = ((view.lane.premiumWad + bpsToWad(firstDiscountBps)) * WAD) / slopeWad;
  const { buy } = decideBuy({ ...view, lane: { ...view.lane, isOpen: true, ageWad } }, policy, new Set());
  return buy === undefined ? 0n : (buy.worth + policy.minProfit - buy.minProfit) / 2n;
}

/** How much of the buffer's inventory to buy, if any. Its sale is a lane of its own. */
export function decideInventory(view: MarketView, policy: Policy): Decision | undefined {
  const { inventory, inventoryParameters: terms, quote } = view;
  if (!policy.buyInventory || !view.isForSale || quote === undefined) return undefined;
  const ratePerHour = (view.lane.ratePerHour * terms.paceShareBps) / BPS;
  const bite = terms.biteTime * WAD;
  const longest = bite + longestAgeWad(terms.premiumBps, terms.maxDiscountBps, terms.slopeWad);
  const lane: LaneNow = {
    priceE36: view.priceE36,
    ageWad: laneAgeWad(view.now, inventory.cursorWad, longest),
    ratePerHour,
    slopeWad: terms.slopeWad,
  };
  // a bite is sold at one multiple, which falls from when the bite is whole
  const past = { ...lane, ageWad: max(0n, lane.ageWad - bite) };
  const { multipleWad, flat } = head(past, bpsToWad(terms.premiumBps), bpsToWad(terms.maxDiscountBps));
  const start = { multipleWad, flat: flat + emitted(ratePerHour, bite) };
  const limit = min(inventory.amount, emitted(ratePerHour, lane.ageWad));
  const amount = profitableAmount(quote, lane, start, 0n, limit);
  const sale = quote.sale(amount, (units) => gasCost(view.gas, units));
  const gain = sale.proceeds - cost(lane, start, amount);
  const gas = gasCost(view.gas, GAS_UNITS.buyInventory + moreGas(sale));
  if (amount === 0n || gain < gas + policy.minProfit) return undefined;
  return {
    kind: "buyInventory",
    market: view.market,
    worth: gain - policy.minProfit,
    amount,
    minProfit: gas + policy.minProfit,
    sale,
  };
}

function byOwner(a: PositionView, b: PositionView): number {
  return compare(a.position.owner, b.position.owner);
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
