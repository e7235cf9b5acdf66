import { setCode } from "@nomicfoundation/hardhat-network-helpers";
import { type Addressable, type ContractTransactionResponse } from "ethers";
import { artifacts, ethers } from "hardhat";

import { type IAuctionHouse } from "../../../typechain-types";
import {
  ETH_PRICE,
  HOUR,
  INVENTORY,
  LANE,
  MARKET,
  PAY,
  WAD,
  core,
  coreWithoutInterest,
  priceE36,
  time,
  usdc,
  weth,
} from "../fixture";
import {
  Rational,
  cost as exactCost,
  head,
  premium as exactPremium,
  quantityToTarget,
} from "../libraries/gradualAuctionModel";
import { mulDiv } from "../math";

export const ALL = ethers.MaxUint256;
export const BPS = 10_000n;
export const WAD_PER_BPS = 10n ** 14n;
export const MINUTE = 60n;
export const GWEI = 10n ** 9n;
/** What `PositionMath` has of an LTV of 83 %. */
export const LLTV_WAD = BigInt(MARKET.lltvBps) * WAD_PER_BPS;
/** `AuctionHouse.OBSERVE_INTERVAL`, `SYNC_INTERVAL` and `WATCH_GAP`, in seconds. */
export const OBSERVE_INTERVAL = 300n;
export const SYNC_INTERVAL = 1800n;
export const WATCH_GAP = 3600n;

type Lane = IAuctionHouse.LaneParametersStruct;
const bps = (value: unknown): Rational => Rational.of(BigInt(value as number), BPS);
const wadOf = (value: unknown): bigint => BigInt(value as number) * WAD_PER_BPS;
const least = (...all: bigint[]): bigint => all.reduce((a, b) => (b < a ? b : a));

/** `IAuctionHouse.Refusal` and `AbsorbRefusal`, by name. */
export const Refusal = {
  None: 0n,
  LaneClosed: 1n,
  Enlarged: 2n,
  Healthy: 3n,
  Insolvent: 4n,
  LaneEmpty: 5n,
  TooSmall: 6n,
} as const;
export const AbsorbRefusal = {
  None: 0n,
  Healthy: 1n,
  BelowAbsorbLtv: 2n,
  Enlarged: 3n,
  Diverged: 4n,
  BufferFull: 5n,
  TooSmall: 6n,
} as const;

/** Gas for which `KeeperPay` pays. */
export const PaidGas = {
  open: 255_000n,
  absorb: 325_000n,
  absorbMore: 32_000n,
  fulfil: 370_000n,
  fulfilMore: 155_000n,
} as const;

/** A position's debt over its collateral's value, as the contracts round it: value down, LTV up. Wad. */
export function ltvWad(collateral: bigint, debt: bigint, price: bigint): bigint {
  const value = (collateral * price) / 10n ** 36n;
  return (debt * WAD + value - 1n) / value;
}

/** A: the greatest age of a lane, as the contract rounds it. Seconds, Wad. */
export const longestAgeWad = (lane: Lane = LANE): bigint =>
  ((wadOf(lane.maxPremiumBps) + wadOf(lane.maxDiscountBps)) * WAD) / BigInt(lane.slopeWad);

/** Seconds after the cursor up to which a lane is open. */
export const openFor = (lane: Lane = LANE): bigint => longestAgeWad(lane) / WAD + BigInt(lane.idleTime);

/** Where the exponential that the contracts use is put, without a block of its own. */
const EXPONENTIAL = "0x00000000000000000000000000000000000000e0";

/** e^x, Wad, as the contracts have it: the last digit is Solady's to say. */
export async function expWad(xWad: bigint): Promise<bigint> {
  if ((await ethers.provider.getCode(EXPONENTIAL)) === "0x") {
    await setCode(EXPONENTIAL, (await artifacts.readArtifact("ExponentialHarness")).deployedBytecode);
  }
  return (await ethers.getContractAt("ExponentialHarness", EXPONENTIAL)).expWad(xWad);
}

/** The average after `seconds` of the price last seen, each part rounded down. */
export async function emaAfter(emaE36: bigint, lastE36: bigint, seconds: bigint, period = LANE.emaPeriod) {
  if (seconds === 0n) return emaE36;
  const keptWad = await expWad(-((seconds * WAD) / BigInt(period)));
  return mulDiv(emaE36, keptWad, WAD) + mulDiv(lastE36, WAD - keptWad, WAD);
}

