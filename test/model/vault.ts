import {
  BPS,
  MAX_UINT256,
  PRICE,
  RAY,
  WAD,
  WAD_PER_BPS,
  YEAR,
  bps,
  divUp,
  lessOrZero,
  min,
  mulDown,
  mulUp,
} from "./math";
import type { BufferModel } from "./buffer";
import { expDown } from "./exponential";
import { refuse, type World } from "./world";

export interface Position {
  collateral: bigint;
  debtShares: bigint;
  riskAt: bigint;
}

export interface Market {
  maxLtvBps: bigint;
  lltvBps: bigint;
  debtCeiling: bigint;
  /** What the lane lets the market owe; nothing before one is set. */
  laneCeiling: bigint;
  minDebt: bigint;
  debtShares: bigint;
  positions: Record<string, Position>;
}

export interface Rates {
  kinkWad: bigint;
  atZero: bigint;
  atKink: bigint;
  atFull: bigint;
}

export interface VaultState {
  idle: bigint;
  debtShares: bigint;
  index: bigint;
  accruedAt: bigint;
  /** What of interest is for reserves and buffer and not yet divided between them. */
  undivided: bigint;
  reserves: bigint;
  bufferFees: bigint;
  reserveShareBps: bigint;
  bufferShareBps: bigint;
  paused: boolean;
  markets: Record<string, Market>;
  authorized: Record<string, Record<string, boolean>>;
  rates: Rates;
}

export interface Fill {
  owner: string;
  collateral: bigint;
  repaid: bigint;
  pay: bigint;
}

const VIRTUAL_SHARES = 1000n;
/** 1000 % a year, whatever the rate model says. */
const MAX_RATE = (10n * WAD) / YEAR;
const MAX_UINT112 = 2n ** 112n - 1n;

export const valueDown = (collateral: bigint, price: bigint): bigint => mulDown(collateral, price, PRICE);

/** Debt over value, Wad. */
export function ltvUp(collateral: bigint, debt: bigint, price: bigint): bigint {
  if (debt === 0n) return 0n;
  const value = valueDown(collateral, price);
  return value === 0n ? MAX_UINT256 : mulUp(debt, WAD, value);
}

/** The borrow rate a second at a utilisation, both Wad. */
export function borrowRate(rates: Rates, utilisation: bigint): bigint {
  const yearly =
    utilisation >= WAD
      ? rates.atFull
      : utilisation <= rates.kinkWad
        ? rates.atZero + mulUp(rates.atKink - rates.atZero, utilisation, rates.kinkWad)
        : rates.atKink + mulUp(rates.atFull - rates.atKink, utilisation - rates.kinkWad, WAD - rates.kinkWad);
  return divUp(yearly, YEAR);
}

/** The fewest shares that owe `assets`, rounded up. */
function leastShares(assets: bigint, index: bigint): bigint {
  let shares = mulDown(assets, RAY, index);
  while (shares > 0n && mulUp(shares - 1n, index, RAY) >= assets) shares -= 1n;
  while (mulUp(shares, index, RAY) < assets) shares += 1n;
  return shares;
}

/** The vault of docs/protocol.md: lenders' shares, positions, interest, settlement, write-off. */
export class VaultModel {
  buffer!: BufferModel;

  constructor(private readonly world: World) {}

  get state(): VaultState {
    return this.world.state.vault;
  }

  // ---------------------------------------------------------------------------------------------- interest

  /** Index, and what of interest is for reserves and buffer, as of now. */
  accrued(): Pick<VaultState, "index" | "undivided"> {
    const { index, debtShares, idle, undivided, reserveShareBps, bufferShareBps, rates } = this.state;
    const elapsed = this.world.now - this.state.accruedAt;
    const debt = mulDown(debtShares, index, RAY);
    const utilisation = debt === 0n ? 0n : mulDown(debt, WAD, debt + idle);
    const growth = expDown(min(borrowRate(rates, utilisation), MAX_RATE) * elapsed);
    const grown = debtShares === 0n ? index : mulDown(index, growth, WAD);
    const interest = mulDown(debtShares, grown, RAY) - debt;
    return { index: grown, undivided: undivided + bps(interest, reserveShareBps + bufferShareBps) };
  }

  /** What reserves and buffer are owed each, as of now. */
  divided(): Pick<VaultState, "undivided" | "reserves" | "bufferFees"> {
    const { reserves, bufferFees, reserveShareBps, bufferShareBps } = this.state;
    const { undivided } = this.accrued();
    const toReserves = undivided === 0n ? 0n : mulDown(undivided, reserveShareBps, reserveShareBps + bufferShareBps);
    return { undivided: 0n, reserves: reserves + toReserves, bufferFees: bufferFees + undivided - toReserves };
  }

