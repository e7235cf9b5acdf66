import { impersonateAccount, loadFixture, setBalance, setCode, time } from "@nomicfoundation/hardhat-network-helpers";
import type { AddressLike } from "ethers";
import { ethers } from "hardhat";

import type { AuctionHouse, IAuctionHouse, ILiquidityBuffer, IVault, Vault } from "../../typechain-types";

export const WAD = 10n ** 18n;
export const HOUR = 3600n;
export const ETH_PRICE = 2000n;

/** A price of whole loan units (6 decimals) a whole collateral unit, in the oracle's scale of 1e36. */
export function priceE36(loanPerCollateral: number | bigint, collateralDecimals = 18n, loanDecimals = 6n): bigint {
  const micro =
    typeof loanPerCollateral === "bigint"
      ? loanPerCollateral * 1_000_000n
      : BigInt(Math.round(loanPerCollateral * 1e6));
  return (micro * 10n ** (36n + loanDecimals - collateralDecimals)) / 1_000_000n;
}

export const usdc = (amount: number): bigint => ethers.parseUnits(amount.toString(), 6);
export const weth = (amount: number): bigint => ethers.parseUnits(amount.toString(), 18);

export const LANE: IAuctionHouse.LaneParametersStruct = {
  slopeWad: (5n * 10n ** 15n) / 60n,
  minPremiumBps: 50,
  maxPremiumBps: 400,
  maxDiscountBps: 600,
  firstDiscountBps: 150,
  targetLtvBps: 7885,
  absorbLtvBps: 9100,
  liquidationFeeBps: 50,
  urgency: 4,
  idleTime: 300,
  emaPeriod: 1800,
  absorbDiscountBps: 300,
  paceBps: 120,
  clearHours: 240,
  minRatePerHour: 10n ** 16n,
  maxRatePerHour: 10n ** 24n,
  depthOracle: ethers.ZeroAddress,
  guard: ethers.ZeroAddress,
};

export const INVENTORY: ILiquidityBuffer.InventoryParametersStruct = {
  cap: 10n ** 24n,
  slopeWad: (5n * 10n ** 15n) / 60n,
  paceShareBps: 5000,
  premiumBps: 50,
  maxDiscountBps: 100,
  emaToleranceBps: 100,
  haircutBps: 500,
  maxHold: 24 * 3600,
  biteTime: 0,
};

/** What keepers are paid: WETH is the native coin, so that the market needs no other price. */
export const PAY: IAuctionHouse.PayParametersStruct = {
  nativeOracle: ethers.ZeroAddress,
  feeCap: 2_000n * 10n ** 9n,
  marginBps: 2000,
  capBps: 100,
  wrappedNative: ethers.ZeroAddress,
  tip: 10n ** 9n,
  interval: 3600,
};

export const MARKET = { maxLtvBps: 8000, lltvBps: 8300, debtCeiling: usdc(100_000_000), minDebt: usdc(500) };

/** The auction house with the library that it is linked to. */
export async function deployHouse(vault: AddressLike, authority: AddressLike): Promise<AuctionHouse> {
  const settings = await ethers.deployContract("LaneSettings");
  const libraries = { LaneSettings: await settings.getAddress() };
  return ethers.deployContract("AuctionHouse", [vault, authority], { libraries });
}

/** A contract as a signer. */
export async function signerOf(contract: AddressLike) {
  const address = await ethers.resolveAddress(contract);
  await impersonateAccount(address);
  await setBalance(address, WAD);
  return ethers.getSigner(address);
}

/** Sets what the lane of a market lets it owe, as the auction house does. */
export async function setLaneCeiling(vault: Vault, collateral: AddressLike, assets: bigint): Promise<void> {
  await vault.connect(await signerOf(await vault.auctionHouse())).setLaneCeiling(collateral, assets);
}

/**
 * The core with mock tokens and a mock oracle, connected, one WETH market at 2000 USDC, everybody funded and with the
 * vault and the buffer approved: 1,000,000 USDC lent, 200,000 USDC underwritten, 100 WETH of depth.
 */
