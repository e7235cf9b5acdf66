import { loadFixture, mine, setBalance, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256, parseEther, parseUnits, ZeroAddress } from "ethers";
import { ethers } from "hardhat";

import { type DepthSum, type IDepthOracle } from "../../../typechain-types";
import { MAX_TICK, MIN_TICK, deployToken, deployVenue } from "../uniswap";

const WINDOW = 1800;
const LIQUIDITY = 10n ** 18n;
const WETH = parseEther("1");
const USDC = parseUnits("1", 6);
/** The outermost tick that the spacing of the 0.3 % tier allows. */
const WIDE_TICK = 887_220;
const VENUE_GAS = 300_000n;

type Addressable = Parameters<Awaited<ReturnType<typeof factoryOf>>["deploy"]>[0][number];

const factoryOf = () => ethers.getContractFactory("DepthSum");
const mock = (amount: bigint) => ethers.deployContract("MockDepth", [amount]);
const sumOf = async (...venues: Addressable[]): Promise<DepthSum> => (await factoryOf()).deploy(venues);
const hostile = async (way: number, appetite = 0n) => ethers.deployContract("MockHostileDepth", [way, appetite]);
const [NOTHING, SHORT, BOMB, BURN, HUNGRY] = [0, 1, 2, 3, 4];

/** Pools of 0.05 % and 0.3 % for the same tokens at 3,000 USDC for a WETH, the second one a third as deep. */
async function pools() {
  const [trader] = await ethers.getSigners();
  const [weth, usdc] = [await deployToken("WETH", 18), await deployToken("USDC", 6)];
  const narrow = await deployVenue(trader!, weth, usdc, WETH, 3000n * USDC);
  const wide = await deployVenue(trader!, weth, usdc, WETH, 3000n * USDC, 200, 3000);
  const first = await narrow.addLiquidity(MIN_TICK, MAX_TICK, LIQUIDITY);
  const second = await wide.addLiquidity(-WIDE_TICK, WIDE_TICK, LIQUIDITY / 3n);
  const depthOf = (pool: typeof narrow.pool): Promise<IDepthOracle> =>
    ethers.deployContract("UniswapV3Depth", [pool, weth, usdc, WINDOW]);
  const [narrowDepth, wideDepth] = [await depthOf(narrow.pool), await depthOf(wide.pool)];
  const sum = await sumOf(narrowDepth, wideDepth);
  return { trader: trader!, weth, usdc, narrow, wide, first, second, narrowDepth, wideDepth, sum, depthOf };
}

async function poolsThatStood() {
  const all = await pools();
  await time.increase(WINDOW);
  await mine();
  return all;
}

/** What a call answers with so much gas: a depth, or the name of the error that it reverts with; empty when it runs out. */
async function withGas(sum: DepthSum, gasLimit: bigint): Promise<bigint | string> {
  try {
    return await sum.depth({ gasLimit });
  } catch (error) {
    // a string, or nested once more where Hardhat does not know the error
    const { data } = error as { data?: string | { data?: string } };
    const bytes = typeof data === "object" ? data.data : data;
    return (bytes !== undefined && bytes !== "0x" && sum.interface.parseError(bytes)?.name) || "";
  }
}