  accrue(): bigint {
    Object.assign(this.state, this.accrued(), { accruedAt: this.world.now });
    return this.state.index;
  }

  totalDebt(): bigint {
    return mulDown(this.state.debtShares, this.accrued().index, RAY);
  }

  debtOf(collateral: string, owner: string): bigint {
    return mulUp(this.position(collateral, owner).debtShares, this.accrued().index, RAY);
  }

  // ----------------------------------------------------------------------------------------------- lenders

  totalAssets(): bigint {
    const { reserves, bufferFees } = this.divided();
    return lessOrZero(this.state.idle + this.totalDebt(), reserves + bufferFees);
  }

  toShares(assets: bigint, round = mulDown): bigint {
    return round(assets, this.supply() + VIRTUAL_SHARES, this.totalAssets() + 1n);
  }

  toAssets(shares: bigint, round = mulDown): bigint {
    return round(shares, this.totalAssets() + 1n, this.supply() + VIRTUAL_SHARES);
  }

  maxWithdraw(owner: string): bigint {
    return this.toAssets(this.maxRedeem(owner));
  }

  maxRedeem(owner: string): bigint {
    return min(this.sharesOf(owner), this.toShares(this.state.idle));
  }

  deposit(caller: string, assets: bigint, receiver: string): bigint {
    this.accrue();
    const shares = this.toShares(assets);
    this.lend(caller, receiver, assets, shares);
    return shares;
  }

  mint(caller: string, shares: bigint, receiver: string): bigint {
    this.accrue();
    const assets = this.toAssets(shares, mulUp);
    this.lend(caller, receiver, assets, shares);
    return assets;
  }

  withdraw(caller: string, assets: bigint, receiver: string, owner: string): bigint {
    this.accrue();
    const shares = this.toShares(assets, mulUp);
    if (assets > this.state.idle || shares > this.world.balance(this.world.at.vault, owner)) {
      refuse("ERC4626ExceededMaxWithdraw", owner, assets, this.maxWithdraw(owner));
    }
    this.payOut(caller, receiver, owner, assets, shares);
    return shares;
  }

  redeem(caller: string, shares: bigint, receiver: string, owner: string): bigint {
    this.accrue();
    const most = this.maxRedeem(owner);
    if (shares > most) refuse("ERC4626ExceededMaxRedeem", owner, shares, most);
    const assets = this.toAssets(shares);
    this.payOut(caller, receiver, owner, assets, shares);
    return assets;
  }

  /** To a receiver that gives back what it got. */
  flashLoan(token: string, amount: bigint, receiver: string): boolean {
    const { loan, vault } = this.world.at;
    if (token !== loan) refuse("FlashLoanUnsupported", token);
    if (amount > this.state.idle) refuse("NotEnoughCash", amount, this.state.idle);
    this.world.transfer(loan, vault, receiver, amount);
    this.world.transfer(loan, receiver, vault, amount);
    return true;
  }

  // --------------------------------------------------------------------------------------------- borrowers

  position(collateral: string, owner: string): Position {
    return this.state.markets[collateral]?.positions[owner] ?? { collateral: 0n, debtShares: 0n, riskAt: 0n };
  }

  market(collateral: string): Market {
    return this.state.markets[collateral] ?? refuse("MarketNotListed", collateral);
  }

  supplyCollateral(caller: string, collateral: string, amount: bigint, owner: string): void {
    if (amount === 0n) refuse("ZeroAmount");
    this.own(this.market(collateral), owner).collateral += amount;
    this.world.transfer(collateral, caller, this.world.at.vault, amount);
  }

  withdrawCollateral(caller: string, collateral: string, amount: bigint, owner: string, receiver: string): void {
    this.requireAuthorized(caller, owner);
    if (amount === 0n) refuse("ZeroAmount");
    const market = this.market(collateral);
    this.takeCollateral(collateral, owner, amount);
    const position = this.own(market, owner);
    if (position.debtShares !== 0n) {
      position.riskAt = this.world.now;
      this.requireMaxLtv(collateral, position.collateral, mulUp(position.debtShares, this.accrued().index, RAY));
    }
    this.world.transfer(collateral, this.world.at.vault, receiver, amount);
  }

