import { expect } from "chai";

import { ALL, AbsorbRefusal, CLOSES_AFTER, COOLDOWN, Refusal, later, leave, opened, watch } from "../attacks/setup";
import { core, time, usdc, weth } from "../contracts/fixture";

describe("faults: a vault with no cash", () => {
  /** All of 1,000,000 USDC is lent, at 50 % a year, one of the borrowers has to be sold, and fees wait for the buffer. */
  async function drained() {
    const all = await core();
    const { vault, buffer, collateral, borrower, other, underwriter, open, setPrice } = all;
    await open(borrower, weth(10), usdc(15_900));
    await open(other, weth(1000), usdc(984_100));
    await buffer.connect(underwriter).requestRedeem(usdc(1000) * 1000n, underwriter, underwriter);
    await time.increase(COOLDOWN);
    await setPrice(1850);
    await vault.accrueInterest();
    expect([await vault.idle(), await vault.maxFlashLoan(all.loan)]).to.deep.equal([0n, 0n]);
    expect(await vault.bufferFees()).to.be.gt(usdc(1));
    return { ...all, collateral };
  }

  it("nobody can borrow or leave, and everybody can repay and top up, which lets lenders leave (O1)", async () => {
    const { vault, loan, collateral, lender, borrower, other } = await drained();
    await expect(vault.connect(other).borrow(collateral, 1n, other, other)).to.be.revertedWithCustomError(
      vault,
      "NotEnoughCash",
    );
    expect(await vault.maxWithdraw(lender)).to.equal(0n);
    await expect(vault.connect(lender).withdraw(1n, lender, lender)).to.be.revertedWithCustomError(
      vault,
      "ERC4626ExceededMaxWithdraw",
    );
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await vault.connect(borrower).repay(collateral, usdc(5000), borrower);
    // through shares and back, at a price that is no round number
    expect(await vault.maxWithdraw(lender)).to.equal(usdc(5000) - 1n);
    for (const tooMuch of [usdc(5000) + 1n, ALL]) {
      await expect(vault.connect(lender).withdraw(tooMuch, lender, lender)).to.be.revertedWithCustomError(
        vault,
        "ERC4626ExceededMaxWithdraw",
      );
    }
    await expect(vault.connect(lender).withdraw(usdc(5000), lender, lender)).to.changeTokenBalance(
      loan,
      lender,
      usdc(5000),
    );
    // collateral is no cash: who owes nothing has it back
    await vault.connect(borrower).repay(collateral, ALL, borrower);
    await vault.connect(borrower).withdrawCollateral(collateral, weth(11), borrower, borrower);
  });

  it("the lane and the buffer go on, and bring cash; fees wait until there is some", async () => {
    const { vault, house, buffer, collateral, borrower, keeper, setPrice } = await drained();
    await buffer.collectFees();
    expect(await vault.bufferFees()).to.be.gt(usdc(1));
    await house.connect(keeper).open(collateral, borrower, keeper);
    await time.increase(1200);
    await house.connect(keeper).buy(collateral, borrower, weth(1), ALL, keeper, "0x");
    expect(await vault.idle()).to.be.gt(usdc(1000));
    await buffer.collectFees();
    expect(await vault.bufferFees()).to.be.lt(usdc(1));
    await setPrice(1700);
    await house.connect(keeper).absorb(collateral, borrower, keeper);
    expect(await vault.idle()).to.be.gt(usdc(2000));
  });

  it("an underwriter's request is fulfilled and paid out of the buffer's own cash", async () => {
    const all = await drained();
    const { vault, buffer, loan, underwriter, keeper, setPrice } = all;
    await setPrice(2000);
    await watch(all);
    await buffer.connect(keeper).fulfil(underwriter, keeper);
    expect(await vault.idle()).to.equal(0n);
    await expect(buffer.connect(underwriter).withdraw(usdc(900), underwriter, underwriter)).to.changeTokenBalance(
      loan,
      underwriter,
      usdc(900),
    );
  });
});

describe("faults: the buffer empty, then full", () => {
  it("empty, the lane sells all, insolvent or not; with cash it absorbs again, and the insolvent wait for that", async () => {
    const all = await opened();
    const { vault, house, buffer, collateral, borrower, underwriter, keeper, lender, setPrice, openLane, buy } = all;
    await leave(all, underwriter);
    expect(await buffer.cash()).to.equal(0n);
    await setPrice(1500);
    await openLane();
    await expect(house.absorb(collateral, borrower, keeper))
      .to.be.revertedWithCustomError(house, "NotAbsorbable")
      .withArgs(borrower, AbsorbRefusal.BufferFull);
    await buy(weth(1), await later(600));
    // O1
    await vault.connect(borrower).supplyCollateral(collateral, 1n, borrower);
    await vault.connect(borrower).repay(collateral, usdc(1000), borrower);
    await vault.connect(lender).withdraw(usdc(1000), lender, lender);

    await buffer.connect(underwriter).deposit(usdc(200_000), underwriter);
    await setPrice(1300);
    expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.Insolvent);
    await expect(house.absorb(collateral, borrower, keeper)).to.emit(house, "Absorbed");
    expect((await vault.position(collateral, borrower)).debtShares).to.equal(0n);
  });

  it("with less than the smallest position takes, it counts as full, and with that much no longer", async () => {
    const all = await opened();
    const { house, buffer, collateral, borrower, underwriter, keeper, setPrice, openLane } = all;
    await leave(all, underwriter);
    await setPrice(1500);
    await openLane();
    await time.increase(600);
    await buffer.connect(underwriter).deposit(usdc(499), underwriter);
    expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.None);
    await buffer.connect(underwriter).deposit(usdc(1), underwriter);
    expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.Insolvent);
    // absorbing spends it, in the same transaction if need be
    await house.connect(keeper).absorb(collateral, borrower, keeper);
    expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.None);
  });

  it("full of inventory, the lane sells instead; once some is sold it absorbs again", async () => {
    const all = await opened();
    const { vault, house, buffer, collateral, borrower, other, keeper, open, setPrice, setCap, buy, openLane } = all;
    await open(other, weth(10), usdc(15_900));
    await setPrice(1700);
    await house.connect(keeper).absorb(collateral, other, keeper);
    const { amount } = await buffer.inventory(collateral);
    await setCap(amount);
    expect((await buffer.capacity(collateral)).room).to.equal(0n);
    await openLane();
    await expect(house.absorb(collateral, borrower, keeper)).to.be.revertedWithCustomError(house, "NotAbsorbable");
    await buy(weth(1), await later(600));
    await vault.connect(borrower).supplyCollateral(collateral, 1n, borrower);
    await vault.connect(borrower).repay(collateral, usdc(500), borrower);
    // a day on, whatever the lane and the average say
    await time.increase(24 * 3600 - CLOSES_AFTER);
    await openLane();
    await time.increase(CLOSES_AFTER - 10);
    await buffer.connect(keeper).buyInventory(collateral, weth(1), ALL, keeper, "0x");
    expect((await buffer.capacity(collateral)).room).to.equal(weth(1));
    await setPrice(1450);
    await expect(house.absorb(collateral, borrower, keeper)).to.emit(house, "Absorbed");
    expect((await buffer.inventory(collateral)).amount).to.be.lte(amount);
  });
});
