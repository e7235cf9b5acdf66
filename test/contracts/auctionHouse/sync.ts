import { expect } from "chai";
import { ethers } from "hardhat";

import { mulDiv } from "../math";
import {
  expectedTerms,
  expWad,
  HOUR,
  LANE,
  opened,
  openFor,
  priceE36,
  selling,
  SYNC_INTERVAL,
  time,
  usdc,
  WAD,
  weth,
} from "./setup";

const LN2_WAD = 693_147_180_559_945_309n;

/** The most that a rate may have grown to after so many seconds: twofold an hour. */
const grown = async (rate: bigint, seconds: bigint): Promise<bigint> =>
  mulDiv(rate, await expWad((((seconds * WAD) / HOUR) * LN2_WAD) / WAD), WAD);

describe("AuctionHouse.sync", () => {
  const rateOf = (depth: bigint): bigint => (depth * BigInt(LANE.paceBps)) / 100n;

  it("takes the rate down to the depth's at once", async () => {
    const { house, collateral, depth } = await opened();
    await depth.setDepth(weth(10));
    await expect(house.sync(collateral))
      .to.emit(house, "Synced")
      .withArgs(collateral, weth(10), rateOf(weth(10)));
    expect((await house.lane(collateral)).ratePerHour).to.equal(weth(12));
    // 120 Bps of one more part are rounded down
    await depth.setDepth(weth(10) - 1n);
    await house.sync(collateral);
    expect((await house.lane(collateral)).ratePerHour).to.equal(weth(12) - 2n);
  });

  it("takes it up twofold an hour at most", async () => {
    const { house, collateral, depth, later } = await opened();
    await house.sync(collateral);
    const { ratePerHour, syncedAt } = await house.lane(collateral);
    await depth.setDepth(weth(10_000));
    await time.setNextBlockTimestamp(syncedAt + HOUR);
    await house.sync(collateral);
    const twofold = await grown(ratePerHour, HOUR);
    expect((await house.lane(collateral)).ratePerHour).to.equal(twofold);
    expect(twofold).to.be.within(2n * ratePerHour - 200n, 2n * ratePerHour);
    // and no further than the depth's after a long time
    await time.increaseTo(await later(30 * 86_400));
    await house.sync(collateral);
    expect((await house.lane(collateral)).ratePerHour).to.equal(rateOf(weth(10_000)));
  });

  it("takes it up no faster however often it is called", async () => {
    const { house, collateral, depth } = await opened();
    await house.sync(collateral);
    const { ratePerHour, syncedAt } = await house.lane(collateral);
    await depth.setDepth(weth(10_000));
    for (let i = 1n; i <= 40n; ++i) {
      await time.setNextBlockTimestamp(syncedAt + (i * HOUR) / 40n);
      await house.sync(collateral);
    }
    const rate = (await house.lane(collateral)).ratePerHour;
    expect(rate).to.be.within((ratePerHour * 2n * 99_999n) / 100_000n, 2n * ratePerHour);
  });

  it("takes up a rate so small that a moment's growth rounds to nothing, however often it is called", async () => {
    const { house, collateral, depth, setLane } = await opened();
    await depth.setDepth(100n);
    await setLane({ minRatePerHour: 1n });
    expect((await house.lane(collateral)).ratePerHour).to.equal(120n);
    await depth.setDepth(10_000n);
    const { syncedAt } = await house.lane(collateral);
    for (let i = 1n; i <= 100n; ++i) {
      await time.setNextBlockTimestamp(syncedAt + i * 12n);
      await house.sync(collateral);
    }
    // twofold an hour is 151 after 20 minutes
    expect((await house.lane(collateral)).ratePerHour).to.be.within(140n, 151n);
  });

  it("goes on counting time whose growth rounds to nothing: nothing is refreshed then", async () => {
    const { house, collateral, depth, setLane } = await opened();
    await depth.setDepth(1n);
    await setLane({ minRatePerHour: 1n });
    expect((await house.lane(collateral)).ratePerHour).to.equal(1n);
    await depth.setDepth(10_000n);
    const { syncedAt } = await house.lane(collateral);
    await time.setNextBlockTimestamp(syncedAt + 3599n);
    await expect(house.sync(collateral)).not.to.emit(house, "Synced");
    expect((await house.lane(collateral)).syncedAt).to.equal(syncedAt);
    await time.setNextBlockTimestamp(syncedAt + 3601n);
    await expect(house.sync(collateral)).to.emit(house, "Synced").withArgs(collateral, 10_000n, 2n);
  });

  it("takes it up by nothing twice in a block", async () => {
    const { house, collateral, depth, loan } = await opened();
    await depth.setDepth(weth(10_000));
    const actor = await ethers.deployContract("MockActor");
    const data = house.interface.encodeFunctionData("sync", [collateral.target]);
    await actor.setCalls([
      { target: house, data },
      { target: house, data },
    ]);
    const transaction = await actor.onBuy(loan, 0, 0, "0x");
    const synced = await house.queryFilter(house.filters.Synced, transaction.blockNumber ?? undefined);
    expect(synced.length).to.equal(1);
    expect((await house.lane(collateral)).ratePerHour).to.equal(synced[0]?.args.ratePerHour);
  });

  it("keeps it within its bounds", async () => {
    const { house, collateral, depth, setLane } = await opened();
    await depth.setDepth(0);
    await house.sync(collateral);
    expect((await house.lane(collateral)).ratePerHour).to.equal(LANE.minRatePerHour);
    await depth.setDepth(2n ** 255n);
    await setLane({});
    expect((await house.lane(collateral)).ratePerHour).to.equal(LANE.maxRatePerHour);
  });

  it("notes the price", async () => {
    const { house, collateral, setPrice } = await opened();
    await setPrice(1500);
    await house.sync(collateral);
    const { lastPriceE36, observedAt } = await house.lane(collateral);
    expect([lastPriceE36, observedAt]).to.deep.equal([priceE36(1500), BigInt(await time.latest())]);
  });

  it("returns the rate, and asks the guard", async () => {
    const { house, collateral, depth, guard } = await opened();
    await depth.setDepth(weth(7));
    await guard.setDiverged(true);
    expect(await house.sync.staticCall(collateral)).to.equal(rateOf(weth(7)));
    await house.sync(collateral);
    expect((await house.lane(collateral)).diverged).to.be.true;
  });

  it("leaves the cursor as it is, whether the lane is open or not", async () => {
    const { house, collateral } = await selling();
    const { cursorWad } = await house.lane(collateral);
    await house.sync(collateral);
    await time.increase(2000);
    await house.sync(collateral);
    expect((await house.lane(collateral)).cursorWad).to.equal(cursorWad);
  });

  it("refuses a market without a lane, a broken depth and a broken oracle", async () => {
    const { house, loan, oracle, depth, collateral } = await opened();
    await expect(house.sync(loan)).to.be.revertedWithCustomError(house, "LaneNotSet").withArgs(loan);
    await depth.setBroken(true);
    await expect(house.sync(collateral)).to.be.revertedWithCustomError(depth, "Broken");
    await oracle.setBroken(true);
    await expect(house.sync(collateral)).to.be.revertedWithCustomError(oracle, "Broken");
  });
});

