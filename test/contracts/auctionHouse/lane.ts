import { expect } from "chai";
import { ethers } from "hardhat";

import { mulDiv } from "../math";
import {
  BPS,
  emaAfter,
  expectedTerms,
  LANE,
  opened,
  priceE36,
  Refusal,
  sellingExactly,
  time,
  usdc,
  WAD,
  weth,
} from "./setup";

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
