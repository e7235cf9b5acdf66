import type { BufferModel } from "./buffer";
import { expDown } from "./exponential";
import * as lane from "./lane";
import { HOUR, PRICE, WAD, WAD_PER_BPS, bps, clamp, lessOrZero, max, min, mulDown, mulUp } from "./math";
import { ltvUp, valueDown, type Fill, type VaultModel } from "./vault";
import { refuse, type World } from "./world";

export interface LaneParameters {
  slopeWad: bigint;
  minPremiumBps: bigint;
  maxPremiumBps: bigint;
  maxDiscountBps: bigint;
  targetLtvBps: bigint;
  absorbLtvBps: bigint;
  absorbDiscountBps: bigint;
  liquidationFeeBps: bigint;
  paceBps: bigint;
  absorbDelay: bigint;
  maxAuctionDuration: bigint;
  stressPaceBps: bigint;
  chipBps: bigint;
  emaPeriod: bigint;
  tip: bigint;
  minRatePerHour: bigint;
  maxRatePerHour: bigint;
}

export interface Auction {
  startedAt: bigint;
  premiumWad: bigint;
  discountWad: bigint;
  filledAt: bigint;
  bountyAt: bigint;
}

export interface Lane {
  cursorWad: bigint;
  ratePerHour: bigint;
  auctions: bigint;
  startedAt: bigint;
  lastPriceE36: bigint;
  observedAt: bigint;
  emaE36: bigint;
  syncedAt: bigint;
  parameters: LaneParameters;
  positions: Record<string, Auction>;
}

export type HouseState = Record<string, Lane>;

export interface Order {
  owner: string;
  maxCollateral: bigint;
}

export const REFUSALS = [
  "None",
  "NotStarted",
  "Expired",
  "Enlarged",
  "Healthy",
  "Insolvent",
  "LaneEmpty",
  "TooSmall",
] as const;
type Refusal = (typeof REFUSALS)[number];

export interface Quote {
  refusal: Refusal;
  collateral: bigint;
  cost: bigint;
  repaid: bigint;
  multipleWad: bigint;
  available: bigint;
  priceE36: bigint;
  ltvWad: bigint;
}

/** A position as a sale sees it, with its debt of now. */
interface Sold {
  owner: string;
  collateral: bigint;
  debt: bigint;
  riskAt: bigint;
}

/** What a quote is made of, beyond what is shown. */
interface Pricing {
  quote: Quote;
  discount: bigint;
  rate: bigint;
  whole: boolean;
}

const LN2_WAD = 693_147_180_559_945_309n;
const DAY_IN_HOURS = 24n;

/** The auction house of docs/protocol.md: one lane a market. */
export class AuctionHouseModel {
  buffer!: BufferModel;

  constructor(
    private readonly world: World,
    private readonly vault: VaultModel,
  ) {}

  lane(collateral: string): Lane {
    return this.world.state.house[collateral] ?? refuse("LaneNotSet", collateral);
  }

  auction(collateral: string, owner: string): Auction {
    return (
      this.lane(collateral).positions[owner] ?? {
        startedAt: 0n,
        premiumWad: 0n,
        discountWad: 0n,
        filledAt: 0n,
        bountyAt: 0n,
      }
    );
  }

  ema(collateral: string): bigint {
    const { emaE36, lastPriceE36, observedAt, parameters } = this.lane(collateral);
    const kept = expDown(-(((this.world.now - observedAt) * WAD) / parameters.emaPeriod));
    return mulDown(emaE36, kept, WAD) + mulDown(lastPriceE36, WAD - kept, WAD);
  }

  isRunning(collateral: string): boolean {
    const { auctions, startedAt, parameters } = this.lane(collateral);
    return auctions !== 0n && this.world.now <= startedAt + parameters.maxAuctionDuration;
  }

  // ------------------------------------------------------------------------------------------------ keepers