/** π of a market, Wad, rounded down. */
export function premiumWad(emaE36: bigint, price: bigint, diverged = false, lane: Lane = LANE): bigint {
  const [low, high] = [bps(lane.minPremiumBps), bps(lane.maxPremiumBps)];
  return exactPremium(Rational.of(emaE36), Rational.of(price), low, high, diverged).mul(Rational.of(WAD)).floor();
}

export interface Situation {
  /** When the buy is mined, in seconds. */
  now: bigint;
  cursorWad: bigint;
  ratePerHour: bigint;
  premiumWad: bigint;
  /** The ratchet: binds a buy that is mined at `filledAt`. */
  discountWad: bigint;
  filledAt: bigint;
  collateral: bigint;
  debt: bigint;
  price: bigint;
}

/** What the lane's formulas say of a buy, without debt under its minimum. */
export function expectedTerms(s: Situation, lane: Lane = LANE) {
  const ltv = ltvWad(s.collateral, s.debt, s.price);
  const insolvent = ltv >= WAD;
  const overWad = least(ltv, WAD) - LLTV_WAD;
  const urgentWad = insolvent ? (WAD * WAD) / ltv : ltv;
  const xWad = urgentWad < LLTV_WAD ? 0n : ((urgentWad - LLTV_WAD) * WAD) / (WAD - LLTV_WAD);
  const ratePerHour = (s.ratePerHour * (WAD + (BigInt(lane.urgency) * xWad * xWad) / WAD)) / WAD;
  const allowanceWad = insolvent ? 0n : (WAD - ltv) / 2n;
  const widestWad = insolvent
    ? wadOf(lane.maxDiscountBps)
    : least(wadOf(lane.maxDiscountBps), wadOf(lane.firstDiscountBps) + overWad);
  const ratchetWad = s.filledAt === s.now ? s.discountWad : WAD;
  const discountWad = insolvent ? widestWad : least(widestWad, allowanceWad, ratchetWad);
  const feeWad = insolvent ? 0n : least(wadOf(lane.liquidationFeeBps), allowanceWad - discountWad);

  const laneAgeWad = least(s.now * WAD - s.cursorWad, longestAgeWad(lane));
  const positionAgeWad = ((s.premiumWad + discountWad) * WAD) / BigInt(lane.slopeWad);
  const slope = Rational.wad(BigInt(lane.slopeWad));
  const exact = {
    ratePerHour,
    slope,
    premium: Rational.wad(s.premiumWad),
    // the longest age of the position, as rounded
    discount: slope.mul(Rational.wad(positionAgeWad)).sub(Rational.wad(s.premiumWad)),
  };
  const unrounded = head(exact, Rational.wad(laneAgeWad));
  const inWad = (x: Rational): Rational => x.mul(Rational.of(WAD));
  // the cost is that of the multiple rounded up and the flat part rounded down
  const [multipleWad, flatWad] = [inWad(unrounded.multiple).ceil(), inWad(unrounded.flat).floor()];
  const h = { ...unrounded, multiple: Rational.wad(multipleWad), flat: Rational.wad(flatWad) };
  const price = Rational.of(s.price, 10n ** 36n);
  const fee = Rational.wad(feeWad);
  return {
    ltvWad: ltv,
    discountWad,
    feeWad,
    ratePerHour,
    laneAgeWad,
    multipleWad,
    available: h.available.floor(),
    /** What of it is all sold at the head's multiple, rounded down. */
    flat: flatWad / WAD,
    toTarget: quantityToTarget(h, price, s.collateral, s.debt, bps(lane.targetLtvBps), fee),
    toClose: quantityToTarget(h, price, s.collateral, s.debt, Rational.zero, fee),
    /** What a quantity costs, and how much of that is repaid. */
    cost: (quantity: bigint) => exactCost(h, price, quantity).ceil(),
    repaid: (cost: bigint) => (cost * WAD) / (WAD + feeWad),
    /** The cursor after a quantity is sold. */
    cursorAfter: (quantity: bigint) =>
      least(s.now * WAD, s.now * WAD - laneAgeWad + (quantity * HOUR * WAD + ratePerHour - 1n) / ratePerHour),
  };
}

/** A keeper's pay by its bounds, in wei and, where that is capped, in collateral of a market whose collateral is the coin. */
export const payInWei = (gasUnits: bigint, baseFee: bigint, pay = PAY): bigint =>
  (gasUnits * (least(baseFee, BigInt(pay.feeCap)) + BigInt(pay.tip)) * (BPS + BigInt(pay.marginBps))) / BPS;

