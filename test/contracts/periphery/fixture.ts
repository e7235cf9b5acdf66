import { type HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/signers";
import { mine, time } from "@nomicfoundation/hardhat-network-helpers";
import { MaxUint256, ZeroAddress, parseEther, parseUnits } from "ethers";
import { ethers } from "hardhat";

import { type MockERC20 } from "../../../typechain-types";
import { INVENTORY, LANE, MARKET, PAY, deployHouse } from "../fixture";
import { MAX_TICK, MIN_TICK, deployVenue } from "../uniswap";

export const WETH = parseEther("1");
export const USDC = parseUnits("1", 6);
const DAY = 86_400;

/** A price of whole loan asset for one whole collateral, scaled by 1e36. */
export const priceE36 = (usdc: bigint): bigint => usdc * 10n ** 24n;

async function deployToken(kind: string, symbol: string, decimals: number): Promise<MockERC20> {
  const token = await ethers.deployContract(kind, [symbol, symbol, decimals]);
  return ethers.getContractAt("MockERC20", await token.getAddress());
}

/**
 * A vault with one market at 3,000 USDC for a WETH, on a real Uniswap v3 pool as its venue, with a lender, an
 * underwriter and three borrowers of 10 WETH each at an LTV of two thirds.
 * @param tokenKind The mock contract that both tokens are.
 */
export async function deployMarket(tokenKind: string) {
  const [admin, trader, lender, keeper, receiver, ...others] = (await ethers.getSigners()) as [
    HardhatEthersSigner,
    HardhatEthersSigner,
    HardhatEthersSigner,
    HardhatEthersSigner,
    HardhatEthersSigner,
    ...HardhatEthersSigner[],
  ];
  const borrowers = others.slice(0, 3);
  const weth = await deployToken(tokenKind, "WETH", 18);
  const usdc = await deployToken(tokenKind, "USDC", 6);
  const venue = await deployVenue(trader, weth, usdc, WETH, 3000n * USDC);
  await venue.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 18n);
  await time.increase(1800);
  await mine();

  const authority = await ethers.deployContract("AccessManager", [admin]);
  const rates = [parseEther("0.9"), parseEther("0.01"), parseEther("0.05"), parseEther("0.8")] as const;
  const rateModel = await ethers.deployContract("KinkedRateModel", [...rates]);
  const vault = await ethers.deployContract("Vault", [usdc, "Spillway USDC", "spUSDC", rateModel, authority]);
  const house = await deployHouse(vault, authority);
  const buffer = await ethers.deployContract("LiquidityBuffer", [house, "Buffer", "bufUSDC", DAY, authority]);
  await vault.link(house, buffer);
  await vault.setInterestShares(1000, 500);

  const oracle = await ethers.deployContract("MockOracle", [priceE36(3000n)]);
  const guard = await ethers.deployContract("MockGuard");
  const depthOracle = await ethers.deployContract("UniswapV3Depth", [venue.pool, weth, usdc, 1800]);
  await vault.setMarket(weth, { ...MARKET, oracle, borrowOracle: oracle });
  await house.setLane(weth, { ...LANE, depthOracle, guard });
  await house.setPay({ ...PAY, nativeOracle: oracle, wrappedNative: weth });
  // a sale whatever the average says
  await buffer.setInventoryParameters(weth, { ...INVENTORY, emaToleranceBps: 10_000 });

  await usdc.mint(lender, 2_000_000n * USDC);
  await usdc.connect(lender).approve(vault, MaxUint256);
  await usdc.connect(lender).approve(buffer, MaxUint256);
  await vault.connect(lender).deposit(1_000_000n * USDC, lender);
  await buffer.connect(lender).deposit(100_000n * USDC, lender);
  for (const borrower of borrowers) {
    await weth.mint(borrower, 10n * WETH);
    await weth.connect(borrower).approve(vault, MaxUint256);
    await vault.connect(borrower).supplyCollateral(weth, 10n * WETH, borrower);
    await vault.connect(borrower).borrow(weth, 20_000n * USDC, borrower, borrower);
  }
  await time.increase(3600);

  const liquidator = await ethers.deployContract("FlashLiquidator", [house]);
  const lens = await ethers.deployContract("Lens", [house]);
  const contracts = { vault, house, buffer, authority, rateModel, oracle, guard, depthOracle, liquidator, lens };
  return { ...contracts, venue, weth, usdc, admin, trader, lender, keeper, receiver, borrowers };
}

/** The market after the oracle has fallen to 2,350, at which all three are at 85 %, and five minutes of an open lane. */
export async function deployOpenLane(tokenKind: string) {
  const market = await deployMarket(tokenKind);
  await market.oracle.setPrice(priceE36(2350n));
  await market.house.open(market.weth, market.borrowers[0] ?? ZeroAddress, market.keeper);
  await time.increase(300);
  await mine();
  return market;
}

/** The market after one position was absorbed by the buffer; the other two were repaid in part. */
export async function deployInventory(tokenKind: string) {
  const market = await deployMarket(tokenKind);
  const { usdc, vault, weth, oracle, house, borrowers } = market;
  for (const borrower of borrowers.slice(1)) {
    await usdc.connect(borrower).approve(vault, MaxUint256);
    await vault.connect(borrower).repay(weth, 10_000n * USDC, borrower);
  }
  await oracle.setPrice(priceE36(2150n));
  await house.absorb(weth, borrowers[0] ?? ZeroAddress, market.keeper);
  await time.increase(900); // the sale lets some out
  await mine();
  return market;
}
