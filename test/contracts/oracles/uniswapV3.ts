import { loadFixture, mine, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ZeroAddress, parseEther, parseUnits } from "ethers";
import { ethers } from "hardhat";

import { type MockERC20 } from "../../../typechain-types";
import {
  MAX_TICK,
  MIN_TICK,
  PoolHistory,
  TICK_SPACING,
  type Venue,
  deployToken,
  deployVenue,
  priceX256,
  sqrt,
} from "../uniswap";

const WINDOW = 1800;
const LIQUIDITY = 10n ** 18n;
const WETH = parseEther("1");
const USDC = parseUnits("1", 6);

interface Pair {
  collateral: MockERC20;
  loanAsset: MockERC20;
}

/** WETH and USDC in the asked for order of addresses, which a pool sorts its tokens by. */
async function deployPair(collateralIsToken0: boolean): Promise<Pair> {
  const loanAsset = await deployToken("USDC", 6);
  for (;;) {
    const collateral = await deployToken("WETH", 18);
    if (BigInt(await collateral.getAddress()) < BigInt(await loanAsset.getAddress()) === collateralIsToken0) {
      return { collateral, loanAsset };
    }
  }
}

/** A pool at 3,000 USDC for a WETH that was made a window ago, and what it has been through since. */
async function venueOf(collateralIsToken0: boolean) {
  const [trader] = await ethers.getSigners();
  const { collateral, loanAsset } = await deployPair(collateralIsToken0);
  const venue = await deployVenue(trader!, collateral, loanAsset, WETH, 3000n * USDC);
  const history = new PoolHistory(venue.pool);
  await venue.addLiquidity(MIN_TICK, MAX_TICK, LIQUIDITY);
  await history.note();
  return { trader: trader!, collateral, loanAsset, venue, history };
}

const collateralFirst = () => venueOf(true);
const loanAssetFirst = () => venueOf(false);

/** Sells and buys so that price and liquidity in range differ over the window. */
async function trade(collateral: MockERC20, loanAsset: MockERC20, venue: Venue, history: PoolHistory): Promise<void> {
  const step = async (seconds: number, action: () => Promise<unknown>): Promise<void> => {
    await time.increase(seconds);
    await action();
    await history.note();
  };
  await step(2000, () => venue.sell(collateral, 30n * WETH));
  await step(601, () => venue.sell(loanAsset, 400_000n * USDC));
  const { tick } = await venue.pool.slot0();
  const near = Math.floor(Number(tick) / TICK_SPACING) * TICK_SPACING;
  await step(302, () => venue.addLiquidity(near - 50 * TICK_SPACING, near + 50 * TICK_SPACING, 5n * LIQUIDITY));
  await step(411, () => venue.sell(collateral, 7n * WETH));
  await time.increase(203);
  await mine();
}

/** Collateral that moves the price by 1 %, from a Q256 price and in whatever order, with no rounding to speak of. */
function depthOf(tick: bigint, liquidity: bigint, collateralIsToken0: boolean): bigint {
  const price = priceX256(tick);
  const after = collateralIsToken0 ? (price * 99n) / 100n : (price * 100n) / 99n;
  const [rootBefore, rootAfter] = [sqrt(price << 256n), sqrt(after << 256n)]; // Q256
  return collateralIsToken0
    ? (liquidity * (rootBefore - rootAfter) * (1n << 256n)) / rootBefore / rootAfter
    : (liquidity * (rootAfter - rootBefore)) >> 256n;
}

function averageOf(tick: bigint, collateralIsToken0: boolean): bigint {
  const scale = 10n ** 36n;
  return collateralIsToken0 ? (priceX256(tick) * scale) >> 256n : (scale << 256n) / priceX256(tick);
}

function expectClose(actual: bigint, expected: bigint, perMillionth: bigint): void {
  const bound = (expected * perMillionth) / 10n ** 12n + 1n;
  expect(actual).to.be.within(expected - bound, expected + bound);
}