  start(caller: string, collateral: string, owner: string): bigint {
    const { parameters } = this.lane(collateral);
    const price = this.world.price(collateral);
    const sold = this.sold(collateral, owner);
    const ltv = this.requireUnhealthy(collateral, price, sold);
    if (this.runs(collateral, sold)) refuse("AlreadyStarted", owner);

    this.observe(collateral, price);
    const auction = this.own(collateral, owner);
    if (auction.startedAt === 0n) this.lane(collateral).auctions += 1n;
    this.lane(collateral).startedAt = this.world.now;
    auction.startedAt = this.world.now;
    auction.premiumWad = this.premium(collateral, parameters, price);
    const bounty = this.bounty(collateral, price, ltv, sold);
    this.pay(collateral, owner, bounty, caller);
    return bounty;
  }

  buy(caller: string, collateral: string, order: Order, maxCost: bigint, receiver: string): [bigint, bigint] {
    const { bought, cost, refusal } = this.buyAll(caller, collateral, [order], maxCost, receiver);
    if (bought === 0n) refuse("NotBuyable", order.owner, BigInt(REFUSALS.indexOf(refusal)));
    return [bought, cost];
  }

  buyMany(
    caller: string,
    collateral: string,
    orders: readonly Order[],
    maxCost: bigint,
    receiver: string,
  ): [bigint, bigint] {
    const owners = orders.map((order) => order.owner);
    const twice = owners.find((owner, i) => owners.indexOf(owner) < i);
    if (twice !== undefined) refuse("DuplicateOrder", twice);
    const { bought, cost } = this.buyAll(caller, collateral, orders, maxCost, receiver);
    if (bought === 0n) refuse("NothingBought");
    return [bought, cost];
  }

  cancel(collateral: string, owner: string): void {
    if (this.auction(collateral, owner).startedAt === 0n) refuse("NoAuction", owner);
    const sold = this.sold(collateral, owner);
    if (sold.debt !== 0n) {
      const ltv = ltvUp(sold.collateral, sold.debt, this.world.price(collateral));
      if (ltv > this.lltv(collateral)) refuse("PositionUnhealthy", owner, ltv);
    }
    this.end(collateral, owner);
  }

  absorb(caller: string, collateral: string, owner: string): [bigint, bigint] {
    const { parameters } = this.lane(collateral);
    this.vault.accrue();
    const price = this.world.price(collateral);
    const sold = this.sold(collateral, owner);
    const ltv = this.requireUnhealthy(collateral, price, sold);
    const runs = this.runs(collateral, sold);
    const auction = this.own(collateral, owner);
    const waited = runs && this.world.now >= auction.startedAt + parameters.absorbDelay;
    if (ltv < parameters.absorbLtvBps * WAD_PER_BPS && !waited) refuse("NotAbsorbable", owner, ltv);

    this.observe(collateral, price);
    // a bounty is paid only for a whole take-over of what is left after it
    let bounty = runs ? 0n : this.bounty(collateral, price, ltv, sold);
    let size = this.takeOver(collateral, price, { ...sold, collateral: sold.collateral - bounty });
    if (bounty !== 0n && !size.whole) {
      bounty = 0n;
      size = this.takeOver(collateral, price, sold);
    }
    if (size.whole && auction.startedAt !== 0n) this.end(collateral, owner);
    this.pay(collateral, owner, bounty, caller);

    const { buffer } = this.world.at;
    this.buffer.takeOver(collateral, size.taken, size.cost);
    const fill = { owner, collateral: size.taken, repaid: size.cost, pay: 0n };
    const before = { ...sold, collateral: sold.collateral - bounty };
    const [debt] = this.vault.settle(collateral, [fill], 0n, buffer, buffer, caller);
    this.requireNotToxic(price, fill, before, debt!);
    return [size.taken, size.cost];
  }

  sync(collateral: string): bigint {
    const own = this.lane(collateral);
    this.observe(collateral, this.world.price(collateral));
    let rate = this.boundedRate(collateral, own.parameters);
    if (rate > own.ratePerHour) {
      const hours = min(((this.world.now - own.syncedAt) * WAD) / HOUR, DAY_IN_HOURS * WAD);
      rate = min(rate, mulDown(own.ratePerHour, expDown((hours * LN2_WAD) / WAD), WAD));
      if (rate === own.ratePerHour) return rate;
    }
    own.ratePerHour = rate;
    own.syncedAt = this.world.now;
    return rate;
  }

