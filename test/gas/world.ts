import { loadFixture, setBalance } from "@nomicfoundation/hardhat-network-helpers";
import { MaxUint256, Wallet } from "ethers";
import { ethers } from "hardhat";

import { INVENTORY, LANE, MARKET, PAY, WAD, deployHouse, time, usdc, weth } from "../contracts/fixture";
import { MAX_TICK, MIN_TICK, deployToken, deployVenue } from "../contracts/uniswap";

const HALF_AN_HOUR = 1800;
const FEED_UNIT = 10n ** 8n;
/**
 * Observations that the pool keeps, as mainnet's parameters ask for, and trades that fill all of them: one a block of 12
 * seconds, as a pool is traded in a crash. The start of the window is searched among all of them, two cold slots a step.
 */
const OBSERVATIONS = 720;
/** Trades in the pool's window. */
const TRADES = 150;

/** Collateral and debt of a position at an LTV of 79.5 % at 2,000 USDC. */
const POSITION = { collateral: weth(10), debt: usdc(15_900) };

/**
 * The protocol as it is deployed: prices from two Chainlink feeds, a guard and a depth from a real Uniswap v3 pool with a full
 * window of observations. Twelve positions of their own wallets, 79.5 % LTV at 2,000 USDC.
 */
async function deployReal() {
  const [admin, trader, lender, keeper, receiver] = await ethers.getSigners();
  if (!admin || !trader || !lender || !keeper || !receiver) throw new Error("no signers");
  const loan = await deployToken("USDC", 6);
  const collateral = await deployToken("WETH", 18);
  const venue = await deployVenue(trader, collateral, loan, WAD, usdc(2000), OBSERVATIONS);
  await venue.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 18n);

  const base = await ethers.deployContract("MockAggregatorV3", [8, 2000n * FEED_UNIT]);
  const quote = await ethers.deployContract("MockAggregatorV3", [8, FEED_UNIT]);
  const oracle = await ethers.deployContract("ChainlinkOracle", [
    {
      collateral,
      loanAsset: loan,
      base,
      baseMaxAge: 365 * 86_400,
      cross: ethers.ZeroAddress,
      crossMaxAge: 0,
      quote,
      quoteMaxAge: 365 * 86_400,
      sequencer: ethers.ZeroAddress,
      gracePeriod: 0,
    },
  ]);
  const pool = venue.pool;
  const guarded = await ethers.deployContract("GuardedOracle", [oracle, pool, collateral, loan, HALF_AN_HOUR, 300]);
  const depthOracle = await ethers.deployContract("UniswapV3Depth", [pool, collateral, loan, HALF_AN_HOUR]);

  const manager = await ethers.deployContract("AccessManager", [admin]);
  const rates = await ethers.deployContract("KinkedRateModel", [(WAD * 9n) / 10n, 0n, WAD / 20n, WAD / 2n]);
  const vault = await ethers.deployContract("Vault", [loan, "Spillway USDC", "spUSDC", rates, manager]);
  const house = await deployHouse(vault, manager);
  const buffer = await ethers.deployContract("LiquidityBuffer", [house, "Buffer", "sbUSDC", 86_400, manager]);
  await vault.link(house, buffer);
  await vault.setInterestShares(500, 500);
  await time.increase(HALF_AN_HOUR);
  await trade(OBSERVATIONS);
  await vault.setMarket(collateral, { oracle, borrowOracle: guarded, ...MARKET });
  await house.setLane(collateral, { ...LANE, depthOracle, guard: guarded });
  await house.setPay({ ...PAY, nativeOracle: oracle, wrappedNative: collateral });
  await buffer.setInventoryParameters(collateral, { ...INVENTORY, emaToleranceBps: 10_000 });

  /** Trades to and fro by a few ticks, or the pool would observe nothing, once a block of 12 seconds. */
  async function trade(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await time.setNextBlockTimestamp((await time.latest()) + 12);
      await (i % 2 === 0 ? venue.sell(collateral, weth(5)) : venue.sell(loan, usdc(10_000)));
    }
  }

  for (const user of [lender, keeper]) {
    await loan.mint(user, usdc(10_000_000));
    for (const spender of [vault, buffer]) await loan.connect(user).approve(spender, MaxUint256);
  }
  await vault.connect(lender).deposit(usdc(1_000_000), lender);
  await buffer.connect(lender).deposit(usdc(500_000), lender);
  // whoever is paid or buys has had some before
  await collateral.mint(receiver, 1n);
  await collateral.mint(keeper, 1n);
  await collateral.mint(buffer, 1n);
  const owners: string[] = [];
  for (let i = 0; i < 12; i++) {
    const owner = new Wallet(ethers.id(`owner ${i}`), ethers.provider);
    await setBalance(owner.address, WAD);
    await collateral.mint(owner, POSITION.collateral);
    await collateral.connect(owner).approve(vault, MaxUint256);
    await vault.connect(owner).supplyCollateral(collateral, POSITION.collateral, owner);
    await vault.connect(owner).borrow(collateral, POSITION.debt, owner, owner);
    owners.push(owner.address);
  }
  await time.increase(3600);
  await trade(TRADES);

  /** The feed publishes the price at which every position has this LTV. */
  const setLtv = async (ltv: number): Promise<void> => {
    const position = Number(POSITION.debt) / 1e6 / (Number(POSITION.collateral) / 1e18);
    await base.setAnswer(BigInt(Math.round((position / ltv) * 1e8)));
  };
  return { vault, house, buffer, collateral, loan, oracle, keeper, receiver, lender, owners, setLtv, trade };
}

/** A fresh copy for each test. */
export async function real(): Promise<Awaited<ReturnType<typeof deployReal>>> {
  return loadFixture(deployReal);
}