for (const [name, fixture, collateralIsToken0] of [
  ["collateral is token 0", collateralFirst, true],
  ["collateral is token 1", loanAssetFirst, false],
] as const) {
  describe(`UniswapV3Depth, ${name}`, () => {
    async function deploy() {
      const base = await fixture();
      const args = [base.venue.pool, base.collateral, base.loanAsset] as const;
      const depth = await ethers.deployContract("UniswapV3Depth", [...args, WINDOW]);
      return { ...base, depth };
    }

    it("knows its pool", async () => {
      const { depth, venue } = await loadFixture(deploy);
      expect(await depth.pool()).to.equal(venue.pool);
      expect(await depth.window()).to.equal(WINDOW);
      expect(await depth.collateralIsToken0()).to.equal(collateralIsToken0);
    });

    it("is what the pool's own past says, to a millionth of a millionth", async () => {
      const { depth, collateral, loanAsset, venue, history } = await loadFixture(deploy);
      await trade(collateral, loanAsset, venue, history);
      const means = history.means(BigInt(WINDOW), BigInt(await time.latest()));
      expect(means.liquidity).to.be.within(LIQUIDITY, 5n * LIQUIDITY);
      expectClose(await depth.depth(), depthOf(means.tick, means.liquidity, collateralIsToken0), 10n);
    });

    it("is rounded down to the unit", async () => {
      const [trader] = await ethers.getSigners();
      const { collateral, loanAsset } = await deployPair(collateralIsToken0);
      const { pool, ...venue } = await deployVenue(trader!, collateral, loanAsset, 1n, 1n);
      // at a price of 1 and a liquidity of 2^70 the pool's own sums have no rest
      const { id, liquidity } = await venue.addLiquidity(MIN_TICK, MAX_TICK, (1n << 70n) + (1n << 50n));
      await venue.removeLiquidity(id, liquidity - (1n << 70n));
      await time.increase(WINDOW);
      await mine();
      const depth = await ethers.deployContract("UniswapV3Depth", [pool, collateral, loanAsset, WINDOW]);
      // 2^70 times 0.005037815259212075, which is 1/√0.99 − 1 rounded down, is 5,947,602,481,748,089,159.33
      expect(await depth.depth()).to.equal(5_947_602_481_748_089_159n);
    });

    it("is what moves the real pool by 1 %", async () => {
      const { depth, collateral, venue } = await loadFixture(deploy);
      await time.increase(WINDOW);
      await mine();
      const { sqrtPriceX96: before } = await venue.pool.slot0();
      await venue.sell(collateral, ((await depth.depth()) * 1_000_000n) / 999_500n); // and the pool's fee of 0.05 %
      const { sqrtPriceX96: after } = await venue.pool.slot0();
      const [from, to] = collateralIsToken0 ? [before, after] : [after, before];
      // within 0.02 % of the price, two ticks: the mean is a whole tick
      expect((to * to * 1_000_000n) / (from * from)).to.be.within(989_800n, 990_200n);
    });

    it("hardly moves for liquidity that is added for a moment", async () => {
      const { depth, venue } = await loadFixture(deploy);
      await time.increase(WINDOW);
      await mine();
      const before = await depth.depth();
      const { id, liquidity } = await venue.addLiquidity(MIN_TICK, MAX_TICK, 1000n * LIQUIDITY);
      expect(await venue.pool.liquidity()).to.be.gt(990n * LIQUIDITY);
      expectClose(await depth.depth(), before, 10n); // in the same block: rounding alone
      await time.increase(60);
      await venue.removeLiquidity(id, liquidity);
      const after = await depth.depth();
      // a thousandfold for 60 of 1,800 seconds: 1800 / (1740 + 60/1000) is 3.5 % more
      expect(after).to.be.within(before, (before * 104n) / 100n);
    });

    it("needs observations over the whole window", async () => {
      const { depth, venue } = await loadFixture(deploy);
      await expect(depth.depth())
        .to.be.revertedWithCustomError(depth, "WindowNotAvailable")
        .withArgs(venue.pool, WINDOW);
      await time.increase(WINDOW);
      await mine();
      expect(await depth.depth()).to.be.gt(0);
    });
  });

  describe(`GuardedOracle, ${name}`, () => {
    const BOUND = 200;

    async function deploy() {
      const base = await fixture();
      const primary = await ethers.deployContract("MockOracle", [3000n * 10n ** 24n]);
      const oracle = await ethers.deployContract("GuardedOracle", [
        primary,
        base.venue.pool,
        base.collateral,
        base.loanAsset,
        WINDOW,
        BOUND,
      ]);
      return { ...base, primary, oracle };
    }

    async function deployAndWait() {
      const base = await deploy();
      await time.increase(WINDOW);
      await mine();
      return base;
    }

    it("averages over the window, ticks rounded down, to a millionth of a millionth", async () => {
      const { oracle, collateral, loanAsset, venue, history } = await loadFixture(deploy);
      await trade(collateral, loanAsset, venue, history);
      for (let i = 0; i < 5; i++) {
        await time.increase(7); // so that sums with and without a rest come up
        await mine();
        const { tick } = history.means(BigInt(WINDOW), BigInt(await time.latest()));
        expect(tick < 0n).to.equal(collateralIsToken0);
        const [, average] = await oracle.prices();
        expectClose(average, averageOf(tick, collateralIsToken0), 10n);
      }
    });

    it("is the primary price up to the bound and the lower one past it", async () => {
      const { oracle, primary } = await loadFixture(deployAndWait);
      const [, average] = await oracle.prices();
      // average = primary · (1 ± 2 %) is where the bound is reached
      const [lowest, highest] = [(average * 10_000n) / 10_200n + 1n, (average * 10_000n) / 9_800n - 1n];
      for (const inside of [lowest, average, highest]) {
        await primary.setPrice(inside);
        expect(await oracle.diverged()).to.equal(false);
        expect(await oracle.price()).to.equal(inside);
      }
      for (const [outside, price] of [
        [lowest - 2n, lowest - 2n],
        [highest + 2n, average],
        [1n, 1n],
        [10n ** 60n, average],
      ] as const) {
        await primary.setPrice(outside);
        expect(await oracle.diverged()).to.equal(true);
        expect(await oracle.price()).to.equal(price);
      }
    });

    it("has no price and has diverged while the average can't be read", async () => {
      const { oracle, venue } = await loadFixture(deploy);
      await expect(oracle.price())
        .to.be.revertedWithCustomError(oracle, "WindowNotAvailable")
        .withArgs(venue.pool, WINDOW);
      expect(await oracle.diverged()).to.equal(true);
    });

    it("has no price and has diverged while the primary oracle can't be read", async () => {
      const { oracle, primary } = await loadFixture(deployAndWait);
      await primary.setBroken(true);
      await expect(oracle.price()).to.be.revertedWithCustomError(primary, "Broken");
      expect(await oracle.diverged()).to.equal(true);
    });

    it("follows a pool that is held elsewhere, not one that is moved for a moment", async () => {
      const { oracle, collateral, venue } = await loadFixture(deployAndWait);
      await venue.sell(collateral, 1500n * WETH); // far more than the bound
      expect(await oracle.diverged()).to.equal(false);
      await time.increase(WINDOW);
      await mine();
      expect(await oracle.diverged()).to.equal(true);
      const [primary, average] = await oracle.prices();
      expect(average).to.be.lt(primary);
      expect(await oracle.price()).to.equal(average);
    });
  });

  describe(`the average at the ends of Uniswap's prices, ${name}`, () => {
    for (const power of [-126n, -100n, -64n, -1n, 0n, 63n, 65n, 100n, 127n]) {
      it(`is right at 2^${power} of token 1 for one of token 0`, async () => {
        const [trader] = await ethers.getSigners();
        const { collateral, loanAsset } = await deployPair(collateralIsToken0);
        const [token0, token1] = collateralIsToken0 ? [collateral, loanAsset] : [loanAsset, collateral];
        const [amount0, amount1] = power < 0n ? [1n << -power, 1n] : [1n, 1n << power];
        const { pool } = await deployVenue(trader!, token0, token1, amount0, amount1);
        const primary = await ethers.deployContract("MockOracle", [1n]);
        const args = [primary, pool, collateral, loanAsset, WINDOW, 1] as const;
        const oracle = await ethers.deployContract("GuardedOracle", [...args]);
        await time.increase(WINDOW);
        await mine();

        const { tick } = await pool.slot0();
        const expected = averageOf(tick, collateralIsToken0);
        if (expected === 0n) {
          await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "AverageTooSmall");
          expect(await oracle.diverged()).to.equal(true);
        } else {
          const [, average] = await oracle.prices();
          expectClose(average, expected, 1000n);
        }
      });
    }
  });
}