  /** Of a market that has a lane; the parameters are within their bounds. */
  setLane(collateral: string, parameters: LaneParameters): void {
    const price = this.world.price(collateral);
    this.world.depth(collateral);
    this.observe(collateral, price);
    const own = this.lane(collateral);
    own.parameters = parameters;
    own.ratePerHour = this.boundedRate(collateral, parameters);
    own.syncedAt = this.world.now;
  }

  // -------------------------------------------------------------------------------------------------- sale

  quote(collateral: string, order: Order): Quote {
    const age = this.laneAge(collateral);
    return this.priced(collateral, age, this.world.price(collateral), this.sold(collateral, order.owner), order).quote;
  }

  private buyAll(
    caller: string,
    collateral: string,
    orders: readonly Order[],
    maxCost: bigint,
    receiver: string,
  ): { bought: bigint; cost: bigint; refusal: Refusal } {
    this.vault.accrue();
    let age = this.laneAge(collateral);
    const price = this.world.price(collateral);
    const fills: Fill[] = [];
    const before: Sold[] = [];
    let [bought, cost, fee] = [0n, 0n, 0n];
    let refusal: Refusal = "None";
    for (const order of orders) {
      const sold = this.sold(collateral, order.owner);
      const { quote, discount, rate, whole } = this.priced(collateral, age, price, sold, order);
      if (quote.refusal !== "None") {
        refusal = quote.refusal;
        continue;
      }
      age = this.world.now * WAD - lane.advance(this.world.now, age, rate, quote.collateral);
      this.noteFill(collateral, order.owner, discount, whole);
      bought += quote.collateral;
      cost += quote.cost;
      fee += quote.cost - quote.repaid;
      fills.push({ owner: order.owner, collateral: quote.collateral, repaid: quote.repaid, pay: 0n });
      before.push(sold);
    }
    if (fills.length === 0) return { bought, cost, refusal };
    this.lane(collateral).cursorWad = this.world.now * WAD - age;
    if (cost > maxCost) refuse("CostTooHigh", cost, maxCost);
    const debts = this.vault.settle(collateral, fills, fee, caller, receiver, caller);
    fills.forEach((fill, i) => this.requireNotToxic(price, fill, before[i]!, debts[i]!));
    return { bought, cost, refusal };
  }

  private priced(collateral: string, age: bigint, price: bigint, sold: Sold, order: Order): Pricing {
    const { parameters, ratePerHour } = this.lane(collateral);
    const auction = this.auction(collateral, order.owner);
    const ltv = ltvUp(sold.collateral, sold.debt, price);
    const quote: Quote = {
      refusal: this.refusal(collateral, price, sold, ltv),
      collateral: 0n,
      cost: 0n,
      repaid: 0n,
      multipleWad: 0n,
      available: 0n,
      priceE36: price,
      ltvWad: ltv,
    };
    if (quote.refusal !== "None") return { quote, discount: 0n, rate: 0n, whole: false };

    const stressed = ltv >= parameters.absorbLtvBps * WAD_PER_BPS && this.isBufferFull(collateral, price);
    const rate = stressed ? mulDown(ratePerHour, parameters.stressPaceBps, parameters.paceBps) : ratePerHour;
    const { discount, fee } = this.terms(parameters, auction, ltv);
    const saleAge = (this.world.now - auction.startedAt) * WAD;
    const offer = lane.offer(rate, parameters.slopeWad, age, saleAge, auction.premiumWad, discount);
    quote.multipleWad = offer.multiple;
    quote.available = offer.available;
    if (offer.available === 0n) {
      quote.refusal = "LaneEmpty";
      return { quote, discount: 0n, rate: 0n, whole: false };
    }
    const most = this.mostToSell(collateral, price, sold, (target) =>
      lane.quantityToTarget(offer, price, sold.collateral, sold.debt, target, fee),
    );
    quote.collateral = min(order.maxCollateral, offer.available, most);
    quote.cost = lane.cost(offer, price, quote.collateral);
    quote.repaid = min(mulDown(quote.cost, WAD, WAD + fee), sold.debt);
    if (isTooSmall(quote, sold)) quote.refusal = "TooSmall";
    return { quote, discount, rate, whole: quote.collateral === most };
  }

