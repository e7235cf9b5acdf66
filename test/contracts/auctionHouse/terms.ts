import { expect } from "chai";

import { Rational, terms as exactTerms } from "../libraries/gradualAuctionModel";
import {
  ALL,
  expectedTerms,
  inOneBlock,
  LANE,
  LLTV_WAD,
  ltvWad,
  opened,
  priceE36,
  Refusal,
  selling,
  sellingExactly,
  time,
  tried,
  usdc,
  WAD,
  WAD_PER_BPS,
  weth,
} from "./setup";

const GAS = { gasLimit: 2_000_000 };
const PREMIUM_MAX = 400n * WAD_PER_BPS;

describe("AuctionHouse: the terms of a position", () => {
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
        const { house, collateral, borrower, situation, later } = await sellingExactly(price, usdc(954_000), weth(600));
        const now = await later(900);
        await time.increaseTo(now);
        const s = await situation(now);
        const { available, ratePerHour } = expectedTerms(s);
        expect(Number(ratePerHour) / Number(s.ratePerHour)).to.be.closeTo(pace, 1e-3);
        expect(available).to.equal((ratePerHour * 900n) / 3600n);
        expect((await house.quote(collateral, borrower, ALL)).available).to.equal(available);
        const exact = exactTerms(
          Rational.wad(ltvWad(weth(600), usdc(954_000), priceE36(price))),
          Rational.wad(LLTV_WAD),
          {
            urgency: BigInt(LANE.urgency),
            discount: Rational.one,
            firstDiscount: Rational.one,
            fee: Rational.one,
          },
        ).pace.mul(Rational.of(s.ratePerHour));
        expect(ratePerHour).to.be.within(exact.floor() - exact.floor() / 10n ** 17n - 1n, exact.floor());
      });
    }

    it("is the whole of it at insolvency, and less the further a position is past it", async () => {
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
      // x = (1/ℓ − lltv) / (1 − lltv): at 1,500 USDC the LTV is 1.06
      const at = async (price: number): Promise<number> => {
        await setPrice(price);
        const age = BigInt(await time.latest()) - (await house.lane(collateral)).cursorWad / WAD;
        return Number((await house.quote(collateral, borrower, ALL)).available) / Number((weth(120) * age) / 3600n);
      };
      expect(await at(1500)).to.be.closeTo(1 + 4 * ((1 / 1.06 - 0.83) / 0.17) ** 2, 1e-6);
      // past 1 / lltv it goes at the lane's own pace, at any price
      expect(await at(1300)).to.equal(1);
      expect(await at(800)).to.equal(1);
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
      const { house, collateral, borrower, situation } = await sellingExactly(1900, usdc(159_000), weth(100));
      let last: bigint | undefined;
      for (const seconds of [742n, 1000n, 1500n]) {
        const now = (await house.lane(collateral)).observedAt + seconds;
        if (now > BigInt(await time.latest())) await time.increaseTo(now);
        const terms = expectedTerms(await situation(now));
        const { cost } = await house.quote(collateral, borrower, weth(1));
        expect(cost).to.equal(terms.cost(weth(1)));
        if (last !== undefined) expect(cost).to.be.lte(last);
        last = cost;
      }
    });

    it("the guard is asked when the price moves, and otherwise no more than every 5 minutes", async () => {
      const market = await opened(weth(100), usdc(159_000));
      const { house, collateral, guard, setPrice, openLane, buy, later, situation, boughtIn } = market;
      // long after the fall, so that only the guard makes it dear
      await setPrice(1900);
      await house.sync(collateral);
      await time.increase(6 * 3600);
      await openLane();
      await house.sync(collateral);
      const seenAt = BigInt(await time.latest());
      await guard.setDiverged(true);
      const cheap = expectedTerms(await situation(seenAt + 299n));
      expect((await boughtIn(await buy(weth(1) / 10n, seenAt + 299n))).multipleWad).to.equal(cheap.multipleWad);
      expect(cheap.multipleWad).to.be.lt(WAD);
      expect((await house.lane(collateral)).diverged).to.be.false;
      expect((await house.lane(collateral)).observedAt).to.equal(seenAt);
      const dear = expectedTerms(await situation(seenAt + 300n));
      expect(dear.multipleWad).to.be.gt(WAD + PREMIUM_MAX / 3n);
      expect((await boughtIn(await buy(weth(1) / 10n, seenAt + 300n))).multipleWad).to.equal(dear.multipleWad);
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
});
