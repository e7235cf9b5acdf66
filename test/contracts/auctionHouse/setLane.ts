import { expect } from "chai";
import { ethers } from "hardhat";

import { emaAfter, LANE, opened, priceE36, selling, time, weth } from "./setup";

/** A parameter as it comes back: its keys in `LANE` stand in the struct's order. */
const asStored = (value: unknown): unknown => (typeof value === "number" ? BigInt(value) : value);

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
