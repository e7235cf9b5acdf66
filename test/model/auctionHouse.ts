import type { BufferModel } from "./buffer";
import { expDown } from "./exponential";
import * as lane from "./lane";
import { HOUR, MAX_UINT256, PRICE, WAD, WAD_PER_BPS, clamp, lessOrZero, max, min, mulDown, mulUp } from "./math";
import type { PayModel } from "./pay";
import { ltvUp, valueDown, type Fill, type VaultModel } from "./vault";
import { ZERO_ADDRESS, outcome, refuse, Refused, type World } from "./world";

export interface LaneParameters {
  slopeWad: bigint;
  minPremiumBps: bigint;
  maxPremiumBps: bigint;
  maxDiscountBps: bigint;
  firstDiscountBps: bigint;
  targetLtvBps: bigint;
  absorbLtvBps: bigint;
  liquidationFeeBps: bigint;
  urgency: bigint;
  idleTime: bigint;
  emaPeriod: bigint;
  absorbDiscountBps: bigint;
  paceBps: bigint;
  clearHours: bigint;
  minRatePerHour: bigint;
  maxRatePerHour: bigint;
  guarded: boolean;
}

/** The greatest discount that a position may still get in the block of `filledAt`. */
export interface Ratchet {
  discountWad: bigint;
  filledAt: bigint;
}

export interface Lane {
  cursorWad: bigint;
  ratePerHour: bigint;
  syncedAt: bigint;
  /** When a ratchet was last left. */
  boundAt: bigint;
  lastPriceE36: bigint;
  observedAt: bigint;
  emaE36: bigint;
  diverged: boolean;
  watchedSince: bigint;
  paidAt: bigint;
  parameters: LaneParameters;
  ratchets: Record<string, Ratchet>;
}

export type HouseState = Record<string, Lane>;

export interface Order {
  owner: string;
  maxCollateral: bigint;
}

export const REFUSALS = ["None", "LaneClosed", "Enlarged", "Healthy", "Insolvent", "LaneEmpty", "TooSmall"] as const;
type Refusal = (typeof REFUSALS)[number];

export const ABSORB_REFUSALS = [
  "None",
  "Healthy",
  "BelowAbsorbLtv",
  "Enlarged",
  "Diverged",
  "BufferFull",
  "TooSmall",
] as const;
type AbsorbRefusal = (typeof ABSORB_REFUSALS)[number];

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

/** A market as a call sees it, brought up to now; nothing of it is stored before {@link AuctionHouseModel.note}. */
interface View {
  collateral: string;
  price: bigint;
  ema: bigint;
  diverged: boolean;
  /** Whether the price is looked at, and the guard asked. */
  observed: boolean;
  premium: bigint;
  rate: bigint;
  refreshed: boolean;
  isOpen: boolean;
  age: bigint;
}

/** A position as a sale sees it, with its debt of now. */
interface Sold {
  owner: string;
  collateral: bigint;
  debt: bigint;
  riskAt: bigint;
}

/** A quote, and what of it is not shown. */
interface Pricing {
  quote: Quote;
  discount: bigint;
  rate: bigint;
  /** Whether the equity bounds the discount of what is left after it. */
  ratchets: boolean;
}

/** What the buffer can take, and by which price. */
interface Room {
  cash: bigint;
  room: bigint;
  price: bigint;
}

const LN2_WAD = 693_147_180_559_945_309n;
const DAY_IN_HOURS = 24n;
const SYNC_INTERVAL = 1800n;
const OBSERVE_INTERVAL = 300n;
const WATCH_GAP = 3600n;

/** The auction house of docs/protocol.md: one lane a market. */
export class AuctionHouseModel {
  buffer!: BufferModel;

  constructor(
    private readonly world: World,
    private readonly vault: VaultModel,
    readonly pay: PayModel,
  ) {}

  lane(collateral: string): Lane {
    return this.world.state.house[collateral] ?? refuse("LaneNotSet", collateral);
  }

  hasLane(collateral: string): boolean {
    return this.world.state.house[collateral] !== undefined;
  }

