import { expect } from "chai";
import { ethers } from "hardhat";

import { mulDiv } from "../math";
import { End, HOUR, LANE, WAD, auctioned, ltvWad, opened, priceE36, time, weth } from "./setup";

/** A parameter as it comes back: its keys in `LANE` stand in the struct's order. */
const asStored = (value: unknown): unknown => (typeof value === "number" ? BigInt(value) : value);

describe("AuctionHouse.cancel", () => {
  it("lets anyone end the auction of a position that is healthy again, at lltv exactly", async () => {
    const { house, vault, collateral, borrower, other, setPrice, position } = await auctioned();
    const { collateral: held, debt } = await position();
    await setPrice(1916);
    await vault.connect(other).repay(collateral, debt - (((held * 1916n) / 10n ** 12n) * 83n) / 100n - 1n, borrower);
    const left = await position();
    expect(ltvWad(left.collateral, left.debt, priceE36(1916))).to.be.gt((83n * WAD) / 100n);
    await expect(house.connect(other).cancel(collateral, borrower))
      .to.be.revertedWithCustomError(house, "PositionUnhealthy")
      .withArgs(borrower, ltvWad(left.collateral, left.debt, priceE36(1916)));
    await vault.connect(other).repay(collateral, 2, borrower);
    await expect(house.connect(other).cancel(collateral, borrower))
      .to.emit(house, "AuctionEnded")
      .withArgs(collateral, borrower, End.Cancelled);
    expect((await house.lane(collateral)).auctions).to.equal(0);
    const { startedAt, premiumWad, discountWad, filledAt } = await house.auction(collateral, borrower);
    expect([startedAt, premiumWad, discountWad, filledAt]).to.deep.equal([0n, 0n, 0n, 0n]);
  });

  it("reads no oracle where there is no debt", async () => {
    const { house, vault, oracle, collateral, borrower } = await auctioned();
    await oracle.setBroken(true);
    await expect(house.cancel(collateral, borrower)).to.be.revertedWithCustomError(oracle, "Broken");
    await vault.connect(borrower).repay(collateral, ethers.MaxUint256, borrower);
    await expect(house.cancel(collateral, borrower)).to.emit(house, "AuctionEnded");
  });

  it("refuses where there is no auction, and a second time", async () => {
    const { house, collateral, borrower, setPrice } = await opened();
    await expect(house.cancel(collateral, borrower))
      .to.be.revertedWithCustomError(house, "NoAuction")
      .withArgs(borrower);
    await setPrice(1900);
    await house.start(collateral, borrower);
    await setPrice(2000);
    await house.cancel(collateral, borrower);
    await expect(house.cancel(collateral, borrower))
      .to.be.revertedWithCustomError(house, "NoAuction")
      .withArgs(borrower);
    expect((await house.lane(collateral)).auctions).to.equal(0);
  });
});

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
    expect((await house.lane(collateral)).ratePerHour).to.be.within(
      (ratePerHour * 2n * 99_999n) / 100_000n,
      2n * ratePerHour,
    );
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

  it("refuses a market without a lane, a broken depth and a broken oracle", async () => {
    const { house, loan, oracle, depth, collateral } = await opened();
    await expect(house.sync(loan)).to.be.revertedWithCustomError(house, "LaneNotSet").withArgs(loan);
    await depth.setBroken(true);
    await expect(house.sync(collateral)).to.be.revertedWithCustomError(depth, "Broken");
    await oracle.setBroken(true);
    await expect(house.sync(collateral)).to.be.revertedWithCustomError(oracle, "Broken");
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
    await setPrice(1600);
    await time.setNextBlockTimestamp(seenAt + 1800);
    await house.sync(collateral);
    await time.increaseTo(seenAt + 3600);
    const first = 1800 + 200 * Math.exp(-1);
    const second = 1600 + (first - 1600) * Math.exp(-1);
    expect(Number(await house.ema(collateral)) / 1e24).to.be.closeTo(second, 1e-9);
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

describe("AuctionHouse.setLane", () => {
  it("sets all parameters, the rate from the depth, and starts an empty lane and its average", async () => {
    const { house, vault, depth, guard, oracle, borrowOracle } = await opened();
    const other = await ethers.deployContract("MockERC20", ["Other", "OTH", 18]);
    await vault.setMarket(other, { oracle, borrowOracle, maxLtvBps: 8000, lltvBps: 8300, debtCeiling: 0, minDebt: 0 });
    const parameters = { ...LANE, depthOracle: depth, guard };
    await expect(house.setLane(other, parameters))
      .to.emit(house, "LaneSet")
      .and.to.emit(house, "Synced")
      .withArgs(other, weth(100), weth(120));
    const now = BigInt(await time.latest());
    const average = [priceE36(2000), now, priceE36(2000), now];
    expect(await house.lane(other)).to.deep.equal([now * WAD, weth(120), 0n, 0n, ...average]);
    expect(await house.laneParameters(other)).to.deep.equal(
      Object.values({ ...LANE, depthOracle: depth.target, guard: guard.target }).map(asStored),
    );
  });

  it("leaves the cursor, the average and the auctions of a lane as they are", async () => {
    const { house, collateral, setLane } = await auctioned();
    const before = await house.lane(collateral);
    await setLane({ paceBps: 240 });
    const after = await house.lane(collateral);
    expect(after.ratePerHour).to.equal(2n * before.ratePerHour);
    expect(after.cursorWad).to.equal(before.cursorWad);
    expect(after.auctions).to.equal(1);
    expect(after.emaE36).to.be.lt(before.emaE36);
    expect(after.emaE36).to.be.gt((before.emaE36 * 999n) / 1000n);
  });

  describe("A7: refuses what could make a fill toxic or a product overflow", () => {
    const HOUR_S = 3600;
    // name, what breaks it, and the nearest that is allowed
    const bounds: [string, Partial<typeof LANE>, Partial<typeof LANE>, string?][] = [
      [
        "slopeWad",
        { slopeWad: 10n ** 12n - 1n, maxPremiumBps: 200, maxAuctionDuration: 24 * HOUR_S },
        // 8.64 % at the least slope take a day, which is both the longest age and all of the auction
        { slopeWad: 10n ** 12n, maxPremiumBps: 264, maxAuctionDuration: 24 * HOUR_S },
      ],
      ["slopeWad", { slopeWad: 10n ** 16n + 1n }, { slopeWad: 10n ** 16n }],
      [
        "slopeWad",
        { slopeWad: 1_157_407_407_407n, maxAuctionDuration: 100 * HOUR_S },
        { slopeWad: 1_157_407_407_408n, maxAuctionDuration: 100 * HOUR_S },
        "a longest age of more than a day",
      ],
      [
        "slopeWad",
        { minPremiumBps: 0, maxPremiumBps: 0, maxDiscountBps: 0 },
        { minPremiumBps: 0, maxPremiumBps: 0, maxDiscountBps: 1 },
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
      ["paceBps", { paceBps: 10_001, stressPaceBps: 10_001 }, { paceBps: 10_000, stressPaceBps: 10_000 }],
      ["stressPaceBps", { stressPaceBps: 119 }, { stressPaceBps: 120 }],
      ["stressPaceBps", { stressPaceBps: 10_001 }, { stressPaceBps: 10_000 }],
      ["chipBps", { chipBps: 101 }, { chipBps: 100 }],
      [
        "maxAuctionDuration",
        { maxAuctionDuration: 1200, absorbDelay: 0 },
        { maxAuctionDuration: 1201, absorbDelay: 0 },
      ],
      ["maxAuctionDuration", { maxAuctionDuration: 7 * 86_400 + 1 }, { maxAuctionDuration: 7 * 86_400 }],
      ["absorbDelay", { absorbDelay: 4 * HOUR_S + 1 }, { absorbDelay: 4 * HOUR_S }],
      ["emaPeriod", { emaPeriod: 59 }, { emaPeriod: 60 }],
      ["emaPeriod", { emaPeriod: 86_401 }, { emaPeriod: 86_400 }],
      ["minRatePerHour", { minRatePerHour: 0 }, { minRatePerHour: 1 }],
      ["minRatePerHour", { minRatePerHour: 10n ** 24n + 1n }, { minRatePerHour: 10n ** 24n }],
      ["maxRatePerHour", { maxRatePerHour: 2n ** 104n }, { maxRatePerHour: 2n ** 104n - 1n }],
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

    it("a guard that does not answer, which would stop every start; none is fine", async () => {
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
    const factory = await ethers.getContractFactory("AuctionHouse");
    await expect(factory.deploy(ethers.ZeroAddress, manager)).to.be.revertedWithCustomError(house, "ZeroAddress");
    await expect(factory.deploy(vault, ethers.ZeroAddress)).to.be.revertedWithCustomError(house, "ZeroAddress");
    expect(await house.vault()).to.equal(vault.target);
    expect(await house.authority()).to.equal(manager.target);
  });
});
