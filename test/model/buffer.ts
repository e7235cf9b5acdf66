import type { AuctionHouseModel } from "./auctionHouse";
import * as lane from "./lane";
import { BPS, WAD, WAD_PER_BPS, bps, lessOrZero, max, min, mulDown, mulUp } from "./math";
import { valueDown, type VaultModel } from "./vault";
import { ZERO_ADDRESS, outcome, refuse, Refused, type World } from "./world";

export interface InventoryParameters {
  cap: bigint;
  slopeWad: bigint;
  paceShareBps: bigint;
  premiumBps: bigint;
  maxDiscountBps: bigint;
  emaToleranceBps: bigint;
  haircutBps: bigint;
  maxHold: bigint;
  biteTime: bigint;
}

export interface Inventory {
  amount: bigint;
  heldSince: bigint;
  cursorWad: bigint;
  parameters: InventoryParameters;
}

/** Shares that wait, of an epoch. */
interface Request {
  shares: bigint;
  readyAt: bigint;
  epoch: bigint;
}

/** What was fulfilled and not claimed. */
interface Claimable {
  shares: bigint;
  assets: bigint;
}

export interface BufferState {
  cash: bigint;
  setAside: bigint;
  cooldown: bigint;
  epoch: bigint;
  /** Shares that the token still counts for holders who were not touched since they were merged. */
  mergedAway: bigint;
  /** The epoch of what the token says that a holder has. */
  epochOf: Record<string, bigint>;
  inventory: Record<string, Inventory>;
  requests: Record<string, Request>;
  claimables: Record<string, Claimable>;
  operators: Record<string, Record<string, boolean>>;
}

export const SALE_REFUSALS = ["None", "NoInventory", "LaneOpen", "PriceUnderAverage", "NothingEmitted"] as const;

export interface SaleQuote {
  refusal: (typeof SALE_REFUSALS)[number];
  bought: bigint;
  cost: bigint;
  multipleWad: bigint;
}

const VIRTUAL_SHARES = 1000n;
/** So many shares become one in a new epoch. */
const MERGED = 10n ** 6n;
const UNWATCHED = 3600n;
const WATCH = 1800n;
const FALL_BPS = 10n;
const SYNC_INTERVAL = 1800n;

/** The liquidity buffer of docs/protocol.md: underwriters' shares, absorption and the sale of inventory. */
export class BufferModel {
  constructor(
    private readonly world: World,
    private readonly vault: VaultModel,
    private readonly house: AuctionHouseModel,
  ) {}

  get state(): BufferState {
    return this.world.state.buffer;
  }

  // ------------------------------------------------------------------------------------------------ shares

  supply(): bigint {
    return this.world.token(this.world.at.buffer).supply - this.state.mergedAway;
  }

  balance(holder: string): bigint {
    return this.merged(this.world.balance(this.world.at.buffer, holder), this.state.epochOf[holder] ?? 0n);
  }

  transfer(from: string, to: string, shares: bigint): boolean {
    this.touch(from, to);
    this.world.transfer(this.world.at.buffer, from, to, shares);
    return true;
  }

  // ------------------------------------------------------------------------------------------ underwriters

  /** Cash, uncollected fees, and inventory less its haircut, at the price last seen where there is none. */
  totalAssets(): bigint {
    return this.sum(({ amount, parameters }, collateral) => {
      const price = outcome(() => this.world.price(collateral));
      const known = price instanceof Refused ? this.house.lane(collateral).lastPriceE36 : price;
      return bps(valueDown(amount, known), BPS - parameters.haircutBps);
    });
  }

  previewDeposit(assets: bigint): bigint {
    const { supply, value } = this.depositTerms();
    return mulDown(assets, supply + VIRTUAL_SHARES, value + 1n);
  }

  previewMint(shares: bigint): bigint {
    const { supply, value } = this.depositTerms();
    return mulUp(shares, value + 1n, supply + VIRTUAL_SHARES);
  }

  deposit(caller: string, assets: bigint, receiver: string): bigint {
    this.startEpochIfDue();
    const shares = this.previewDeposit(assets);
    this.underwrite(caller, receiver, assets, shares);
    return shares;
  }

  mint(caller: string, shares: bigint, receiver: string): bigint {
    this.startEpochIfDue();
    const assets = this.previewMint(shares);
    this.underwrite(caller, receiver, assets, shares);
    return assets;
  }

