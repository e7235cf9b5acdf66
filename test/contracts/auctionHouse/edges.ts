import { expect } from "chai";

import { coreWithoutInterest } from "../fixture";
import { expWad as expSeries, mulDiv, mulDivUp } from "../math";
import {
  ALL,
  AbsorbRefusal,
  HOUR,
  INVENTORY,
  LANE,
  MARKET,
  PAY,
  Refusal,
  WAD,
  expectedTerms,
  opened,
  priceE36,
  selling,
  time,
  usdc,
  weth,
  withDearShares,
} from "./setup";

describe("AuctionHouse at its edges", () => {
  it("at lltv exactly a position is healthy to buyers, to the buffer and as a witness; a unit of debt more and it isn't", async () => {
    // 15,770 / 19,000 is 83 %
    const market = await opened(weth(10), usdc(15_770));
    const { house, vault, collateral, borrower, setPrice, openLane, buy, absorb, later, payNobody } = market;
    await payNobody();
    await setPrice(1899);
    await openLane();
    await setPrice(1900);
    await expect(buy(ALL, await later(300)))
      .to.be.revertedWithCustomError(house, "NotBuyable")
      .withArgs(borrower, Refusal.Healthy);
    await expect(absorb())
      .to.be.revertedWithCustomError(house, "NotAbsorbable")
      .withArgs(borrower, AbsorbRefusal.Healthy);
    await setPrice(2000);
    await vault.connect(borrower).borrow(collateral, 1, borrower, borrower);
    await setPrice(1900);
    const { refusal, ltvWad } = await house.quote(collateral, borrower, weth(1));
    expect([refusal, ltvWad - (83n * WAD) / 100n]).to.deep.equal([Refusal.None, WAD / usdc(19_000) + 1n]);
  });

  describe("at 100 % exactly", () => {
    /** 15,900 and nine tenths of a unit, which don't count: the LTV is 1, though there is a hair of equity. */
    async function worthItsDebt() {
      const market = await opened();
      await market.payNobody();
      await market.oracle.setPrice(priceE36(1590) + 9n * 10n ** 16n);
      return market;
    }

    it("buyers are refused while the buffer has room, and it takes all", async () => {
      const { house, collateral, borrower, openLane, later, position, absorb } = await worthItsDebt();
      await openLane();
      await time.increaseTo(await later(1200));
      const { refusal, ltvWad } = await house.quote(collateral, borrower, weth(1));
      expect([refusal, ltvWad]).to.deep.equal([Refusal.Insolvent, WAD]);
      await absorb();
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
    });

    it("a full buffer leaves it to buyers at the deepest discount", async () => {
      const { openLane, setCap, buy, later, position, boughtIn, situation } = await worthItsDebt();
      await openLane();
      await setCap(0n);
      const now = await later(1400);
      const terms = expectedTerms(await situation(now));
      const { multipleWad, cost, repaid } = await boughtIn(await buy(weth(1), now));
      expect(multipleWad)
        .to.equal(terms.multipleWad)
        .and.to.be.within((94n * WAD) / 100n, (94n * WAD) / 100n + 1n);
      expect([cost, repaid]).to.deep.equal([terms.cost(weth(1)), cost]);
      expect(await position()).to.deep.equal({ collateral: weth(9), debt: usdc(15_900) - repaid });
    });

    it("nothing bought is too small then, too", async () => {
      const { house, collateral, borrower, openLane, setCap, buy, later } = await worthItsDebt();
      await openLane();
      await setCap(0n);
      await time.increaseTo(await later(1200));
      await expect(buy(0n)).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, Refusal.TooSmall);
      expect((await house.quote(collateral, borrower, 0n)).collateral).to.equal(0);
    });
  });

  it("a fill is too small while two units more of debt would leave the LTV where it was", async () => {
    const { house, vault, collateral, borrower, later } = await selling(1900);
    await time.increaseTo(await later(1200));
    const { collateral: held, debtShares: debt } = await vault.position(collateral, borrower);
    const seen = new Set<bigint>();
    for (let amount = 10n ** 8n; amount < 20n * 10n ** 9n; amount += 10n ** 8n) {
      const { refusal, repaid, collateral: sold } = await house.quote(collateral, borrower, amount);
      const lower = (debt - repaid + 2n) * held < debt * (held - sold);
      expect(refusal, `${amount} for ${repaid}`).to.equal(lower ? Refusal.None : Refusal.TooSmall);
      seen.add(refusal);
    }
    expect(seen.size).to.equal(2);
  });

  describe("with a collateral of which the smallest part is worth many units", () => {
    /** 40,000,000 parts at 23.5 units, 940 USDC, against 790: an LTV of 84 %. */
    async function coarse(minDebt = 0n) {
      const market = await coreWithoutInterest();
      const { vault, house, oracle, borrowOracle, collateral, borrower, depth, guard, open } = market;
      const setPart = async (tenths: bigint) => {
        for (const each of [oracle, borrowOracle]) await each.setPrice(tenths * 10n ** 35n);
      };
      await setPart(250n);
      await open(borrower, 40_000_000n, usdc(790));
      await house.setLane(collateral, { ...LANE, depthOracle: depth, guard });
      await house.setPay({ ...PAY, capBps: 0 });
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt });
      await setPart(235n);
      await house.open(collateral, borrower, borrower);
      return market;
    }

    it("a single part can be bought, and is paid for", async () => {
      const { house, vault, loan, collateral, borrower, keeper } = await coarse();
      await time.increase(1200);
      const [paid, got] = [await loan.balanceOf(keeper), await collateral.balanceOf(keeper)];
      await house.connect(keeper).buy(collateral, borrower, 1n, ALL, keeper, "0x");
      expect((await collateral.balanceOf(keeper)) - got).to.equal(1);
      // 23.5 units at a multiple of 0.975, rounded up, of which the fee's 0.5 % takes one
      expect(paid - (await loan.balanceOf(keeper))).to.equal(23);
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(usdc(790) - 22n);
    });

    it("closing leaves no last unit of debt, and sells no part more than that takes", async () => {
      const { house, vault, collateral, borrower, keeper } = await coarse(usdc(789));
      // long enough for the lane to be at its last price throughout
      await time.increase(1400);
      const { collateral: held, debtShares: debt } = await vault.position(collateral, borrower);
      const { multipleWad } = await house.quote(collateral, borrower, ALL);
      await house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x");
      const after = await vault.position(collateral, borrower);
      expect(after.debtShares).to.equal(0);
      const sold = held - after.collateral;
      const repays = (parts: bigint) =>
        mulDiv((parts * 235n * multipleWad + 10n * WAD - 1n) / (10n * WAD), BigInt(1000), 1005n);
      expect(repays(sold)).to.be.gte(debt);
      expect(repays(sold - 1n)).to.be.lt(debt);
    });
  });

  it("closes what would be left with a unit less than minDebt, and only that", async () => {
    const { house, vault, oracle, borrowOracle, collateral, borrower, later, setLane } = await selling();
    // at its last price throughout, so that time changes nothing
    await setLane({ minPremiumBps: 400, idleTime: 10_000 });
    await time.increaseTo(await later(3000));
    const toTarget = await house.quote(collateral, borrower, ALL);
    const { collateral: held, debtShares: debt } = await vault.position(collateral, borrower);
    const value = ((held - toTarget.collateral) * priceE36(1900)) / 10n ** 36n;
    const rest = (value * BigInt(LANE.targetLtvBps)) / 10_000n;
    expect((value * BigInt(LANE.targetLtvBps)) % 10_000n).to.not.equal(0n);

    await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: rest });
    expect((await house.quote(collateral, borrower, ALL)).collateral).to.equal(toTarget.collateral);
    await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: rest + 1n });
    expect((await house.quote(collateral, borrower, ALL)).repaid).to.equal(debt);
  });

  it("a position that is not for sale has no price, and no quantity", async () => {
    const { house, collateral, borrower, setPrice } = await opened();
    await setPrice(1900);
    const {
      refusal,
      collateral: amount,
      cost,
      repaid,
      multipleWad,
      available,
    } = await house.quote(collateral, borrower, ALL);
    expect([refusal, amount, cost, repaid, multipleWad, available]).to.deep.equal([
      Refusal.LaneClosed,
      ...[0n, 0n, 0n, 0n, 0n],
    ]);
  });

  it("a position can't stand first and second in a batch", async () => {
    const { house, collateral, borrower, keeper } = await selling();
    const order = { owner: borrower.address, maxCollateral: weth(1) };
    await expect(house.connect(keeper).buyMany(collateral, [order, order], ALL, keeper, "0x"))
      .to.be.revertedWithCustomError(house, "DuplicateOrder")
      .withArgs(borrower);
  });

  describe("of absorptions", () => {
    it("of so little that rounding to shares raises the LTV are refused", async () => {
      const { house, vault, buffer, oracle, borrowOracle, borrower, keeper, collateral, crumb } =
        await withDearShares(1740);
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: 0 });
      await buffer.setInventoryParameters(collateral, { ...INVENTORY, cap: await crumb() });
      await expect(house.absorb(collateral, borrower, keeper))
        .to.be.revertedWithCustomError(house, "FillIsToxic")
        .withArgs(borrower);
    });

    it("need a buffer that could take the smallest position, to the unit", async () => {
      const { house, vault, oracle, borrowOracle, collateral, borrower, setPrice, setCap, openLane } = await opened();
      await setPrice(1500);
      await openLane();
      /** The least collateral that is worth so much. */
      const worth = (assets: bigint) => mulDivUp(assets, 10n ** 36n, priceE36(1500));
      const isFull = async (cap: bigint) => {
        await setCap(cap);
        return (await house.quote(collateral, borrower, ALL)).refusal !== Refusal.Insolvent;
      };
      expect(await isFull(worth(MARKET.minDebt))).to.be.false;
      expect(await isFull(worth(MARKET.minDebt) - 1n)).to.be.true;
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: 0 });
      expect(await isFull(worth(1n))).to.be.false;
      expect(await isFull(worth(1n) - 1n)).to.be.true;
    });
  });

  it("a lane opens for 24 hours' growth at a time, to the last digits", async () => {
    const { house, collateral, depth, setLane } = await opened();
    await setLane({ maxRatePerHour: 2n ** 104n - 1n });
    const { ratePerHour, syncedAt } = await house.lane(collateral);
    await depth.setDepth(2n ** 127n);
    await time.setNextBlockTimestamp(syncedAt + 30n * HOUR);
    await house.sync(collateral);
    const LN2_WAD = 693_147_180_559_945_309n;
    const expected = mulDiv(ratePerHour, expSeries(24n * LN2_WAD), WAD);
    expect((await house.lane(collateral)).ratePerHour).to.be.closeTo(expected, expected / 10n ** 17n);
  });
});
