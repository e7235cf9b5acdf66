import type { AuctionHouseModel } from "./auctionHouse";
import * as lane from "./lane";
import { BPS, WAD, WAD_PER_BPS, lessOrZero, min, mulDown, mulUp } from "./math";
import { valueDown, type VaultModel } from "./vault";
import { outcome, refuse, Refused, type World } from "./world";

export interface InventoryParameters {
  cap: bigint;
  slopeWad: bigint;
  paceShareBps: bigint;
  premiumBps: bigint;
  maxDiscountBps: bigint;
  emaToleranceBps: bigint;
  haircutBps: bigint;
  maxHold: bigint;
}

export interface Inventory {
  amount: bigint;
  heldSince: bigint;
  cursorWad: bigint;
  parameters: InventoryParameters;
}

/** Shares asked for, when their first cooldown ends, and how long a cooldown was when they were. */
interface Request {
  shares: bigint;
  claimableAt: bigint;
  cooldown: bigint;
}

export interface BufferState {
  cash: bigint;
  cooldown: bigint;
  inventory: Record<string, Inventory>;
  requests: Record<string, Request>;
  operators: Record<string, Record<string, boolean>>;
}

export const SALE_REFUSALS = ["None", "NoInventory", "AuctionsRunning", "PriceUnderAverage", "NothingEmitted"] as const;

export interface SaleQuote {
  refusal: (typeof SALE_REFUSALS)[number];
  bought: bigint;
  cost: bigint;
  multipleWad: bigint;
}

const CLAIM_WINDOW = 2n * 86_400n;
const VIRTUAL_SHARES = 1000n;

/** The liquidity buffer of docs/protocol.md: underwriters' shares, take-overs and the sale of what was taken over. */
export class BufferModel {
  constructor(
    private readonly world: World,
    private readonly vault: VaultModel,
    private readonly house: AuctionHouseModel,
  ) {}

  get state(): BufferState {
    return this.world.state.buffer;
  }

  // ------------------------------------------------------------------------------------------ underwriters

  /** Cash, uncollected fees and inventory; less the haircut for who leaves. */
  value(withHaircut: boolean): bigint {
    let value = this.state.cash + this.vault.divided().bufferFees;
    for (const [collateral, held] of Object.entries(this.state.inventory)) {
      if (held.amount === 0n) continue;
      const kept = withHaircut ? BPS - held.parameters.haircutBps : BPS;
      value += (valueDown(held.amount, this.world.price(collateral)) * kept) / BPS;
    }
    return value;
  }

  /** What a deposit earns. */
  toShares(assets: bigint): bigint {
    return mulDown(assets, this.supply() + VIRTUAL_SHARES, this.value(false) + 1n);
  }

  deposit(caller: string, assets: bigint, receiver: string): bigint {
    const shares = this.toShares(assets);
    this.underwrite(caller, receiver, assets, shares);
    return shares;
  }

  mint(caller: string, shares: bigint, receiver: string): bigint {
    const assets = mulUp(shares, this.value(false) + 1n, this.supply() + VIRTUAL_SHARES);
    this.underwrite(caller, receiver, assets, shares);
    return assets;
  }

  requestRedeem(caller: string, shares: bigint, controller: string, owner: string): bigint {
    const { buffer } = this.world.at;
    if (shares === 0n) refuse("ZeroAmount");
    if (caller !== owner && !this.isOperator(owner, caller)) this.world.spendAllowance(buffer, owner, caller, shares);
    if (controller !== owner) this.requireOperator(caller, controller);
    this.world.transfer(buffer, owner, buffer, shares);
    this.state.requests[controller] = {
      shares: this.request(controller).shares + shares,
      claimableAt: this.world.now + this.state.cooldown,
      cooldown: this.state.cooldown,
    };
    return 0n;
  }

  redeem(caller: string, shares: bigint, receiver: string, controller: string): bigint {
    this.requireOperator(caller, controller);
    this.collectFees();
    const assets = this.toAssets(shares);
    this.claim(shares, assets, receiver, controller);
    return assets;
  }

  withdraw(caller: string, assets: bigint, receiver: string, controller: string): bigint {
    this.requireOperator(caller, controller);
    this.collectFees();
    const shares = mulUp(assets, this.supply() + VIRTUAL_SHARES, this.value(true) + 1n);
    this.claim(shares, assets, receiver, controller);
    return shares;
  }

  setOperator(caller: string, operator: string, approved: boolean): boolean {
    (this.state.operators[caller] ??= {})[operator] = approved;
    return true;
  }

  pending(controller: string): bigint {
    return this.request(controller).shares - this.claimable(controller);
  }

  claimable(controller: string): bigint {
    const request = this.request(controller);
    return this.world.now < this.opensAt(request) ? 0n : request.shares;
  }

  maxRedeem(controller: string): bigint {
    if (this.marketInTrouble() !== undefined) return 0n;
    const payable = mulDown(this.state.cash, this.supply() + VIRTUAL_SHARES, this.value(true) + 1n);
    return min(this.claimable(controller), payable);
  }

  maxWithdraw(controller: string): bigint {
    const shares = this.maxRedeem(controller);
    return shares === 0n ? 0n : this.toAssets(shares);
  }

  collectFees(): bigint {
    const assets = this.vault.collectBufferFees();
    this.state.cash += assets;
    return assets;
  }

