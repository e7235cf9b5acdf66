import { expect } from "chai";
import { ethers } from "hardhat";

import { LANE, MARKET, WAD, priceE36, time, usdc, weth } from "../contracts/fixture";
import { Ledger } from "./ledger";
import { ALL, CLOSES_AFTER, LONGEST_AGE, bps, later, opened, selling } from "./setup";

describe("attacks: dust against a write-off", () => {
  it("collateral put into an insolvent position ahead of its absorption goes with it", async () => {
    const all = await opened();
    const { vault, house, collateral, borrower, other, keeper, setPrice } = all;
    await setPrice(1400);
    const ledger = new Ledger(all, priceE36(1400));
    await ledger.expectNoProfit([other], [], async () => {
      await vault.connect(other).supplyCollateral(collateral, 1n, borrower);
      await expect(house.connect(keeper).absorb(collateral, borrower, keeper)).to.emit(vault, "WrittenOff");
    });
    expect(await vault.position(collateral, borrower).then((p) => [p.collateral, p.debtShares])).to.deep.equal([
      0n,
      0n,
    ]);
  });

  it("and ahead of a buy, which takes all that there is", async () => {
    const all = await opened();
    const { vault, collateral, borrower, other, setPrice, setCap, openLane, buy } = all;
    await setPrice(1400);
    await setCap(0n);
    await openLane();
    const ledger = new Ledger(all, priceE36(1400));
    await ledger.expectNoProfit([other], [], async () => {
      await vault.connect(other).supplyCollateral(collateral, 1n, borrower);
      await expect(buy(ALL, await later(1200))).to.emit(vault, "WrittenOff");
    });
    expect((await vault.position(collateral, borrower)).debtShares).to.equal(0n);
  });

  it("a unit that a buyer leaves keeps a debt on the books until anybody buys it, for a unit", async () => {
    const all = await opened();
    const { vault, loan, collateral, borrower, other, keeper, setPrice, setCap, openLane, buy } = all;
    await setPrice(1400);
    await setCap(0n);
    await openLane();
    await vault.connect(other).deposit(usdc(1_000_000), other);
    const { collateral: held } = await vault.position(collateral, borrower);
    await buy(held - 1n, await later(1200));
    const { debtShares: kept, collateral: dust } = await vault.position(collateral, borrower);
    expect([dust, kept > usdc(2000)]).to.deep.equal([1n, true]);
    // what a lender can gain by leaving meanwhile is its part of the loss, no more: the known limit of lenders
    expect(await vault.maxWithdraw(other)).to.be.lte(usdc(1_000_000));
    const before = await loan.balanceOf(keeper);
    await expect(buy(ALL, await later(12))).to.emit(vault, "WrittenOff");
    expect(before - (await loan.balanceOf(keeper))).to.equal(1n);
  });

  it("leaving less than minDebt of a solvent position pays nobody: the rest can be bought whole, or repaid", async () => {
    const all = await selling();
    const { vault, collateral, borrower, other, buy, setLane, setPrice } = all;
    await setLane({ targetLtvBps: 1 });
    await setPrice(1900);
    const now = await later(1200);
    await time.setNextBlockTimestamp(now - 1n);
    await all.house.observe(collateral);
    const position = await vault.position(collateral, borrower);
    // all but some 450 USDC of the debt
    const whole = await all.house.quote(collateral, borrower, ALL);
    await buy((whole.collateral * (position.debtShares - usdc(450))) / whole.repaid, now);
    const left = await vault.debtOf(collateral, borrower);
    expect(left).to.be.gt(0n).and.lt(MARKET.minDebt);
    // healthy by far, so that nobody can sell it, and anybody can repay it
    await vault.connect(other).repay(collateral, ALL, borrower);
    expect(await vault.debtOf(collateral, borrower)).to.equal(0n);
  });

  it("no debt under minDebt can be made, and no rest of one, by its owner", async () => {
    const { vault, collateral, other, borrower } = await opened();
    await vault.connect(other).supplyCollateral(collateral, weth(1), other);
    await expect(
      vault.connect(other).borrow(collateral, MARKET.minDebt - 1n, other, other),
    ).to.be.revertedWithCustomError(vault, "DebtTooSmall");
    // a repayment of part stops at minDebt, and from there on only all of it is taken
    await vault.connect(borrower).repay(collateral, usdc(15_900) - MARKET.minDebt + 1n, borrower);
    expect(await vault.debtOf(collateral, borrower)).to.equal(MARKET.minDebt);
    await expect(vault.connect(borrower).repay(collateral, 1n, borrower)).to.be.revertedWithCustomError(
      vault,
      "DebtTooSmall",
    );
    await vault.connect(borrower).repay(collateral, ALL, borrower);
  });
});

