import { expect } from "chai";
import { ethers } from "hardhat";

import { MARKET, auctioned, expectedTerms, opened } from "../contracts/auctionHouse/setup";
import { WAD, priceE36, time, usdc, weth } from "../contracts/fixture";
import { Ledger } from "./ledger";

const ALL = ethers.MaxUint256;

describe("attacks: dust against a write-off", () => {
  it("collateral put into an insolvent position ahead of its take-over goes with it", async () => {
    const all = await opened();
    const { vault, house, collateral, borrower, other, keeper, setPrice } = all;
    await setPrice(1400);
    const ledger = new Ledger(all, priceE36(1400));
    await ledger.expectNoProfit([other], [], async () => {
      await vault.connect(other).supplyCollateral(collateral, 1n, borrower);
      await expect(house.connect(keeper).absorb(collateral, borrower)).to.emit(vault, "WrittenOff");
    });
    expect(await vault.position(collateral, borrower).then((p) => [p.collateral, p.debtShares])).to.deep.equal([
      0n,
      0n,
    ]);
  });

  it("and ahead of a buy, which takes all that there is", async () => {
    const all = await opened();
    const { vault, house, collateral, borrower, other, setPrice, setCap, start, buy, later } = all;
    await setPrice(1400);
    await setCap(0n);
    await start();
    const ledger = new Ledger(all, priceE36(1400));
    await ledger.expectNoProfit([other], [], async () => {
      await vault.connect(other).supplyCollateral(collateral, 1n, borrower);
      await expect(buy(ALL, await later(1200))).to.emit(vault, "WrittenOff");
    });
    expect((await house.auction(collateral, borrower)).startedAt).to.equal(0n);
  });

  it("a unit that a buyer leaves keeps a debt on the books until anybody buys it, for a unit", async () => {
    const all = await opened();
    const { vault, loan, collateral, borrower, other, keeper, setPrice, setCap, start, buy, later } = all;
    await setPrice(1400);
    await setCap(0n);
    await start();
    await vault.connect(other).deposit(usdc(1_000_000), other);
    await buy(weth(10) - 1n, await later(1200));
    const { debtShares: kept, collateral: dust } = await vault.position(collateral, borrower);
    expect([dust, kept > usdc(2000)]).to.deep.equal([1n, true]);
    // what a lender can gain by leaving meanwhile is its part of the loss, no more: the known limit of lenders
    expect(await vault.maxWithdraw(other)).to.be.lte(usdc(1_000_000));
    const before = await loan.balanceOf(keeper);
    await expect(buy(ALL, await later(12))).to.emit(vault, "WrittenOff");
    expect(before - (await loan.balanceOf(keeper))).to.equal(1n);
  });

  it("leaving less than minDebt of a solvent position pays nobody: the rest can be bought whole, or repaid", async () => {
    const all = await auctioned(1900, weth(10), usdc(15_900));
    const { vault, collateral, borrower, other, buy, later, setLane, setPrice } = all;
    await setLane({ targetLtvBps: 1 });
    await setPrice(1900);
    const now = await later(1200);
    const terms = expectedTerms(await all.situation(now));
    // all but some 450 USDC of the debt
    const amount = (weth(10) * usdc(15_550)) / terms.cost(weth(10));
    await buy(amount, now);
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
    await vault.connect(borrower).repay(collateral, usdc(15_900) - MARKET.minDebt + 1n, borrower);
    expect(await vault.debtOf(collateral, borrower)).to.equal(MARKET.minDebt);
    await expect(vault.connect(borrower).repay(collateral, 1n, borrower)).to.be.revertedWithCustomError(
      vault,
      "DebtTooSmall",
    );
  });
});

describe("attacks: griefing the lane's cursor with tiny buys", () => {
  it("takes from the lane what was bought and not a second more, and costs no less than one buy", async () => {
    const all = await auctioned();
    const { vault, house, loan, collateral, borrower, other, lender, underwriter, situation, later } = all;
    const actor = await ethers.deployContract("MockActor");
    await loan.connect(other).transfer(actor, usdc(10_000));
    await actor.run(loan, loan.interface.encodeFunctionData("approve", [vault.target, ALL]));
    const ledger = new Ledger(all, priceE36(1900));
    const tiny = 10n ** 12n;
    await time.increaseTo(await later(240));
    const before = await situation(0n);
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
    const longestWad = (WAD * WAD) / 10n / ((5n * 10n ** 15n) / 60n);
    const capped = now * WAD - longestWad;
    const from = before.cursorWad > capped ? before.cursorWad : capped;
    const sold = (BigInt(count) * tiny * 3600n * WAD) / before.ratePerHour;
    expect(cursorWad).to.be.within(from + sold, from + sold + BigInt(count));
    expect((await vault.position(collateral, borrower)).collateral).to.equal(before.collateral - BigInt(count) * tiny);
  });

  it("what rounding would eat is refused, so that no lane is moved for nothing", async () => {
    const { house, collateral, borrower, other, later } = await auctioned();
    await time.increaseTo(await later(600));
    const { cursorWad } = await house.lane(collateral);
    for (const amount of [0n, 1n, 10n ** 8n]) {
      await expect(
        house.connect(other).buy(collateral, borrower, amount, ALL, other, "0x"),
      ).to.be.revertedWithCustomError(house, "NotBuyable");
    }
    expect((await house.lane(collateral)).cursorWad).to.equal(cursorWad);
  });
});