  requestRedeem(caller: string, shares: bigint, controller: string, owner: string): bigint {
    const { buffer } = this.world.at;
    if (shares === 0n) refuse("ZeroAmount");
    if (caller !== owner && !this.isOperator(owner, caller)) this.world.spendAllowance(buffer, owner, caller, shares);
    if (controller !== owner) this.requireOperator(caller, controller);
    this.transfer(owner, buffer, shares);
    this.state.requests[controller] = {
      shares: this.pending(controller) + shares,
      readyAt: this.world.now + this.state.cooldown,
      epoch: this.state.epoch,
    };
    return 0n;
  }

  /** `isFirst`: none was fulfilled before it in its transaction. */
  fulfil(controller: string, receiver: string, isFirst = true): [bigint, bigint] {
    if (receiver === ZERO_ADDRESS) refuse("ZeroAddress");
    const { loan, buffer } = this.world.at;
    const waiting = this.pending(controller);
    if (waiting === 0n) refuse("NoRequest", controller);
    const { readyAt } = this.request(controller);
    if (this.world.now < readyAt) refuse("CoolingDown", readyAt);
    if (this.observeAll()) return [0n, 0n];
    const trouble = this.marketInTrouble();
    if (trouble !== ZERO_ADDRESS) refuse("MarketInTrouble", trouble);

    this.collectFees();
    const { cash } = this.state;
    const worth = mulDown(waiting, this.totalAssets() + 1n, this.supply() + VIRTUAL_SHARES);
    if (worth === 0n || cash === 0n) refuse("NotEnoughCash", worth, cash);
    const redeemed = min(worth, cash);
    const shares = worth > cash ? mulUp(waiting, cash, worth) : waiting;
    this.state.requests[controller] = { shares: waiting - shares, readyAt, epoch: this.state.epoch };
    this.touch(buffer);
    this.world.burn(buffer, buffer, shares);

    const { pay } = this.house;
    const gasUnits = isFirst ? pay.gasUnits.fulfil : pay.gasUnits.fulfilMore;
    const paid = min(pay.inLoanAsset(gasUnits), bps(redeemed, pay.parameters.capBps));
    if (paid !== 0n) this.world.events.add(isFirst ? "a paid fulfilment" : "a further one in its transaction");
    const assets = redeemed - paid;
    this.state.cash -= redeemed;
    this.state.setAside += assets;
    const claimable = this.claimable(controller);
    this.state.claimables[controller] = {
      shares: claimable.shares + shares,
      assets: claimable.assets + assets,
    };
    this.world.transfer(loan, buffer, receiver, paid);
    return [shares, assets];
  }

  /** Several in one transaction, that fail one by one. */
  fulfilAll(controllers: readonly string[], receiver: string): ([bigint, bigint] | Refused)[] {
    let isFirst = true;
    return controllers.map((controller) => {
      const result = this.world.attempt(() => this.fulfil(controller, receiver, isFirst));
      if (!(result instanceof Refused) && result[0] !== 0n) isFirst = false;
      return result;
    });
  }

  redeem(caller: string, shares: bigint, receiver: string, controller: string): bigint {
    this.requireOperator(caller, controller);
    const claimable = this.claimable(controller);
    if (shares > claimable.shares) refuse("NotEnoughClaimable", shares, claimable.shares);
    const assets = shares === 0n ? 0n : mulDown(claimable.assets, shares, claimable.shares);
    this.claim(controller, shares, assets, receiver);
    return assets;
  }

  withdraw(caller: string, assets: bigint, receiver: string, controller: string): bigint {
    this.requireOperator(caller, controller);
    const claimable = this.claimable(controller);
    if (assets > claimable.assets) refuse("NotEnoughClaimable", assets, claimable.assets);
    const shares = assets === 0n ? 0n : mulUp(claimable.shares, assets, claimable.assets);
    this.claim(controller, shares, assets, receiver);
    return shares;
  }

  setOperator(caller: string, operator: string, approved: boolean): boolean {
    (this.state.operators[caller] ??= {})[operator] = approved;
    return true;
  }

  request(controller: string): Request {
    return this.state.requests[controller] ?? { shares: 0n, readyAt: 0n, epoch: 0n };
  }

  pending(controller: string): bigint {
    const { shares, epoch } = this.request(controller);
    return this.merged(shares, epoch);
  }

  claimable(controller: string): Claimable {
    return this.state.claimables[controller] ?? { shares: 0n, assets: 0n };
  }

  collectFees(): bigint {
    const assets = this.vault.collectBufferFees();
    this.state.cash += assets;
    return assets;
  }