  borrow(caller: string, collateral: string, assets: bigint, owner: string, receiver: string): bigint {
    this.requireAuthorized(caller, owner);
    if (assets === 0n) refuse("ZeroAmount");
    if (this.state.paused) refuse("BorrowPaused");
    const index = this.accrue();
    if (assets > this.state.idle) refuse("NotEnoughCash", assets, this.state.idle);
    const market = this.market(collateral);
    const position = this.own(market, owner);
    const shares = mulUp(assets, RAY, index);
    position.riskAt = this.world.now;
    this.addDebt(market, position, shares);

    const debt = mulUp(position.debtShares, index, RAY);
    if (debt < market.minDebt) refuse("DebtTooSmall", debt, market.minDebt);
    const owed = mulUp(market.debtShares, index, RAY);
    const ceiling = this.ceiling(collateral);
    if (owed > ceiling) refuse("DebtCeilingExceeded", owed, ceiling);
    this.requireMaxLtv(collateral, position.collateral, debt);

    this.state.idle -= assets;
    this.world.transfer(this.world.at.loan, this.world.at.vault, receiver, assets);
    return shares;
  }

  repay(caller: string, collateral: string, assets: bigint, owner: string): [bigint, bigint] {
    if (assets === 0n) refuse("ZeroAmount");
    const index = this.accrue();
    const held = this.position(collateral, owner).debtShares;
    const debt = mulUp(held, index, RAY);
    const [repaid, shares] = assets < debt ? [assets, mulDown(assets, RAY, index)] : [debt, held];
    return this.payDown(caller, collateral, owner, repaid, shares);
  }

  repayShares(caller: string, collateral: string, shares: bigint, owner: string): bigint {
    if (shares === 0n) refuse("ZeroAmount");
    const index = this.accrue();
    const removed = min(shares, this.position(collateral, owner).debtShares);
    return this.payDown(caller, collateral, owner, mulUp(removed, index, RAY), removed)[0];
  }

  setAuthorization(caller: string, operator: string, allowed: boolean): void {
    (this.state.authorized[caller] ??= {})[operator] = allowed;
  }

  // ------------------------------------------------------------------------- auction house, buffer, governance

  /** Each position's debt after its fill. */
  settle(
    collateral: string,
    fills: readonly Fill[],
    fee: bigint,
    payer: string,
    receiver: string,
    payReceiver: string,
  ): bigint[] {
    const { loan, vault } = this.world.at;
    const index = this.accrue();
    const market = this.market(collateral);
    const debts = fills.map(({ owner, collateral: amount, repaid, pay }) => {
      const position = this.own(market, owner);
      const debt = mulUp(position.debtShares, index, RAY);
      this.takeCollateral(collateral, owner, amount + pay);
      this.addDebt(market, position, repaid < debt ? -mulDown(repaid, RAY, index) : -position.debtShares);
      return mulUp(position.debtShares, index, RAY);
    });
    const amount = fills.reduce((sum, fill) => sum + fill.collateral, 0n);
    const cost = fills.reduce((sum, fill) => sum + fill.repaid, fee);
    this.state.idle += cost;
    this.state.bufferFees += fee;
    for (const { owner } of fills) this.writeOffUncovered(market, this.own(market, owner));
    this.world.transfer(collateral, vault, receiver, amount);
    for (const { pay } of fills) this.world.transfer(collateral, vault, payReceiver, pay);
    this.world.transfer(loan, payer, vault, cost);
    return debts;
  }

  /** What a market may owe: by governance and by its lane. */
  ceiling(collateral: string): bigint {
    const { debtCeiling, laneCeiling } = this.market(collateral);
    return min(debtCeiling, laneCeiling);
  }

  setLaneCeiling(collateral: string, assets: bigint): void {
    this.market(collateral).laneCeiling = min(assets, MAX_UINT112);
  }

  pay(collateral: string, owner: string, amount: bigint, receiver: string): void {
    this.takeCollateral(collateral, owner, amount);
    this.world.transfer(collateral, this.world.at.vault, receiver, amount);
  }

  collectBufferFees(): bigint {
    this.accrue();
    const assets = min(this.divided().bufferFees, this.state.idle);
    if (assets === 0n) return 0n;
    this.divide();
    this.state.bufferFees -= assets;
    this.state.idle -= assets;
    this.world.transfer(this.world.at.loan, this.world.at.vault, this.world.at.buffer, assets);
    return assets;
  }

  /** Of a listed market, whose oracles stay. */
  setMarket(collateral: string, p: Pick<Market, "maxLtvBps" | "lltvBps" | "debtCeiling" | "minDebt">): void {
    const market = this.market(collateral);
    if (p.lltvBps !== market.lltvBps) refuse("LltvIsFixed", market.lltvBps);
    const { oracle, borrowOracle } = this.world.source(collateral);
    if (this.world.price(collateral) === 0n) refuse("PriceIsZero", oracle);
    if (this.world.borrowPrice(collateral) === 0n) refuse("PriceIsZero", borrowOracle);
    Object.assign(market, p);
  }