describe("attacks: griefing the lane's cursor with tiny buys", () => {
  it("takes from the lane what was bought and not a second more, and costs no less than one buy", async () => {
    const all = await selling();
    const { vault, house, loan, collateral, borrower, other, lender, underwriter } = all;
    const actor = await ethers.deployContract("MockActor");
    await loan.connect(other).transfer(actor, usdc(10_000));
    await actor.run(loan, loan.interface.encodeFunctionData("approve", [vault.target, ALL]));
    const ledger = new Ledger(all, priceE36(1900));
    const tiny = 10n ** 12n;
    await time.increaseTo(await later(240));
    const before = await house.lane(collateral);
    const { collateral: held } = await vault.position(collateral, borrower);
    const count = 60;
    // at a premium, so that the discount is no part of it
    const { profit, others } = await ledger.changes([actor], [lender, underwriter], async () => {
      const data = house.interface.encodeFunctionData("buy", [
        collateral.target,
        borrower.address,
        tiny,
        ALL,
        actor.target,
        "0x",
      ]);
      const call = { target: house, data };
      await actor.setCalls(Array.from({ length: count }, () => call));
      // all in one transaction
      await vault.flashLoan(actor, loan, 0n, "0x");
    });
    const bought = await house.queryFilter(house.filters.Bought);
    expect(bought.length).to.equal(count);
    expect(profit).to.be.lte(0n);
    for (const change of others) expect(change).to.be.gte(-1n);
    const { cursorWad } = await house.lane(collateral);
    // the lane's oldest emission was capped at its longest age; from there on each buy rounds up a part in 1e18 of a second
    const now = BigInt(await time.latest());
    const capped = now * WAD - LONGEST_AGE * WAD;
    const from = before.cursorWad > capped ? before.cursorWad : capped;
    // at the lane's rate; an urgent position's is up to 1 + u times as fast
    const sold = (BigInt(count) * tiny * 3600n * WAD) / before.ratePerHour;
    expect(cursorWad).to.be.within(from + sold / (1n + bps(LANE.urgency)), from + sold + BigInt(count));
    expect((await vault.position(collateral, borrower)).collateral).to.equal(held - BigInt(count) * tiny);
  });

  it("what rounding would eat is refused, so that no lane is moved for nothing", async () => {
    const { house, collateral, borrower, other } = await selling();
    await time.increaseTo(await later(600));
    const { cursorWad } = await house.lane(collateral);
    for (const amount of [0n, 1n, 10n ** 8n]) {
      await expect(
        house.connect(other).buy(collateral, borrower, amount, ALL, other, "0x"),
      ).to.be.revertedWithCustomError(house, "NotBuyable");
    }
    expect((await house.lane(collateral)).cursorWad).to.equal(cursorWad);
  });

  it("kept open for hours by a dust buy every five minutes, it sells on at its floor: at most r·A at the discount", async () => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, collateral, borrower, other, keeper, lender, underwriter, setPrice, openLane, open } = all;
    await open(keeper, weth(10), usdc(15_500));
    await setPrice(1900);
    await openLane();
    const { ratePerHour } = await house.lane(collateral);
    await time.increase(Number(LONGEST_AGE));
    for (let i = 0; i < 24; ++i) {
      await time.increase(290);
      await house.connect(other).buy(collateral, borrower, 10n ** 13n, ALL, other, "0x");
    }
    expect(await house.isOpen(collateral)).to.equal(true);
    // one that turns unhealthy now meets the floor, but at its own first discount
    const ledger = new Ledger(all, priceE36(1860));
    await setPrice(1860);
    const { profit, others } = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, keeper, ALL, ALL, other, "0x");
      await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
    });
    const burst = (ratePerHour * (1n + bps(LANE.urgency)) * LONGEST_AGE) / 3600n;
    expect(profit)
      .to.be.gt(0n)
      .and.lte((ledger.value(burst) * bps(LANE.maxDiscountBps)) / 10_000n);
    const [, ...sold] = await house.queryFilter(house.filters.Bought, (await ethers.provider.getBlockNumber()) - 2);
    for (const { args } of sold) {
      const discountWad = WAD - args.multipleWad;
      // 1.5 % and the LTV over lltv
      expect(discountWad).to.be.lte((bps(LANE.firstDiscountBps) * WAD) / 10_000n + (3n * WAD) / 100n);
    }
    for (const change of others) expect(change).to.be.gte(-1n);
    // and who stops paying for dust has a closed lane
    await time.increase(CLOSES_AFTER);
    expect(await house.isOpen(collateral)).to.equal(false);
  });
});