  /** The first market that keeps requests from being fulfilled; the zero address for none. */
  marketInTrouble(): string {
    const troubled = this.world.at.collaterals.find((collateral) => {
      if (!this.house.hasLane(collateral)) return false;
      const { observedAt, watchedSince, diverged } = this.house.lane(collateral);
      const { now } = this.world;
      if (diverged || this.house.isOpen(collateral) || now > observedAt + UNWATCHED || now < watchedSince + WATCH)
        return true;
      const price = outcome(() => this.world.price(collateral));
      return price instanceof Refused || this.isUnderAverage(collateral, price, FALL_BPS);
    });
    return troubled ?? ZERO_ADDRESS;
  }

  // -------------------------------------------------------------------------------------------------- sale

  quote(collateral: string, want: bigint): SaleQuote {
    const held = this.state.inventory[collateral]!;
    const none = { bought: 0n, cost: 0n, multipleWad: 0n };
    if (held.amount === 0n) return { refusal: "NoInventory", ...none };
    const price = this.world.price(collateral);
    if (this.world.now < held.heldSince + held.parameters.maxHold) {
      if (this.house.isOpen(collateral)) return { refusal: "LaneOpen", ...none };
      if (this.isUnderAverage(collateral, price, held.parameters.emaToleranceBps)) {
        return { refusal: "PriceUnderAverage", ...none };
      }
    }
    const offer = this.offer(collateral);
    const multipleWad = offer.multiple;
    if (offer.available === 0n || this.age(collateral) < held.parameters.biteTime * WAD) {
      return { refusal: "NothingEmitted", ...none, multipleWad };
    }
    const bought = min(want, offer.available, held.amount);
    return { refusal: "None", bought, cost: lane.cost(offer, price, bought), multipleWad };
  }

  buyInventory(caller: string, collateral: string, want: bigint, maxCost: bigint, receiver: string): [bigint, bigint] {
    if (receiver === ZERO_ADDRESS) refuse("ZeroAddress");
    const { refusal, bought, cost } = this.quote(collateral, want);
    if (refusal !== "None") refuse("NotForSale", collateral, BigInt(SALE_REFUSALS.indexOf(refusal)));
    if (bought === 0n) refuse("ZeroAmount");
    if (cost > maxCost) refuse("CostTooHigh", cost, maxCost);
    const held = this.state.inventory[collateral]!;
    const { ratePerHour } = this.offer(collateral);
    held.cursorWad = lane.advance(this.world.now, this.age(collateral), ratePerHour, bought);
    held.amount -= bought;
    if (held.amount === 0n) held.heldSince = 0n;
    this.state.cash += cost;
    const { syncedAt } = this.house.lane(collateral);
    // a depth that can't be read stops no sale
    if (this.world.now >= syncedAt + SYNC_INTERVAL) outcome(() => this.house.sync(collateral));
    this.world.transfer(collateral, this.world.at.buffer, receiver, bought);
    this.world.transfer(this.world.at.loan, caller, this.world.at.buffer, cost);
    return [bought, cost];
  }

  // ------------------------------------------------------------------- auction house, vault and governance

  /** What can be absorbed; fees that the vault could pay out are as good as cash. */
  capacity(collateral: string): { cash: bigint; room: bigint } {
    const { amount, parameters } = this.state.inventory[collateral]!;
    const fees = min(this.vault.divided().bufferFees, this.vault.state.idle);
    return { cash: this.state.cash + fees, room: lessOrZero(parameters.cap, amount) };
  }

  absorb(collateral: string, amount: bigint, cost: bigint): void {
    if (cost > this.state.cash) this.collectFees();
    if (cost > this.state.cash) refuse("NotEnoughCash", cost, this.state.cash);
    const held = this.state.inventory[collateral]!;
    const { now } = this.world;
    const total = held.amount + amount;
    const age = this.age(collateral);
    held.cursorWad = now * WAD - (age * held.amount) / total;
    held.heldSince = now - ((now - held.heldSince) * held.amount) / total;
    held.amount = total;
    this.state.cash -= cost;
  }

  cover(loss: bigint): bigint {
    const paid = min(loss, this.state.cash);
    this.state.cash -= paid;
    this.world.transfer(this.world.at.loan, this.world.at.buffer, this.world.at.vault, paid);
    return paid;
  }

  setInventoryParameters(collateral: string, parameters: InventoryParameters): void {
    this.state.inventory[collateral]!.parameters = parameters;
  }

  // ---------------------------------------------------------------------------------------------- internal

  private sum(worth: (held: Inventory, collateral: string) => bigint): bigint {
    return Object.entries(this.state.inventory)
      .filter(([, { amount }]) => amount !== 0n)
      .reduce((sum, [collateral, held]) => sum + worth(held, collateral), this.fees() + this.state.cash);
  }

