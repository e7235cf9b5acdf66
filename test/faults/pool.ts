import { loadFixture, mine, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import { ethers } from "hardhat";

import { LANE, MARKET, priceE36 } from "../contracts/fixture";
import { USDC, WETH, deployMarket } from "../contracts/periphery/fixture";
import { FEE, deployVenue } from "../contracts/uniswap";

const WINDOW = 1800;
const WIDEST = 4n * 10n ** 16n;

/** The market of test/contracts/periphery with a real guard on its real pool, and one borrower about to be sold. */
async function guarded() {
  const market = await deployMarket("MockERC20");
  const { vault, house, weth, usdc, oracle, venue, depthOracle, borrowers, keeper } = market;
  const guard = await ethers.deployContract("GuardedOracle", [oracle, venue.pool, weth, usdc, WINDOW, 300]);
  await vault.setMarket(weth, { ...MARKET, oracle, borrowOracle: guard });
  await house.setLane(weth, { ...LANE, depthOracle, guard });
  for (const owner of [...borrowers, keeper]) {
    await usdc.mint(owner, 100_000n * USDC);
    await usdc.connect(owner).approve(vault, MaxUint256);
    await weth.mint(owner, 100n * WETH);
    await weth.connect(owner).approve(vault, MaxUint256);
  }
  return { ...market, realGuard: guard };
}

type Guarded = Awaited<ReturnType<typeof guarded>>;

/** O1, and that the lane and the buffer go on: a start with the widest premium, a buy, a take-over. */
async function expectGoesOn({ vault, house, weth, oracle, borrowers, keeper }: Guarded): Promise<void> {
  const [first, second] = borrowers;
  await vault.connect(first).supplyCollateral(weth, WETH, first!);
  await vault.connect(first).repay(weth, 1000n * USDC, first!);
  await oracle.setPrice(priceE36(2300));
  await house.connect(keeper).start(weth, second!);
  expect((await house.auction(weth, second!)).premiumWad).to.equal(WIDEST);
  await time.increase(600);
  await house.connect(keeper).buy(weth, second!, WETH / 100n, MaxUint256, keeper, "0x");
  await oracle.setPrice(priceE36(2150));
  await house.connect(keeper).absorb(weth, second!);
  await vault.connect(first).repay(weth, MaxUint256, first!);
  await vault.connect(first).withdrawCollateral(weth, WETH, first!, first!);
}

describe("faults: the pool that guard and depth look at", () => {
  it("without liquidity: the mean price stands, the lane's pace goes to its least, and all goes on", async () => {
    const all = await loadFixture(guarded);
    const { vault, house, weth, oracle, venue, depthOracle, borrowers, keeper } = all;
    await venue.removeLiquidity(1n, await venue.pool.liquidity());
    await time.increase(WINDOW);
    await mine();
    expect(await depthOracle.depth()).to.be.lt(1000n); // of 1e18
    await house.sync(weth);
    expect((await house.lane(weth)).ratePerHour).to.equal(LANE.minRatePerHour);
    await vault.connect(borrowers[0]).borrow(weth, 100n * USDC, borrowers[0]!, borrowers[0]!);
    expect(await vault.debtOf(weth, borrowers[0]!)).to.be.gt(20_000n * USDC);
    await oracle.setPrice(priceE36(2300));
    await house.connect(keeper).start(weth, borrowers[1]!);
    await time.increase(1200);
    const { available, refusal } = await house.quote(weth, borrowers[1]!, MaxUint256);
    expect([available > 0n, refusal]).to.deep.equal([true, 0n]);
    await house.connect(keeper).buy(weth, borrowers[1]!, MaxUint256, MaxUint256, keeper, "0x");
    await oracle.setPrice(priceE36(2150));
    await house.connect(keeper).absorb(weth, borrowers[1]!);
  });

  it("with one observation: no borrowing and no new pace, and all else goes on", async () => {
    const all = await loadFixture(guarded);
    const { vault, house, weth, usdc, oracle, admin, borrowers } = all;
    // a pool that nobody has made room in; a trade overwrites what it remembers
    const shallow = await deployVenue(admin, weth, usdc, WETH, 3000n * USDC, 1);
    await shallow.addLiquidity(-887_270, 887_270, 10n ** 18n);
    const args = [weth, usdc, WINDOW] as const;
    const guard = await ethers.deployContract("GuardedOracle", [oracle, shallow.pool, ...args, 300]);
    const depthOracle = await ethers.deployContract("UniswapV3Depth", [shallow.pool, ...args]);
    await time.increase(WINDOW);
    await vault.setMarket(weth, { ...MARKET, oracle, borrowOracle: guard });
    await house.setLane(weth, { ...LANE, depthOracle, guard });
    const { ratePerHour } = await house.lane(weth);
    await shallow.sell(weth, WETH);
    await time.increase(WINDOW / 2);
    await mine();
    expect((await shallow.pool.slot0()).observationCardinality).to.equal(1n);
    expect(await shallow.pool.fee()).to.equal(FEE);
    for (const call of [
      async () => vault.connect(borrowers[0]).borrow(weth, USDC, borrowers[0]!, borrowers[0]!),
      async () => vault.connect(borrowers[0]).withdrawCollateral(weth, 1n, borrowers[0]!, borrowers[0]!),
      async () => house.sync(weth),
      async () => house.setLane(weth, { ...LANE, depthOracle, guard }),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(guard, "WindowNotAvailable");
    }
    await expectGoesOn(all);
    expect((await house.lane(weth)).ratePerHour).to.equal(ratePerHour);
    // half an hour after the last trade it can be read again
    await time.increase(WINDOW);
    await oracle.setPrice(priceE36(3000));
    await house.sync(weth);
  });

  for (const side of ["collateral", "loan asset"] as const) {
    it(`at the last tick, having been sold all the ${side} there is: guard in doubt, pace in bounds, all goes on`, async () => {
      const all = await loadFixture(guarded);
      const { vault, house, weth, usdc, venue, realGuard, borrowers } = all;
      const down = side === "collateral";
      // far past what the range holds
      await venue.sell(down ? weth : usdc, 1n << 150n);
      const { tick } = await venue.pool.slot0();
      expect(tick < 0n ? -tick : tick).to.be.gte(887_271n);
      await time.increase(WINDOW);
      await mine();
      expect(await realGuard.diverged()).to.equal(true);
      const owner = borrowers[0]!;
      if (down) {
        // worth nothing by the pool, which counts
        await expect(vault.connect(owner).borrow(weth, USDC, owner, owner)).to.be.reverted;
      } else {
        // worth any money by the pool, which does not: what the feed says counts
        expect(await realGuard.price()).to.equal(priceE36(3000));
      }
      await house.sync(weth);
      const { ratePerHour } = await house.lane(weth);
      expect(ratePerHour).to.be.within(LANE.minRatePerHour as bigint, LANE.maxRatePerHour as bigint);
      await expectGoesOn(all);
    });
  }
});
