import { type Addressable } from "ethers";
import { ethers } from "hardhat";

import { HOUR, INVENTORY, LANE, MARKET, WAD, core, coreWithoutInterest, priceE36, time, usdc, weth } from "../fixture";
import { Rational, cost as exactCost, head, longestAge, quantityToTarget } from "../libraries/gradualAuctionModel";

export const BPS = 10_000n;
export const SLOPE_WAD = BigInt(LANE.slopeWad);
const bps = (value: unknown): Rational => Rational.of(BigInt(value as number), BPS);

/** `IAuctionHouse.Refusal` and `IAuctionHouse.End`, by name. */
export const Refusal = {
  None: 0n,
  NotStarted: 1n,
  Expired: 2n,
  Enlarged: 3n,
  Healthy: 4n,
  Insolvent: 5n,
  LaneEmpty: 6n,
  TooSmall: 7n,
} as const;
export const End = { Target: 0n, Cancelled: 1n, Absorbed: 2n } as const;

/** A position's debt over its collateral's value, as the contracts round it: value down, LTV up. Wad. */
export function ltvWad(collateral: bigint, debt: bigint, price: bigint): bigint {
  const value = (collateral * price) / 10n ** 36n;
  return (debt * WAD + value - 1n) / value;
}

export interface Situation {
  /** When the buy is mined, in seconds. */
  now: bigint;
  cursorWad: bigint;
  ratePerHour: bigint;
  startedAt: bigint;
  premiumWad: bigint;
  /** The ratchet: binds a buy that is mined at `filledAt`. */
  discountWad: bigint;
  filledAt: bigint;
  collateral: bigint;
  debt: bigint;
  price: bigint;
}

/** What the lane's formulas say of a buy in the fixture's lane, without debt under its minimum. */
export function expectedTerms(s: Situation) {
  const ltv = ltvWad(s.collateral, s.debt, s.price);
  const insolvent = ltv >= WAD;
  const allowanceWad = insolvent ? 0n : (WAD - ltv) / 2n;
  const widestWad = (BigInt(LANE.maxDiscountBps) * WAD) / BPS;
  const boundWad = s.filledAt === s.now && s.discountWad < widestWad ? s.discountWad : widestWad;
  const discountWad = insolvent ? widestWad : boundWad < allowanceWad ? boundWad : allowanceWad;
  const restWad = insolvent ? 0n : allowanceWad - discountWad;
  const mostFeeWad = (BigInt(LANE.liquidationFeeBps) * WAD) / BPS;
  const feeWad = mostFeeWad < restWad ? mostFeeWad : restWad;

  const slope = Rational.wad(SLOPE_WAD);
  const longest = longestAge(bps(LANE.maxPremiumBps), bps(LANE.maxDiscountBps), slope);
  const laneAge = Rational.min(Rational.wad(s.now * WAD - s.cursorWad), longest);
  const lane = {
    ratePerHour: s.ratePerHour,
    slope,
    premium: Rational.wad(s.premiumWad),
    discount: Rational.wad(discountWad),
  };
  const h = head(lane, laneAge, Rational.of(s.now - s.startedAt));
  const price = Rational.of(s.price, 10n ** 36n);
  return {
    ltvWad: ltv,
    discountWad,
    feeWad,
    multipleWad: h.multiple.mul(Rational.of(WAD)).ceil(),
    available: h.available.floor(),
    toTarget: quantityToTarget(h, price, s.collateral, s.debt, bps(LANE.targetLtvBps), Rational.wad(feeWad)),
    toClose: quantityToTarget(h, price, s.collateral, s.debt, Rational.zero, Rational.wad(feeWad)),
    /** What a quantity costs, and how much of that is repaid. */
    cost: (quantity: bigint) => exactCost(h, price, quantity).ceil(),
    repaid: (cost: bigint) => (cost * WAD) / (WAD + feeWad),
  };
}

/** Ten WETH at 2000 USDC against 15,900 USDC (LTV 79.5 %), no interest, and an hour of a quiet market. */
export async function opened(amount = weth(10), debt = usdc(15_900)) {
  const market = await coreWithoutInterest();
  const { vault, house, borrower, collateral, open } = market;
  await open(borrower, amount, debt);
  await time.increase(3600);

  /** What the next buy will meet if it is mined at `now`. */
  const situation = async (now: bigint, owner: Addressable = borrower): Promise<Situation> => {
    const [lane, auction, position] = await Promise.all([
      house.lane(collateral),
      house.auction(collateral, owner),
      vault.position(collateral, owner),
    ]);
    return {
      now,
      cursorWad: lane.cursorWad,
      ratePerHour: lane.ratePerHour,
      startedAt: auction.startedAt,
      premiumWad: auction.premiumWad,
      discountWad: auction.discountWad,
      filledAt: auction.filledAt,
      collateral: position.collateral,
      debt: position.debtShares,
      price: await market.oracle.price(),
    };
  };
  /** Buys as the keeper, mined at `now` if that is given. */
  const buy = async (amountWanted = ethers.MaxUint256, now?: bigint, owner: Addressable = borrower) => {
    if (now !== undefined) await time.setNextBlockTimestamp(now);
    return house.connect(market.keeper).buy(collateral, owner, amountWanted, ethers.MaxUint256, market.keeper, "0x");
  };
  const start = async (owner: Addressable = borrower) => house.connect(market.keeper).start(collateral, owner);
  const later = async (seconds: number | bigint): Promise<bigint> => BigInt(await time.latest()) + BigInt(seconds);
  const position = async (owner: Addressable = borrower) => {
    const { collateral: amount, debtShares: debt } = await vault.position(collateral, owner);
    return { collateral: amount, debt };
  };
  /** The buffer's room for the collateral, by its cap. */
  const setCap = async (cap: bigint): Promise<void> => {
    await market.buffer.setInventoryParameters(collateral, { ...INVENTORY, cap });
  };
  const setLane = async (change: Partial<typeof LANE>): Promise<void> => {
    await house.setLane(collateral, { ...LANE, depthOracle: market.depth, guard: market.guard, ...change });
  };
  return { ...market, situation, buy, start, later, position, setCap, setLane };
}

/** As `opened`, then fallen to `price` and put in auction by the keeper. */
export async function auctioned(price = 1900, amount = weth(10), debt = usdc(15_900)) {
  const market = await opened(amount, debt);
  await market.setPrice(price);
  await market.start();
  return market;
}

/** Ten WETH against 15,900 USDC where a share of debt has come to be worth over 30 units, fallen to `price`. */
export async function withDearShares(price: number) {
  const market = await core();
  const { vault, lender, borrower, other, open, setPrice } = market;
  await open(other, weth(1000), usdc(990_000));
  await time.increase(8 * 365 * 86_400); // at 50 % a year
  await vault.connect(lender).deposit(usdc(100_000), lender);
  await open(borrower, weth(10), usdc(15_900));
  await setPrice(price);
  /** Collateral for the price of nearly two shares, of which one is repaid. */
  const crumb = async (): Promise<bigint> => {
    const share = (await vault.indexE27()) / 10n ** 27n;
    if (share <= 30n) throw new Error(`a share is worth ${share} only`);
    return (share * 19n * 10n ** 35n) / priceE36(price);
  };
  return { ...market, crumb };
}

export type Market = Awaited<ReturnType<typeof opened>>;

export { HOUR, INVENTORY, LANE, MARKET, WAD, priceE36, time, usdc, weth };
