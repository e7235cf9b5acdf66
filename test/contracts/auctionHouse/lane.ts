import { expect } from "chai";
import { ethers } from "hardhat";

import { mulDiv } from "../math";
import {
  BPS,
  HOUR,
  LANE,
  Refusal,
  SYNC_INTERVAL,
  WAD,
  emaAfter,
  expWad,
  expectedTerms,
  inOneBlock,
  openFor,
  opened,
  priceE36,
  selling,
  sellingExactly,
  time,
  usdc,
  weth,
} from "./setup";

const LN2_WAD = 693_147_180_559_945_309n;

/** The most that a rate may have grown to after so many seconds: twofold an hour. */
const grown = async (rate: bigint, seconds: bigint): Promise<bigint> =>
  mulDiv(rate, await expWad((((seconds * WAD) / HOUR) * LN2_WAD) / WAD), WAD);

/** A parameter as it comes back: its keys in `LANE` stand in the struct's order. */
const asStored = (value: unknown): unknown => (typeof value === "number" ? BigInt(value) : value);

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
    await expect(buy(weth(1))).to.emit(house, "Bought").and.not.to.emit(house, "Synced");
    await setPrice(1700);
    await expect(absorb()).to.emit(house, "Absorbed").and.not.to.emit(house, "Synced");
    // and is refreshed by whoever comes when it answers again
    await depth.setBroken(false);
    await setPrice(1600);
    await expect(buy(weth(1) / 100n)).to.emit(house, "Synced");
  });

  it("keeps the old one where the depth oracle is gone altogether", async () => {
    const { house, collateral, depth, openLane, dueAt } = await due(1900);
    await ethers.provider.send("hardhat_setCode", [depth.target, "0x5b5f56"]); // burns all its gas
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

describe("AuctionHouse: a dust buy keeps a lane open", () => {
  it("and holds the head where it was, on at most r·A of emission at δ", async () => {
    const { house, collateral, borrower, situation, buy, later } = await sellingExactly(1816, usdc(159_000), weth(100));
    // the whole of A is unsold: nobody bought for 20 minutes
    let now = await later(1400);
    await buy(10n ** 12n, now);
    const burst: bigint[] = [];
    for (let i = 0; i < 5; ++i) {
      // an aged lane closes idleTime after its last buy
      now += BigInt(LANE.idleTime);
      await time.increaseTo(now - 1n);
      const terms = expectedTerms(await situation(now));
      burst.push(terms.available);
      await buy(10n ** 12n, now);
      expect(await house.isOpen(collateral)).to.be.true;
      // δ at the deepest, whatever was kept alive for how long
      expect(terms.multipleWad).to.be.gte(WAD - (600n * WAD) / BPS);
      expect(terms.laneAgeWad).to.be.lte(1201n * WAD);
    }
    // never more than r·A of this position's pace, for all that was emitted meanwhile
    const { ratePerHour } = expectedTerms(await situation(now + 1n));
    for (const each of burst) expect(each).to.be.lte((ratePerHour * 1201n) / 3600n);
    // what the dust buyer got is dust; what it holds for others is at most r·A·δ of collateral's worth: 3.1 WETH here
    const prize = (((ratePerHour * 1200n) / 3600n) * 6n) / 100n;
    expect(Number(prize) / 1e18).to.be.closeTo(3.09, 0.01);
    // and without it the lane closes, to be opened at its premium again
    await time.increaseTo(now + BigInt(LANE.idleTime) + 1n);
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.LaneClosed);
    await house.open(collateral, borrower, borrower);
    expect((await house.quote(collateral, borrower, weth(1))).multipleWad).to.be.gte(WAD + (50n * WAD) / BPS);
  });
});

describe("AuctionHouse.ema", () => {
  it("weighs each price by how long it was the last one seen", async () => {
    const { house, collateral, setPrice } = await opened();
    expect(await house.ema(collateral)).to.be.closeTo(priceE36(2000), 1n);
    await setPrice(1800);
    await house.sync(collateral);
    const seenAt = await time.latest();
    // a fall counts for nothing at the moment that it is seen
    expect(await house.ema(collateral)).to.be.closeTo(priceE36(2000), 2n);
    const { emaE36 } = await house.lane(collateral);
    await setPrice(1600);
    await time.setNextBlockTimestamp(seenAt + 1800);
    await house.sync(collateral);
    await time.increaseTo(seenAt + 3600);
    const first = await emaAfter(emaE36, priceE36(1800), 1800n);
    const second = await emaAfter(first, priceE36(1600), 1800n);
    expect(await house.ema(collateral)).to.equal(second);
    const inClosedForm = 1600 + (1800 + 200 * Math.exp(-1) - 1600) * Math.exp(-1);
    expect(Number(second) / 1e24).to.be.closeTo(inClosedForm, 1e-9);
  });

  it("is rounded down, in both its parts", async () => {
    const { house, collateral, oracle } = await opened();
    // e⁻¹ after an emaPeriod
    const keptWad = 367_879_441_171_442_321n;
    await oracle.setPrice(priceE36(1800) + 7n);
    await house.sync(collateral);
    for (let i = 0; i < 4; ++i) {
      const { emaE36, lastPriceE36, observedAt } = await house.lane(collateral);
      await oracle.setPrice(priceE36(1700) + BigInt(i));
      await time.setNextBlockTimestamp(observedAt + BigInt(LANE.emaPeriod));
      await house.sync(collateral);
      expect((await house.lane(collateral)).emaE36).to.equal(
        mulDiv(emaE36, keptWad, WAD) + mulDiv(lastPriceE36, WAD - keptWad, WAD),
      );
    }
  });

  it("can't be pushed by looking often in a block", async () => {
    const { house, collateral, loan, oracle } = await opened();
    await house.sync(collateral);
    const actor = await ethers.deployContract("MockActor");
    const sync = { target: house, data: house.interface.encodeFunctionData("sync", [collateral.target]) };
    const price = (p: number) => ({
      target: oracle,
      data: oracle.interface.encodeFunctionData("setPrice", [priceE36(p)]),
    });
    await actor.setCalls([price(100), sync, sync, price(2000), sync]);
    await actor.onBuy(loan, 0, 0, "0x");
    expect(await house.ema(collateral)).to.be.closeTo(priceE36(2000), 2n);
  });

  it("refuses a market without a lane", async () => {
    const { house, loan } = await opened();
    await expect(house.ema(loan)).to.be.revertedWithCustomError(house, "LaneNotSet").withArgs(loan);
  });
});

describe("AuctionHouse.observe", () => {
  it("notes the price, the average and what the guard says, and returns the average", async () => {
    const { house, collateral, guard, setPrice } = await opened();
    await setPrice(1800);
    await guard.setDiverged(true);
    const before = await house.lane(collateral);
    const returned = await house.observe.staticCall(collateral);
    const at = BigInt(await time.latest());
    expect(returned).to.equal(await emaAfter(before.emaE36, before.lastPriceE36, at - before.observedAt));
    await house.observe(collateral);
    const after = await house.lane(collateral);
    const now = BigInt(await time.latest());
    expect([after.lastPriceE36, after.observedAt, after.diverged]).to.deep.equal([priceE36(1800), now, true]);
    expect(after.emaE36).to.equal(await emaAfter(before.emaE36, before.lastPriceE36, now - before.observedAt));
    expect([after.cursorWad, after.ratePerHour, after.syncedAt, after.paidAt]).to.deep.equal([
      ...[before.cursorWad, before.ratePerHour, before.syncedAt, before.paidAt],
    ]);
  });

  it("keeps count of since when the price was never unseen for more than an hour", async () => {
    const { house, collateral } = await opened();
    await house.observe(collateral);
    const first = await house.lane(collateral);
    await time.setNextBlockTimestamp(first.observedAt + 3600n);
    await house.observe(collateral);
    expect((await house.lane(collateral)).watchedSince).to.equal(first.watchedSince);
    await time.setNextBlockTimestamp(first.observedAt + 7201n);
    await house.observe(collateral);
    expect((await house.lane(collateral)).watchedSince).to.equal(first.observedAt + 7201n);
  });

  it("is done by a buy only where the price moved or was last seen 5 minutes ago", async () => {
    const { house, collateral, setPrice, buy, later } = await sellingExactly(1900, usdc(159_000), weth(100));
    const { observedAt } = await house.lane(collateral);
    await buy(weth(1) / 10n, observedAt + 299n);
    expect((await house.lane(collateral)).observedAt).to.equal(observedAt);
    await buy(weth(1) / 10n, observedAt + 300n);
    expect((await house.lane(collateral)).observedAt).to.equal(observedAt + 300n);
    await setPrice(1899);
    const now = await later(10);
    await buy(weth(1) / 10n, now);
    const { observedAt: last, lastPriceE36 } = await house.lane(collateral);
    expect([last, lastPriceE36]).to.deep.equal([now, priceE36(1899)]);
  });

  it("refuses a market without a lane, and goes with the oracle and the guard", async () => {
    const { house, oracle, loan, collateral } = await opened();
    await expect(house.observe(loan)).to.be.revertedWithCustomError(house, "LaneNotSet").withArgs(loan);
    await oracle.setBroken(true);
    await expect(house.observe(collateral)).to.be.revertedWithCustomError(oracle, "Broken");
  });
});

describe("AuctionHouse.setLane", () => {
  it("sets all parameters, the rate from the depth, and starts a closed lane and its average", async () => {
    const { house, vault, depth, guard, oracle, borrowOracle } = await opened();
    const other = await ethers.deployContract("MockERC20", ["Other", "OTH", 18]);
    await vault.setMarket(other, { oracle, borrowOracle, maxLtvBps: 8000, lltvBps: 8300, debtCeiling: 0, minDebt: 0 });
    const parameters = { ...LANE, depthOracle: depth, guard };
    await expect(house.setLane(other, parameters))
      .to.emit(house, "LaneSet")
      .and.to.emit(house, "Synced")
      .withArgs(other, weth(100), weth(120));
    const now = BigInt(await time.latest());
    // cursor, rate, synced; ratchet; price, when, average, diverged, watched since, paid
    const seen = [priceE36(2000), now, priceE36(2000), false, now, 0n];
    expect(await house.lane(other)).to.deep.equal([0n, weth(120), now, 0n, ...seen]);
    expect(await house.isOpen(other)).to.be.false;
    expect(await house.laneParameters(other)).to.deep.equal(
      Object.values({ ...LANE, depthOracle: depth.target, guard: guard.target }).map(asStored),
    );
  });

  it("leaves the cursor and the average of a lane as they are, and the lane open", async () => {
    const { house, collateral, setLane } = await selling();
    const before = await house.lane(collateral);
    await setLane({ paceBps: 240 });
    const after = await house.lane(collateral);
    expect(after.ratePerHour).to.equal(2n * before.ratePerHour);
    expect(after.cursorWad).to.equal(before.cursorWad);
    expect(await house.isOpen(collateral)).to.be.true;
    const seconds = after.observedAt - before.observedAt;
    expect(after.emaE36).to.equal(await emaAfter(before.emaE36, before.lastPriceE36, seconds));
  });

  it("ages the average up to now by the old period, and by the new one from then on", async () => {
    const { house, collateral, setPrice, setLane } = await opened();
    await setPrice(1800);
    await house.sync(collateral);
    await time.increase(900);
    const before = await house.lane(collateral);
    await setLane({ emaPeriod: 86_400 });
    const set = await house.lane(collateral);
    const old = await emaAfter(before.emaE36, before.lastPriceE36, set.observedAt - before.observedAt);
    expect(set.emaE36).to.equal(old);
    await time.increaseTo(set.observedAt + 900n);
    expect(await house.ema(collateral)).to.equal(await emaAfter(old, priceE36(1800), 900n, 86_400));
  });

  it("asks the new guard", async () => {
    const { house, collateral, guard, setLane } = await opened();
    await guard.setDiverged(true);
    await setLane({ guard: ethers.ZeroAddress });
    expect((await house.lane(collateral)).diverged).to.be.false;
    await setLane({});
    expect((await house.lane(collateral)).diverged).to.be.true;
  });

  describe("A7: refuses what could make a fill toxic or a product overflow", () => {
    const HOUR_S = 3600;
    // name, what breaks it, and the nearest that is allowed
    const bounds: [string, Partial<typeof LANE>, Partial<typeof LANE>, string?][] = [
      [
        "slopeWad",
        { slopeWad: 10n ** 12n - 1n, maxPremiumBps: 200 },
        // 8.64 % at the least slope take a day, which is the longest age
        { slopeWad: 10n ** 12n, maxPremiumBps: 264 },
      ],
      ["slopeWad", { slopeWad: 10n ** 16n + 1n }, { slopeWad: 10n ** 16n }],
      [
        "slopeWad",
        { slopeWad: 1_157_407_407_407n },
        { slopeWad: 1_157_407_407_408n },
        "a longest age of more than a day",
      ],
      [
        "slopeWad",
        { minPremiumBps: 0, maxPremiumBps: 0, maxDiscountBps: 0, firstDiscountBps: 0 },
        { minPremiumBps: 0, maxPremiumBps: 0, maxDiscountBps: 1, firstDiscountBps: 0 },
        "no way to fall",
      ],
      ["minPremiumBps", { minPremiumBps: 401 }, { minPremiumBps: 400 }],
      ["maxPremiumBps", { maxPremiumBps: 2001 }, { maxPremiumBps: 2000 }],
      ["targetLtvBps", { targetLtvBps: 0 }, { targetLtvBps: 1 }],
      ["targetLtvBps", { targetLtvBps: 8300 }, { targetLtvBps: 8299 }],
      ["absorbLtvBps", { absorbLtvBps: 8300 }, { absorbLtvBps: 8301 }],
      ["absorbLtvBps", { absorbLtvBps: 10_000, absorbDiscountBps: 0 }, { absorbLtvBps: 9_999, absorbDiscountBps: 0 }],
      // β·(1 − lltv) is 850 Bps for discount and fee
      ["maxDiscountBps", { maxDiscountBps: 801 }, { maxDiscountBps: 800 }],
      ["maxDiscountBps", { liquidationFeeBps: 251 }, { liquidationFeeBps: 250 }, "with the fee"],
      // β·(1 − absorbLtv) is 450 Bps for the buffer's discount
      ["absorbDiscountBps", { absorbDiscountBps: 451 }, { absorbDiscountBps: 450 }],
      ["paceBps", { paceBps: 0 }, { paceBps: 1 }],
      ["paceBps", { paceBps: 10_001 }, { paceBps: 10_000 }],
      ["firstDiscountBps", { firstDiscountBps: 601 }, { firstDiscountBps: 600 }],
      ["urgency", { urgency: 101 }, { urgency: 100 }],
      ["idleTime", { idleTime: 59 }, { idleTime: 60 }],
      ["idleTime", { idleTime: 12 * HOUR_S + 1 }, { idleTime: 12 * HOUR_S }],
      ["clearHours", { clearHours: 0 }, { clearHours: 1 }],
      ["clearHours", { clearHours: 8761 }, { clearHours: 8760 }],
      ["emaPeriod", { emaPeriod: 59 }, { emaPeriod: 60 }],
      ["emaPeriod", { emaPeriod: 86_401 }, { emaPeriod: 86_400 }],
      ["minRatePerHour", { minRatePerHour: 0 }, { minRatePerHour: 1 }],
      ["minRatePerHour", { minRatePerHour: 10n ** 24n + 1n }, { minRatePerHour: 10n ** 24n }],
    ];
    for (const [name, bad, good, why] of bounds) {
      const shown = why ?? `${Object.keys(bad)[0]!} ${String(Object.values(bad).map(asStored)[0])}`;
      it(`${name}: ${shown}`, async () => {
        const { house, collateral, setLane } = await opened();
        const before = await house.laneParameters(collateral);
        await expect(setLane(bad))
          .to.be.revertedWithCustomError(house, "BadParameter")
          .withArgs(ethers.encodeBytes32String(name));
        expect(await house.laneParameters(collateral)).to.deep.equal(before);
        await setLane(good);
        const set = [...(await house.laneParameters(collateral))];
        for (const [key, value] of Object.entries(good)) {
          expect(set[Object.keys(LANE).indexOf(key)], key).to.equal(asStored(value));
        }
      });
    }

    it("no depth oracle, or one that does not answer", async () => {
      const { house, depth, setLane } = await opened();
      await expect(setLane({ depthOracle: ethers.ZeroAddress })).to.be.revertedWithCustomError(house, "ZeroAddress");
      await depth.setBroken(true);
      await expect(setLane({})).to.be.revertedWithCustomError(depth, "Broken");
    });

    it("a guard that does not answer, which would stop every open; none is fine", async () => {
      const { depth, setLane } = await opened();
      await expect(setLane({ guard: depth.target })).to.be.revertedWithoutReason();
      await setLane({ guard: ethers.ZeroAddress });
    });
  });

  it("refuses an unlisted market, and everybody but governance", async () => {
    const { house, vault, loan, collateral, depth, guard, keeper } = await opened();
    const parameters = { ...LANE, depthOracle: depth, guard };
    await expect(house.setLane(loan, parameters))
      .to.be.revertedWithCustomError(vault, "MarketNotListed")
      .withArgs(loan);
    await expect(house.connect(keeper).setLane(collateral, parameters))
      .to.be.revertedWithCustomError(house, "AccessManagedUnauthorized")
      .withArgs(keeper);
  });

  it("is built on a vault and an authority", async () => {
    const { house, vault, manager } = await opened();
    const settings = await ethers.deployContract("LaneSettings");
    const libraries = { LaneSettings: settings.target as string };
    const factory = await ethers.getContractFactory("AuctionHouse", { libraries });
    await expect(factory.deploy(ethers.ZeroAddress, manager)).to.be.revertedWithCustomError(house, "ZeroAddress");
    await expect(factory.deploy(vault, ethers.ZeroAddress)).to.be.revertedWithCustomError(house, "ZeroAddress");
    expect(await house.vault()).to.equal(vault.target);
    expect(await house.authority()).to.equal(manager.target);
  });
});