  setInterestShares(reserves: bigint, buffer: bigint): void {
    if (reserves + buffer > BPS) refuse("BadInterestShares", reserves, buffer);
    this.accrue();
    this.divide();
    this.state.reserveShareBps = reserves;
    this.state.bufferShareBps = buffer;
  }

  withdrawReserves(assets: bigint, receiver: string): void {
    this.accrue();
    this.divide();
    const available = min(this.state.reserves, this.state.idle);
    if (assets > available) refuse("NotEnoughCash", assets, available);
    this.state.reserves -= assets;
    this.state.idle -= assets;
    this.world.transfer(this.world.at.loan, this.world.at.vault, receiver, assets);
  }

  // ---------------------------------------------------------------------------------------------- internal

  private supply(): bigint {
    return this.world.token(this.world.at.vault).supply;
  }

  private sharesOf(owner: string): bigint {
    return this.world.balance(this.world.at.vault, owner);
  }

  private lend(caller: string, receiver: string, assets: bigint, shares: bigint): void {
    this.world.transfer(this.world.at.loan, caller, this.world.at.vault, assets);
    this.world.mint(this.world.at.vault, receiver, shares);
    this.state.idle += assets;
  }

  private payOut(caller: string, receiver: string, owner: string, assets: bigint, shares: bigint): void {
    if (caller !== owner) this.world.spendAllowance(this.world.at.vault, owner, caller, shares);
    this.world.burn(this.world.at.vault, owner, shares);
    this.world.transfer(this.world.at.loan, this.world.at.vault, receiver, assets);
    this.state.idle -= assets;
  }

  private own(market: Market, owner: string): Position {
    return (market.positions[owner] ??= { collateral: 0n, debtShares: 0n, riskAt: 0n });
  }

  private requireAuthorized(caller: string, owner: string): void {
    if (caller !== owner && this.state.authorized[owner]?.[caller] !== true) refuse("NotAuthorized", caller, owner);
  }

  private requireMaxLtv(collateral: string, amount: bigint, debt: bigint): void {
    const ltv = ltvUp(amount, debt, this.world.borrowPrice(collateral));
    const most = this.market(collateral).maxLtvBps * WAD_PER_BPS;
    if (ltv > most) refuse("LtvTooHigh", ltv, most);
  }

  private takeCollateral(collateral: string, owner: string, amount: bigint): void {
    const market = this.market(collateral);
    const position = this.own(market, owner);
    if (amount > position.collateral) refuse("NotEnoughCollateral", amount, position.collateral);
    position.collateral -= amount;
  }

  private divide(): void {
    Object.assign(this.state, this.divided());
  }

  private addDebt(market: Market, position: Position, shares: bigint): void {
    position.debtShares += shares;
    market.debtShares += shares;
    this.state.debtShares += shares;
  }

  /** What is paid, and for how many shares: less than offered, where that would leave a debt under the smallest. */
  private payDown(
    caller: string,
    collateral: string,
    owner: string,
    offered: bigint,
    offeredShares: bigint,
  ): [bigint, bigint] {
    const market = this.market(collateral);
    const position = this.own(market, owner);
    const { index } = this.state;
    if (position.debtShares === 0n) refuse("NoDebt");
    let [assets, shares] = [offered, offeredShares];
    const rest = mulUp(position.debtShares - shares, index, RAY);
    if (rest !== 0n && rest < market.minDebt) {
      const least = leastShares(market.minDebt, index);
      if (least >= position.debtShares) refuse("DebtTooSmall", rest, market.minDebt);
      this.world.events.add("a repayment down to the smallest debt");
      shares = position.debtShares - least;
      assets = mulUp(shares, index, RAY);
    }
    this.addDebt(market, position, -shares);
    this.state.idle += assets;
    this.world.transfer(this.world.at.loan, caller, this.world.at.vault, assets);
    return [assets, shares];
  }

  private writeOffUncovered(market: Market, position: Position): void {
    if (position.collateral !== 0n || position.debtShares === 0n) return;
    this.world.events.add("a write-off");
    let loss = mulUp(position.debtShares, this.state.index, RAY);
    this.addDebt(market, position, -position.debtShares);
    this.divide();
    for (const first of ["reserves", "bufferFees"] as const) {
      const borne = min(loss, this.state[first]);
      this.state[first] -= borne;
      loss -= borne;
    }
    this.state.idle += this.buffer.cover(loss);
  }
}
