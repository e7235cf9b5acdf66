import { anyValue } from "@nomicfoundation/hardhat-chai-matchers/withArgs";
import { expect } from "chai";
import { ethers } from "hardhat";

import {
  BPS,
  End,
  LANE,
  MARKET,
  Refusal,
  WAD,
  auctioned,
  expectedTerms,
  ltvWad,
  opened,
  priceE36,
  time,
  usdc,
  weth,
  withDearShares,
} from "./setup";

const ALL = ethers.MaxUint256;

describe("AuctionHouse.buy", () => {
  it("sells at the lane's price, repays the debt with it, and sends the collateral to the receiver", async () => {
    const { house, vault, loan, collateral, borrower, keeper, other, situation, later, position } = await auctioned();
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
    // the auction goes on
    expect((await house.lane(collateral)).auctions).to.equal(1);
  });

  it("moves the lane's cursor by what was sold, rounded up", async () => {
    const { house, collateral, situation, buy, later } = await auctioned();
    const now = await later(300);
    const { ratePerHour } = await situation(now);
    await buy(123_456_789_123_456_789n, now);
    const sold = (123_456_789_123_456_789n * 3600n * WAD + ratePerHour - 1n) / ratePerHour;
    // the lane was full, with its longest age of ten points of multiple at 0.5 points a minute
    const longest = (((400n + 600n) * WAD) / BPS) * WAD;
    const slope = BigInt(LANE.slopeWad);
    expect((await house.lane(collateral)).cursorWad).to.equal(now * WAD - longest / slope + sold);
  });

  it("returns what it bought and what that cost, as the quote had said", async () => {
    const { house, collateral, borrower, keeper, later } = await auctioned();
    await time.increaseTo(await later(300));
    const quote = await house.quote(collateral, borrower, weth(1));
    expect(quote.refusal).to.equal(Refusal.None);
    const [bought, cost] = await house.connect(keeper).buy.staticCall(collateral, borrower, weth(1), ALL, keeper, "0x");
    expect(bought).to.equal(quote.collateral);
    // a second later it is a little cheaper
    expect(cost).to.be.within((quote.cost * 9998n) / BPS, quote.cost);
  });

  describe("size", () => {
    it("ends at the target LTV, never past it", async () => {
      const { house, vault, collateral, borrower, keeper, situation, later, position } = await auctioned();
      const now = await later(300);
      const terms = expectedTerms(await situation(now));
      await time.setNextBlockTimestamp(now);
      const transaction = await house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x");

      const [event] = await house.queryFilter(house.filters.Bought, transaction.blockNumber ?? undefined);
      const { amount, cost, repaid } = event!.args;
      expect(amount).to.be.within(terms.toTarget - 2n - terms.toTarget / 10n ** 14n, terms.toTarget);
      expect(cost).to.equal(terms.cost(amount));
      expect(repaid).to.equal(terms.repaid(cost));
      const after = await position();
      const target = (BigInt(LANE.targetLtvBps) * WAD) / BPS;
      const ltv = ltvWad(after.collateral, after.debt, priceE36(1900));
      // but for a unit of debt by which the cost is rounded up, or the repaid part and the quantity down
      const unit = WAD / usdc(10_000);
      expect(ltv).to.be.within(target - unit, target + 2n * unit);
      await expect(transaction).to.emit(house, "AuctionEnded").withArgs(collateral, borrower, End.Target);
      expect((await house.lane(collateral)).auctions).to.equal(0);
      expect((await house.auction(collateral, borrower)).startedAt).to.equal(0);
      expect(await vault.debtOf(collateral, borrower)).to.equal(after.debt);
    });

    it("is at most what the lane has let out, and then the lane is empty", async () => {
      // 600 WETH against 954,000 USDC: far more than the 40 WETH that 20 minutes let out
      const { house, collateral, borrower, keeper, situation, buy, later } = await auctioned(
        1850,
        weth(600),
        usdc(954_000),
      );
      const now = await later(300);
      const { available } = expectedTerms(await situation(now));
      expect(Number(available) / 1e18).to.be.closeTo(40, 1e-6);
      await time.setNextBlockTimestamp(now);
      const before = await collateral.balanceOf(keeper);
      await buy(ALL, now);
      expect((await collateral.balanceOf(keeper)) - before).to.equal(available);
      expect((await house.lane(collateral)).cursorWad).to.be.within(now * WAD - 1n, now * WAD);
      expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.LaneEmpty);

      // it lets out 120 WETH an hour: ten seconds later, a third of one
      await time.increaseTo(now + 10n);
      expect((await house.quote(collateral, borrower, ALL)).collateral).to.be.closeTo(weth(1) / 3n, 10n);
    });

    it("closes the whole debt where less than minDebt would be left, and the rest is the borrower's", async () => {
      // 600 of debt against 720 of value: about 440 would be left at the target
      const { house, vault, oracle, borrowOracle, collateral, borrower, ...rest } = await opened(
        weth(1) / 2n,
        usdc(600),
      );
      const { setPrice, start, situation, buy, later, position } = rest;
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: usdc(590) });
      await setPrice(1440);
      await start();
      const now = await later(600);
      const before = await situation(now);
      const terms = expectedTerms(before);
      await expect(buy(ALL, now)).to.emit(house, "AuctionEnded").withArgs(collateral, borrower, End.Target);

      const after = await position();
      expect(after.debt).to.equal(0);
      const sold = before.collateral - after.collateral;
      // a hair over the exact quantity, so that no last unit of debt is left
      expect(sold).to.be.within(terms.toClose, terms.toClose + terms.toClose / 10n ** 14n + 3n);
      expect(after.collateral).to.be.gt(0);
      await vault.connect(borrower).withdrawCollateral(collateral, after.collateral, borrower, borrower);
      expect((await position()).collateral).to.equal(0);
    });

    it("sells a part where a buyer wants less, and the auction goes on", async () => {
      const { house, buy, later, position } = await auctioned();
      const before = await position();
      await expect(buy(weth(1) / 100n, await later(300))).not.to.emit(house, "AuctionEnded");
      expect((await position()).collateral).to.equal(before.collateral - weth(1) / 100n);
    });
  });

  describe("discount and fee", () => {
    // LTV, what the multiple may fall to, and the fee: together half of what the LTV lacks to 1, the discount first
    for (const [price, discount, fee] of [
      [1900, 0.06, 0.005],
      [1817, 0.06, 0.002],
      [1700, 0.0319, 0],
    ] as const) {
      it(`stay within half of the equity's share at ${price} USDC`, async () => {
        const { vault, situation, buy, later } = await auctioned(price);
        const now = await later(1800);
        const before = await situation(now);
        const terms = expectedTerms(before);
        expect(Number(terms.discountWad) / 1e18).to.be.closeTo(discount, 3e-4);
        expect(Number(terms.feeWad) / 1e18).to.be.closeTo(fee, 3e-4);
        expect(terms.multipleWad).to.be.within(WAD - terms.discountWad, WAD - terms.discountWad + 1n);
        const cost = terms.cost(weth(1));
        await buy(weth(1), now);
        expect(await vault.bufferFees()).to.equal(cost - terms.repaid(cost));
        expect((await situation(now)).debt).to.equal(before.debt - terms.repaid(cost));
      });
    }

    it("never raise the LTV, even a unit under insolvency", async () => {
      const { buy, later, position } = await auctioned(1595);
      const before = await position();
      await buy(weth(2), await later(3000));
      const after = await position();
      expect(after.debt * before.collateral).to.be.lt(before.debt * after.collateral);
    });

    it("A6: a buy split in two costs no less, though the first half leaves room for a greater discount", async () => {
      const { house, collateral, borrower, keeper, later } = await auctioned(1700);
      const now = await later(1800);
      const buys = async (...amounts: bigint[]) => {
        const snapshot = (await ethers.provider.send("evm_snapshot", [])) as string;
        // both in one block
        await ethers.provider.send("evm_setAutomine", [false]);
        const sent = [];
        for (const amount of amounts) {
          sent.push(
            await house.connect(keeper).buy(collateral, borrower, amount, ALL, keeper, "0x", { gasLimit: 2_000_000 }),
          );
        }
        await time.setNextBlockTimestamp(now);
        await ethers.provider.send("evm_mine", []);
        await ethers.provider.send("evm_setAutomine", [true]);
        const events = await house.queryFilter(house.filters.Bought, sent[0]!.blockNumber ?? undefined);
        const { discountWad, filledAt } = await house.auction(collateral, borrower);
        await ethers.provider.send("evm_revert", [snapshot]);
        return {
          count: events.length,
          amount: events.reduce((sum, { args }) => sum + args.amount, 0n),
          cost: events.reduce((sum, { args }) => sum + args.cost, 0n),
          ratchet: { discountWad, filledAt },
        };
      };
      const whole = await buys(weth(4));
      const split = await buys(weth(1), weth(3));
      const crumbs = await buys(weth(1) / 1000n, weth(4) - weth(1) / 1000n);
      expect([whole.count, split.count, crumbs.count]).to.deep.equal([1, 2, 2]);
      expect([split.amount, crumbs.amount]).to.deep.equal([whole.amount, whole.amount]);
      expect(split.cost).to.be.within(whole.cost, whole.cost + 2n);
      expect(crumbs.cost).to.be.within(whole.cost, whole.cost + 2n);
      // the least discount of any fill holds for the rest of the block
      expect(split.ratchet).to.deep.equal(whole.ratchet);
      expect(split.ratchet.filledAt).to.equal(now);
      expect(Number(split.ratchet.discountWad) / 1e18).to.be.closeTo(0.0319, 1e-4);
    });

    it("are not held down by a dust at the worst LTV once its block is over", async () => {
      const { house, collateral, borrower, setPrice, situation, buy, later } = await auctioned(1700);
      await buy(10n ** 12n, await later(1800));
      expect((await house.auction(collateral, borrower)).filledAt).to.equal(await time.latest());
      await setPrice(1900);
      const now = await later(1);
      const before = await situation(now);
      const terms = expectedTerms(before);
      expect(terms.discountWad).to.equal((6n * WAD) / 100n);
      expect(terms.multipleWad).to.be.within((94n * WAD) / 100n, (94n * WAD) / 100n + 1n);
      await expect(buy(weth(1), now))
        .to.emit(house, "Bought")
        .withArgs(
          ...[collateral, borrower, anyValue, weth(1), terms.cost(weth(1)), terms.repaid(terms.cost(weth(1)))],
          ...[priceE36(1900), (m: bigint) => m - terms.multipleWad <= 1n],
        );
    });

    it("are noted only where the LTV bounds them", async () => {
      const { house, collateral, borrower, buy, later } = await auctioned();
      await buy(weth(1), await later(300));
      const { discountWad, filledAt } = await house.auction(collateral, borrower);
      expect([discountWad, filledAt]).to.deep.equal([0n, 0n]);
    });

    it("follow what governance sets for auctions that run", async () => {
      const { house, collateral, borrower, setLane, later } = await auctioned();
      await setLane({ maxDiscountBps: 200 });
      await time.increaseTo(await later(3000));
      expect((await house.quote(collateral, borrower, ALL)).multipleWad).to.be.closeTo((98n * WAD) / 100n, 1n);
    });
  });

  describe("while the buffer is full", () => {
    it("lets positions past absorbLtv out at stressPace", async () => {
      const { house, collateral, borrower, setCap, later } = await auctioned(1700, weth(600), usdc(954_000));
      await time.increaseTo(await later(300));
      // LTV 93.5 %
      expect((await house.quote(collateral, borrower, ALL)).available).to.be.closeTo(weth(40), 10n ** 9n);
      await setCap(0n);
      // 480 of 120 Bps
      expect((await house.quote(collateral, borrower, ALL)).available).to.be.closeTo(weth(160), 10n ** 9n);
    });

    it("keeps the others at the lane's pace", async () => {
      const { house, collateral, borrower, setCap, later } = await auctioned(1850, weth(600), usdc(954_000));
      await setCap(0n);
      await time.increaseTo(await later(300));
      expect((await house.quote(collateral, borrower, ALL)).available).to.be.closeTo(weth(40), 10n ** 9n);
    });

    it("takes from the lane what the faster pace says, no more", async () => {
      const { house, collateral, situation, setCap, buy, later } = await auctioned(1700, weth(600), usdc(954_000));
      await setCap(0n);
      const now = await later(300);
      const { ratePerHour } = await situation(now);
      await buy(weth(80), now);
      // half of what there was
      const age = now * WAD - (await house.lane(collateral)).cursorWad;
      expect(age).to.be.closeTo(600n * WAD, 10n ** 5n * 10n ** 9n);
      expect((ratePerHour * age) / (3600n * WAD)).to.be.closeTo(weth(20), 10n ** 9n);
    });

    it("sells an insolvent position, all of it, and writes off what is left, from the buffer and the lenders", async () => {
      const { house, vault, buffer, collateral, borrower, setPrice, setCap, start, buy, later, position } =
        await opened();
      await setPrice(1400);
      await start();
      await setCap(0n);
      const now = await later(1800);
      const cash = await buffer.cash();
      const supply = await vault.totalAssets();
      const transaction = await buy(ALL, now);
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
      const [bought] = await house.queryFilter(house.filters.Bought, transaction.blockNumber ?? undefined);
      // all ten at the deepest discount of 6 %
      expect(bought!.args.amount).to.equal(weth(10));
      expect(bought!.args.multipleWad).to.be.closeTo((94n * WAD) / 100n, 1n);
      // no fee is taken where there is no equity
      expect(bought!.args.cost).to.equal(bought!.args.repaid);
      const lost = usdc(15_900) - bought!.args.repaid;
      await expect(transaction).to.emit(vault, "WrittenOff").withArgs(collateral, borrower, lost, lost, 0, lost, 0);
      expect(cash - (await buffer.cash())).to.equal(lost);
      expect(await vault.totalAssets()).to.equal(supply);
      await expect(transaction).to.emit(house, "AuctionEnded").withArgs(collateral, borrower, End.Target);
    });
  });

  describe("refuses", () => {
    const refused = async (
      market: Awaited<ReturnType<typeof opened>>,
      refusal: bigint,
      amount = ALL,
    ): Promise<void> => {
      const { house, collateral, borrower, buy } = market;
      await expect(buy(amount)).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, refusal);
      expect((await house.quote(collateral, borrower, amount)).refusal).to.equal(refusal);
    };

    it("NotStarted: a position that nobody put in auction", async () => {
      const market = await opened();
      await market.setPrice(1900);
      await refused(market, Refusal.NotStarted);
    });

    it("Expired: from the second after maxAuctionDuration on", async () => {
      const market = await auctioned();
      const { startedAt } = await market.house.auction(market.collateral, market.borrower);
      await time.setNextBlockTimestamp(startedAt + BigInt(LANE.maxAuctionDuration));
      await market.buy(1n * 10n ** 15n);
      await refused(market, Refusal.Expired);
    });

    it("Enlarged: its owner borrowed since the start", async () => {
      const market = await auctioned();
      await market.setPrice(2100);
      await market.vault.connect(market.borrower).borrow(market.collateral, 1, market.borrower, market.borrower);
      await market.setPrice(1890);
      await refused(market, Refusal.Enlarged);
    });

    it("Healthy: the price came back", async () => {
      const market = await auctioned();
      await market.setPrice(1920);
      await refused(market, Refusal.Healthy);
    });

    it("Insolvent: the buffer has room for it", async () => {
      const market = await auctioned();
      await market.setPrice(1500);
      await refused(market, Refusal.Insolvent);
    });

    it("LaneEmpty: all that was let out is sold", async () => {
      const market = await auctioned(1850, weth(600), usdc(954_000));
      const { house, collateral, borrower, keeper } = market;
      await ethers.provider.send("evm_setAutomine", [false]);
      const buys = [];
      for (let i = 0; i < 2; ++i) {
        buys.push(
          await house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x", { gasLimit: 2_000_000 }),
        );
      }
      await ethers.provider.send("evm_mine", []);
      await ethers.provider.send("evm_setAutomine", [true]);
      const receipts = await Promise.all(buys.map(async ({ hash }) => ethers.provider.getTransactionReceipt(hash)));
      expect(receipts.map((receipt) => receipt!.status)).to.deep.equal([1, 0]);
      expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.LaneEmpty);
    });

    it("TooSmall: nothing, and what rounding would eat", async () => {
      const market = await auctioned();
      await refused(market, Refusal.TooSmall, 0n);
      // less than a unit of the loan asset
      await refused(market, Refusal.TooSmall, 10n ** 8n);
    });

    it("a cost over the buyer's bound, to the unit", async () => {
      const { house, collateral, borrower, keeper, situation, later } = await auctioned();
      const now = await later(300);
      const cost = expectedTerms(await situation(now)).cost(weth(1));
      await time.setNextBlockTimestamp(now);
      await expect(house.connect(keeper).buy(collateral, borrower, weth(1), cost - 1n, keeper, "0x"))
        .to.be.revertedWithCustomError(house, "CostTooHigh")
        .withArgs(cost, cost - 1n);
    });

    it("a receiver of zero, a market without a lane, and a broken oracle", async () => {
      const { house, loan, oracle, collateral, borrower, keeper } = await auctioned();
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
      await house.start(collateral, borrower);
      await time.increase(600);
      const amount = await crumb();
      expect((await house.quote(collateral, borrower, amount)).refusal).to.equal(Refusal.None);
      await expect(house.connect(keeper).buy(collateral, borrower, amount, ALL, keeper, "0x"))
        .to.be.revertedWithCustomError(house, "FillIsToxic")
        .withArgs(borrower);
    });

    it("a buyer who can't pay, and then nothing has changed", async () => {
      const { house, vault, loan, collateral, borrower, keeper, position } = await auctioned();
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
      const market = await auctioned();
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
        [house, h.encodeFunctionData("start", [market, self])],
        [house, h.encodeFunctionData("cancel", [market, borrower.address])],
        [house, h.encodeFunctionData("absorb", [market, borrower.address])],
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
      for (const [target, data] of attempts) {
        await actor.setCalls([{ target, data }]);
        await expect(actor.run(house, bought(weth(1)))).to.be.revertedWithCustomError(
          target,
          "ReentrancyGuardReentrantCall",
        );
      }
    });
  });
});
