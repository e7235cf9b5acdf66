import { expect } from "chai";
import { ZeroAddress } from "ethers";

import { LANE, MARKET, WAD, priceE36, time, usdc, weth } from "../contracts/fixture";
import { Ledger } from "./ledger";
import { ALL, CLOSES_AFTER, COOLDOWN, LONGEST_AGE, URGENT, bps, later, opened, selling, watch } from "./setup";

describe("attacks: opening and closing a lane", () => {
  it("an open lane can't be opened again, so that nobody sets it back to its premium", async () => {
    const { house, collateral, borrower, other } = await selling();
    const before = await house.lane(collateral);
    for (const seconds of [1, 600, 890]) {
      await time.increase(seconds);
      await expect(house.connect(other).open(collateral, borrower, other)).to.be.revertedWithCustomError(
        house,
        "LaneIsOpen",
      );
    }
    expect((await house.lane(collateral)).cursorWad).to.equal(before.cursorWad);
  });

  for (const whose of ["one's own", "another's"] as const) {
    it(`opened by ${whose} position each time that it has closed, for half a day: one pay an hour, nothing sold, nobody worse off`, async () => {
      const all = await opened(weth(100), usdc(159_000));
      const { house, collateral, borrower, other, lender, underwriter, open, setPrice } = all;
      await open(other, weth(10), usdc(15_900));
      await setPrice(1900);
      const witness = whose === "one's own" ? other : borrower;
      const ledger = new Ledger(all, priceE36(1900));
      const from = await later(0);
      const { profit, others } = await ledger.changes([other], [lender, underwriter, borrower], async () => {
        for (let i = 0; i < 28; ++i) {
          await house.connect(other).open(collateral, witness, other);
          await time.increase(CLOSES_AFTER);
        }
      });
      const hours = ((await later(0)) - from) / 3600n + 1n;
      const paid = (await house.queryFilter(house.filters.LaneOpened)).map(({ args }) => args.pay);
      expect(paid.filter((pay) => pay > 0n).length).to.be.lte(Number(hours));
      const sum = paid.reduce((a, b) => a + b, 0n);
      // what one is paid, another's position pays, and one's own pays to oneself
      expect(profit).to.be.within(-28n, whose === "one's own" ? 0n : ledger.value(sum));
      expect(others[2]).to.be.gte(whose === "one's own" ? 0n : -ledger.value(sum) - 28n);
      for (const change of others.slice(0, 2)) expect(change).to.equal(0n);
      // and after all that the next buyer meets the premium
      await house.connect(other).open(collateral, witness, other);
      const { multipleWad } = await house.quote(collateral, borrower, ALL);
      expect(multipleWad).to.be.gte(WAD + (bps(LANE.minPremiumBps) * WAD) / 10_000n - WAD / 1000n);
    });
  }

  it("opened right before an update that falls, it sells at the premium of the new price", async () => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, collateral, borrower, other, lender, underwriter, setPrice } = all;
    await setPrice(1910);
    await house.connect(other).open(collateral, borrower, other);
    await setPrice(1850);
    expect((await house.laneState(collateral)).premiumWad).to.equal((bps(LANE.maxPremiumBps) * WAD) / 10_000n);
    await time.setNextBlockTimestamp(await later(60));
    const ledger = new Ledger(all, priceE36(1850));
    await ledger.expectNoProfit([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
    });
  });

  it("opened long before, by a small position of one's own, it is aged at the fall: the first discount at once, on a burst", async () => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, collateral, borrower, other, keeper, lender, underwriter, open, setPrice } = all;
    await setPrice(2000);
    await open(other, weth(1), usdc(1600));
    // the small one is unhealthy, the big one is not
    await setPrice(1925);
    await house.connect(other).open(collateral, other, other);
    await time.increase(Number(LONGEST_AGE));
    await setPrice(1850);
    const ltvWad = (usdc(477_000) * WAD) / ((weth(300) * priceE36(1850)) / 10n ** 36n);
    const widest = (bps(LANE.firstDiscountBps) * WAD) / 10_000n + ltvWad - (bps(MARKET.lltvBps) * WAD) / 10_000n;
    const ledger = new Ledger(all, priceE36(1850));
    const { profit, others } = await ledger.changes([keeper], [lender, underwriter], async () => {
      await house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x");
    });
    const [bought] = await house.queryFilter(house.filters.Bought);
    expect(WAD - bought!.args.multipleWad).to.be.within(widest - 1000n, widest + 1000n);
    const { ratePerHour } = await house.lane(collateral);
    expect(bought!.args.amount).to.be.lte((ratePerHour * URGENT * LONGEST_AGE) / 3600n);
    expect(profit).to.be.lte((ledger.value(bought!.args.amount) * widest) / WAD + 1n);
    for (const change of others) expect(change).to.be.gte(-1n);
  });
});