describe("DepthSum", () => {
  describe("over real Uniswap v3 pools of two fees", () => {
    it("is the sum of their depths", async () => {
      const { sum, narrowDepth, wideDepth, narrow, wide } = await loadFixture(poolsThatStood);
      expect([await narrow.pool.fee(), await wide.pool.fee()]).to.deep.equal([500n, 3000n]);
      const [a, b] = [await narrowDepth.depth(), await wideDepth.depth()];
      expect((b * 300n) / a).to.be.within(99n, 101n);
      expect(await sum.depth()).to.equal(a + b);
      expect(await sum.venues()).to.deep.equal([await narrowDepth.getAddress(), await wideDepth.getAddress()]);
    });

    it("is what moves both by 1 % when the sale is split over them", async () => {
      const { sum, narrowDepth, weth, narrow, wide } = await loadFixture(poolsThatStood);
      const [all, first] = [await sum.depth(), await narrowDepth.depth()];
      const isToken0 = (await narrow.pool.token0()) === (await weth.getAddress());
      for (const [venue, amount, fee] of [
        [narrow, first, 500n],
        [wide, all - first, 3000n],
      ] as const) {
        const { sqrtPriceX96: before } = await venue.pool.slot0();
        await venue.sell(weth, (amount * 1_000_000n) / (1_000_000n - fee));
        const { sqrtPriceX96: after } = await venue.pool.slot0();
        const [from, to] = isToken0 ? [before, after] : [after, before];
        expect((to * to * 1_000_000n) / (from * from)).to.be.within(989_800n, 990_200n);
      }
    });

    it("loses no more than a pool whose liquidity is pulled", async () => {
      const { sum, narrowDepth, wideDepth, narrow, first } = await loadFixture(poolsThatStood);
      const other = await wideDepth.depth();
      await narrow.removeLiquidity(first.id, first.liquidity);
      await time.increase(WINDOW);
      await mine();
      const left = await narrowDepth.depth();
      expect(left).to.be.lt(100); // wei: an empty pool reports a liquidity of 1
      expect(await sum.depth()).to.equal((await wideDepth.depth()) + left);
      expect(await sum.depth()).to.be.within(other - 100n, other + 100n);
    });

    it("counts a pool that has no observations yet as nothing, until it has", async () => {
      const { trader, weth, usdc, wideDepth, depthOf } = await loadFixture(poolsThatStood);
      const young = await deployVenue(trader, weth, usdc, WETH, 3000n * USDC);
      await young.addLiquidity(MIN_TICK, MAX_TICK, LIQUIDITY);
      const youngDepth = await depthOf(young.pool);
      const sum = await sumOf(youngDepth, wideDepth);
      await expect(youngDepth.depth()).to.be.reverted;
      expect(await sum.depth()).to.equal(await wideDepth.depth());
      await time.increase(WINDOW);
      await mine();
      expect(await sum.depth()).to.equal((await youngDepth.depth()) + (await wideDepth.depth()));
    });

    it("has no depth while no pool can be read", async () => {
      const { sum } = await loadFixture(pools);
      await expect(sum.depth()).to.be.revertedWithCustomError(sum, "NoVenueReadable");
    });

    it("never answers less for want of gas", async () => {
      const { sum } = await loadFixture(poolsThatStood);
      const whole = await sum.depth();
      for (let gas = 30_000n; gas <= 200_000n; gas += 500n) {
        const answer = await withGas(sum, gas);
        if (typeof answer === "bigint") expect(answer, `with ${gas} gas`).to.equal(whole);
      }
      expect(await withGas(sum, 200_000n)).to.equal(whole);
    });

    it("leaves each venue three times the gas that a pool needs", async () => {
      const { sum, narrowDepth } = await loadFixture(poolsThatStood);
      expect(await sum.VENUE_GAS()).to.equal(VENUE_GAS);
      const needed = await ethers.provider.estimateGas({
        to: await narrowDepth.getAddress(),
        data: narrowDepth.interface.encodeFunctionData("depth"),
      });
      expect(needed * 3n).to.be.lt(VENUE_GAS);
    });
  });

  describe("over venues that fail", () => {
    it("counts one that reverts as zero, wherever it stands", async () => {
      const mocks = [await mock(1n), await mock(20n), await mock(300n), await mock(4000n)];
      const sum = await sumOf(...mocks);
      expect(await sum.depth()).to.equal(4321);
      for (const [index, without] of [4320n, 4301n, 4021n, 321n].entries()) {
        await mocks[index]!.setBroken(true);
        expect(await sum.depth()).to.equal(without);
        await mocks[index]!.setBroken(false);
      }
      for (const venue of mocks) await venue.setBroken(true);
      await expect(sum.depth()).to.be.revertedWithCustomError(sum, "NoVenueReadable");
      await mocks[3]!.setBroken(false);
      expect(await sum.depth()).to.equal(4000);
    });

    it("tells an empty venue from one that can't be read", async () => {
      const [empty, broken] = [await mock(0n), await mock(5n)];
      await broken.setBroken(true);
      expect(await (await sumOf(broken, empty)).depth()).to.equal(0);
    });

    for (const [what, way] of [
      ["answers nothing", NOTHING],
      ["answers a byte too little", SHORT],
      ["burns all its gas", BURN],
    ] as const) {
      it(`counts one that ${what} as zero`, async () => {
        const bad = await hostile(way);
        const good = await mock(7n);
        for (const venues of [
          [bad, good],
          [good, bad],
          [bad, await hostile(way), await hostile(way), good],
        ]) {
          expect(await (await sumOf(...venues)).depth()).to.equal(7);
        }
        const sum = await sumOf(bad);
        await expect(sum.depth()).to.be.revertedWithCustomError(sum, "NoVenueReadable");
      });
    }

    it("reads a word of an answer that is far longer, and pays for no more", async () => {
      const bomb = await hostile(BOMB);
      const sum = await sumOf(bomb, await mock(7n));
      expect(await sum.depth()).to.equal(8);
      // the answer costs its maker some 150,000 gas; copying it would cost as much again
      expect(await withGas(sum, VENUE_GAS)).to.equal(8n);
    });

    it("gives a venue its gas and no more", async () => {
      const good = await mock(7n);
      expect(await (await sumOf(await hostile(HUNGRY, VENUE_GAS - 5_000n), good)).depth()).to.equal(8);
      expect(await (await sumOf(await hostile(HUNGRY, VENUE_GAS + 5_000n), good)).depth()).to.equal(7);
    });

    it("believes a failure only of a venue that had all its gas", async () => {
      const broken = await mock(5n);
      await broken.setBroken(true);
      const sum = await sumOf(broken, await mock(7n));
      // 21,000 for the call itself, and what comes before the venue
      const least = (VENUE_GAS * 64n) / 63n + 5_000n + 21_000n;
      expect(await withGas(sum, least - 1_000n)).to.equal("NotEnoughGas");
      expect(await withGas(sum, least + 2_000n)).to.equal(7n);
    });

    it("never answers less for want of gas, whatever the venue needs", async () => {
      for (const appetite of [10_000n, 290_000n]) {
        const sum = await sumOf(await hostile(HUNGRY, appetite), await mock(7n), await hostile(HUNGRY, appetite));
        for (let gas = 25_000n; gas <= 700_000n; gas += 15_000n) {
          const answer = await withGas(sum, gas);
          if (typeof answer === "bigint") expect(answer, `${appetite}, with ${gas} gas`).to.equal(9n);
        }
        expect(await withGas(sum, 1_000_000n)).to.equal(9n);
      }
    });

    it("stops at the greatest number", async () => {
      const sum = await sumOf(await mock(MaxUint256), await mock(1n), await mock(MaxUint256));
      expect(await sum.depth()).to.equal(MaxUint256);
    });
  });

  describe("at deployment", () => {
    it("takes one to four venues, in order", async () => {
      const mocks = [await mock(1n), await mock(20n), await mock(300n), await mock(4000n)];
      for (const [index, total] of [1n, 21n, 321n, 4321n].entries()) {
        const venues = mocks.slice(0, index + 1);
        const sum = await sumOf(...venues);
        expect(await sum.depth()).to.equal(total);
        expect(await sum.venues()).to.deep.equal(await Promise.all(venues.map(async (venue) => venue.getAddress())));
      }
      expect(await (await sumOf(mocks[0]!)).MAX_VENUES()).to.equal(4);
    });

    it("refuses none, more than four, nobody, an account without code, and one twice", async () => {
      const factory = await factoryOf();
      const mocks = await Promise.all([1n, 2n, 3n, 4n, 5n].map(mock));
      const [a, b, c, d] = mocks as [(typeof mocks)[0], (typeof mocks)[0], (typeof mocks)[0], (typeof mocks)[0]];
      const account = ethers.Wallet.createRandom().address;
      await setBalance(account, 1n);
      await expect(factory.deploy([])).to.be.revertedWithCustomError(factory, "NoVenues");
      await expect(factory.deploy(mocks)).to.be.revertedWithCustomError(factory, "TooManyVenues").withArgs(5, 4);
      for (const venues of [[ZeroAddress], [a, b, c, ZeroAddress]]) {
        await expect(factory.deploy(venues)).to.be.revertedWithCustomError(factory, "ZeroAddress");
      }
      await expect(factory.deploy([a, account]))
        .to.be.revertedWithCustomError(factory, "NotAContract")
        .withArgs(account);
      for (const venues of [
        [a, a],
        [a, b, c, a],
        [d, a, b, a],
        [b, c, a, a],
      ]) {
        await expect(factory.deploy(venues)).to.be.revertedWithCustomError(factory, "DuplicateVenue").withArgs(a);
      }
    });
  });
});