  ratchet(collateral: string, owner: string): Ratchet {
    return this.world.state.house[collateral]?.ratchets[owner] ?? { discountWad: 0n, filledAt: 0n };
  }

  ema(collateral: string): bigint {
    const { emaE36, lastPriceE36, observedAt, parameters } = this.lane(collateral);
    const kept = expDown(-(((this.world.now - observedAt) * WAD) / parameters.emaPeriod));
    return mulDown(emaE36, kept, WAD) + mulDown(lastPriceE36, WAD - kept, WAD);
  }

  isOpen(collateral: string): boolean {
    if (!this.hasLane(collateral)) return false;
    const { cursorWad, parameters } = this.lane(collateral);
    return this.world.now * WAD - cursorWad <= longestAge(parameters) + parameters.idleTime * WAD;
  }

  /** The rate as the next call would use it; none where there is no lane. */
  ratePerHour(collateral: string): bigint {
    return this.hasLane(collateral) ? this.refreshed(collateral).rate : 0n;
  }

  laneState(collateral: string): View {
    return this.view(collateral, false);
  }

  // ------------------------------------------------------------------------------------------------ keepers

  open(collateral: string, owner: string, receiver: string): bigint {
    if (receiver === ZERO_ADDRESS) refuse("ZeroAddress");
    const view = this.view(collateral, false);
    if (view.isOpen) refuse("LaneIsOpen", collateral);
    const witness = this.sold(collateral, owner);
    const ltv = ltvUp(witness.collateral, witness.debt, view.price);
    if (ltv <= this.lltv(collateral)) refuse("PositionHealthy", owner, ltv);
    if (witness.riskAt === this.world.now) refuse("EnlargedInThisBlock", owner);

    const own = this.lane(collateral);
    own.cursorWad = this.world.now * WAD;
    const isDue = this.world.now >= own.paidAt + this.pay.parameters.interval;
    const { gasUnits } = this.pay;
    const pay = isDue
      ? this.pay.inCollateral(gasUnits.open, collateral, view.price, witness.collateral, witness.debt)
      : 0n;
    if (pay !== 0n) {
      own.paidAt = this.world.now;
      this.world.events.add("a paid open");
    }
    this.note(view);
    this.vault.pay(collateral, owner, pay, receiver);
    return pay;
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
    const { bought, cost } = this.buyAll(caller, collateral, orders, maxCost, receiver);
    if (bought === 0n) refuse("NothingBought");
    return [bought, cost];
  }

  absorb(collateral: string, owner: string, receiver: string): [bigint, bigint] {
    const { taken, cost, refusal } = this.absorbAll(collateral, [owner], receiver);
    if (taken === 0n) refuse("NotAbsorbable", owner, BigInt(ABSORB_REFUSALS.indexOf(refusal)));
    return [taken, cost];
  }

  absorbMany(collateral: string, owners: readonly string[], receiver: string): [bigint, bigint] {
    const { taken, cost } = this.absorbAll(collateral, owners, receiver);
    if (taken === 0n) refuse("NothingAbsorbed");
    return [taken, cost];
  }

  sync(collateral: string): bigint {
    const view = this.view(collateral, true);
    Object.assign(view, this.grown(collateral, this.world.depth(collateral)));
    this.note(view);
    return view.rate;
  }

  observe(collateral: string): bigint {
    const view = this.view(collateral, true);
    this.note(view);
    return view.ema;
  }

  /** The parameters are within their bounds. */
  setLane(collateral: string, parameters: LaneParameters): void {
    this.vault.market(collateral);
    const price = this.world.price(collateral);
    const depth = this.world.depth(collateral);
    const { now } = this.world;
    const own: Lane = this.world.state.house[collateral] ?? {
      ...{ cursorWad: 0n, ratePerHour: 0n, syncedAt: 0n, boundAt: 0n, paidAt: 0n, diverged: false },
      ...{ lastPriceE36: price, emaE36: price, observedAt: now, watchedSince: now },
      parameters,
      ratchets: {},
    };
    this.world.state.house[collateral] = own;
    // up to now the average is by the old period
    const ema = this.ema(collateral);
    own.parameters = parameters;
    this.see(collateral, price, ema);
    this.setRate(collateral, price, boundedRate(parameters, depth));
  }

