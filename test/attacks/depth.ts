import { loadFixture, mine, takeSnapshot, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";

import { LANE, WAD, priceE36 } from "../contracts/fixture";
import { USDC, WETH, deployMarket } from "../contracts/periphery/fixture";
import { TICK_SPACING } from "../contracts/uniswap";
import { Ledger } from "./ledger";

const BLOCK = 12;
const WINDOW = 1800n;
/** The fixture's liquidity, all of it in the position manager's first position. */
const LIQUIDITY = 10n ** 18n;

/** A position of 400 WETH in auction, more than a lane's burst, on the real pool. */
async function big() {
  const market = await deployMarket("MockERC20");
  const { vault, house, usdc, weth, oracle, receiver: buyer, keeper: owner, lender, buffer } = market;
  await usdc.mint(buyer, 2_000_000n * USDC);
  await usdc.connect(buyer).approve(vault, MaxUint256);
  await weth.mint(owner, 400n * WETH);
  await weth.connect(owner).approve(vault, MaxUint256);
  await usdc.connect(owner).approve(vault, MaxUint256);
  await vault.connect(owner).supplyCollateral(weth, 400n * WETH, owner);
  await vault.connect(owner).borrow(weth, 800_000n * USDC, owner, owner);
  await time.increase(3600);
  await house.sync(weth);
  await oracle.setPrice(priceE36(2350));
  await house.open(weth, owner, lender);
  await time.increase(1200);
  const ledger = new Ledger({ vault, house, buffer, loan: usdc, collateral: weth }, priceE36(2350));
  /** What a buyer gains who takes all that there is, now. */
  const buyAll = async () =>
    ledger.changes([buyer], [lender], async () => {
      await house.connect(buyer).buy(weth, owner, MaxUint256, MaxUint256, buyer, "0x");
    });
  const rate = async (): Promise<bigint> => (await house.lane(weth)).ratePerHour;
  return { ...market, owner, buyer, ledger, buyAll, rate };
}

describe("attacks: liquidity that comes and goes, on a real Uniswap v3 pool", () => {
  it("just in time, for a block: a hundredfold depth lets a lane out faster by less than a hundredth", async () => {
    const { house, weth, venue, rate, buyAll } = await loadFixture(big);
    const snapshot = await takeSnapshot();
    const before = await rate();
    const honest = await buyAll();
    await snapshot.restore();

    const { tick } = await venue.pool.slot0();
    const near = Math.floor(Number(tick) / TICK_SPACING) * TICK_SPACING;
    const added = await venue.addLiquidity(near - 1000, near + 1000, 100n * LIQUIDITY);
    await time.setNextBlockTimestamp((await time.latest()) + BLOCK);
    await house.sync(weth);
    await venue.removeLiquidity(added.id, added.liquidity);
    // at a hundredth of the weight, twelve seconds of the window count for next to nothing
    expect(await rate()).to.be.lte((before * WINDOW) / (WINDOW - BigInt(BLOCK) - 2n));
    expect(await rate()).to.be.gt(before);
    const attack = await buyAll();
    expect(attack.profit - honest.profit).to.be.lte(honest.profit / 100n);
    for (const change of attack.others) expect(change).to.be.gte(-1n);
  });

  it("kept for the whole window, it takes the rate up twofold for each hour since the last look, and no further", async () => {
    const { house, weth, venue, rate } = await loadFixture(big);
    const before = await rate();
    await venue.addLiquidity(-887_270, 887_270, 100n * LIQUIDITY);
    let doubled = before;
    for (const hours of [1, 1, 2]) {
      await time.increase(hours * 3600 - 1);
      await house.sync(weth);
      doubled *= 2n ** BigInt(hours);
      // the fixture's lane was refreshed when it opened, twenty minutes before
      expect(await rate()).to.be.lte((doubled * 13n) / 10n);
    }
    expect(await rate()).to.be.gt(before * 8n);
  });

  it("pulled for a block, it slows the lane and stops neither it nor the buffer, and brings a borrower who waits nothing", async () => {
    const { house, weth, venue, owner, lender, oracle, rate, ledger, buyAll } = await loadFixture(big);
    const before = await rate();
    await ledger.expectNoProfit([owner], [], async () => {
      await venue.removeLiquidity(1n, (LIQUIDITY * 99n) / 100n);
      await time.setNextBlockTimestamp((await time.latest()) + BLOCK);
      await house.sync(weth);
      await venue.addLiquidity(-887_270, 887_270, (LIQUIDITY * 99n) / 100n);
      const slow = await rate();
      expect(slow)
        .to.be.lt((before * 2n) / 3n)
        .and.gte(LANE.minRatePerHour as bigint);
      // it sells on, at the same price, as much as that pace lets out
      const { profit, others } = await buyAll();
      expect(profit).to.be.gt(0n);
      for (const change of others) expect(change).to.be.gte(-1n);
      // what is urgent is absorbed, whatever the pace
      await oracle.setPrice(priceE36(2100));
      await expect(house.absorb(weth, owner, lender)).to.emit(house, "Absorbed");
      await oracle.setPrice(priceE36(2350));
    });
    // and the pace comes back
    await time.increase(3600);
    await house.sync(weth);
    expect(await rate()).to.be.gte((before * 99n) / 100n);
  });

  it("pulled for good, with nothing left in the range, the lane goes on at its least pace", async () => {
    const { house, weth, venue, owner, lender, rate, depthOracle } = await loadFixture(big);
    await venue.removeLiquidity(1n, await venue.pool.liquidity());
    expect(await venue.pool.liquidity()).to.equal(0n);
    await time.increase(Number(WINDOW));
    await mine();
    expect(await depthOracle.depth()).to.be.lt(WETH / 10n ** 6n);
    await house.sync(weth);
    expect(await rate()).to.equal(LANE.minRatePerHour);
    await house.open(weth, owner, lender);
    await time.increase(1200);
    const { refusal, available } = await house.quote(weth, owner, MaxUint256);
    expect([refusal, available > 0n]).to.deep.equal([0n, true]);
    expect(available).to.be.gte(((LANE.minRatePerHour as bigint) * 1200n * WAD) / 3600n / WAD);
  });

  it("price pushed away for a block by a trade, and back: depth falls no more than that, and the pool keeps the fee", async () => {
    const { house, weth, usdc, venue, trader, owner, rate, ledger } = await loadFixture(big);
    const before = await rate();
    const profit = await ledger.expectNoProfit([trader, owner], [], async () => {
      const held = await usdc.balanceOf(trader);
      await venue.sell(weth, 20_000n * WETH);
      await time.setNextBlockTimestamp((await time.latest()) + BLOCK);
      await house.sync(weth);
      await venue.sell(usdc, (await usdc.balanceOf(trader)) - held);
    });
    expect(profit).to.be.lt(-1000n * USDC);
    // by ratio: a lower price for a block is a slightly lower mean
    expect(await rate()).to.be.within((before * 95n) / 100n, (before * 105n) / 100n);
  });
});
