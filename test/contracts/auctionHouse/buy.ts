import { expect } from "chai";
import { ethers } from "hardhat";

import {
  ALL,
  BPS,
  expectedTerms,
  inOneBlock,
  LANE,
  MARKET,
  longestAgeWad,
  ltvWad,
  type Market,
  opened,
  openFor,
  priceE36,
  Refusal,
  selling,
  sellingExactly,
  time,
  usdc,
  WAD,
  weth,
  withActor,
  withDearShares,
} from "./setup";

const GAS = { gasLimit: 2_000_000 };

describe("AuctionHouse.buy", () => {
  it("sells at the lane's price, repays the debt with it, and sends the collateral to the receiver", async () => {
    const { house, vault, loan, collateral, borrower, keeper, other, situation, later, position } = await selling();
    const now = await later(300);
    const before = await situation(now);
    const terms = expectedTerms(before);
    const cost = terms.cost(weth(1));
    const repaid = terms.repaid(cost);
    const paidBefore = await loan.balanceOf(keeper);
    const heldBefore = await collateral.balanceOf(other);
    const cash = await vault.idle();
    // the premium of 4 % less five minutes at 0.5 % each: 1.5 % over the oracle price, and the fee's 0.5 % of the repaid
    expect(Number(terms.multipleWad) / 1e18).to.be.closeTo(1.015, 1e-4);

    await time.setNextBlockTimestamp(now);
    await expect(house.connect(keeper).buy(collateral, borrower, weth(1), cost, other, "0x"))
      .to.emit(house, "Bought")
      .withArgs(collateral, borrower, keeper, weth(1), cost, repaid, priceE36(1900), terms.multipleWad)
      .and.to.emit(vault, "Settled")
      .withArgs(collateral, borrower, other, weth(1), repaid, repaid);

    expect(paidBefore - (await loan.balanceOf(keeper))).to.equal(cost);
    expect((await collateral.balanceOf(other)) - heldBefore).to.equal(weth(1));
    expect(await position()).to.deep.equal({ collateral: before.collateral - weth(1), debt: before.debt - repaid });
    // the fee is the buffer's
    expect(await vault.bufferFees()).to.equal(cost - repaid);
    expect(cost - repaid).to.be.closeTo((repaid * 50n) / BPS, 1n);
    expect((await vault.idle()) - cash).to.equal(cost);
    // the lane goes on
    expect(await house.isOpen(collateral)).to.be.true;
  });

  it("moves the lane's cursor by what was sold at the position's pace, rounded up", async () => {
    const { house, collateral, situation, buy, later } = await selling();
    const now = await later(300);
    const { cursorAfter, ratePerHour } = expectedTerms(await situation(now));
    const { ratePerHour: base } = await situation(now);
    expect(ratePerHour).to.be.gt(base);
    await buy(123_456_789_123_456_789n, now);
    const { cursorWad } = await house.lane(collateral);
    expect(cursorWad).to.equal(cursorAfter(123_456_789_123_456_789n));
    const sold = (123_456_789_123_456_789n * 3600n * WAD + ratePerHour - 1n) / ratePerHour;
    expect(cursorWad).to.equal((now - 300n) * WAD + sold);
  });

  it("of a lane that is older than A moves the cursor from A ago", async () => {
    const { house, collateral, situation, buy, later } = await selling();
    const now = await later(1400);
    const { ratePerHour } = expectedTerms(await situation(now));
    await buy(weth(1), now);
    const sold = (weth(1) * 3600n * WAD + ratePerHour - 1n) / ratePerHour;
    expect((await house.lane(collateral)).cursorWad).to.equal(now * WAD - longestAgeWad() + sold);
  });

  it("returns what it bought and what that cost, as the quote had said", async () => {
    const { house, collateral, borrower, keeper, later } = await selling();
    await time.increaseTo(await later(300));
    const quote = await house.quote(collateral, borrower, weth(1));
    expect(quote.refusal).to.equal(Refusal.None);
    const [bought, cost] = await house.connect(keeper).buy.staticCall(collateral, borrower, weth(1), ALL, keeper, "0x");
    expect(bought).to.equal(quote.collateral);
    expect(cost).to.equal(quote.cost);
  });

  describe("size", () => {
    it("ends at the target LTV, never past it", async () => {
      const { house, vault, collateral, borrower, keeper, situation, later, position, boughtIn } = await selling();
      const now = await later(600);
      const terms = expectedTerms(await situation(now));
      expect(terms.toTarget).to.be.lt(terms.available);
      await time.setNextBlockTimestamp(now);
      const transaction = await house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x");

      const { amount, cost, repaid } = await boughtIn(transaction);
      expect(amount).to.be.within(terms.toTarget - 2n - terms.toTarget / 10n ** 14n, terms.toTarget);
      expect(cost).to.equal(terms.cost(amount));
      expect(repaid).to.equal(terms.repaid(cost));
      const after = await position();
      const target = (BigInt(LANE.targetLtvBps) * WAD) / BPS;
      const ltv = ltvWad(after.collateral, after.debt, priceE36(1900));
      // but for a unit of debt by which the cost is rounded up, or the repaid part and the quantity down
      const unit = WAD / usdc(10_000);
      expect(ltv).to.be.within(target - unit, target + 2n * unit);
      expect(await vault.debtOf(collateral, borrower)).to.equal(after.debt);
    });

    it("is at most what the lane has let out, and then the lane is empty", async () => {
      // 600 WETH against 954,000 USDC: far more than 20 minutes let out
      const market = await selling(1850, weth(600), usdc(954_000));
      const { house, collateral, borrower, keeper, situation, buy, later } = market;
      const now = await later(300);
      const { available, ratePerHour } = expectedTerms(await situation(now));
      expect(available).to.equal((ratePerHour * 300n) / 3600n);
      const before = await collateral.balanceOf(keeper);
      await buy(ALL, now);
      expect((await collateral.balanceOf(keeper)) - before).to.equal(available);
      expect((await house.lane(collateral)).cursorWad).to.be.within(now * WAD - 1n, now * WAD);
      expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.LaneEmpty);

      // ten seconds later there is what ten seconds let out
      await time.increaseTo(now + 10n);
      const after = expectedTerms(await situation(now + 10n));
      expect((await house.quote(collateral, borrower, ALL)).collateral).to.equal(after.available);
      expect(after.available).to.be.closeTo((after.ratePerHour * 10n) / 3600n, 1n);
    });

    it("closes the whole debt where less than minDebt would be left, and the rest is the borrower's", async () => {
      // 600 of debt against 720 of value: about 440 would be left at the target
      const { house, vault, oracle, borrowOracle, collateral, borrower, ...rest } = await opened(
        weth(1) / 2n,
        usdc(600),
      );
      const { setPrice, openLane, situation, buy, later, position } = rest;
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: usdc(590) });
      await setPrice(1440);
      await openLane();
      const now = await later(600);
      const before = await situation(now);
      const terms = expectedTerms(before);
      await expect(buy(ALL, now)).to.emit(house, "Bought");

      const after = await position();
      expect(after.debt).to.equal(0);
      const sold = before.collateral - after.collateral;
      // a hair over the exact quantity, so that no last unit of debt is left
      expect(sold).to.be.within(terms.toClose, terms.toClose + terms.toClose / 10n ** 14n + 3n);
      expect(after.collateral).to.be.gt(0);
      await vault.connect(borrower).withdrawCollateral(collateral, after.collateral, borrower, borrower);
      expect((await position()).collateral).to.equal(0);
    });

    it("sells a part where a buyer wants less", async () => {
      const { buy, later, position } = await selling();
      const before = await position();
      await buy(weth(1) / 100n, await later(300));
      expect((await position()).collateral).to.equal(before.collateral - weth(1) / 100n);
    });

    it("the head flattens where the position's own longest age is under the lane's", async () => {
      const { situation, buy, later, boughtIn } = await sellingExactly(1900, usdc(159_000), weth(100));
      const now = await later(1200);
      const s = await situation(now);
      const terms = expectedTerms(s);
      // what is older than the position's longest age is all sold at one price, the deepest
      expect(terms.multipleWad).to.be.within(WAD - terms.discountWad, WAD - terms.discountWad + 1n);
      const longest = (s.premiumWad + terms.discountWad) / BigInt(LANE.slopeWad);
      expect(longest).to.be.within(500n, 700n);
      expect(terms.flat).to.be.closeTo((terms.ratePerHour * (1200n - longest)) / 3600n, terms.ratePerHour / 3600n);
      const atHead = (quantity: bigint): bigint => (quantity * 1900n * terms.multipleWad) / 10n ** 30n;
      expect(terms.cost(terms.flat / 2n)).to.be.closeTo(atHead(terms.flat / 2n), 1n);
      const { amount, cost } = await boughtIn(await buy(terms.flat + weth(3), now));
      expect(amount).to.equal(terms.flat + weth(3));
      expect(cost).to.equal(terms.cost(amount));
      // σ·3² / (2r) of the price more
      const rate = Number(terms.ratePerHour) / 1e18;
      expect(Number(cost - atHead(amount)) / 1e6).to.be.closeTo((1900 * 9 * 0.005 * 60) / (2 * rate), 1e-5);
    });
  });

  describe("of an insolvent position", () => {
    it("is for sale while the buffer is full, all of it, and what is left is written off", async () => {
      const market = await sellingExactly(1400);
      const { vault, buffer, collateral, borrower, setCap, buy, later, position, boughtIn, situation } = market;
      await setCap(0n);
      const now = await later(1400);
      const terms = expectedTerms(await situation(now));
      const cash = await buffer.cash();
      const supply = await vault.totalAssets();
      const transaction = await buy(ALL, now);
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
      const { amount, cost, repaid, multipleWad } = await boughtIn(transaction);
      // all ten at the deepest discount of 6 %, and no fee where there is no equity
      expect(amount).to.equal(weth(10));
      expect([cost, repaid, multipleWad]).to.deep.equal([terms.cost(weth(10)), cost, terms.multipleWad]);
      const lost = usdc(15_900) - repaid;
      await expect(transaction).to.emit(vault, "WrittenOff").withArgs(collateral, borrower, lost, lost, 0, lost, 0);
      expect(cash - (await buffer.cash())).to.equal(lost);
      expect(await vault.totalAssets()).to.equal(supply);
    });
  });

  describe("refuses", () => {
    const refused = async (market: Market, refusal: bigint, amount = ALL): Promise<void> => {
      const { house, collateral, borrower, buy } = market;
      await expect(buy(amount)).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, refusal);
      expect((await house.quote(collateral, borrower, amount)).refusal).to.equal(refusal);
    };

    it("LaneClosed: nobody has opened the lane", async () => {
      const market = await opened();
      await market.setPrice(1900);
      await refused(market, Refusal.LaneClosed);
    });

    it("LaneClosed: nothing was bought for A + idleTime", async () => {
      const market = await selling();
      const { cursorWad } = await market.house.lane(market.collateral);
      await time.setNextBlockTimestamp(cursorWad / WAD + openFor() + 1n);
      await refused(market, Refusal.LaneClosed);
    });

    it("Enlarged: its owner borrowed or withdrew in this block, by whatever price; the next block will do", async () => {
      const market = await selling();
      const { house } = market;
      const { actor, call, act } = await withActor(market, 0n);
      await act(call.approve(market.loan));
      await time.increase(300);
      const high = [call.price(2200), call.borrowPrice(2200)];
      await expect(act(...high, call.borrow(usdc(15_900)), call.price(1900), call.buy(weth(1))))
        .to.be.revertedWithCustomError(house, "NotBuyable")
        .withArgs(actor, Refusal.Enlarged);
      await act(...high, call.borrow(usdc(15_900)), call.price(1900));
      await expect(market.buy(weth(1), undefined, actor)).to.emit(house, "Bought");
      await expect(act(...high, call.withdraw(1n), call.price(1850), call.buy(weth(1))))
        .to.be.revertedWithCustomError(house, "NotBuyable")
        .withArgs(actor, Refusal.Enlarged);
    });

    it("Healthy: the price came back, to lltv exactly", async () => {
      // 15,770 / 19,000 is 83 %
      const market = await sellingExactly(1899, usdc(15_770));
      await market.setPrice(1900);
      await refused(market, Refusal.Healthy);
      await market.setPrice(1899.9);
      await market.buy(weth(1) / 10n);
    });

    it("Insolvent: the buffer has room for it", async () => {
      const market = await selling();
      await market.setPrice(1500);
      await refused(market, Refusal.Insolvent);
    });

    it("LaneEmpty: all that was let out is sold", async () => {
      const market = await selling(1850, weth(600), usdc(954_000));
      const { house, collateral, borrower, keeper } = market;
      const buy = async () => house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x", GAS);
      const { statuses } = await inOneBlock([buy, buy]);
      expect(statuses).to.deep.equal([1, 0]);
      expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.LaneEmpty);
    });

    it("TooSmall: nothing, and what rounding would eat", async () => {
      const market = await selling();
      await time.increase(300);
      await refused(market, Refusal.TooSmall, 0n);
      // less than a unit of the loan asset
      await refused(market, Refusal.TooSmall, 10n ** 8n);
    });

    it("a cost over the buyer's bound, to the unit", async () => {
      const { house, collateral, borrower, keeper, situation, later } = await selling();
      const now = await later(300);
      const cost = expectedTerms(await situation(now)).cost(weth(1));
      await time.setNextBlockTimestamp(now);
      await expect(house.connect(keeper).buy(collateral, borrower, weth(1), cost - 1n, keeper, "0x"))
        .to.be.revertedWithCustomError(house, "CostTooHigh")
        .withArgs(cost, cost - 1n);
    });

    it("a receiver of zero, a market without a lane, and a broken oracle", async () => {
      const { house, loan, oracle, collateral, borrower, keeper } = await selling();
      await expect(house.buy(collateral, borrower, ALL, ALL, ethers.ZeroAddress, "0x")).to.be.revertedWithCustomError(
        house,
        "ZeroAddress",
      );
      await expect(house.buy(loan, borrower, ALL, ALL, keeper, "0x"))
        .to.be.revertedWithCustomError(house, "LaneNotSet")
        .withArgs(loan);
      await oracle.setBroken(true);
      await expect(house.buy(collateral, borrower, ALL, ALL, keeper, "0x")).to.be.revertedWithCustomError(
        oracle,
        "Broken",
      );
    });

    it("a fill of which rounding to shares would eat so much that the LTV rose", async () => {
      const { house, borrower, keeper, collateral, crumb } = await withDearShares(1900);
      await house.open(collateral, borrower, keeper);
      await time.increase(600);
      const amount = await crumb();
      expect((await house.quote(collateral, borrower, amount)).refusal).to.equal(Refusal.None);
      await expect(house.connect(keeper).buy(collateral, borrower, amount, ALL, keeper, "0x"))
        .to.be.revertedWithCustomError(house, "FillIsToxic")
        .withArgs(borrower);
    });

    it("a buyer who can't pay, and then nothing has changed", async () => {
      const { house, vault, loan, collateral, borrower, keeper, position } = await selling();
      await loan.connect(keeper).approve(vault, 0);
      const before = await position();
      await expect(
        house.connect(keeper).buy(collateral, borrower, weth(1), ALL, keeper, "0x"),
      ).to.be.revertedWithCustomError(loan, "ERC20InsufficientAllowance");
      expect(await position()).to.deep.equal(before);
    });
  });

  describe("with data", () => {
    async function withBuyer() {
      const market = await selling();
      const { loan, vault, collateral, other } = market;
      const actor = await ethers.deployContract("MockActor");
      // the venue: takes collateral, gives loan asset
      await loan.connect(other).approve(actor, ethers.MaxUint256);
      const sells = (amount: bigint, cost: bigint) => [
        { target: collateral, data: collateral.interface.encodeFunctionData("transfer", [other.address, amount]) },
        {
          target: loan,
          data: loan.interface.encodeFunctionData("transferFrom", [other.address, actor.target, cost]),
        },
        { target: loan, data: loan.interface.encodeFunctionData("approve", [vault.target, cost]) },
      ];
      const bought = (amount: bigint) =>
        market.house.interface.encodeFunctionData("buy", [
          collateral.target,
          market.borrower.address,
          amount,
          ALL,
          actor.target,
          "0x1234",
        ]);
      return { ...market, actor, sells, bought };
    }

    it("lets a buyer without money pay out of what it gets", async () => {
      const { house, vault, loan, collateral, other, actor, sells, bought, situation, later } = await withBuyer();
      const now = await later(300);
      const cost = expectedTerms(await situation(now)).cost(weth(1));
      await actor.setCalls(sells(weth(1), cost));
      const proceeds = await collateral.balanceOf(other);
      await time.setNextBlockTimestamp(now);
      await expect(actor.run(house, bought(weth(1))))
        .to.emit(actor, "BuyCalled")
        .withArgs(vault, collateral, weth(1), cost, "0x1234");
      expect((await collateral.balanceOf(other)) - proceeds).to.equal(weth(1));
      expect(await loan.balanceOf(actor)).to.equal(0);
      expect(await loan.balanceOf(vault)).to.equal(await vault.idle());
    });

    it("refuses every way back in while it has not been paid", async () => {
      const { house, vault, collateral, borrower, actor, bought } = await withBuyer();
      await time.increase(300);
      const market = collateral.target as string;
      const self = actor.target as string;
      const h = house.interface;
      const v = vault.interface;
      const attempts: [typeof house | typeof vault, string][] = [
        [house, bought(weth(1))],
        [
          house,
          h.encodeFunctionData("buyMany", [market, [{ owner: borrower.address, maxCollateral: 1n }], 1n, self, "0x"]),
        ],
        [house, h.encodeFunctionData("open", [market, borrower.address, self])],
        [house, h.encodeFunctionData("absorb", [market, borrower.address, self])],
        [house, h.encodeFunctionData("absorbMany", [market, [borrower.address], self])],
        [house, h.encodeFunctionData("observe", [market])],
        [house, h.encodeFunctionData("sync", [market])],
        [vault, v.encodeFunctionData("deposit", [1n, self])],
        [vault, v.encodeFunctionData("withdraw", [1n, self, self])],
        [vault, v.encodeFunctionData("supplyCollateral", [market, 1n, self])],
        [vault, v.encodeFunctionData("withdrawCollateral", [market, 1n, self, self])],
        [vault, v.encodeFunctionData("borrow", [market, 1n, self, self])],
        [vault, v.encodeFunctionData("repay", [market, 1n, borrower.address])],
        [vault, v.encodeFunctionData("accrueInterest")],
        [vault, v.encodeFunctionData("settle", [market, [], 1n, self, self, self, "0x"])],
        [vault, v.encodeFunctionData("pay", [market, borrower.address, 1n, self])],
        [vault, v.encodeFunctionData("withdrawReserves", [1n, self])],
      ];
      const order = { owner: borrower.address, maxCollateral: weth(1) };
      const many = h.encodeFunctionData("buyMany", [market, [order], ALL, self, "0x1234"]);
      for (const outer of [bought(weth(1)), many]) {
        for (const [target, data] of attempts) {
          await actor.setCalls([{ target, data }]);
          await expect(actor.run(house, outer)).to.be.revertedWithCustomError(target, "ReentrancyGuardReentrantCall");
        }
      }
    });
  });
});
