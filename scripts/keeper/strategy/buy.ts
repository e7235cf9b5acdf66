import type { Order } from "../chain/contracts";
import { BPS, PRICE_SCALE, WAD, bpsToWad, largest, max, min } from "../fixedPoint";
import type { VenueQuote } from "../venues/Venue";
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
  sizeToTarget,
} from "./gradualAuction";
import {
  type Decision,
  GAS_UNITS,
  type MarketView,
  type Policy,
  type PositionView,
  type Skip,
  type SkipReason,
  gasCost,
  isRunning,
  isUnhealthy,
  valueOf,
} from "./view";

/** On what terms a position is sold now. */
interface Terms {
  /** δ_i: how far under the oracle price, Wad. */
  discountWad: bigint;
  /** φ: of what is repaid, Wad. */
  feeWad: bigint;
  ratePerHour: bigint;
}

/**
 * Discount and fee together stay within β·(1 − ℓ). The next block's first buy is bound by no earlier fill. Past `absorbLtv`
 * with a full buffer the lane lets out more.
 */
function termsOf(view: MarketView, { ltvWad }: PositionView): Terms {
  const { absorbLtvBps, liquidationFeeBps, maxDiscountBps, paceBps, stressPaceBps } = view.parameters;
  const stressed = ltvWad >= bpsToWad(absorbLtvBps) && isBufferFull(view);
  const ratePerHour = stressed ? (view.lane.ratePerHour * stressPaceBps) / paceBps : view.lane.ratePerHour;
  if (ltvWad >= WAD) return { discountWad: bpsToWad(maxDiscountBps), feeWad: 0n, ratePerHour };
  const allowance = equityShareWad(ltvWad);
  const discountWad = min(bpsToWad(maxDiscountBps), allowance);
  return { discountWad, feeWad: min(bpsToWad(liquidationFeeBps), allowance - discountWad), ratePerHour };
}

/** Whether the buffer could not even take over the smallest position. */
function isBufferFull({ capacity, priceE36, minDebt }: MarketView): boolean {
  return min(capacity.cash, valueOf(capacity.room, priceE36)) < max(minDebt, 1n);
}

/** The lane as all of its positions see it before anything is bought. */
export function laneNow(view: MarketView): LaneNow {
  const { slopeWad, maxPremiumBps, maxDiscountBps } = view.parameters;
  return {
    priceE36: view.priceE36,
    now: view.now,
    ageWad: laneAgeWad(view.now, view.lane.cursorWad, longestAgeWad(maxPremiumBps, maxDiscountBps, slopeWad)),
    ratePerHour: view.lane.ratePerHour,
    slopeWad,
  };
}

/**
 * The most that can be sold at a profit when `sold` goes to the venue before it: as long as what the venue pays for the
 * next unit covers what the auction asks for it.
 */
export function profitableAmount(quote: VenueQuote, lane: LaneNow, start: Head, sold: bigint, limit: bigint): bigint {
  return largest(
    min(limit, quote.most - sold),
    (amount) => quote.marginalE36(sold + amount) * WAD >= lane.priceE36 * marginalMultipleWad(lane, start, amount),
  );
}

/**
 * Which positions to buy from, and how much of each: those with the lowest multiple first, ties by owner, each as far as
 * its target, the lane and the venue's price allow. The positions share one lane and one cursor, so each buy makes the
 * next one dearer.
 */