/** The most that a position pays: a share of its collateral, and half of its equity where it has any. */
export function mostPay(collateral: bigint, debt: bigint, price: bigint, capBps = BigInt(PAY.capBps)): bigint {
  const cap = (collateral * capBps) / BPS;
  const owed = (debt * 10n ** 36n + price - 1n) / price;
  return owed < collateral ? least(cap, (collateral - owed) / 2n) : cap;
}

/** The base fee of the next block. */
export async function setBaseFee(wei: bigint): Promise<void> {
  await ethers.provider.send("hardhat_setNextBlockBaseFeePerGas", [ethers.toQuantity(wei)]);
}

/** The base fee of a mined transaction's block. */
export async function baseFeeOf({ blockNumber }: ContractTransactionResponse): Promise<bigint> {
  return (await ethers.provider.getBlock(blockNumber!))!.baseFeePerGas!;
}

/** Sends all in one block, mined at `now` if that is given. Each needs a gas limit, or it is tried out before the others. */
export async function inOneBlock(
  sends: (() => Promise<ContractTransactionResponse>)[],
  now?: bigint,
): Promise<{ block: number; statuses: number[] }> {
  await ethers.provider.send("evm_setAutomine", [false]);
  try {
    const sent = [];
    for (const send of sends) sent.push(await send());
    if (now !== undefined) await time.setNextBlockTimestamp(now);
    await ethers.provider.send("evm_mine", []);
    const receipts = await Promise.all(sent.map(async ({ hash }) => ethers.provider.getTransactionReceipt(hash)));
    return { block: receipts[0]!.blockNumber, statuses: receipts.map((receipt) => receipt!.status!) };
  } finally {
    await ethers.provider.send("evm_setAutomine", [true]);
  }
}

/** Does something and takes it back. */
export async function tried<T>(what: () => Promise<T>): Promise<T> {
  const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
  try {
    return await what();
  } finally {
    await ethers.provider.send("evm_revert", [snapshot]);
  }
}

/** Ten WETH at 2000 USDC against 15,900 USDC (LTV 79.5 %), no interest, and an hour of a quiet market. */
export async function opened(amount = weth(10), debt = usdc(15_900)) {
  const market = await coreWithoutInterest();
  const { vault, house, borrower, collateral, guard, open } = market;
  if (debt > usdc(900_000)) await market.vault.connect(market.lender).deposit(debt, market.lender);
  await open(borrower, amount, debt);
  await time.increase(3600);

  /** π as a call that is mined at `now` would have it. */
  const premiumAt = async (now: bigint): Promise<bigint> => {
    const lane = await house.lane(collateral);
    const price = await market.oracle.price();
    const parameters = await house.laneParameters(collateral);
    const { emaE36, lastPriceE36, observedAt } = lane;
    const looks = price !== lastPriceE36 || now >= observedAt + OBSERVE_INTERVAL;
    const guarded = parameters.guard !== ethers.ZeroAddress;
    const diverged = looks ? guarded && (await guard.diverged()) : lane.diverged;
    return premiumWad(await emaAfter(emaE36, lastPriceE36, now - observedAt, parameters.emaPeriod), price, diverged);
  };
  /** What the next buy will meet if it is mined at `now`. */
  const situation = async (now: bigint, owner: Addressable = borrower): Promise<Situation> => {
    const [lane, ratchet, position] = await Promise.all([
      house.lane(collateral),
      house.ratchet(collateral, owner),
      vault.position(collateral, owner),
    ]);
    return {
      now,
      cursorWad: lane.cursorWad,
      ratePerHour: lane.ratePerHour,
      premiumWad: await premiumAt(now),
      discountWad: ratchet.discountWad,
      filledAt: ratchet.filledAt,
      collateral: position.collateral,
      debt: position.debtShares,
      price: await market.oracle.price(),
    };
  };
  /** Buys as the keeper, mined at `now` if that is given. */
  const buy = async (amountWanted = ALL, now?: bigint, owner: Addressable = borrower) => {
    if (now !== undefined) await time.setNextBlockTimestamp(now);
    return house.connect(market.keeper).buy(collateral, owner, amountWanted, ALL, market.keeper, "0x");
  };
  const openLane = async (owner: Addressable = borrower) =>
    house.connect(market.keeper).open(collateral, owner, market.keeper);
  const absorb = async (owner: Addressable = borrower) =>
    house.connect(market.keeper).absorb(collateral, owner, market.keeper);
  const later = async (seconds: number | bigint): Promise<bigint> => BigInt(await time.latest()) + BigInt(seconds);
  const position = async (owner: Addressable = borrower) => {
    const { collateral: held, debtShares } = await vault.position(collateral, owner);
    return { collateral: held, debt: debtShares };
  };
  /** The buffer's room for the collateral, by its cap. */
  const setCap = async (cap: bigint): Promise<void> => {
    await market.buffer.setInventoryParameters(collateral, { ...INVENTORY, cap });
  };
  const setLane = async (change: Partial<typeof LANE>) =>
    house.setLane(collateral, { ...LANE, depthOracle: market.depth, guard, ...change });
  const setPay = async (change: Partial<typeof PAY>) =>
    house.setPay({ ...PAY, nativeOracle: market.oracle, wrappedNative: collateral, ...change });
  /** Nobody is paid from here on, so that what a position holds is what it held. */
  const payNobody = async () => setPay({ capBps: 0 });
  /** The last event of that kind. */
  const boughtIn = async ({ blockNumber }: ContractTransactionResponse) => {
    const [event] = await house.queryFilter(house.filters.Bought, blockNumber!, blockNumber!);
    return event!.args;
  };
  const absorbedIn = async ({ blockNumber }: ContractTransactionResponse) => {
    const [event] = await house.queryFilter(house.filters.Absorbed, blockNumber!, blockNumber!);
    return event!.args;
  };
  const openedIn = async ({ blockNumber }: ContractTransactionResponse) => {
    const [event] = await house.queryFilter(house.filters.LaneOpened, blockNumber!, blockNumber!);
    return event!.args;
  };
  const actions = { situation, premiumAt, buy, openLane, absorb, later, position };
  const settings = { setCap, setLane, setPay, payNobody };
  return { ...market, ...actions, ...settings, boughtIn, absorbedIn, openedIn };
}

