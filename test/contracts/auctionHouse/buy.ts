import { expect } from "chai";
import { ethers } from "hardhat";

import { Rational, terms as exactTerms } from "../libraries/gradualAuctionModel";
import {
  ALL,
  BPS,
  LANE,
  LLTV_WAD,
  MARKET,
  type Market,
  Refusal,
  WAD,
  WAD_PER_BPS,
  expectedTerms,
  inOneBlock,
  longestAgeWad,
  ltvWad,
  openFor,
  opened,
  priceE36,
  selling,
  sellingExactly,
  time,
  tried,
  usdc,
  weth,
  withActor,
  withDearShares,
} from "./setup";

const GAS = { gasLimit: 2_000_000 };
const PREMIUM_MAX = 400n * WAD_PER_BPS;

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

  describe("discount and fee", () => {
    // why, the price, and in Bps the LTV, δ_i and φ
    for (const [why, price, ltv, discount, fee] of [
      ["the first discount and what the LTV is over lltv", 1900, 8368.4, 218.4, 50],
      ["… which grows with the LTV", 1850, 8594.6, 444.6, 50],
      ["δ, and a part of the fee", 1816, 8755.5, 600, 22.2],
      ["half of the equity's share, and no fee", 1700, 9352.9, 323.5, 0],
      ["next to none", 1592, 9987.4, 6.28, 0],
    ] as const) {
      it(`are ${why} at ${price} USDC`, async () => {
        const { vault, situation, buy, later, boughtIn } = await sellingExactly(price);
        const now = await later(1400);
        const before = await situation(now);
        const terms = expectedTerms(before);
        expect(Number(terms.ltvWad) / 1e14).to.be.closeTo(ltv, 0.1);
        expect(Number(terms.discountWad) / 1e14).to.be.closeTo(discount, 0.1);
        expect(Number(terms.feeWad) / 1e14).to.be.closeTo(fee, 0.1);
        // and as the formulas have it, without a rounding
        const exact = exactTerms(Rational.wad(terms.ltvWad), Rational.wad(LLTV_WAD), {
          urgency: BigInt(LANE.urgency),
          discount: Rational.wad(BigInt(LANE.maxDiscountBps) * WAD_PER_BPS),
          firstDiscount: Rational.wad(BigInt(LANE.firstDiscountBps) * WAD_PER_BPS),
          fee: Rational.wad(BigInt(LANE.liquidationFeeBps) * WAD_PER_BPS),
        });
        const inWad = (x: Rational): bigint => x.mul(Rational.of(WAD)).floor();
        expect(terms.discountWad).to.equal(inWad(exact.discount));
        expect(terms.feeWad).to.be.within(inWad(exact.fee) - 1n, inWad(exact.fee));

        const cost = terms.cost(weth(1));
        const { multipleWad, cost: paid, repaid } = await boughtIn(await buy(weth(1), now));
        expect(multipleWad).to.equal(terms.multipleWad);
        expect(multipleWad).to.be.within(WAD - terms.discountWad, WAD - terms.discountWad + 1n);
        expect([paid, repaid]).to.deep.equal([cost, terms.repaid(cost)]);
        expect(await vault.bufferFees()).to.equal(cost - terms.repaid(cost));
        expect((await situation(now)).debt).to.equal(before.debt - terms.repaid(cost));
      });
    }

    it("a position that has just turned unhealthy is not sold at the discount of an old lane", async () => {
      const { house, collateral, borrower, other, open, setPrice, situation, openLane, payNobody } = await opened();
      await payNobody();
      // 83.1 % at 1885
      await open(other, weth(10), usdc(15_665));
      await time.increase(60);
      await setPrice(1890);
      await openLane();
      await time.increase(1200);
      expect((await house.quote(collateral, other, ALL)).refusal).to.equal(Refusal.Healthy);
      await setPrice(1885);
      const now = BigInt(await time.latest());
      const terms = expectedTerms(await situation(now, other));
      const { multipleWad } = await house.quote(collateral, other, ALL);
      expect(multipleWad).to.equal(terms.multipleWad);
      const over = ltvWad(weth(10), usdc(15_665), priceE36(1885)) - LLTV_WAD;
      expect(over).to.be.lt(WAD / 500n);
      expect(multipleWad).to.be.within(WAD - 150n * WAD_PER_BPS - over, WAD - 150n * WAD_PER_BPS - over + 1n);
      // while the first one, further over its lltv, is cheaper
      expect((await house.quote(collateral, borrower, ALL)).multipleWad).to.be.lt(multipleWad);
    });

    it("never raise the LTV, even a unit under insolvency", async () => {
      const { buy, later, position } = await sellingExactly(1590.01);
      const before = await position();
      expect(ltvWad(before.collateral, before.debt, priceE36(1590.01))).to.be.lt(WAD);
      await buy(weth(2), await later(1400));
      const after = await position();
      expect(after.debt * before.collateral).to.be.lt(before.debt * after.collateral);
    });

    it("follow what governance sets for a lane that is open", async () => {
      const { house, collateral, borrower, setLane, later, situation } = await selling(1816);
      await setLane({ maxDiscountBps: 200 });
      const now = await later(900);
      await time.increaseTo(now);
      const expected = expectedTerms(await situation(now), { ...LANE, maxDiscountBps: 200 });
      const { multipleWad } = await house.quote(collateral, borrower, ALL);
      expect(multipleWad).to.equal(expected.multipleWad);
      expect(multipleWad).to.be.within((98n * WAD) / 100n, (98n * WAD) / 100n + 1n);
    });
  });

  describe("the ratchet of a block (A6)", () => {
    it("a buy split in two costs no less, though the first half leaves room for a greater discount", async () => {
      const market = await selling(1700);
      const { house, collateral, borrower, keeper, later } = market;
      const now = await later(1400);
      const buys = async (...amounts: bigint[]) =>
        tried(async () => {
          const { block } = await inOneBlock(
            amounts.map((a) => async () => house.connect(keeper).buy(collateral, borrower, a, ALL, keeper, "0x", GAS)),
            now,
          );
          const events = await house.queryFilter(house.filters.Bought, block, block);
          const { discountWad, filledAt } = await house.ratchet(collateral, borrower);
          return {
            count: events.length,
            amount: events.reduce((sum, { args }) => sum + args.amount, 0n),
            cost: events.reduce((sum, { args }) => sum + args.cost, 0n),
            ratchet: { discountWad, filledAt },
          };
        });
      const { discountWad } = expectedTerms(await market.situation(now));
      const whole = await buys(weth(4));
      const split = await buys(weth(1), weth(3));
      const crumbs = await buys(weth(1) / 1000n, weth(4) - weth(1) / 1000n);
      expect([whole.count, split.count, crumbs.count]).to.deep.equal([1, 2, 2]);
      expect([split.amount, crumbs.amount]).to.deep.equal([whole.amount, whole.amount]);
      // dearer by what the second part's lower urgency leaves less of the flat part, at the most
      expect(split.cost).to.be.within(whole.cost, (whole.cost * 1001n) / 1000n);
      expect(crumbs.cost).to.be.within(whole.cost, (whole.cost * 1001n) / 1000n);
      // the least discount of any fill holds for the rest of the block
      expect(split.ratchet).to.deep.equal(whole.ratchet);
      expect(split.ratchet).to.deep.equal({ discountWad, filledAt: now });
      expect(Number(discountWad) / 1e18).to.be.closeTo(0.0324, 2e-4);
    });

    it("prices the second fill at the first one's discount, to the unit", async () => {
      const market = await selling(1700);
      const { house, collateral, borrower, keeper, later, situation } = market;
      const now = await later(1400);
      const first = expectedTerms(await situation(now));
      const cost = first.cost(weth(1));
      const s = await situation(now);
      const second = expectedTerms({
        ...s,
        cursorWad: first.cursorAfter(weth(1)),
        discountWad: first.discountWad,
        filledAt: now,
        collateral: s.collateral - weth(1),
        debt: s.debt - first.repaid(cost),
      });
      const { block } = await inOneBlock(
        [1, 2].map(() => async () => house.connect(keeper).buy(collateral, borrower, weth(1), ALL, keeper, "0x", GAS)),
        now,
      );
      const [, { args }] = (await house.queryFilter(house.filters.Bought, block, block)) as never as [
        unknown,
        { args: { cost: bigint; multipleWad: bigint } },
      ];
      expect([args.cost, args.multipleWad]).to.deep.equal([second.cost(weth(1)), second.multipleWad]);
      expect(second.discountWad).to.equal(first.discountWad);
      const { boundAt } = await house.lane(collateral);
      expect(boundAt).to.equal(now & 0xffffffn);
    });

    it("is one position's: another one in the block is sold at its own discount", async () => {
      const { house, collateral, borrower, other, open, setPrice, openLane, keeper, later, ...rest } = await opened();
      await open(other, weth(10), usdc(15_800));
      await time.increase(60);
      await setPrice(1700);
      await openLane();
      const now = await later(1400);
      const [a, b] = [await rest.situation(now), await rest.situation(now, other)];
      const first = expectedTerms(a);
      const second = expectedTerms({ ...b, cursorWad: first.cursorAfter(weth(1)) });
      expect(second.discountWad).to.be.gt(first.discountWad);
      const { block } = await inOneBlock(
        [borrower, other].map(
          (owner) => async () => house.connect(keeper).buy(collateral, owner, weth(1), ALL, keeper, "0x", GAS),
        ),
        now,
      );
      const events = await house.queryFilter(house.filters.Bought, block, block);
      expect(events.map(({ args }) => args.cost)).to.deep.equal([first.cost(weth(1)), second.cost(weth(1))]);
    });

    it("is over with its block: a dust at the worst LTV holds nobody's discount down", async () => {
      const { house, collateral, borrower, setPrice, situation, buy, later, boughtIn } = await sellingExactly(1700);
      await buy(10n ** 12n, await later(1300));
      expect((await house.ratchet(collateral, borrower)).filledAt).to.equal(await time.latest());
      await setPrice(1816);
      const now = await later(60);
      const terms = expectedTerms(await situation(now));
      expect(terms.discountWad).to.equal(600n * WAD_PER_BPS);
      const { cost, repaid, multipleWad } = await boughtIn(await buy(weth(1), now));
      const expected = terms.cost(weth(1));
      expect([cost, repaid, multipleWad]).to.deep.equal([expected, terms.repaid(expected), terms.multipleWad]);
    });

    it("is noted only where the equity bounds the discount", async () => {
      const { house, collateral, borrower, buy, later } = await selling();
      await buy(weth(1), await later(300));
      expect([...(await house.ratchet(collateral, borrower))]).to.deep.equal([0n, 0n]);
      expect((await house.lane(collateral)).boundAt).to.equal(0);
    });

    it("and not by a fill that takes all that is for sale, after which nothing is left to make cheaper", async () => {
      const { house, collateral, borrower, situation, buy, later, boughtIn } = await sellingExactly(1700);
      const now = await later(1400);
      const { toTarget, available } = expectedTerms(await situation(now));
      expect(toTarget).to.be.lt(available);
      const { amount } = await boughtIn(await buy(ALL, now));
      expect(amount).to.be.closeTo(toTarget, toTarget / 10n ** 12n);
      expect([...(await house.ratchet(collateral, borrower))]).to.deep.equal([0n, 0n]);
    });
  });

  describe("urgency", () => {
    // x = (ℓ − lltv) / (1 − lltv), and the pace as a multiple of r: 1 + 4·x²
    for (const [price, pace] of [
      [1915, 1 + 4 * ((0.83029 - 0.83) / 0.17) ** 2],
      [1800, 1 + 4 * ((0.88333 - 0.83) / 0.17) ** 2],
      [1700, 1 + 4 * ((0.93529 - 0.83) / 0.17) ** 2],
      [1600, 1 + 4 * ((0.99375 - 0.83) / 0.17) ** 2],
    ] as const) {
      it(`lets a position out ${pace.toFixed(2)} times as fast at ${price} USDC`, async () => {
        const { house, collateral, borrower, situation, later } = await sellingExactly(
          price,
          usdc(954_000),
          weth(600),
        );
        const now = await later(900);
        await time.increaseTo(now);
        const s = await situation(now);
        const { available, ratePerHour } = expectedTerms(s);
        expect(Number(ratePerHour) / Number(s.ratePerHour)).to.be.closeTo(pace, 1e-3);
        expect(available).to.equal((ratePerHour * 900n) / 3600n);
        expect((await house.quote(collateral, borrower, ALL)).available).to.equal(available);
        const exact = exactTerms(Rational.wad(ltvWad(weth(600), usdc(954_000), priceE36(price))), Rational.wad(LLTV_WAD), {
          urgency: BigInt(LANE.urgency),
          discount: Rational.one,
          firstDiscount: Rational.one,
          fee: Rational.one,
        }).pace.mul(Rational.of(s.ratePerHour));
        expect(ratePerHour).to.be.within(exact.floor() - exact.floor() / 10n ** 17n - 1n, exact.floor());
      });
    }

    it("is the whole of it from insolvency on, and no more", async () => {
      const { house, collateral, borrower, setCap, setPrice, later } = await sellingExactly(
        1590,
        usdc(954_000),
        weth(600),
      );
      await setCap(0n);
      await time.increaseTo(await later(900));
      const seconds = BigInt(await time.latest()) - (await house.lane(collateral)).cursorWad / WAD;
      const most = (weth(120) * 5n * seconds) / 3600n;
      expect((await house.quote(collateral, borrower, ALL)).available).to.equal(most);
      await setPrice(800);
      const again = BigInt(await time.latest()) - (await house.lane(collateral)).cursorWad / WAD;
      expect((await house.quote(collateral, borrower, ALL)).available).to.equal((weth(120) * 5n * again) / 3600n);
    });

    it("0 lets all out at the lane's pace", async () => {
      const { house, collateral, borrower, setLane, later } = await sellingExactly(1600, usdc(954_000), weth(600));
      await setLane({ urgency: 0 });
      await time.increaseTo(await later(900));
      const seconds = BigInt(await time.latest()) - (await house.lane(collateral)).cursorWad / WAD;
      expect((await house.quote(collateral, borrower, ALL)).available).to.equal((weth(120) * seconds) / 3600n);
    });

    it("takes of the lane's one clock what was sold at the faster pace, no more", async () => {
      const market = await sellingExactly(1700, usdc(954_000), weth(600));
      const { house, collateral, situation, buy, later } = market;
      const now = await later(1000);
      const terms = expectedTerms(await situation(now));
      await buy(terms.available / 2n, now);
      const { cursorWad } = await house.lane(collateral);
      expect(cursorWad).to.equal(terms.cursorAfter(terms.available / 2n));
      expect(now * WAD - cursorWad).to.be.closeTo(500n * WAD, 10n ** 3n);
    });
  });

  describe("live premium and guard", () => {
    it("what was emitted long ago becomes cheaper as the average comes down to the price", async () => {
      const { house, collateral, borrower, situation, later } = await sellingExactly(1900, usdc(159_000), weth(100));
      let last: bigint | undefined;
      for (const seconds of [742n, 1000n, 1500n]) {
        const now = BigInt((await house.lane(collateral)).observedAt) + seconds;
        if (now > BigInt(await time.latest())) await time.increaseTo(now);
        const terms = expectedTerms(await situation(now));
        const { cost } = await house.quote(collateral, borrower, weth(1));
        expect(cost).to.equal(terms.cost(weth(1)));
        if (last !== undefined) expect(cost).to.be.lte(last);
        last = cost;
      }
      expect(await later(0)).to.be.gt(0);
    });

    it("the guard is asked when the price moves, and otherwise no more than every 5 minutes", async () => {
      const { house, collateral, borrower, guard, setPrice, buy, later, situation, boughtIn } = await sellingExactly(
        1900,
        usdc(159_000),
        weth(100),
      );
      // long after the fall, so that only the guard makes it dear
      await house.sync(collateral);
      const seenAt = BigInt(await time.latest());
      await guard.setDiverged(true);
      const before = await boughtIn(await buy(weth(1) / 10n, seenAt + 299n));
      expect((await house.lane(collateral)).diverged).to.be.false;
      expect((await house.lane(collateral)).observedAt).to.equal(seenAt);
      expect((await house.laneState(collateral)).diverged).to.be.false;
      expect(before.multipleWad).to.be.lt(WAD + PREMIUM_MAX);
      await buy(weth(1) / 10n, seenAt + 300n);
      const noted = await house.lane(collateral);
      expect([noted.diverged, noted.observedAt]).to.deep.equal([true, seenAt + 300n]);

      // it has to be asked to end the doubt as well
      await guard.setDiverged(false);
      expect((await house.laneState(collateral)).premiumWad).to.equal(PREMIUM_MAX);
      await setPrice(1899);
      const now = await later(30);
      const terms = expectedTerms(await situation(now));
      const { multipleWad } = await boughtIn(await buy(weth(1) / 10n, now));
      expect(multipleWad).to.equal(terms.multipleWad);
      expect((await house.lane(collateral)).diverged).to.be.false;
      expect(borrower.address).to.not.equal(ethers.ZeroAddress);
    });

    it("while oracle and venue have parted the head stands at the greatest premium", async () => {
      const { house, collateral, guard, setPrice, openLane, situation, buy, later, boughtIn } = await opened();
      await setPrice(1900);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await openLane();
      await guard.setDiverged(true);
      const now = await later(300);
      const terms = expectedTerms(await situation(now));
      const { multipleWad } = await boughtIn(await buy(weth(1), now));
      expect(multipleWad).to.equal(terms.multipleWad);
      expect(Number(multipleWad) / 1e18).to.be.closeTo(1.015, 1e-4);
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