async function deployCore(rateAtKink = WAD / 20n, rateAtFull = WAD / 2n) {
  const [governor, guardian, lender, underwriter, borrower, keeper, other] = await ethers.getSigners();
  if (!governor || !guardian || !lender || !underwriter || !borrower || !keeper || !other)
    throw new Error("no signers");
  const loan = await ethers.deployContract("MockERC20", ["USD Coin", "USDC", 6]);
  const collateral = await ethers.deployContract("MockERC20", ["Wrapped Ether", "WETH", 18]);
  const oracle = await ethers.deployContract("MockOracle", [priceE36(ETH_PRICE)]);
  const borrowOracle = await ethers.deployContract("MockOracle", [priceE36(ETH_PRICE)]);
  const depth = await ethers.deployContract("MockDepth", [weth(100)]);
  const guard = await ethers.deployContract("MockGuard");
  const manager = await ethers.deployContract("AccessManager", [governor.address]);
  const rates = await ethers.deployContract("KinkedRateModel", [(WAD * 9n) / 10n, 0n, rateAtKink, rateAtFull]);
  const vault = await ethers.deployContract("Vault", [loan, "Spillway USDC", "spUSDC", rates, manager]);
  const house = await deployHouse(vault, manager);
  const buffer = await ethers.deployContract("LiquidityBuffer", [
    house,
    "Spillway USDC buffer",
    "sbUSDC",
    3 * 86400,
    manager,
  ]);

  await vault.link(house, buffer);
  const market: IVault.MarketParametersStruct = { oracle, borrowOracle, ...MARKET };
  await vault.setMarket(collateral, market);
  await vault.setInterestShares(500, 500);
  await house.setLane(collateral, { ...LANE, depthOracle: depth, guard });
  await house.setPay({ ...PAY, nativeOracle: oracle, wrappedNative: collateral });
  // whatever the lane lets out, so that a test can lend what it wants to
  await setLaneCeiling(vault, collateral, ethers.MaxUint256);
  await buffer.setInventoryParameters(collateral, INVENTORY);

  for (const user of [lender, underwriter, borrower, keeper, other]) {
    await loan.mint(user, usdc(10_000_000));
    await collateral.mint(user, weth(10_000));
    for (const spender of [vault, buffer]) {
      await loan.connect(user).approve(spender, ethers.MaxUint256);
      await collateral.connect(user).approve(spender, ethers.MaxUint256);
    }
  }
  await vault.connect(lender).deposit(usdc(1_000_000), lender);
  await buffer.connect(underwriter).deposit(usdc(200_000), underwriter);

  /** Opens a position at the given LTV (0..1 at the current mock price). */
  const open = async (owner: typeof borrower, amount: bigint, debt: bigint): Promise<void> => {
    await vault.connect(owner).supplyCollateral(collateral, amount, owner);
    await vault.connect(owner).borrow(collateral, debt, owner, owner);
  };
  /** Moves both oracles. */
  const setPrice = async (price: number): Promise<void> => {
    await oracle.setPrice(priceE36(price));
    await borrowOracle.setPrice(priceE36(price));
  };
  return {
    governor,
    guardian,
    lender,
    underwriter,
    borrower,
    keeper,
    other,
    loan,
    collateral,
    oracle,
    borrowOracle,
    depth,
    guard,
    manager,
    rates,
    vault,
    house,
    buffer,
    open,
    setPrice,
  };
}

/** A fresh copy of the core for each test. */
export async function core(): Promise<Awaited<ReturnType<typeof deployCore>>> {
  return loadFixture(deployCore);
}

const deployCoreWithoutInterest = () => deployCore(0n, 0n);

/** The same with a borrow rate of zero, so that a debt share is one unit for good. */
export async function coreWithoutInterest(): Promise<Awaited<ReturnType<typeof deployCore>>> {
  return loadFixture(deployCoreWithoutInterest);
}

/** 400 WETH that owe a year's interest on 600,000 USDC, at an index that is odd and stands still from here on. */
export async function coreAtOddIndex() {
  const all = await core();
  const { vault, collateral, borrower, rates, lender, open } = all;
  await vault.connect(lender).deposit(usdc(1_000_000), lender);
  await open(borrower, weth(400), usdc(600_000));
  // to the second, so that the index is the same in every run
  await time.setNextBlockTimestamp(BigInt(await time.latest()) + 365n * 24n * HOUR);
  await vault.accrueInterest();
  // a model that answers zero: PUSH0, PUSH0, MSTORE, PUSH1 20, PUSH0, RETURN
  await setCode(await rates.getAddress(), "0x5f5f5260205ff3");
  return {
    ...all,
    index: await vault.indexE27(),
    shares: (await vault.position(collateral, borrower)).debtShares,
  };
}

export { time };

/** What a permit (ERC-2612) signs, as EIP-712 names it. */
export const PERMIT = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
};