describe("AuctionHouse refreshes a rate older than half an hour", () => {
  const rateOf = (depth: bigint): bigint => (depth * BigInt(LANE.paceBps)) / 100n;

  /** A market whose rate turned half an hour old just now, at which a call is mined. */
  async function due(price: number) {
    const market = await opened();
    await market.house.sync(market.collateral);
    await market.setPrice(price);
    const { syncedAt } = await market.house.lane(market.collateral);
    return { ...market, dueAt: syncedAt + SYNC_INTERVAL };
  }

  it("with `open`, and not a second before", async () => {
    const { house, collateral, depth, openLane, dueAt } = await due(1900);
    await depth.setDepth(weth(50));
    await time.setNextBlockTimestamp(dueAt - 1n);
    const early = openLane();
    await expect(early).not.to.emit(house, "Synced");
    expect((await house.lane(collateral)).ratePerHour).to.equal(weth(120));
    await time.setNextBlockTimestamp(dueAt - 1n + openFor() + 1n);
    await expect(openLane())
      .to.emit(house, "Synced")
      .withArgs(collateral, weth(50), rateOf(weth(50)));
    expect((await house.lane(collateral)).ratePerHour).to.equal(weth(60));
    expect((await house.lane(collateral)).syncedAt).to.equal(await time.latest());
  });

  it("on the second", async () => {
    const { house, openLane, dueAt } = await due(1900);
    await time.setNextBlockTimestamp(dueAt);
    await expect(openLane()).to.emit(house, "Synced");
  });

  it("with `buy` and `buyMany`, which sell by the new one, up and down", async () => {
    for (const [depthNow, many] of [
      [weth(50), false],
      [weth(150), true],
    ] as const) {
      const market = await due(1850);
      const { house, collateral, borrower, keeper, depth, openLane, situation, boughtIn, dueAt } = market;
      await time.setNextBlockTimestamp(dueAt - 600n);
      await openLane();
      await depth.setDepth(depthNow);
      const s = await situation(dueAt);
      const rate = depthNow < weth(100) ? rateOf(depthNow) : await grown(s.ratePerHour, SYNC_INTERVAL);
      const capped = rate < rateOf(depthNow) ? rate : rateOf(depthNow);
      const terms = expectedTerms({ ...s, ratePerHour: capped });
      await time.increaseTo(dueAt);
      // what is quoted is what is done
      expect(await house.ratePerHour(collateral)).to.equal(capped);
      expect((await house.laneState(collateral)).ratePerHour).to.equal(capped);
      const quote = await house.quote(collateral, borrower, weth(1));
      expect([quote.cost, quote.available]).to.deep.equal([terms.cost(weth(1)), terms.available]);
      const order = { owner: borrower.address, maxCollateral: weth(1) };
      const send = async () =>
        many
          ? house.connect(keeper).buyMany(collateral, [order], ethers.MaxUint256, keeper, "0x")
          : market.buy(weth(1));
      const transaction = await send();
      const later = expectedTerms({
        ...(await situation(BigInt(await time.latest()))),
        ...{ cursorWad: s.cursorWad, now: BigInt(await time.latest()), collateral: s.collateral, debt: s.debt },
        ratePerHour: (await house.lane(collateral)).ratePerHour,
      });
      expect((await house.lane(collateral)).ratePerHour).to.be.closeTo(capped, capped / 1000n);
      expect((await boughtIn(transaction)).multipleWad).to.equal(later.multipleWad);
      expect((await house.lane(collateral)).cursorWad).to.equal(later.cursorAfter(weth(1)));
      await expect(transaction).to.emit(house, "Synced");
    }
  });

  it("with `absorb` and `absorbMany`", async () => {
    for (const many of [false, true]) {
      const { house, collateral, borrower, keeper, depth, absorb, dueAt } = await due(1740);
      await depth.setDepth(weth(50));
      await time.setNextBlockTimestamp(dueAt);
      const sent = many ? house.connect(keeper).absorbMany(collateral, [borrower], keeper) : absorb();
      await expect(sent).to.emit(house, "Synced").withArgs(collateral, weth(50), weth(60));
    }
  });

  it("keeps the old one where the depth can't be read, and stops nothing", async () => {
    const { house, collateral, depth, setPrice, openLane, buy, absorb, dueAt } = await due(1900);
    await depth.setBroken(true);
    await time.setNextBlockTimestamp(dueAt);
    await expect(openLane()).not.to.emit(house, "Synced");
    const { syncedAt } = await house.lane(collateral);
    expect(syncedAt).to.equal(dueAt - SYNC_INTERVAL);
    await time.increase(300);
    expect((await house.laneState(collateral)).ratePerHour).to.equal(weth(120));
    expect(await house.ratePerHour(collateral)).to.equal(weth(120));
    await expect(buy(weth(1)))
      .to.emit(house, "Bought")
      .and.not.to.emit(house, "Synced");
    await setPrice(1700);
    await expect(absorb()).to.emit(house, "Absorbed").and.not.to.emit(house, "Synced");
    // and is refreshed by whoever comes when it answers again
    await depth.setBroken(false);
    await setPrice(1600);
    await expect(buy(weth(1) / 100n)).to.emit(house, "Synced");
  });

  it("keeps the old one where the depth oracle is gone altogether", async () => {
    const { house, collateral, depth, openLane, dueAt } = await due(1900);
    await ethers.provider.send("hardhat_setCode", [depth.target, "0xfe"]); // burns all its gas
    await time.setNextBlockTimestamp(dueAt);
    await expect(openLane()).to.emit(house, "LaneOpened");
    expect((await house.lane(collateral)).ratePerHour).to.equal(weth(120));
  });

  it("of a market without a lane there is none", async () => {
    const { house, loan } = await opened();
    expect(await house.ratePerHour(loan)).to.equal(0);
    expect(await house.isOpen(loan)).to.be.false;
    await expect(house.laneState(loan)).to.be.revertedWithCustomError(house, "LaneNotSet").withArgs(loan);
  });
});

