import { expect } from "chai";
import { ethers } from "hardhat";

import {
  Refusal,
  WAD,
  WAD_PER_BPS,
  baseFeeOf,
  emaAfter,
  expectedTerms,
  ltvWad,
  mostPay,
  openFor,
  opened,
  payInWei,
  PaidGas,
  premiumWad,
  priceE36,
  selling,
  sellingExactly,
  time,
  usdc,
  weth,
  withActor,
} from "./setup";

const PREMIUM_MAX = 400n * WAD_PER_BPS;
const PREMIUM_MIN = 50n * WAD_PER_BPS;

describe("AuctionHouse.open", () => {
  it("opens a closed lane at 1 + π with nothing emitted, and pays out of the witness's collateral", async () => {
    const { house, vault, collateral, borrower, keeper, other, setPrice } = await opened(weth(100), usdc(159_000));
    await setPrice(1900);
    expect(await house.isOpen(collateral)).to.be.false;
    const before = await collateral.balanceOf(other);
    const ltv = ltvWad(weth(100), usdc(159_000), priceE36(1900));

    const transaction = await house.connect(keeper).open(collateral, borrower, other);

    const pay = payInWei(PaidGas.open, await baseFeeOf(transaction));
    expect(pay).to.be.lt(mostPay(weth(100), usdc(159_000), priceE36(1900)));
    await expect(transaction)
      .to.emit(house, "LaneOpened")
      .withArgs(collateral, borrower, keeper, priceE36(1900), ltv, PREMIUM_MAX, pay);
    // whoever was named gets it, not the caller
    expect((await collateral.balanceOf(other)) - before).to.equal(pay);
    expect((await vault.position(collateral, borrower)).collateral).to.equal(weth(100) - pay);

    const now = BigInt(await time.latest());
    const lane = await house.lane(collateral);
    expect(lane.cursorWad).to.equal(now * WAD);
    expect(lane.paidAt).to.equal(now);
    expect([lane.lastPriceE36, lane.observedAt]).to.deep.equal([priceE36(1900), now]);
    expect(await house.isOpen(collateral)).to.be.true;
    // nothing has been emitted in this block
    const { refusal, multipleWad, available } = await house.quote(collateral, borrower, ethers.MaxUint256);
    expect([refusal, multipleWad, available]).to.deep.equal([Refusal.LaneEmpty, WAD + PREMIUM_MAX, 0n]);
  });

  it("returns the pay, and `laneState` what buyers meet", async () => {
    const { house, collateral, borrower, keeper, setPrice, openLane, openedIn } = await opened();
    await setPrice(1900);
    const returned = await house.connect(keeper).open.staticCall(collateral, borrower, keeper);
    // a call that says no price of gas meets a base fee of zero
    expect(returned).to.equal(payInWei(PaidGas.open, 0n));
    const transaction = await openLane();
    expect((await openedIn(transaction)).pay).to.equal(payInWei(PaidGas.open, await baseFeeOf(transaction)));
    await time.increase(60);
    const { observedAt, emaE36 } = await house.lane(collateral);
    const ema = await emaAfter(emaE36, priceE36(1900), BigInt(await time.latest()) - observedAt);
    const age = BigInt(await time.latest()) - observedAt;
    expect(await house.laneState(collateral)).to.deep.equal([
      ...[true, false, priceE36(1900), ema, PREMIUM_MAX, weth(120), age * WAD],
    ]);
  });

  it("stays open for A + idleTime after it was opened or bought from, to the second", async () => {
    const { house, collateral, borrower, buy, later, openLane } = await selling();
    const openedAt = BigInt(await time.latest());
    const last = openedAt + openFor();
    expect(openFor()).to.equal(1500n);
    await time.increaseTo(last);
    expect(await house.isOpen(collateral)).to.be.true;
    await time.increaseTo(last + 1n);
    expect(await house.isOpen(collateral)).to.be.false;
    expect((await house.quote(collateral, borrower, ethers.MaxUint256)).refusal).to.equal(Refusal.LaneClosed);
    await expect(buy()).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, Refusal.LaneClosed);

    // and anew
    await openLane();
    const again = BigInt(await time.latest());
    expect((await house.lane(collateral)).cursorWad).to.equal(again * WAD);
    await buy(10n ** 15n, await later(1000));
    const { cursorWad } = await house.lane(collateral);
    // a buy moves the cursor by what it took
    expect(cursorWad).to.be.gt(again * WAD);
    const end = cursorWad / WAD + openFor();
    await time.increaseTo(end);
    expect(await house.isOpen(collateral)).to.be.true;
    await time.increaseTo(end + 1n);
    expect(await house.isOpen(collateral)).to.be.false;
  });

  describe("premium", () => {
    it("is the greatest after a sudden fall, which the average still remembers", async () => {
      const { house, collateral, premiumAt } = await selling(1900);
      // 2000 / 1900 − 1 = 5.3 %, over 4 %
      expect((await house.laneState(collateral)).premiumWad).to.equal(PREMIUM_MAX);
      expect(await premiumAt(BigInt(await time.latest()))).to.equal(PREMIUM_MAX);
    });

    it("is the average over the price, less one, in between, and goes as the average comes down", async () => {
      const { house, collateral, borrower, setPrice, later } = await opened(weth(10), usdc(15_990));
      await setPrice(1925);
      await house.sync(collateral);
      const { emaE36, observedAt } = await house.lane(collateral);
      const seen: bigint[] = [];
      const opensAt = observedAt + 900n;
      await time.setNextBlockTimestamp(opensAt);
      await house.open(collateral, borrower, borrower);
      for (const at of [opensAt, opensAt + 60n, opensAt + 600n, opensAt + 1499n]) {
        if (at !== opensAt) await time.increaseTo(at);
        const lane = await house.lane(collateral);
        // in closed form: an average of a standing price may be noted on the way, and is the same but for roundings
        const ema = await emaAfter(emaE36, priceE36(1925), at - observedAt);
        const expected = premiumWad(ema, priceE36(1925));
        const exact = premiumWad(await emaAfter(lane.emaE36, lane.lastPriceE36, at - lane.observedAt), priceE36(1925));
        const { premiumWad: actual } = await house.laneState(collateral);
        expect(actual).to.equal(exact);
        expect(actual).to.be.closeTo(expected, 2n);
        seen.push(actual);
      }
      expect(Number(seen[0]) / 1e18).to.be.closeTo((75 / 1925) * Math.exp(-0.5), 1e-12);
      expect(seen).to.deep.equal([...seen].sort((a, b) => (a < b ? 1 : -1)));
      // an hour later nothing is left of it
      await time.increaseTo(await later(5 * 3600));
      expect((await house.laneState(collateral)).premiumWad).to.equal(PREMIUM_MIN);
    });

    it("is live: the same unsold emission is sold by the premium of the moment", async () => {
      const { house, collateral, borrower, setPrice, situation, later } = await selling(1925, weth(10), usdc(15_990));
      await time.increaseTo(await later(60));
      const at = BigInt(await time.latest());
      const dear = await house.quote(collateral, borrower, weth(1));
      expect(dear.multipleWad).to.equal(expectedTerms(await situation(at)).multipleWad);
      // the price recovers a little: 2000 over 1926 is less than over 1925
      await setPrice(1926);
      const now = BigInt(await time.latest());
      const terms = expectedTerms(await situation(now));
      const cheaper = await house.quote(collateral, borrower, weth(1));
      expect(cheaper.multipleWad).to.equal(terms.multipleWad);
      expect(cheaper.multipleWad).to.be.lt(dear.multipleWad);
    });

    it("is the least when the price is over its average", async () => {
      const { house, collateral, setPrice, openLane } = await opened();
      await setPrice(1700);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await setPrice(1900);
      await openLane();
      expect((await house.laneState(collateral)).premiumWad).to.equal(PREMIUM_MIN);
    });

    it("is the greatest while the guard says that the oracle is in doubt", async () => {
      const { house, collateral, guard, setPrice, openLane, openedIn } = await opened();
      await setPrice(1900);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await guard.setDiverged(true);
      expect((await openedIn(await openLane())).premiumWad).to.equal(PREMIUM_MAX);
      const { diverged, premiumWad: premium } = await house.laneState(collateral);
      expect([diverged, premium]).to.deep.equal([true, PREMIUM_MAX]);
    });

    it("does without a guard", async () => {
      const { house, collateral, guard, setPrice, setLane, openLane, openedIn } = await opened();
      await guard.setDiverged(true);
      await setLane({ guard: ethers.ZeroAddress });
      await setPrice(1900);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      expect((await openedIn(await openLane())).premiumWad).to.equal(PREMIUM_MIN);
    });
  });

  describe("refuses", () => {
    it("a market without a lane, and a receiver of zero", async () => {
      const { house, loan, collateral, borrower, keeper, setPrice } = await opened();
      await expect(house.open(loan, borrower, keeper))
        .to.be.revertedWithCustomError(house, "LaneNotSet")
        .withArgs(loan);
      await setPrice(1900);
      await expect(house.open(collateral, borrower, ethers.ZeroAddress)).to.be.revertedWithCustomError(
        house,
        "ZeroAddress",
      );
    });

    it("an open lane, which can't be set back to its premium, until the second after it has closed", async () => {
      const { house, collateral, openLane } = await selling();
      const last = BigInt(await time.latest()) + openFor();
      await expect(openLane()).to.be.revertedWithCustomError(house, "LaneIsOpen").withArgs(collateral);
      await time.setNextBlockTimestamp(last);
      await expect(openLane()).to.be.revertedWithCustomError(house, "LaneIsOpen");
      await time.setNextBlockTimestamp(last + 1n);
      await expect(openLane()).to.emit(house, "LaneOpened");
    });

    it("a healthy witness, at lltv exactly too", async () => {
      // 15,770 / 19,000 is 83 %
      const { house, borrower, setPrice, openLane } = await opened(weth(10), usdc(15_770));
      await setPrice(1900);
      await expect(openLane())
        .to.be.revertedWithCustomError(house, "PositionHealthy")
        .withArgs(borrower, (83n * WAD) / 100n);
      await setPrice(1899.99);
      await expect(openLane()).to.emit(house, "LaneOpened");
    });

    it("a witness without debt, and one without anything", async () => {
      const { house, vault, collateral, other, borrower } = await opened();
      await vault.connect(borrower).supplyCollateral(collateral, weth(1), other);
      for (const owner of [other, house]) {
        await expect(house.open(collateral, owner, other))
          .to.be.revertedWithCustomError(house, "PositionHealthy")
          .withArgs(owner, 0);
      }
    });

    it("a witness that took risk in this block, by whatever price", async () => {
      const market = await opened();
      const { house } = market;
      for (const risk of ["borrow", "withdraw"] as const) {
        const { actor, call, act } = await withActor(market, risk === "borrow" ? 0n : usdc(15_900));
        const takes = risk === "borrow" ? call.borrow(usdc(15_900)) : call.withdraw(1n);
        await expect(act(takes, call.price(1900), call.open(), call.price(2000)))
          .to.be.revertedWithCustomError(house, "EnlargedInThisBlock")
          .withArgs(actor);
      }
    });

    it("while the oracle is broken, and as it says so", async () => {
      const { oracle, setPrice, openLane } = await opened();
      await setPrice(1900);
      await oracle.setBroken(true);
      await expect(openLane()).to.be.revertedWithCustomError(oracle, "Broken");
    });

    it("while the guard is broken: in doubt about the doubt nothing is sold", async () => {
      const { house, collateral, setPrice, setLane, openLane } = await opened();
      const guard = await ethers.deployContract("MockGuard");
      await setLane({ guard: guard.target });
      await setPrice(1900);
      await ethers.provider.send("hardhat_setCode", [guard.target, "0x5f5ffd"]);
      await expect(openLane()).to.be.reverted;
      expect(await house.isOpen(collateral)).to.be.false;
    });
  });

  it("needs no longer-lived witness: another position is sold though the witness is healthy again", async () => {
    const { house, vault, collateral, borrower, other, open, setPrice, openLane, buy, later } = await opened();
    await open(other, weth(10), usdc(15_900));
    await time.increase(60);
    await setPrice(1900);
    await openLane();
    await vault.connect(borrower).repay(collateral, usdc(5_000), borrower);
    await buy(weth(1), await later(300), other);
    await expect(buy(weth(1)))
      .to.be.revertedWithCustomError(house, "NotBuyable")
      .withArgs(borrower, Refusal.Healthy);
  });

  it("leaves nothing to clean up where the fall was a wick", async () => {
    const { house, vault, collateral, borrower, setPrice, openLane, later } = await sellingExactly(1900);
    await setPrice(2000);
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.Healthy);
    await vault.connect(borrower).withdrawCollateral(collateral, 1n, borrower, borrower);
    await time.increaseTo(await later(openFor()));
    expect(await house.isOpen(collateral)).to.be.false;
    await setPrice(1900);
    await expect(openLane()).to.emit(house, "LaneOpened");
  });
});
