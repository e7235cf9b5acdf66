import { expect } from "chai";
import { ethers } from "hardhat";

import { BPS, LANE, WAD, auctioned, ltvWad, opened, priceE36, time, usdc, weth } from "./setup";

const PREMIUM_MAX = (4n * WAD) / 100n;
const PREMIUM_MIN = (5n * WAD) / 1000n;
const PERIOD = Number(LANE.maxAuctionDuration);

describe("AuctionHouse.start", () => {
  it("puts an unhealthy position in auction and pays tip and chip out of its collateral", async () => {
    const { house, vault, collateral, borrower, keeper, setPrice, start } = await opened(weth(100), usdc(159_000));
    await setPrice(1900);
    const before = await collateral.balanceOf(keeper);
    // (20 + 0.0002 · 159,000) USDC at 1900, rounded down
    const bounty = ((usdc(20) + (usdc(159_000) * 2n) / BPS) * 10n ** 36n) / priceE36(1900);
    const ltv = ltvWad(weth(100), usdc(159_000), priceE36(1900));

    await expect(start())
      .to.emit(house, "AuctionStarted")
      .withArgs(collateral, borrower, keeper, priceE36(1900), ltv, PREMIUM_MAX, bounty)
      .and.to.emit(vault, "Paid")
      .withArgs(collateral, borrower, keeper, bounty);

    expect((await collateral.balanceOf(keeper)) - before).to.equal(bounty);
    expect((await vault.position(collateral, borrower)).collateral).to.equal(weth(100) - bounty);
    const now = await time.latest();
    expect(await house.auction(collateral, borrower)).to.deep.equal([now, PREMIUM_MAX, 0, 0, now]);
    const lane = await house.lane(collateral);
    expect(lane.auctions).to.equal(1);
    expect([lane.lastPriceE36, lane.observedAt]).to.deep.equal([priceE36(1900), BigInt(now)]);
  });

  describe("bounty", () => {
    it("raises the LTV by 0.1 % at most", async () => {
      const { house, collateral, borrower, keeper, setPrice, position } = await opened();
      await setPrice(1900);
      const bounty = weth(10) / 1001n;
      const before = ltvWad(weth(10), usdc(15_900), priceE36(1900));
      expect(await house.connect(keeper).start.staticCall(collateral, borrower)).to.equal(bounty);

      await house.connect(keeper).start(collateral, borrower);

      const after = await position();
      expect(after.collateral).to.equal(weth(10) - bounty);
      expect(ltvWad(after.collateral, after.debt, priceE36(1900))).to.be.closeTo((before * 1001n) / 1000n, 10n ** 9n);
    });

    it("leaves half of the last equity in the position", async () => {
      const { start, position, setPrice } = await opened();
      // 15,902 of value against 15,900 of debt
      await setPrice(1590.2);
      await start();
      const after = await position();
      const owed = (usdc(15_900) * 10n ** 36n + priceE36(1590.2) - 1n) / priceE36(1590.2);
      expect(weth(10) - after.collateral).to.equal((weth(10) - owed) / 2n);
      expect(ltvWad(after.collateral, after.debt, priceE36(1590.2))).to.be.lt(WAD);
    });

    it("is nothing without equity", async () => {
      const { house, collateral, borrower, keeper, setPrice, start, position } = await opened();
      await setPrice(1590);
      await expect(start())
        .to.emit(house, "AuctionStarted")
        .withArgs(collateral, borrower, keeper, priceE36(1590), WAD, PREMIUM_MAX, 0);
      expect((await position()).collateral).to.equal(weth(10));
      expect((await house.auction(collateral, borrower)).bountyAt).to.equal(0);
    });

    it("is paid once in maxAuctionDuration, whatever was cancelled in between", async () => {
      const { house, collateral, borrower, keeper, setPrice, start } = await auctioned();
      const paidAt = (await house.auction(collateral, borrower)).bountyAt;
      await setPrice(2000);
      await house.cancel(collateral, borrower);
      await setPrice(1890);
      expect(await house.connect(keeper).start.staticCall(collateral, borrower)).to.equal(0);
      await start();
      expect((await house.auction(collateral, borrower)).bountyAt).to.equal(paidAt);
      await setPrice(2000);
      await house.cancel(collateral, borrower);
      await setPrice(1890);

      await time.setNextBlockTimestamp(paidAt + BigInt(PERIOD) - 1n);
      const before = await collateral.balanceOf(keeper);
      await start();
      expect(await collateral.balanceOf(keeper)).to.equal(before);
      await setPrice(2000);
      await house.cancel(collateral, borrower);
      await setPrice(1890);
      await time.setNextBlockTimestamp(paidAt + BigInt(PERIOD) + 10n);
      await start();
      expect(await collateral.balanceOf(keeper)).to.be.gt(before);
    });
  });

  describe("premium", () => {
    it("is the greatest after a sudden fall, which the lane's average still remembers", async () => {
      const { house, collateral, borrower } = await auctioned(1900);
      // 2000 / 1900 − 1 = 5.3 %, over 4 %
      expect((await house.auction(collateral, borrower)).premiumWad).to.equal(PREMIUM_MAX);
    });

    it("is the average over the price, less one, in between", async () => {
      const { house, collateral, borrower, setPrice, start } = await opened(weth(10), usdc(15_990));
      await setPrice(1925);
      await house.sync(collateral);
      const seenAt = await time.latest();
      await time.setNextBlockTimestamp(seenAt + 900);
      await start();
      // half a time constant after 2000 fell to 1925: 1925 + 75·e^(−1/2)
      const average = 1925 + 75 * Math.exp(-0.5);
      const { premiumWad } = await house.auction(collateral, borrower);
      expect(Number(premiumWad) / 1e18).to.be.closeTo(average / 1925 - 1, 1e-12);
      expect(premiumWad).to.equal(((await house.lane(collateral)).emaE36 * WAD) / priceE36(1925) - WAD);
    });

    it("is the least once the average has come down", async () => {
      const { house, collateral, borrower, setPrice, start } = await opened();
      await setPrice(1900);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await start();
      expect((await house.auction(collateral, borrower)).premiumWad).to.equal(PREMIUM_MIN);
    });

    it("is the least when the price is over its average", async () => {
      const { house, collateral, borrower, setPrice, start } = await opened();
      await setPrice(1700);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await setPrice(1900);
      await start();
      expect((await house.auction(collateral, borrower)).premiumWad).to.equal(PREMIUM_MIN);
    });

    it("is the greatest while the guard says that the oracle is in doubt", async () => {
      const { house, collateral, borrower, guard, setPrice, start } = await opened();
      await setPrice(1900);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await guard.setDiverged(true);
      await start();
      expect((await house.auction(collateral, borrower)).premiumWad).to.equal(PREMIUM_MAX);
    });

    it("does without a guard", async () => {
      const { house, collateral, borrower, guard, setPrice, setLane, start } = await opened();
      await guard.setDiverged(true);
      await setLane({ guard: ethers.ZeroAddress });
      await setPrice(1900);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await start();
      expect((await house.auction(collateral, borrower)).premiumWad).to.equal(PREMIUM_MIN);
    });
  });

  describe("again", () => {
    it("after it has expired, not a second before", async () => {
      const { house, collateral, borrower, start } = await auctioned();
      const { startedAt } = await house.auction(collateral, borrower);
      await time.setNextBlockTimestamp(startedAt + BigInt(PERIOD));
      await expect(start()).to.be.revertedWithCustomError(house, "AlreadyStarted").withArgs(borrower);
      await time.setNextBlockTimestamp(startedAt + BigInt(PERIOD) + 1n);
      await expect(start()).to.emit(house, "AuctionStarted");
      expect((await house.auction(collateral, borrower)).startedAt).to.equal(startedAt + BigInt(PERIOD) + 1n);
      // it is still one auction
      expect((await house.lane(collateral)).auctions).to.equal(1);
    });

    for (const what of ["borrowed", "withdrawn"] as const) {
      it(`after its owner has ${what}`, async () => {
        const { house, vault, collateral, borrower, setPrice, start } = await auctioned();
        await setPrice(2100);
        if (what === "borrowed") await vault.connect(borrower).borrow(collateral, 1, borrower, borrower);
        else await vault.connect(borrower).withdrawCollateral(collateral, 1, borrower, borrower);
        await setPrice(1890);
        await expect(start()).to.emit(house, "AuctionStarted");
        expect((await house.lane(collateral)).auctions).to.equal(1);
      });
    }
  });

  describe("refuses", () => {
    it("a market without a lane", async () => {
      const { house, loan, borrower } = await opened();
      await expect(house.start(loan, borrower)).to.be.revertedWithCustomError(house, "LaneNotSet").withArgs(loan);
    });

    it("a healthy position, to the last unit of its debt", async () => {
      const { house, vault, collateral, borrower, setPrice, start } = await opened(weth(10), usdc(15_936));
      await setPrice(1920);
      // 15,936 / 19,200 is 83 % exactly
      await expect(start())
        .to.be.revertedWithCustomError(house, "PositionHealthy")
        .withArgs(borrower, (83n * WAD) / 100n);
      await setPrice(2000);
      await vault.connect(borrower).borrow(collateral, 1, borrower, borrower);
      await setPrice(1920);
      await expect(start()).to.emit(house, "AuctionStarted");
    });

    it("a position without debt, and one that was never opened", async () => {
      const { house, collateral, other } = await opened();
      await expect(house.start(collateral, other))
        .to.be.revertedWithCustomError(house, "PositionHealthy")
        .withArgs(other, 0);
    });

    it("one that is in auction", async () => {
      const { house, borrower, start } = await auctioned();
      await expect(start()).to.be.revertedWithCustomError(house, "AlreadyStarted").withArgs(borrower);
    });

    it("one that was enlarged in this block", async () => {
      const { house, vault, collateral, oracle, loan, borrower } = await opened();
      const actor = await ethers.deployContract("MockActor");
      await collateral.mint(actor, weth(10));
      await actor.run(
        collateral,
        collateral.interface.encodeFunctionData("approve", [await vault.getAddress(), weth(10)]),
      );
      const target = await collateral.getAddress();
      await vault.connect(borrower).supplyCollateral(target, weth(10), actor);
      // borrows, sees the price fall, and is put in auction, all at once
      await actor.setCalls([
        {
          target: vault,
          data: vault.interface.encodeFunctionData("borrow", [
            target,
            usdc(16_000),
            await actor.getAddress(),
            await actor.getAddress(),
          ]),
        },
        { target: oracle, data: oracle.interface.encodeFunctionData("setPrice", [priceE36(1900)]) },
        { target: house, data: house.interface.encodeFunctionData("start", [target, await actor.getAddress()]) },
      ]);
      await expect(actor.onBuy(loan, 0, 0, "0x"))
        .to.be.revertedWithCustomError(house, "EnlargedInThisBlock")
        .withArgs(actor);
    });

    it("anything while the oracle is broken", async () => {
      const { oracle, start } = await opened();
      await oracle.setBroken(true);
      await expect(start()).to.be.revertedWithCustomError(oracle, "Broken");
    });
  });
});