  // -------------------------------------------------------------------------------------------------- sale

  quote(collateral: string, order: Order): Quote {
    const view = this.view(collateral, false);
    return this.priced(view, this.sold(collateral, order.owner), order).quote;
  }

  private buyAll(
    caller: string,
    collateral: string,
    orders: readonly Order[],
    maxCost: bigint,
    receiver: string,
  ): { bought: bigint; cost: bigint; refusal: Refusal } {
    if (receiver === ZERO_ADDRESS) refuse("ZeroAddress");
    this.vault.accrue();
    requireDistinct(orders.map(({ owner }) => owner));
    const view = this.view(collateral, false);
    const { now } = this.world;
    const fills: Fill[] = [];
    const before: Sold[] = [];
    let [bought, cost, fee] = [0n, 0n, 0n];
    let refusal: Refusal = "None";
    for (const order of orders) {
      const sold = this.sold(collateral, order.owner);
      const { quote, discount, rate, ratchets } = this.priced(view, sold, order);
      if (quote.refusal !== "None") {
        refusal = quote.refusal;
        continue;
      }
      view.age = now * WAD - lane.advance(now, view.age, rate, quote.collateral);
      if (ratchets) {
        this.lane(collateral).boundAt = now;
        this.lane(collateral).ratchets[order.owner] = { discountWad: discount, filledAt: now };
      }
      bought += quote.collateral;
      cost += quote.cost;
      fee += quote.cost - quote.repaid;
      fills.push({ owner: order.owner, collateral: quote.collateral, repaid: quote.repaid, pay: 0n });
      before.push(sold);
    }
    if (fills.length === 0) return { bought, cost, refusal };
    if (cost > maxCost) refuse("CostTooHigh", cost, maxCost);
    this.lane(collateral).cursorWad = now * WAD - view.age;
    this.note(view);
    const debts = this.vault.settle(collateral, fills, fee, caller, receiver, ZERO_ADDRESS);
    fills.forEach((fill, i) => requireNotToxic(view.price, fill, before[i]!, debts[i]!));
    return { bought, cost, refusal };
  }

  private priced(view: View, sold: Sold, order: Order): Pricing {
    const { parameters } = this.lane(view.collateral);
    const ltv = ltvUp(sold.collateral, sold.debt, view.price);
    const quote: Quote = {
      refusal: this.refusal(view, sold, ltv),
      collateral: 0n,
      cost: 0n,
      repaid: 0n,
      multipleWad: 0n,
      available: 0n,
      priceE36: view.price,
      ltvWad: ltv,
    };
    const none = { quote, discount: 0n, rate: 0n, ratchets: false };
    if (quote.refusal !== "None") return none;

    const { discount, isBound, fee, rate } = this.terms(view, sold.owner, ltv);
    const offer = lane.offer(rate, parameters.slopeWad, view.age, view.premium, discount);
    quote.multipleWad = offer.multiple;
    quote.available = offer.available;
    if (offer.available === 0n) {
      quote.refusal = "LaneEmpty";
      return none;
    }
    const most = this.mostToSell(view.collateral, view.price, sold, (target) =>
      lane.quantityToTarget(offer, view.price, sold.collateral, sold.debt, target, fee),
    );
    quote.collateral = min(order.maxCollateral, offer.available, most);
    quote.cost = lane.cost(offer, view.price, quote.collateral);
    quote.repaid = min(mulDown(quote.cost, WAD, WAD + fee), sold.debt);
    if (quote.collateral === 0n || isTooSmall(quote.priceE36, sold, quote.collateral, quote.repaid)) {
      quote.refusal = "TooSmall";
    }
    // what is sold whole leaves nothing that could get cheaper
    return { quote, discount, rate, ratchets: isBound && quote.collateral !== most };
  }