export function decideBuy(
  view: MarketView,
  policy: Policy,
  spoken: ReadonlySet<string>,
): { buy?: Decision; skips: Skip[] } {
  const { quote, market } = view;
  const full = isBufferFull(view);
  const candidates = view.inAuction.filter(
    (item) =>
      isUnhealthy(view, item) &&
      isRunning(view, item.position) &&
      (item.ltvWad < WAD || full) && // the buffer takes over what is insolvent
      !spoken.has(item.position.owner),
  );
  if (candidates.length === 0) return { skips: [] };
  const skipAll = (reason: SkipReason): { skips: Skip[] } => ({
    skips: candidates.map(({ position }) => ({ market, owner: position.owner, reason })),
  });
  if (quote === undefined) return skipAll("no-venue");

  const shared = laneNow(view);
  const offerOf = (item: PositionView): { lane: LaneNow; start: Head; feeWad: bigint } => {
    const { startedAt, premiumWad } = item.position.auction ?? { startedAt: view.now, premiumWad: 0n };
    const { discountWad, feeWad, ratePerHour } = termsOf(view, item);
    const lane = { ...shared, ratePerHour };
    return { lane, start: head(lane, startedAt, premiumWad, discountWad), feeWad };
  };
  const cheapestFirst = candidates
    .map((item) => ({ item, multipleWad: offerOf(item).start.multipleWad }))
    .sort((a, b) => compare(a.multipleWad, b.multipleWad) || compare(a.item.position.owner, b.item.position.owner));

  const orders: Order[] = [];
  let sold = 0n;
  let gain = 0n;
  let gainsLessThanGas = false;
  for (const { item } of cheapestFirst) {
    if (orders.length === policy.maxOrders || shared.ageWad === 0n) break;
    const { lane, start, feeWad } = offerOf(item);
    if (quote.marginalE36(sold) * WAD < lane.priceE36 * start.multipleWad) break; // and all after it are dearer
    const toTarget = sizeToTarget(lane, start, {
      collateral: item.position.collateral,
      debt: item.debt,
      minDebt: view.minDebt,
      targetLtvBps: view.parameters.targetLtvBps,
      feeWad,
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

  const gas = gasCost(view.gas, GAS_UNITS.buy + GAS_UNITS.order * BigInt(orders.length));
  if (orders.length === 0) return skipAll(gainsLessThanGas ? "gas" : "unprofitable");
  if (gain < gas + policy.minProfit) return skipAll("gas");
  return {
    buy: { kind: "buy", market, worth: gain - policy.minProfit, orders, minProfit: gas + policy.minProfit },
    skips: [],
  };
}

/** How much of the buffer's inventory to buy, if any. Its sale is a lane of its own. */
export function decideInventory(view: MarketView, policy: Policy): Decision | undefined {
  const { inventory, inventoryParameters: terms, quote } = view;
  if (!policy.buyInventory || quote === undefined || inventory.amount === 0n) return undefined;
  const held = view.now - inventory.heldSince;
  const underAverage = view.priceE36 * BPS < view.emaE36 * (BPS - terms.emaToleranceBps);
  const { auctions, startedAt } = view.lane;
  const laneIsRunning = auctions > 0n && view.now <= startedAt + view.parameters.maxAuctionDuration;
  if (held < terms.maxHold && (laneIsRunning || underAverage)) return undefined;

  const ratePerHour = (view.lane.ratePerHour * terms.paceShareBps) / BPS;
  if (ratePerHour === 0n || terms.slopeWad === 0n) return undefined;
  const longest = longestAgeWad(terms.premiumBps, terms.maxDiscountBps, terms.slopeWad);
  const lane: LaneNow = {
    priceE36: view.priceE36,
    now: view.now,
    ageWad: laneAgeWad(view.now, inventory.cursorWad, longest),
    ratePerHour,
    slopeWad: terms.slopeWad,
  };
  const start = head(lane, inventory.heldSince, bpsToWad(terms.premiumBps), bpsToWad(terms.maxDiscountBps));
  const limit = min(inventory.amount, emitted(ratePerHour, lane.ageWad));
  const amount = profitableAmount(quote, lane, start, 0n, limit);
  const gain = quote.proceeds(amount) - cost(lane, start, amount);
  const gas = gasCost(view.gas, GAS_UNITS.buyInventory);
  if (amount === 0n || gain < gas + policy.minProfit) return undefined;
  return {
    kind: "buyInventory",
    market: view.market,
    worth: gain - policy.minProfit,
    amount,
    minProfit: gas + policy.minProfit,
  };
}

/** What could be made of a position in auction if all that the lane can hold were for sale at the deepest discount. */
export function bestCaseGain(view: MarketView, item: PositionView): bigint {
  const { quote, parameters } = view;
  if (quote === undefined) return 0n;
  const multipleWad = WAD - min(bpsToWad(parameters.maxDiscountBps), equityShareWad(item.ltvWad));
  const burst = emitted(
    view.lane.ratePerHour,
    longestAgeWad(parameters.maxPremiumBps, parameters.maxDiscountBps, parameters.slopeWad),
  );
  const limit = min(item.position.collateral, burst, quote.most);
  const amount = largest(limit, (q) => quote.marginalE36(q) * WAD >= view.priceE36 * multipleWad);
  return quote.proceeds(amount) - (amount * view.priceE36 * multipleWad) / (PRICE_SCALE * WAD);
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