  private fees(): bigint {
    return this.vault.divided().bufferFees;
  }

  /** Shares and value that a deposit is priced by, and the epochs that it starts. */
  private depositTerms(): { supply: bigint; value: bigint; epochs: bigint } {
    const value = this.sum(({ amount, parameters }, collateral) => {
      const higher = max(this.world.price(collateral), this.house.ema(collateral));
      return valueDown(amount, bps(higher, BPS + parameters.premiumBps));
    });
    let [supply, epochs] = [this.supply(), 0n];
    // less than a millionth of what it was bought for at first
    while (supply > (value + 1n) * VIRTUAL_SHARES * MERGED) [supply, epochs] = [supply / MERGED, epochs + 1n];
    return { supply, value, epochs };
  }

  private startEpochIfDue(): void {
    const { supply, epochs } = this.depositTerms();
    if (epochs === 0n) return;
    this.world.events.add("a wipe-out");
    this.state.epoch += epochs;
    this.state.mergedAway = this.world.token(this.world.at.buffer).supply - supply;
  }

  private merged(shares: bigint, epoch: bigint): bigint {
    return shares / MERGED ** (this.state.epoch - epoch);
  }

  /** Burns what merging has taken from a holder. */
  private touch(...holders: readonly string[]): void {
    const { buffer } = this.world.at;
    for (const holder of holders) {
      const gone = this.world.balance(buffer, holder) - this.balance(holder);
      this.state.epochOf[holder] = this.state.epoch;
      this.state.mergedAway = lessOrZero(this.state.mergedAway, gone);
      this.world.burn(buffer, holder, gone);
    }
  }

  private isOperator(controller: string, operator: string): boolean {
    return this.state.operators[controller]?.[operator] === true;
  }

  private requireOperator(caller: string, controller: string): void {
    if (caller !== controller && !this.isOperator(controller, caller)) refuse("NotOperator", caller, controller);
  }

  private underwrite(caller: string, receiver: string, assets: bigint, shares: bigint): void {
    if (shares === 0n) refuse("ZeroAmount");
    this.state.cash += assets;
    this.world.transfer(this.world.at.loan, caller, this.world.at.buffer, assets);
    this.touch(receiver);
    this.world.mint(this.world.at.buffer, receiver, shares);
  }

  private claim(controller: string, shares: bigint, assets: bigint, receiver: string): void {
    if (shares === 0n && assets === 0n) refuse("ZeroAmount");
    if (receiver === ZERO_ADDRESS) refuse("ZeroAddress");
    const claimable = this.claimable(controller);
    this.state.claimables[controller] = {
      shares: claimable.shares - shares,
      assets: claimable.assets - assets,
    };
    this.state.setAside -= assets;
    this.world.transfer(this.world.at.loan, this.world.at.buffer, receiver, assets);
  }

  /** Looks at every price; whether one was not seen for an hour. */
  private observeAll(): boolean {
    let unwatched = false;
    for (const collateral of this.world.at.collaterals.filter((at) => this.house.hasLane(at))) {
      if (this.world.now > this.house.lane(collateral).observedAt + UNWATCHED) unwatched = true;
      const seen = outcome(() => this.house.observe(collateral));
      if (seen instanceof Refused) refuse("MarketInTrouble", collateral);
    }
    return unwatched;
  }

  private isUnderAverage(collateral: string, price: bigint, toleranceBps: bigint): boolean {
    return price * BPS < this.house.ema(collateral) * (BPS - toleranceBps);
  }

  /** Of the emission that is not sold: at most a bite, and the time in which the multiple falls from end to end. */
  private age(collateral: string): bigint {
    const { cursorWad, parameters } = this.state.inventory[collateral]!;
    const { premiumBps, maxDiscountBps, slopeWad, biteTime } = parameters;
    const fall = lane.longestAge(premiumBps * WAD_PER_BPS, maxDiscountBps * WAD_PER_BPS, slopeWad);
    return lane.laneAge(this.world.now, cursorWad, biteTime * WAD + fall);
  }

  /** The inventory's own lane, at its share of the market's pace. A bite has one price, which falls from when it is whole. */
  private offer(collateral: string): lane.Offer {
    const { parameters } = this.state.inventory[collateral]!;
    const bite = parameters.biteTime * WAD;
    return lane.offer(
      bps(this.house.ratePerHour(collateral), parameters.paceShareBps),
      parameters.slopeWad,
      lessOrZero(this.age(collateral), bite),
      parameters.premiumBps * WAD_PER_BPS,
      parameters.maxDiscountBps * WAD_PER_BPS,
      bite,
    );
  }
}