describe("oracles on a Uniswap v3 pool", () => {
  async function deploy() {
    const base = await collateralFirst();
    const primary = await ethers.deployContract("MockOracle", [1n]);
    const guarded = await ethers.getContractFactory("GuardedOracle");
    const depth = await ethers.getContractFactory("UniswapV3Depth");
    return { ...base, primary, guarded, depth };
  }

  it("refuse a pool of other tokens", async () => {
    const { guarded, depth, primary, venue, collateral, loanAsset } = await loadFixture(deploy);
    const other = await deployToken("DAI", 18);
    for (const [a, b] of [
      [collateral, other],
      [other, loanAsset],
      [loanAsset, other],
      [other, collateral],
      [collateral, collateral],
      [loanAsset, loanAsset],
    ] as const) {
      await expect(guarded.deploy(primary, venue.pool, a, b, WINDOW, 200))
        .to.be.revertedWithCustomError(guarded, "WrongPool")
        .withArgs(venue.pool, a, b);
      await expect(depth.deploy(venue.pool, a, b, WINDOW))
        .to.be.revertedWithCustomError(depth, "WrongPool")
        .withArgs(venue.pool, a, b);
    }
    await depth.deploy(venue.pool, loanAsset, collateral, WINDOW); // either one may be the collateral
  });

  it("refuse an empty window", async () => {
    const { guarded, depth, primary, venue, collateral, loanAsset } = await loadFixture(deploy);
    await expect(guarded.deploy(primary, venue.pool, collateral, loanAsset, 0, 200)).to.be.revertedWithCustomError(
      guarded,
      "ZeroWindow",
    );
    await expect(depth.deploy(venue.pool, collateral, loanAsset, 0)).to.be.revertedWithCustomError(depth, "ZeroWindow");
  });

  it("refuse a bound that is none, and no primary oracle", async () => {
    const { guarded, primary, venue, collateral, loanAsset } = await loadFixture(deploy);
    for (const bound of [0, 10_000]) {
      await expect(guarded.deploy(primary, venue.pool, collateral, loanAsset, WINDOW, bound))
        .to.be.revertedWithCustomError(guarded, "BadBound")
        .withArgs(bound);
    }
    await expect(
      guarded.deploy(ZeroAddress, venue.pool, collateral, loanAsset, WINDOW, 200),
    ).to.be.revertedWithCustomError(guarded, "ZeroAddress");
  });
});