  // -------------------------------------------------------------------------------------------------- sale

  quote(collateral: string, want: bigint): SaleQuote {
    const held = this.state.inventory[collateral]!;
    const none = { bought: 0n, cost: 0n, multipleWad: 0n };
    if (held.amount === 0n) return { refusal: "NoInventory", ...none };
    const price = this.world.price(collateral);
    if (this.world.now < held.heldSince + held.parameters.maxHold) {
      if (this.house.isRunning(collateral)) return { refusal: "AuctionsRunning", ...none };
      if (this.isUnderAverage(collateral, price)) return { refusal: "PriceUnderAverage", ...none };
    }
    const offer = this.offer(collateral);
    const multipleWad = offer.multiple;
    if (offer.available === 0n) return { refusal: "NothingEmitted", ...none, multipleWad };
    const bought = min(want, offer.available, held.amount);
    return { refusal: "None", bought, cost: lane.cost(offer, price, bought), multipleWad };
  }

  buyInventory(caller: string, collateral: string, want: bigint, maxCost: bigint, receiver: string): [bigint, bigint] {
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
    this.world.transfer(collateral, this.world.at.buffer, receiver, bought);
    this.world.transfer(this.world.at.loan, caller, this.world.at.buffer, cost);
    return [bought, cost];
  }

  // ------------------------------------------------------------------- auction house, vault and governance

  capacity(collateral: string): { cash: bigint; room: bigint } {
    const { amount, parameters } = this.state.inventory[collateral]!;
    return { cash: this.state.cash, room: lessOrZero(parameters.cap, amount) };
  }

  takeOver(collateral: string, amount: bigint, cost: bigint): void {
    const held = this.state.inventory[collateral]!;
    const { now } = this.world;
    if (held.amount === 0n) Object.assign(held, { cursorWad: now * WAD, heldSince: now });
    const total = held.amount + amount;
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

  private supply(): bigint {
    return this.world.token(this.world.at.buffer).supply;
  }

  private toAssets(shares: bigint): bigint {
    return mulDown(shares, this.value(true) + 1n, this.supply() + VIRTUAL_SHARES);
  }

  private request(controller: string): Request {
    return this.state.requests[controller] ?? { shares: 0n, claimableAt: 0n, cooldown: 0n };
  }

  /** When the window in which a request can be claimed opened, or opens next. */
  private opensAt({ claimableAt, cooldown }: Request): bigint {
    const past = this.world.now - claimableAt;
    if (past < 0n) return claimableAt;
    const windows = past / (CLAIM_WINDOW + cooldown);
    const opened = claimableAt + windows * (CLAIM_WINDOW + cooldown);
    return this.world.now < opened + CLAIM_WINDOW ? opened : opened + CLAIM_WINDOW + cooldown;
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
    this.world.mint(this.world.at.buffer, receiver, shares);
  }

  private claim(shares: bigint, assets: bigint, receiver: string, controller: string): void {
    if (shares === 0n) refuse("ZeroAmount");
    const trouble = this.marketInTrouble();
    if (trouble !== undefined) refuse("MarketInTrouble", trouble);
    const request = this.request(controller);
    const { shares: asked } = request;
    const opensAt = this.opensAt(request);
    if (this.world.now < opensAt) refuse("CoolingDown", opensAt);
    if (shares > asked) refuse("NotEnoughClaimable", shares, asked);
    if (assets > this.state.cash) refuse("NotEnoughCash", assets, this.state.cash);
    this.state.requests[controller] = { ...request, shares: asked - shares };
    this.state.cash -= assets;
    this.world.burn(this.world.at.buffer, this.world.at.buffer, shares);
    this.world.transfer(this.world.at.loan, this.world.at.buffer, receiver, assets);
  }

  /** The first market in which a loss may be coming, or whose price can't be read. */
  private marketInTrouble(): string | undefined {
    return this.world.at.collaterals.find((collateral) => {
      if (this.house.lane(collateral).auctions !== 0n) return true;
      const price = outcome(() => this.world.price(collateral));
      return price instanceof Refused || this.isUnderAverage(collateral, price);
    });
  }

  private isUnderAverage(collateral: string, price: bigint): boolean {
    const { emaToleranceBps } = this.state.inventory[collateral]!.parameters;
    return price * BPS < this.house.ema(collateral) * (BPS - emaToleranceBps);
  }

  private age(collateral: string): bigint {
    const { cursorWad, parameters } = this.state.inventory[collateral]!;
    const { premiumBps, maxDiscountBps, slopeWad } = parameters;
    const longest = lane.longestAge(premiumBps * WAD_PER_BPS, maxDiscountBps * WAD_PER_BPS, slopeWad);
    return lane.laneAge(this.world.now, cursorWad, longest);
  }

  /** The inventory's own lane, at its share of the market's pace. */
  private offer(collateral: string): lane.Offer {
    const { heldSince, parameters } = this.state.inventory[collateral]!;
    const rate = mulDown(this.house.lane(collateral).ratePerHour, parameters.paceShareBps, BPS);
    return lane.offer(
      rate,
      parameters.slopeWad,
      this.age(collateral),
      (this.world.now - heldSince) * WAD,
      parameters.premiumBps * WAD_PER_BPS,
      parameters.maxDiscountBps * WAD_PER_BPS,
    );
  }
}
