import { loadFixture, mine, setCode, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import { ethers } from "hardhat";

import { CLOSES_AFTER, setBaseFee } from "../attacks/setup";
import { LANE, MARKET, PAY, priceE36 } from "../contracts/fixture";
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

/** O1, and that the lane and the buffer go on: an opening with the widest premium, a buy, an absorption. */
async function expectGoesOn({ vault, house, weth, oracle, borrowers, keeper }: Guarded): Promise<void> {
  const [first, second] = borrowers;
  await vault.connect(first).supplyCollateral(weth, WETH, first!);
  await vault.connect(first).repay(weth, 1000n * USDC, first!);
  await oracle.setPrice(priceE36(2300));
  await house.connect(keeper).open(weth, second!, keeper);
  expect((await house.laneState(weth)).premiumWad).to.equal(WIDEST);
  await time.increase(600);
  await house.connect(keeper).buy(weth, second!, WETH / 100n, MaxUint256, keeper, "0x");
  await oracle.setPrice(priceE36(2150));
  await house.connect(keeper).absorb(weth, second!, keeper);
  await vault.connect(first).repay(weth, MaxUint256, first!);
  await vault.connect(first).withdrawCollateral(weth, WETH, first!, first!);
}

describe("faults: the pool that guard and depth look at", () => {
  it("without liquidity: the mean price stands, pace and debt ceiling go to their least, and all but new debt goes on", async () => {
    const all = await loadFixture(guarded);
    const { vault, house, weth, oracle, venue, depthOracle, borrowers, keeper } = all;
    await venue.removeLiquidity(1n, await venue.pool.liquidity());
    await time.increase(WINDOW);
    await mine();
    expect(await depthOracle.depth()).to.be.lt(1000n); // of 1e18
    await house.sync(weth);
    expect((await house.lane(weth)).ratePerHour).to.equal(LANE.minRatePerHour);
    await expect(
      vault.connect(borrowers[0]).borrow(weth, 100n * USDC, borrowers[0]!, borrowers[0]!),
    ).to.be.revertedWithCustomError(vault, "DebtCeilingExceeded");
    // the price is there, so that a part of the collateral may go
    await vault.connect(borrowers[0]).withdrawCollateral(weth, WETH / 10n, borrowers[0]!, borrowers[0]!);
    expect(await vault.debtOf(weth, borrowers[0]!)).to.be.gt(20_000n * USDC);
    await oracle.setPrice(priceE36(2300));
    await house.connect(keeper).open(weth, borrowers[1]!, keeper);
    await time.increase(1200);
    const { available, refusal } = await house.quote(weth, borrowers[1]!, MaxUint256);
    expect([available > 0n, refusal]).to.deep.equal([true, 0n]);
    await house.connect(keeper).buy(weth, borrowers[1]!, MaxUint256, MaxUint256, keeper, "0x");
    await oracle.setPrice(priceE36(2150));
    await house.connect(keeper).absorb(weth, borrowers[1]!, keeper);
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

  it("one of two venues pulled: the lane goes on at the other's pace, and so does what may be borrowed", async () => {
    const all = await loadFixture(guarded);
    const { vault, house, weth, usdc, oracle, venue, depthOracle, admin, borrowers, keeper } = all;
    const second = await deployVenue(admin, weth, usdc, WETH, 3000n * USDC, 200, 3000);
    const { id, liquidity } = await second.addLiquidity(-887_220, 887_220, 3n * 10n ** 18n);
    await time.increase(WINDOW);
    await mine();
    const other = await ethers.deployContract("UniswapV3Depth", [second.pool, weth, usdc, WINDOW]);
    const sum = await ethers.deployContract("DepthSum", [[depthOracle, other]]);
    await house.setLane(weth, { ...LANE, depthOracle: sum, guard: all.realGuard });
    const both = (await house.lane(weth)).ratePerHour;
    const alone = await depthOracle.depth();
    expect(await sum.depth()).to.be.gt(alone * 3n);

    await second.removeLiquidity(id, liquidity);
    await time.increase(WINDOW);
    await mine();
    await oracle.setPrice(priceE36(2300));
    await house.connect(keeper).open(weth, borrowers[1]!, keeper);
    const left = (await house.lane(weth)).ratePerHour;
    expect(left).to.be.within(both / 5n, both / 3n);
    const { ceiling } = await vault.market(weth);
    expect(ceiling).to.be.gt(0n);
    await time.increase(600);
    await house.connect(keeper).buy(weth, borrowers[1]!, WETH / 100n, MaxUint256, keeper, "0x");
    expect(await venue.pool.liquidity()).to.be.gt(0n);
  });

  for (const [what, code] of [
    ["reverts", "0x5f5ffd"],
    ["burns all gas", "0xfe"],
  ] as const) {
    it(`a depth oracle that comes to be one that ${what}: the old pace stays, sales and absorptions go on`, async () => {
      const all = await loadFixture(guarded);
      const { vault, house, weth, oracle, borrowers, keeper } = all;
      const depth = await ethers.deployContract("MockDepth", [100n * WETH]);
      await house.setLane(weth, { ...LANE, depthOracle: depth, guard: all.realGuard });
      const [{ ratePerHour }, { ceiling }] = [await house.lane(weth), await vault.market(weth)];
      await setCode(await depth.getAddress(), code);
      await time.increase(7200);
      await oracle.setPrice(priceE36(2300));
      const options = { gasLimit: 20_000_000 };
      await house.connect(keeper).open(weth, borrowers[1]!, keeper, options);
      await time.increase(600);
      await house.connect(keeper).buy(weth, borrowers[1]!, WETH / 100n, MaxUint256, keeper, "0x", options);
      await oracle.setPrice(priceE36(2150));
      await house.connect(keeper).absorb(weth, borrowers[1]!, keeper, options);
      await expect(house.connect(keeper).sync(weth, options)).to.be.rejected;
      expect((await house.lane(weth)).ratePerHour).to.equal(ratePerHour);
      expect((await vault.market(weth)).ceiling).to.equal(ceiling);
    });
  }

  it("a guard whose primary feed is dead says that it is in doubt; one that is dead itself stops selling: a known limit", async () => {
    const all = await loadFixture(guarded);
    const { vault, house, weth, usdc, oracle, venue, depthOracle, borrowers, keeper } = all;
    const second = await ethers.deployContract("MockOracle", [priceE36(3000)]);
    const guard = await ethers.deployContract("GuardedOracle", [second, venue.pool, weth, usdc, WINDOW, 300]);
    await house.setLane(weth, { ...LANE, depthOracle, guard });
    await second.setBroken(true);
    await expectGoesOn(all);
    await time.increase(CLOSES_AFTER);
    // borrowing needs the guard's price where it is the market's borrow oracle
    await vault.setMarket(weth, { ...MARKET, oracle, borrowOracle: oracle });
    const gone = await ethers.deployContract("MockGuard");
    await house.setLane(weth, { ...LANE, depthOracle, guard: gone });
    await setCode(await gone.getAddress(), "0xfe");
    await oracle.setPrice(priceE36(2140));
    const options = { gasLimit: 5_000_000 };
    for (const call of [
      async () => house.connect(keeper).open(weth, borrowers[2]!, keeper, options),
      async () => house.connect(keeper).absorb(weth, borrowers[2]!, keeper, options),
    ]) {
      await expect(call()).to.be.rejected;
    }
    // repaying and topping up go on, and governance can set another
    await vault.connect(borrowers[2]).supplyCollateral(weth, WETH, borrowers[2]!);
    await vault.connect(borrowers[2]).repay(weth, 1000n * USDC, borrowers[2]!);
    await house.setLane(weth, { ...LANE, depthOracle, guard });
    await oracle.setPrice(priceE36(1800));
    await house.connect(keeper).absorb(weth, borrowers[2]!, keeper);
  });

  it("a borrow oracle that is dead while the guard is in doubt: the oracle's price is paid", async () => {
    const all = await loadFixture(guarded);
    const { vault, house, weth, oracle, depthOracle, borrowers, keeper } = all;
    const borrowOracle = await ethers.deployContract("MockOracle", [priceE36(3000)]);
    const guard = await ethers.deployContract("MockGuard");
    await vault.setMarket(weth, { ...MARKET, oracle, borrowOracle });
    await house.setLane(weth, { ...LANE, depthOracle, guard });
    await guard.setDiverged(true);
    await borrowOracle.setBroken(true);
    await oracle.setPrice(priceE36(2150));
    await house.connect(keeper).absorb(weth, borrowers[0]!, keeper);
    const [absorbed] = await house.queryFilter(house.filters.Absorbed);
    expect(absorbed!.args.priceE36).to.equal(priceE36(2150));
  });

  it("gas a hundred times as dear: the pay is within its caps, and nothing is refused", async () => {
    const all = await loadFixture(guarded);
    const { vault, house, weth, oracle, borrowers, keeper } = all;
    await house.setPay({ ...PAY, nativeOracle: oracle, wrappedNative: weth });
    await oracle.setPrice(priceE36(2300));
    const fees = { maxFeePerGas: 10n ** 13n, gasLimit: 3_000_000 };
    const pays: bigint[] = [];
    for (const [i, gwei] of [20n, 2000n].entries()) {
      const owner = borrowers[i]!;
      await oracle.setPrice(priceE36(2150));
      await setBaseFee(gwei * 10n ** 9n);
      await house.connect(keeper).absorb(weth, owner, keeper, fees);
      await setBaseFee(gwei * 10n ** 9n);
      await vault.connect(owner).repay(weth, 100n * USDC, owner, fees);
    }
    for (const { args } of await house.queryFilter(house.filters.Absorbed)) pays.push(args.pay);
    const [cheap, dear] = pays;
    expect(dear)
      .to.be.gt(cheap!)
      .and.lte((10n * WETH) / 100n);
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