  private refusal(collateral: string, price: bigint, sold: Sold, ltv: bigint): Refusal {
    const { startedAt } = this.auction(collateral, sold.owner);
    if (startedAt === 0n) return "NotStarted";
    if (this.world.now > startedAt + this.lane(collateral).parameters.maxAuctionDuration) return "Expired";
    if (sold.riskAt >= startedAt) return "Enlarged";
    if (ltv <= this.lltv(collateral)) return "Healthy";
    if (ltv >= WAD && !this.isBufferFull(collateral, price)) return "Insolvent";
    return "None";
  }

  /** δ_i and φ. */
  private terms(parameters: LaneParameters, auction: Auction, ltv: bigint): { discount: bigint; fee: bigint } {
    const most = parameters.maxDiscountBps * WAD_PER_BPS;
    if (ltv >= WAD) return { discount: most, fee: 0n };
    const share = (WAD - ltv) / 2n;
    const ratchet = auction.filledAt === this.world.now ? auction.discountWad : most;
    const discount = min(most, share, ratchet);
    return { discount, fee: min(parameters.liquidationFeeBps * WAD_PER_BPS, share - discount) };
  }

  /** Down to the target LTV; to nothing, where that would leave less than the smallest debt. */
  private mostToSell(collateral: string, price: bigint, sold: Sold, toTarget: (target: bigint) => bigint): bigint {
    const target = this.lane(collateral).parameters.targetLtvBps * WAD_PER_BPS;
    const most = min(toTarget(target), sold.collateral);
    if (most === sold.collateral) return most;
    const left = mulDown(valueDown(sold.collateral - most, price), target, WAD);
    if (left >= this.vault.market(collateral).minDebt) return most;
    const closing = toTarget(0n);
    return min(closing + closing / 10n ** 15n + 1n, sold.collateral);
  }

  private noteFill(collateral: string, owner: string, discount: bigint, whole: boolean): void {
    if (whole) this.end(collateral, owner);
    else if (discount < this.lane(collateral).parameters.maxDiscountBps * WAD_PER_BPS) {
      Object.assign(this.own(collateral, owner), { discountWad: discount, filledAt: this.world.now });
    }
  }

  // --------------------------------------------------------------------------------------------- take-over

  private takeOver(collateral: string, price: bigint, sold: Sold): { taken: bigint; cost: bigint; whole: boolean } {
    const { parameters } = this.lane(collateral);
    const ltv = ltvUp(sold.collateral, sold.debt, price);
    const discount = ltv < WAD ? min(parameters.absorbDiscountBps * WAD_PER_BPS, (WAD - ltv) / 2n) : 0n;
    const multiple = WAD - discount;
    const wanted =
      ltv < WAD
        ? this.mostToSell(collateral, price, sold, (target) =>
            lane.fixedPriceToTarget(multiple, price, sold.collateral, sold.debt, target),
          )
        : sold.collateral;
    if (this.isBufferFull(collateral, price)) refuse("BufferFull", collateral);
    const { cash, room } = this.buffer.capacity(collateral);
    const costOf = (amount: bigint): bigint => mulUp(amount * multiple, price, PRICE * WAD);
    let taken = min(wanted, room);
    let cost = min(costOf(taken), sold.debt);
    let whole = wanted <= room;
    if (cost > cash) {
      taken = min(taken, mulDown(cash, PRICE, mulUp(price, multiple, WAD)));
      cost = min(costOf(taken), cash);
      whole = false;
    }
    if (taken === 0n) refuse("BufferFull", collateral);
    return { taken, cost, whole };
  }

  private isBufferFull(collateral: string, price: bigint): boolean {
    const { cash, room } = this.buffer.capacity(collateral);
    return min(cash, valueDown(room, price)) < max(this.vault.market(collateral).minDebt, 1n);
  }

  // ---------------------------------------------------------------------------------------------- internal

  private sold(collateral: string, owner: string): Sold {
    const { collateral: amount, riskAt } = this.vault.position(collateral, owner);
    return { owner, collateral: amount, riskAt, debt: this.vault.debtOf(collateral, owner) };
  }

  private own(collateral: string, owner: string): Auction {
    return (this.lane(collateral).positions[owner] ??= this.auction(collateral, owner));
  }