/** As `opened`, then fallen to `price` and the lane opened by the keeper. */
export async function selling(price = 1900, amount = weth(10), debt = usdc(15_900)) {
  const market = await opened(amount, debt);
  await market.setPrice(price);
  await market.openLane();
  return market;
}

/** As `selling`, where nobody is paid, so that `debt` over `amount` at `price` is the LTV exactly. */
export async function sellingExactly(price: number, debt = usdc(15_900), amount = weth(10)) {
  const market = await opened(amount, debt);
  await market.payNobody();
  await market.setPrice(price);
  await market.openLane();
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

/** A position of a contract that acts, and a way to have it do several things in one transaction. */
export async function withActor(market: Market, debt: bigint, amount = weth(10)) {
  const { vault, collateral, borrower, loan, house, oracle, borrowOracle } = market;
  const actor = await ethers.deployContract("MockActor");
  const [token, self] = [collateral.target as string, actor.target as string];
  await vault.connect(borrower).supplyCollateral(collateral, amount, actor);
  const call = {
    borrow: (assets: bigint) => ({
      target: vault,
      data: vault.interface.encodeFunctionData("borrow", [token, assets, self, self]),
    }),
    withdraw: (held: bigint) => ({
      target: vault,
      data: vault.interface.encodeFunctionData("withdrawCollateral", [token, held, self, self]),
    }),
    supply: (held: bigint) => ({
      target: vault,
      data: vault.interface.encodeFunctionData("supplyCollateral", [token, held, self]),
    }),
    /** Moves the price by which positions are judged, not the one by which is lent. */
    price: (price: number) => ({
      target: oracle,
      data: oracle.interface.encodeFunctionData("setPrice", [priceE36(price)]),
    }),
    borrowPrice: (price: number) => ({
      target: borrowOracle,
      data: borrowOracle.interface.encodeFunctionData("setPrice", [priceE36(price)]),
    }),
    open: (owner = self) => ({
      target: house,
      data: house.interface.encodeFunctionData("open", [token, owner, self]),
    }),
    buy: (quantity: bigint, owner = self) => ({
      target: house,
      data: house.interface.encodeFunctionData("buy", [token, owner, quantity, ALL, self, "0x"]),
    }),
    absorb: (owner = self) => ({
      target: house,
      data: house.interface.encodeFunctionData("absorb", [token, owner, self]),
    }),
    approve: (token_: typeof loan) => ({
      target: token_,
      data: token_.interface.encodeFunctionData("approve", [vault.target, ALL]),
    }),
  };
  const act = async (...calls: { target: Addressable; data: string }[]) => {
    await actor.setCalls(calls);
    return actor.onBuy(loan, 0, 0, "0x");
  };
  if (debt > 0n) await act(call.borrow(debt));
  return { actor, call, act };
}

export { ETH_PRICE, HOUR, INVENTORY, LANE, MARKET, PAY, WAD, priceE36, time, usdc, weth };
