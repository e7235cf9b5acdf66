import { type Addressable, type AddressLike, type Contract, type ContractTransactionResponse } from "ethers";
import { ethers } from "hardhat";

import { multicall3 } from "../../scripts/replay/chain/reconstruct";
import { INVENTORY, LANE, PAY, WAD, coreWithoutInterest, signerOf, time, usdc, weth } from "../contracts/fixture";

export const ALL = ethers.MaxUint256;
export const DAY = 86_400;
export const COOLDOWN = 3 * DAY;
const BPS = 10_000n;
const HOUR = 3600n;

/** By how much a feed may be off before it must say so: Chainlink's ETH / USD on mainnet. */
export const DEVIATION_BPS = 50n;

export { AbsorbRefusal, Refusal } from "../contracts/auctionHouse/setup";

export const bps = (value: unknown): bigint => BigInt(value as number);

/** A: the longest age of a lane's emission, in seconds. */
export const LONGEST_AGE = ((bps(LANE.maxPremiumBps) + bps(LANE.maxDiscountBps)) * WAD) / BPS / BigInt(LANE.slopeWad);

/** Seconds after which the fixture's lane is closed. */
export const CLOSES_AFTER = Number(LONGEST_AGE) + Number(LANE.idleTime) + 1;

/** What a lane of this rate can have let out and not sold while its multiple falls by `rangeBps`. */
export const burst = (ratePerHour: bigint, rangeBps: bigint): bigint =>
  (ratePerHour * rangeBps * WAD) / BPS / BigInt(LANE.slopeWad) / HOUR;

/** The most by which urgency speeds a position's sale up, a multiple of the lane's rate. */
export const URGENT = 1n + bps(LANE.urgency);

/** One more second than the seconds from now to the next block that `time.setNextBlockTimestamp` takes. */
export const later = async (seconds: number | bigint): Promise<bigint> => BigInt(await time.latest()) + BigInt(seconds);

/** The base fee of the next block. */
export async function setBaseFee(wei: bigint): Promise<void> {
  await ethers.provider.send("hardhat_setNextBlockBaseFeePerGas", [ethers.toQuantity(wei)]);
}

/** Sends all in one block, in order, and says which succeeded. */
export async function inOneBlock(sends: (() => Promise<ContractTransactionResponse>)[]): Promise<boolean[]> {
  await ethers.provider.send("evm_setAutomine", [false]);
  const sent: string[] = [];
  try {
    for (const send of sends) sent.push((await send()).hash);
    await ethers.provider.send("evm_mine", []);
  } finally {
    await ethers.provider.send("evm_setAutomine", [true]);
  }
  const receipts = await Promise.all(sent.map(async (hash) => ethers.provider.getTransactionReceipt(hash)));
  return receipts.map((receipt) => receipt?.status === 1);
}

/** A contract that makes several calls in one transaction. */
export async function deployMulticall3() {
  const [deployer] = await ethers.getSigners();
  const abi = [
    "function aggregate3((address target, bool allowFailure, bytes callData)[] calls) returns ((bool success, bytes data)[])",
  ];
  const contract = await new ethers.ContractFactory(abi, multicall3(), deployer).deploy();
  return contract as Contract;
}

/** Ten WETH at 2,000 USDC against 15,900 USDC (LTV 79.5 %), no interest, and an hour of a quiet market. */
export async function opened(amount = weth(10), debt = usdc(15_900)) {
  const market = await coreWithoutInterest();
  const { house, buffer, borrower, keeper, collateral, open } = market;
  await open(borrower, amount, debt);
  await time.increase(3600);

  /** Opens the lane as the keeper, who is paid for it. */
  const openLane = async (owner: AddressLike = borrower) => house.connect(keeper).open(collateral, owner, keeper);
  /** Buys as the keeper, mined at `now` if that is given. */
  const buy = async (amountWanted = ALL, now?: bigint, owner: Addressable = borrower) => {
    if (now !== undefined) await time.setNextBlockTimestamp(now);
    return house.connect(keeper).buy(collateral, owner, amountWanted, ALL, keeper, "0x");
  };
  /** The buffer's room for the collateral, by its cap. */
  const setCap = async (cap: bigint): Promise<void> => {
    await buffer.setInventoryParameters(collateral, { ...INVENTORY, cap });
  };
  const setLane = async (change: Partial<typeof LANE>): Promise<void> => {
    await house.setLane(collateral, { ...LANE, depthOracle: market.depth, guard: market.guard, ...change });
  };
  const setPay = async (change: Partial<typeof PAY>): Promise<void> => {
    await house.setPay({ ...PAY, nativeOracle: market.oracle, wrappedNative: collateral, ...change });
  };
  return { ...market, openLane, buy, setCap, setLane, setPay };
}

/** As `opened`, then fallen to `price`, and the lane opened by the keeper. */
export async function selling(price = 1900, amount = weth(10), debt = usdc(15_900)) {
  const market = await opened(amount, debt);
  await market.setPrice(price);
  await market.openLane();
  return market;
}

/** The core without interest, with 400 WETH against 400,000 USDC, and absorptions at will. */
export async function buffering() {
  const all = await coreWithoutInterest();
  const { vault, house, buffer, collateral, borrower, open } = all;
  await open(borrower, weth(400), usdc(400_000));
  const asHouse = await signerOf(house);
  /** An absorption from the borrower's position, as the auction house has it done. */
  const absorb = async (amount: bigint, cost: bigint): Promise<void> => {
    await buffer.connect(asHouse).absorb(collateral, amount, cost);
    const fills = [{ owner: borrower, collateral: amount, repaid: cost, pay: 0n }];
    await vault.connect(asHouse).settle(collateral, fills, 0n, buffer, buffer, ethers.ZeroAddress, "0x");
  };
  return { ...all, absorb };
}

type Core = Awaited<ReturnType<typeof coreWithoutInterest>>;

/** Has the price seen twice, half an hour apart, so that requests can be fulfilled. */
export async function watch({ house, collateral }: Pick<Core, "house" | "collateral">): Promise<void> {
  await house.observe(collateral);
  await time.increase(1800);
}

/** An underwriter asks, waits, is fulfilled and claims, all by itself. */
export async function leave(all: Core, who: Core["other"], shares?: bigint): Promise<bigint> {
  const { buffer, loan } = all;
  await buffer.connect(who).requestRedeem(shares ?? (await buffer.balanceOf(who)), who, who);
  await time.increase(COOLDOWN - 1800);
  await watch(all);
  await buffer.connect(who).fulfil(who, who);
  const before = await loan.balanceOf(who);
  await buffer.connect(who).redeem(await buffer.maxRedeem(who), who, who);
  return (await loan.balanceOf(who)) - before;
}
