import { expect } from "chai";
import { ethers } from "hardhat";

import { LANE, MARKET, priceE36, time, usdc, weth } from "../contracts/fixture";
import { USDC, deployMarket } from "../contracts/periphery/fixture";
import { Ledger } from "./ledger";
import { AbsorbRefusal, ALL, opened } from "./setup";

/** 100 WETH at 2,000 USDC against 159,000 USDC; the oracle falls to `price`, the pool's mean is pushed to `mean`. */
async function doubted(price: number, mean: number, diverged = true) {
  const all = await opened(weth(100), usdc(159_000));
  const { house, guard, oracle, borrowOracle, collateral } = all;
  await oracle.setPrice(priceE36(price));
  await borrowOracle.setPrice(priceE36(mean));
  await guard.setDiverged(diverged);
  await house.observe(collateral);
  return { ...all, ledger: new Ledger(all, priceE36(price)) };
}

describe("attacks: absorbing at a price that is in doubt", () => {
  it("the mean pushed down hands the underwriters at most the equity of positions that are past absorbLtv anyway", async () => {
    for (const [price, mean] of [
      [1745, 1690],
      [1745, 1600],
      [1700, 1650],
      [1650, 1600],
    ] as const) {
      const all = await doubted(price, mean);
      const { house, collateral, borrower, lender, underwriter, keeper, ledger } = all;
      const equity = ledger.value(weth(100)) - usdc(159_000);
      const { profit, others } = await ledger.changes([underwriter], [borrower, lender], async () => {
        await house.connect(keeper).absorb(collateral, borrower, keeper);
      });
      const [absorbed] = await house.queryFilter(house.filters.Absorbed);
      const { amount, cost, pay } = absorbed!.args;
      expect(absorbed!.args.priceE36).to.equal(priceE36(mean));
      // no more than the gap between the prices, and the discount that it leaves
      const below = ledger.value(amount) - cost;
      expect(profit, `${price} and ${mean}`)
        .to.be.gt(0n)
        .and.lte(below + 10n);
      expect(profit).to.be.lt(equity);
      // the owner's loss is that and the pay; the lenders are as they were
      expect(-others[0]!).to.be.within(profit - 10n, profit + ledger.value(pay) + 10n);
      expect(others[1]).to.be.gte(-1n);
    }
  });

  it("costs the owner up to its whole equity where the mean is pushed to just above what it owes: a known limit", async () => {
    const { house, collateral, borrower, underwriter, keeper, ledger } = await doubted(1745, 1595);
    const equity = ledger.value(weth(100)) - usdc(159_000);
    const { profit } = await ledger.changes([underwriter], [], async () => {
      await house.connect(keeper).absorb(collateral, borrower, keeper);
    });
    expect(profit).to.be.within((equity * 9n) / 10n, equity);
  });

  it("pushed further, to where the position would have no equity, it is refused", async () => {
    for (const mean of [1590, 1000, 1]) {
      const { house, collateral, borrower, keeper } = await doubted(1745, mean);
      await expect(house.connect(keeper).absorb(collateral, borrower, keeper))
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(borrower, AbsorbRefusal.Diverged);
    }
  });

  it("reaches nobody whom the oracle has under absorbLtv, whatever the mean says", async () => {
    for (const price of [1760, 1850, 1950]) {
      const { house, collateral, borrower, keeper } = await doubted(price, 1600);
      await expect(house.connect(keeper).absorb(collateral, borrower, keeper)).to.be.revertedWithCustomError(
        house,
        "NotAbsorbable",
      );
    }
  });

  it("within the guard's bound, or pushed up, the oracle's price is paid", async () => {
    for (const [mean, diverged] of [
      [1700, false],
      [1900, true],
    ] as const) {
      const { house, collateral, borrower, keeper } = await doubted(1745, mean, diverged);
      await house.connect(keeper).absorb(collateral, borrower, keeper);
      const [absorbed] = await house.queryFilter(house.filters.Absorbed);
      expect(absorbed!.args.priceE36).to.equal(priceE36(1745));
    }
  });

  it("in the lane it makes everything dearer, never cheaper", async () => {
    const premiums: bigint[] = [];
    for (const diverged of [false, true]) {
      const { house, collateral, borrower, keeper } = await doubted(1900, 1700, diverged);
      await house.connect(keeper).open(collateral, borrower, keeper);
      await time.increase(600);
      premiums.push((await house.quote(collateral, borrower, ALL)).multipleWad);
    }
    expect(premiums[1]).to.be.gte(premiums[0]!);
  });

  it("on a real pool: a block at a quarter of the price moves the mean of half an hour by less than the guard's 3 %", async () => {
    const market = await deployMarket("MockERC20");
    const {
      vault,
      house,
      buffer,
      weth: token,
      usdc: loan,
      oracle,
      venue,
      depthOracle,
      borrowers,
      trader,
      keeper,
    } = market;
    const guard = await ethers.deployContract("GuardedOracle", [oracle, venue.pool, token, loan, 1800, 300]);
    await vault.setMarket(token, { ...MARKET, oracle, borrowOracle: guard });
    await house.setLane(token, { ...LANE, depthOracle, guard });
    // 20,000 USDC against 10 WETH, at 3,000 by pool and oracle: 91 % would be at 2,190
    const ledger = new Ledger({ vault, house, buffer, loan, collateral: token }, priceE36(3000));
    const { profit } = await ledger.changes([trader], [], async () => {
      const held = await loan.balanceOf(trader);
      // as much again as the pool holds halves what a unit of it is worth, twice
      await venue.sell(token, await token.balanceOf(venue.pool));
      const { tick } = await venue.pool.slot0();
      await time.setNextBlockTimestamp((await time.latest()) + 12);
      await house.observe(token);
      expect(tick).to.not.equal(0n);
      expect((await house.lane(token)).diverged).to.equal(false);
      await venue.sell(loan, (await loan.balanceOf(trader)) - held);
    });
    // both fees
    expect(profit).to.be.lt(-1000n * USDC);
    // held for minutes it does, if nobody buys there meanwhile
    await venue.sell(token, await token.balanceOf(venue.pool));
    await time.increase(120);
    await house.observe(token);
    expect((await house.lane(token)).diverged).to.equal(true);
    // and still reaches nobody whom the oracle has as healthy
    await expect(house.connect(keeper).absorb(token, borrowers[0]!, keeper)).to.be.revertedWithCustomError(
      house,
      "NotAbsorbable",
    );
  });
});