describe("AuctionHouse pushes the ceiling of a market's debt, r·p·clearHours", () => {
  /** A house on a ledger that only notes what it is told. */
  async function withLedger() {
    const { manager, depth, guard } = await opened();
    const ledger = await ethers.deployContract("MockLedger", [priceE36(2000), 8300]);
    const settings = await ethers.deployContract("LaneSettings");
    const libraries = { LaneSettings: settings.target as string };
    const house = await ethers.deployContract("AuctionHouse", [ledger, manager], { libraries });
    const [market] = await ethers.getSigners();
    const set = async (change: Partial<typeof LANE> = {}) =>
      house.setLane(market!, { ...LANE, depthOracle: depth, guard, ...change });
    return { ledger, house, depth, market: market!, set };
  }

  it("from `setLane` on", async () => {
    const { ledger, market, set } = await withLedger();
    await set();
    expect(await ledger.laneCeiling(market)).to.equal(usdc(120 * 2000 * 240));
    await set({ clearHours: 1 });
    expect(await ledger.laneCeiling(market)).to.equal(usdc(120 * 2000));
  });

  it("at each `sync`, by rate and price of that moment, rounded down", async () => {
    const { ledger, house, depth, market, set } = await withLedger();
    await set();
    await depth.setDepth(weth(1) / 3n);
    await ledger.setPrice(priceE36(1999) + 7n);
    await house.sync(market);
    const { ratePerHour } = await house.lane(market);
    expect(ratePerHour).to.equal(((weth(1) / 3n) * 120n) / 100n);
    expect(await ledger.laneCeiling(market)).to.equal((ratePerHour * 240n * (priceE36(1999) + 7n)) / 10n ** 36n);
  });

  it("and with a refresh by whoever touches the lane", async () => {
    const { ledger, house, depth, market, set } = await withLedger();
    await set();
    await depth.setDepth(weth(10));
    await ledger.setPosition(market, weth(10), usdc(17_000));
    await time.increase(Number(SYNC_INTERVAL) - 100);
    await house.open(market, market, market);
    expect(await ledger.laneCeiling(market)).to.equal(usdc(120 * 2000 * 240));
    await time.increase(2000);
    await house.open(market, market, market);
    expect(await ledger.laneCeiling(market)).to.equal(usdc(12 * 2000 * 240));
  });

  it("without overflow, where the product is beyond measure", async () => {
    const { ledger, depth, market, set } = await withLedger();
    await depth.setDepth(2n ** 127n);
    await ledger.setPrice(2n ** 215n);
    await set({ maxRatePerHour: 2n ** 104n - 1n });
    expect(await ledger.laneCeiling(market)).to.equal((2n ** 256n - 1n) / 10n ** 36n);
  });
});