  private lltv(collateral: string): bigint {
    return this.vault.market(collateral).lltvBps * WAD_PER_BPS;
  }

  private laneAge(collateral: string): bigint {
    const { cursorWad, parameters } = this.lane(collateral);
    const longest = lane.longestAge(
      parameters.maxPremiumBps * WAD_PER_BPS,
      parameters.maxDiscountBps * WAD_PER_BPS,
      parameters.slopeWad,
    );
    return lane.laneAge(this.world.now, cursorWad, longest);
  }

  private runs(collateral: string, sold: Sold): boolean {
    const { startedAt } = this.auction(collateral, sold.owner);
    const { maxAuctionDuration } = this.lane(collateral).parameters;
    return startedAt !== 0n && sold.riskAt < startedAt && this.world.now <= startedAt + maxAuctionDuration;
  }

  private requireUnhealthy(collateral: string, price: bigint, sold: Sold): bigint {
    const ltv = ltvUp(sold.collateral, sold.debt, price);
    if (ltv <= this.lltv(collateral)) refuse("PositionHealthy", sold.owner, ltv);
    if (sold.riskAt === this.world.now) refuse("EnlargedInThisBlock", sold.owner);
    return ltv;
  }

  private requireNotToxic(price: bigint, fill: Fill, before: Sold, debtAfter: bigint): void {
    if (ltvUp(before.collateral, before.debt, price) >= WAD) return;
    if (!isLower(before, before.collateral - fill.collateral, debtAfter)) refuse("FillIsToxic", fill.owner);
  }

  private observe(collateral: string, price: bigint): void {
    const ema = this.ema(collateral);
    Object.assign(this.lane(collateral), { emaE36: ema, observedAt: this.world.now, lastPriceE36: price });
  }

  private premium(collateral: string, parameters: LaneParameters, price: bigint): bigint {
    const widest = parameters.maxPremiumBps * WAD_PER_BPS;
    if (this.world.state.sources[collateral]!.diverged) return widest;
    const over = lessOrZero(mulDown(this.lane(collateral).emaE36, WAD, price), WAD);
    return clamp(over, parameters.minPremiumBps * WAD_PER_BPS, widest);
  }

  private bounty(collateral: string, price: bigint, ltv: bigint, sold: Sold): bigint {
    const { tip, chipBps, maxAuctionDuration } = this.lane(collateral).parameters;
    const { bountyAt } = this.auction(collateral, sold.owner);
    if (ltv >= WAD || (bountyAt !== 0n && this.world.now < bountyAt + maxAuctionDuration)) return 0n;
    const earned = mulDown(tip + bps(sold.debt, chipBps), PRICE, price);
    const equity = lessOrZero(sold.collateral, mulUp(sold.debt, PRICE, price));
    // a thousandth more LTV is 1/1001 less collateral
    return min(earned, sold.collateral / 1001n, equity / 2n);
  }

  private pay(collateral: string, owner: string, amount: bigint, receiver: string): void {
    if (amount === 0n) return;
    this.own(collateral, owner).bountyAt = this.world.now;
    this.vault.pay(collateral, owner, amount, receiver);
  }

  private end(collateral: string, owner: string): void {
    const cleared = { startedAt: 0n, premiumWad: 0n, discountWad: 0n, filledAt: 0n };
    Object.assign(this.own(collateral, owner), cleared);
    this.lane(collateral).auctions -= 1n;
  }

  private boundedRate(collateral: string, parameters: LaneParameters): bigint {
    const rate = mulDown(this.world.depth(collateral), parameters.paceBps, 100n);
    return clamp(rate, parameters.minRatePerHour, parameters.maxRatePerHour);
  }
}

function isLower(before: Sold, collateral: bigint, debt: bigint): boolean {
  return debt === 0n || debt * before.collateral < before.debt * collateral;
}

/** Two units of debt are what the rounding of shares may take away. */
function isTooSmall(quote: Quote, sold: Sold): boolean {
  if (quote.collateral === 0n) return true;
  if (quote.ltvWad >= WAD || quote.repaid === sold.debt) return false;
  return !isLower(sold, sold.collateral - quote.collateral, sold.debt - quote.repaid + 2n);
}