  private refusal(view: View, sold: Sold, ltv: bigint): Refusal {
    if (!view.isOpen) return "LaneClosed";
    if (sold.riskAt === this.world.now) return "Enlarged";
    if (ltv <= this.lltv(view.collateral)) return "Healthy";
    if (ltv >= WAD && !this.isFull(view.collateral, this.room(view))) return "Insolvent";
    return "None";
  }

  /** δ_i, φ and r_i. */
  private terms(
    view: View,
    owner: string,
    ltv: bigint,
  ): { discount: bigint; isBound: boolean; fee: bigint; rate: bigint } {
    const { parameters } = this.lane(view.collateral);
    const lltv = this.lltv(view.collateral);
    const over = min(ltv, WAD) - lltv;
    // the further from insolvency, on either side of it, the less a sale saves the lenders
    const x = mulDown(lessOrZero(min(ltv, (WAD * WAD) / ltv), lltv), WAD, WAD - lltv);
    const rate = mulDown(view.rate, WAD + mulDown(parameters.urgency * x, x, WAD), WAD);
    const widest = parameters.maxDiscountBps * WAD_PER_BPS;
    if (ltv >= WAD) return { discount: widest, isBound: false, fee: 0n, rate };

    const share = (WAD - ltv) / 2n;
    const byLtv = min(widest, parameters.firstDiscountBps * WAD_PER_BPS + over);
    const { discountWad, filledAt } = this.ratchet(view.collateral, owner);
    const isRatcheted = filledAt === this.world.now && discountWad < min(byLtv, share);
    if (isRatcheted) this.world.events.add("a discount held by a ratchet");
    const discount = isRatcheted ? discountWad : min(byLtv, share);
    const fee = min(parameters.liquidationFeeBps * WAD_PER_BPS, share - discount);
    return { discount, isBound: discount < byLtv, fee, rate };
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

  // ------------------------------------------------------------------------------------------------ absorb

  private absorbAll(
    collateral: string,
    owners: readonly string[],
    receiver: string,
  ): { taken: bigint; cost: bigint; refusal: AbsorbRefusal } {
    if (receiver === ZERO_ADDRESS) refuse("ZeroAddress");
    requireDistinct(owners);
    this.vault.accrue();
    const view = this.view(collateral, false);
    const left = { ...this.room(view), price: view.diverged ? this.lowerPrice(collateral, view.price) : view.price };
    const fills: Fill[] = [];
    const before: Sold[] = [];
    let [taken, cost] = [0n, 0n];
    let refusal: AbsorbRefusal = "None";
    for (const owner of owners) {
      const sold = this.sold(collateral, owner);
      const refused = this.absorbRefusal(view, left, sold);
      const fill = refused === "None" ? this.absorbed(collateral, left, sold, fills.length === 0) : undefined;
      if (fill === undefined || fill.collateral === 0n) {
        refusal = fill === undefined ? refused : "BufferFull";
        continue;
      }
      const paid = { ...sold, collateral: sold.collateral - fill.pay };
      if (isTooSmall(left.price, paid, fill.collateral, fill.repaid)) {
        refusal = "TooSmall";
        continue;
      }
      if (fill.pay !== 0n) this.world.events.add("a paid absorption");
      left.cash -= fill.repaid;
      left.room -= fill.collateral;
      taken += fill.collateral;
      cost += fill.repaid;
      fills.push(fill);
      before.push(paid);
    }
    if (fills.length === 0) return { taken, cost, refusal };
    if (left.price < view.price) this.world.events.add("an absorption by the lower price");
    this.note(view);
    const { buffer } = this.world.at;
    this.buffer.absorb(collateral, taken, cost);
    const debts = this.vault.settle(collateral, fills, 0n, buffer, buffer, receiver);
    fills.forEach((fill, i) => requireNotToxic(left.price, fill, before[i]!, debts[i]!));
    return { taken, cost, refusal };
  }

  private absorbRefusal(view: View, left: Room, sold: Sold): AbsorbRefusal {
    const ltv = ltvUp(sold.collateral, sold.debt, view.price);
    if (ltv <= this.lltv(view.collateral)) return "Healthy";
    if (ltv < this.lane(view.collateral).parameters.absorbLtvBps * WAD_PER_BPS) return "BelowAbsorbLtv";
    if (sold.riskAt === this.world.now) return "Enlarged";
    if (ltv < WAD && ltvUp(sold.collateral, sold.debt, left.price) >= WAD) return "Diverged";
    return this.isFull(view.collateral, left) ? "BufferFull" : "None";
  }

  /** What the buffer gets of a position, and what is paid to the keeper out of it: for a part, its part. */
  private absorbed(collateral: string, left: Room, sold: Sold, isFirst: boolean): Fill {
    const { parameters } = this.lane(collateral);
    const { price } = left;
    const gasUnits = isFirst ? this.pay.gasUnits.absorb : this.pay.gasUnits.absorbMore;
    const pay = this.pay.inCollateral(gasUnits, collateral, price, sold.collateral, sold.debt);
    const rest = { ...sold, collateral: sold.collateral - pay };
    const ltv = ltvUp(rest.collateral, rest.debt, price);
    const discount = ltv < WAD ? min(parameters.absorbDiscountBps * WAD_PER_BPS, (WAD - ltv) / 2n) : 0n;
    const multiple = WAD - discount;
    const wanted =
      ltv < WAD
        ? this.mostToSell(collateral, price, rest, (target) =>
            lane.fixedPriceToTarget(multiple, price, rest.collateral, rest.debt, target),
          )
        : rest.collateral;
    const costOf = (amount: bigint): bigint => mulUp(amount * multiple, price, PRICE * WAD);
    let taken = min(wanted, left.room);
    let repaid = min(costOf(taken), sold.debt);
    if (repaid > left.cash) {
      taken = min(taken, mulDown(left.cash, PRICE, mulUp(price, multiple, WAD)));
      repaid = min(costOf(taken), left.cash);
    }
    const part = taken === 0n ? 0n : mulDown(pay, taken, wanted);
    if (taken !== 0n && taken < wanted) this.world.events.add("an absorption as far as there is room");
    return { owner: sold.owner, collateral: taken, repaid, pay: part };
  }

  private room(view: View): Room {
    return { ...this.buffer.capacity(view.collateral), price: view.price };
  }

  private isFull(collateral: string, { cash, room, price }: Room): boolean {
    return min(cash, valueDown(room, price)) < max(this.vault.market(collateral).minDebt, 1n);
  }

  private lowerPrice(collateral: string, price: bigint): bigint {
    const other = outcome(() => this.world.borrowPrice(collateral));
    return other instanceof Refused || other === 0n ? price : min(price, other);
  }

  // ---------------------------------------------------------------------------------------------- internal

  /** `look`: the price is observed whether or not that is due, and the rate is left as it is. */
  private view(collateral: string, look: boolean): View {
    const { cursorWad, lastPriceE36, observedAt, diverged, parameters, ratePerHour } = this.lane(collateral);
    const { now } = this.world;
    const price = this.world.price(collateral);
    const observed = look || price !== lastPriceE36 || now >= observedAt + OBSERVE_INTERVAL;
    const view: View = {
      collateral,
      price,
      ema: this.ema(collateral),
      observed,
      diverged: observed ? this.asksGuard(collateral) : diverged,
      premium: 0n,
      ...(look ? { rate: ratePerHour, refreshed: false } : this.refreshed(collateral)),
      isOpen: this.isOpen(collateral),
      age: lane.laneAge(now, cursorWad, longestAge(parameters)),
    };
    const widest = parameters.maxPremiumBps * WAD_PER_BPS;
    const over = lessOrZero(mulDown(view.ema, WAD, price), WAD);
    view.premium = view.diverged ? widest : clamp(over, parameters.minPremiumBps * WAD_PER_BPS, widest);
    return view;
  }

  private note({ collateral, price, ema, observed, rate, refreshed }: View): void {
    if (observed) this.see(collateral, price, ema);
    if (refreshed) this.setRate(collateral, price, rate);
  }

  private see(collateral: string, price: bigint, ema: bigint): void {
    const own = this.lane(collateral);
    const { now } = this.world;
    if (now - own.observedAt > WATCH_GAP) own.watchedSince = now;
    Object.assign(own, { emaE36: ema, lastPriceE36: price, observedAt: now, diverged: this.asksGuard(collateral) });
  }

  private setRate(collateral: string, price: bigint, rate: bigint): void {
    const own = this.lane(collateral);
    own.ratePerHour = rate;
    own.syncedAt = this.world.now;
    this.vault.setLaneCeiling(collateral, min(rate * own.parameters.clearHours * price, MAX_UINT256) / PRICE);
  }

  private asksGuard(collateral: string): boolean {
    return this.lane(collateral).parameters.guarded && this.world.state.sources[collateral]!.diverged;
  }

  /** The rate of now: refreshed where it is half an hour old and the depth can be read. */
  private refreshed(collateral: string): { rate: bigint; refreshed: boolean } {
    const { syncedAt, ratePerHour } = this.lane(collateral);
    const depth = outcome(() => this.world.depth(collateral));
    const kept = { rate: ratePerHour, refreshed: false };
    if (this.world.now < syncedAt + SYNC_INTERVAL) return kept;
    if (!(depth instanceof Refused)) return this.grown(collateral, depth);
    this.world.events.add("a rate that outlives its depth");
    return kept;
  }

  /** Down at once, up twofold an hour; where growth rounds to nothing its time goes on counting. */
  private grown(collateral: string, depth: bigint): { rate: bigint; refreshed: boolean } {
    const { parameters, ratePerHour, syncedAt } = this.lane(collateral);
    const wanted = boundedRate(parameters, depth);
    if (wanted <= ratePerHour) return { rate: wanted, refreshed: true };
    const hours = min(((this.world.now - syncedAt) * WAD) / HOUR, DAY_IN_HOURS * WAD);
    const rate = min(wanted, mulDown(ratePerHour, expDown((hours * LN2_WAD) / WAD), WAD));
    return { rate, refreshed: rate !== ratePerHour };
  }

  private sold(collateral: string, owner: string): Sold {
    const { collateral: amount, riskAt } = this.vault.position(collateral, owner);
    return { owner, collateral: amount, riskAt, debt: this.vault.debtOf(collateral, owner) };
  }

  private lltv(collateral: string): bigint {
    return this.vault.market(collateral).lltvBps * WAD_PER_BPS;
  }
}

/** A, in seconds Wad. */
const longestAge = ({ maxPremiumBps, maxDiscountBps, slopeWad }: LaneParameters): bigint =>
  lane.longestAge(maxPremiumBps * WAD_PER_BPS, maxDiscountBps * WAD_PER_BPS, slopeWad);

const boundedRate = ({ paceBps, minRatePerHour, maxRatePerHour }: LaneParameters, depth: bigint): bigint =>
  clamp(mulDown(depth, paceBps, 100n), minRatePerHour, maxRatePerHour);

function requireDistinct(owners: readonly string[]): void {
  const twice = owners.find((owner, i) => owners.indexOf(owner) < i);
  if (twice !== undefined) refuse("DuplicateOrder", twice);
}

/** A fill lowers the LTV, unless there was no equity to save. */
function requireNotToxic(price: bigint, fill: Fill, before: Sold, debtAfter: bigint): void {
  if (ltvUp(before.collateral, before.debt, price) >= WAD) return;
  if (!isLower(before, before.collateral - fill.collateral, debtAfter)) refuse("FillIsToxic", fill.owner);
}

function isLower(before: Sold, collateral: bigint, debt: bigint): boolean {
  return debt === 0n || debt * before.collateral < before.debt * collateral;
}

/** Two units of debt are what the rounding of shares may take away. */
function isTooSmall(price: bigint, sold: Sold, amount: bigint, repaid: bigint): boolean {
  if (repaid === sold.debt || ltvUp(sold.collateral, sold.debt, price) >= WAD) return false;
  return !isLower(sold, sold.collateral - amount, sold.debt - repaid + 2n);
}