describe("attacks: keeping underwriters in by an open lane", () => {
  /** An underwriter whose request is ready, and an attacker's smallest position, unhealthy by a hair. */
  async function kept() {
    const all = await opened();
    const { vault, buffer, collateral, borrower, other, underwriter, open, setPrice } = all;
    await vault.connect(borrower).repay(collateral, ALL, borrower);
    await open(other, weth(0.315), MARKET.minDebt);
    await buffer.connect(underwriter).requestRedeem(usdc(1000) * 1000n, underwriter, underwriter);
    await setPrice(1910);
    await watch(all);
    await time.increase(COOLDOWN);
    await watch(all);
    const fulfil = async () => buffer.connect(underwriter).fulfil(underwriter, underwriter);
    return { ...all, fulfil };
  }

  it("stops fulfilment while anybody's position opens it, each 25 minutes, for the gas of that: a known limit", async () => {
    const all = await kept();
    const { house, buffer, collateral, other, fulfil } = all;
    for (let i = 0; i < 4; ++i) {
      await house.connect(other).open(collateral, other, other);
      await expect(fulfil()).to.be.revertedWithCustomError(buffer, "MarketInTrouble");
      await time.increase(CLOSES_AFTER);
    }
    await house.observe(collateral);
    await time.increase(1800);
    await fulfil();
  });

  it("is over within A + idleTime of anybody's buying the position down to its target", async () => {
    const all = await kept();
    const { house, vault, buffer, collateral, other, keeper, lender, underwriter, fulfil } = all;
    const ledger = new Ledger(all, priceE36(1910));
    const { profit } = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).open(collateral, other, other);
      await time.increase(Number(LONGEST_AGE));
      await house.connect(keeper).buy(collateral, other, ALL, ALL, keeper, "0x");
    });
    // what the attack costs: its discount and fee
    expect(profit).to.be.lt(0n);
    expect(await vault.debtOf(collateral, other)).to.equal(0n);
    await time.increase(CLOSES_AFTER);
    await expect(house.connect(other).open(collateral, other, other)).to.be.revertedWithCustomError(
      house,
      "PositionHealthy",
    );
    expect(await buffer.marketInTrouble()).to.equal(ZeroAddress);
    await fulfil();
    expect(await buffer.maxRedeem(underwriter)).to.be.gt(0n);
  });

  it("needs an unhealthy position: a healthy one opens nothing, whatever is bought or borrowed in the block", async () => {
    const all = await kept();
    const { vault, house, collateral, other, setPrice, fulfil } = all;
    await setPrice(2000);
    await expect(house.connect(other).open(collateral, other, other)).to.be.revertedWithCustomError(
      house,
      "PositionHealthy",
    );
    await vault.connect(other).borrow(collateral, usdc(4), other, other);
    await expect(house.connect(other).open(collateral, other, other)).to.be.reverted;
    expect(await house.isOpen(collateral)).to.equal(false);
    await fulfil();
  });
});
