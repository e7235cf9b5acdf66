import { expect } from "chai";
import { ethers } from "hardhat";

import { MARKET, WAD, core, coreAtOddIndex, coreWithoutInterest, priceE36, time, usdc, weth } from "../fixture";
import { mulDiv, mulDivUp } from "../math";

const INDEX = 10n ** 27n;

/** A position whose debt index is no round number: 10 WETH, 10,000 USDC borrowed a year ago. */
async function oddIndex() {
  const all = await core();
  await all.open(all.borrower, weth(10), usdc(10_000));
  await all.open(all.other, weth(400), usdc(500_000));
  await time.increase(365 * 86_400);
  return all;
}

describe("Vault: borrowers", () => {
  describe("supplyCollateral", () => {
    it("adds to anybody's position", async () => {
      const { vault, collateral, borrower, other } = await coreWithoutInterest();
      const supply = vault.connect(other).supplyCollateral(collateral, weth(3), borrower);
      await expect(supply)
        .to.emit(vault, "CollateralSupplied")
        .withArgs(await collateral.getAddress(), borrower.address, other.address, weth(3));
      await expect(supply).to.changeTokenBalances(collateral, [other, vault], [-weth(3), weth(3)]);
      await vault.connect(other).supplyCollateral(collateral, 1n, other);
      expect(await vault.position(collateral, borrower)).to.deep.equal([weth(3), 0n, 0n]);
    });

    it("goes on while borrowing is paused and the oracles are broken (O1), and does not count as risk", async () => {
      const { vault, collateral, borrower, oracle, borrowOracle, open } = await coreWithoutInterest();
      await open(borrower, weth(1), usdc(1000));
      const { riskAt } = await vault.position(collateral, borrower);
      await vault.setBorrowPaused(true);
      await oracle.setBroken(true);
      await borrowOracle.setBroken(true);
      await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
      expect(await vault.position(collateral, borrower)).to.deep.equal([weth(2), usdc(1000), riskAt]);
    });

    it("refuses nothing, nobody and a token that is no market", async () => {
      const { vault, collateral, loan, borrower } = await coreWithoutInterest();
      const caller = vault.connect(borrower);
      await expect(caller.supplyCollateral(collateral, 0n, borrower)).to.be.revertedWithCustomError(
        vault,
        "ZeroAmount",
      );
      await expect(caller.supplyCollateral(collateral, 1n, ethers.ZeroAddress)).to.be.revertedWithCustomError(
        vault,
        "ZeroAddress",
      );
      await expect(caller.supplyCollateral(loan, 1n, borrower))
        .to.be.revertedWithCustomError(vault, "MarketNotListed")
        .withArgs(await loan.getAddress());
    });

    it("refuses a token that takes a fee", async () => {
      const { vault, borrower, oracle } = await coreWithoutInterest();
      const fee = await ethers.deployContract("MockERC20Fee", ["Fee", "FEE", 18]);
      await vault.setMarket(fee, { ...MARKET, oracle, borrowOracle: oracle });
      await fee.mint(borrower, weth(10));
      await fee.connect(borrower).approve(vault, weth(10));
      // nor can what somebody has sent make up for it
      await fee.mint(vault, weth(1));
      await expect(vault.connect(borrower).supplyCollateral(fee, weth(1), borrower))
        .to.be.revertedWithCustomError(vault, "TransferIncomplete")
        .withArgs(await fee.getAddress());
      expect(await fee.balanceOf(borrower)).to.equal(weth(10));
    });

    it("refuses more than a position can count", async () => {
      const { vault, collateral, borrower } = await coreWithoutInterest();
      await expect(vault.connect(borrower).supplyCollateral(collateral, 2n ** 112n, borrower))
        .to.be.revertedWithCustomError(vault, "SafeCastOverflowedUintDowncast")
        .withArgs(112, 2n ** 112n);
    });
  });

  describe("withdrawCollateral", () => {
    it("without debt gives all of it, to whom one likes, and reads no oracle", async () => {
      const { vault, collateral, borrower, other, oracle, borrowOracle } = await coreWithoutInterest();
      await vault.connect(borrower).supplyCollateral(collateral, weth(3), borrower);
      await oracle.setBroken(true);
      await borrowOracle.setBroken(true);
      const withdraw = vault.connect(borrower).withdrawCollateral(collateral, weth(3), borrower, other);
      await expect(withdraw)
        .to.emit(vault, "CollateralWithdrawn")
        .withArgs(await collateral.getAddress(), borrower.address, other.address, borrower.address, weth(3));
      await expect(withdraw).to.changeTokenBalances(collateral, [vault, other], [-weth(3), weth(3)]);
      expect(await vault.position(collateral, borrower)).to.deep.equal([0n, 0n, 0n]);
    });

    it("with debt goes to the maximum LTV of the borrow oracle, and not a unit further", async () => {
      const { vault, collateral, borrower, borrowOracle, oracle, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(14_400));
      // at 1800 a debt of 14,400 needs exactly 10 WETH; the other oracle is not asked
      await oracle.setBroken(true);
      await borrowOracle.setPrice(priceE36(2000));
      const caller = vault.connect(borrower);
      await time.increase(100);
      await caller.withdrawCollateral(collateral, weth(1), borrower, borrower);
      expect(await vault.position(collateral, borrower)).to.deep.equal([
        weth(9),
        usdc(14_400),
        BigInt(await time.latest()),
      ]);
      // one wei less is worth 17,999.999999 in whole units: the value is rounded down and the LTV up
      await expect(caller.withdrawCollateral(collateral, 1n, borrower, borrower))
        .to.be.revertedWithCustomError(vault, "LtvTooHigh")
        .withArgs(mulDivUp(14_400_000_000n, WAD, 17_999_999_999n), (WAD * 8n) / 10n);
    });

    it("judges the debt rounded up", async () => {
      const { vault, collateral, borrower, index, shares } = await coreAtOddIndex();
      const debt = mulDivUp(shares, index, INDEX);
      // of this a unit less than the debt is 80 %, and the debt a little more
      const value = mulDivUp(debt - 1n, 10n, 8n);
      const withdrawTo = (left: bigint) =>
        vault
          .connect(borrower)
          .withdrawCollateral(collateral, weth(400) - mulDiv(left, weth(1), usdc(2000)), borrower, borrower);
      await expect(withdrawTo(value))
        .to.be.revertedWithCustomError(vault, "LtvTooHigh")
        .withArgs(mulDivUp(debt, WAD, value), (WAD * 8n) / 10n);
      await withdrawTo(mulDivUp(debt, 10n, 8n));
    });

    it("with debt needs the borrow oracle (O1)", async () => {
      const { vault, collateral, borrower, borrowOracle, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(1000));
      await borrowOracle.setBroken(true);
      await expect(
        vault.connect(borrower).withdrawCollateral(collateral, 1n, borrower, borrower),
      ).to.be.revertedWithCustomError(borrowOracle, "Broken");
    });

    it("leaves no debt without collateral", async () => {
      const { vault, collateral, borrower, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(1000));
      await expect(vault.connect(borrower).withdrawCollateral(collateral, weth(10), borrower, borrower))
        .to.be.revertedWithCustomError(vault, "LtvTooHigh")
        .withArgs(ethers.MaxUint256, (WAD * 8n) / 10n);
    });

    it("refuses nothing, nobody, too much and a token that is no market", async () => {
      const { vault, collateral, loan, borrower } = await coreWithoutInterest();
      const caller = vault.connect(borrower);
      await caller.supplyCollateral(collateral, weth(1), borrower);
      await expect(caller.withdrawCollateral(collateral, 0n, borrower, borrower)).to.be.revertedWithCustomError(
        vault,
        "ZeroAmount",
      );
      await expect(
        caller.withdrawCollateral(collateral, 1n, borrower, ethers.ZeroAddress),
      ).to.be.revertedWithCustomError(vault, "ZeroAddress");
      await expect(caller.withdrawCollateral(collateral, weth(1) + 1n, borrower, borrower))
        .to.be.revertedWithCustomError(vault, "NotEnoughCollateral")
        .withArgs(weth(1) + 1n, weth(1));
      await expect(caller.withdrawCollateral(loan, 1n, borrower, borrower))
        .to.be.revertedWithCustomError(vault, "MarketNotListed")
        .withArgs(await loan.getAddress());
    });
  });

  describe("borrow", () => {
    it("lends up to the maximum LTV, and not a unit more", async () => {
      const { vault, collateral, loan, borrower, other } = await coreWithoutInterest();
      const caller = vault.connect(borrower);
      await caller.supplyCollateral(collateral, weth(10), borrower);
      const borrow = caller.borrow(collateral, usdc(16_000), borrower, other);
      await expect(borrow)
        .to.emit(vault, "Borrowed")
        .withArgs(
          await collateral.getAddress(),
          borrower.address,
          other.address,
          borrower.address,
          usdc(16_000),
          usdc(16_000),
        );
      await expect(borrow).to.changeTokenBalances(loan, [vault, other], [-usdc(16_000), usdc(16_000)]);
      expect(await vault.position(collateral, borrower)).to.deep.equal([
        weth(10),
        usdc(16_000),
        BigInt(await time.latest()),
      ]);
      expect((await vault.market(collateral)).debtShares).to.equal(usdc(16_000));
      expect(await vault.totalDebtShares()).to.equal(usdc(16_000));
      expect(await vault.totalDebt()).to.equal(usdc(16_000));
      expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(16_000));
      expect(await vault.idle()).to.equal(usdc(984_000));
      expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
      // 16,000.000001 / 20,000
      await expect(caller.borrow(collateral, 1n, borrower, borrower))
        .to.be.revertedWithCustomError(vault, "LtvTooHigh")
        .withArgs(800_000_000_050_000_000n, 800_000_000_000_000_000n);
    });

    it("rounds debt shares up", async () => {
      const { vault, collateral, borrower } = await oddIndex();
      const before = (await vault.position(collateral, borrower)).debtShares;
      const borrow = vault.connect(borrower).borrow(collateral, 1_000_003n, borrower, borrower);
      await borrow;
      const index = await vault.indexE27();
      expect(index).to.be.gt(INDEX);
      const shares = mulDivUp(1_000_003n, INDEX, index);
      const { address } = borrower;
      await expect(borrow)
        .to.emit(vault, "Borrowed")
        .withArgs(await collateral.getAddress(), address, address, address, 1_000_003n, shares);
      const after = (await vault.position(collateral, borrower)).debtShares;
      expect(after - before).to.equal(shares);
      expect(await vault.debtOf(collateral, borrower)).to.equal(mulDivUp(after, index, INDEX));
      expect(await vault.totalDebt()).to.equal(mulDiv(await vault.totalDebtShares(), index, INDEX));
    });

    it("judges the debt rounded up: LTV and least debt", async () => {
      const { vault, collateral, other } = await coreAtOddIndex();
      const caller = vault.connect(other);
      await caller.supplyCollateral(collateral, weth(10), other);
      await expect(caller.borrow(collateral, usdc(16_000), other, other))
        .to.be.revertedWithCustomError(vault, "LtvTooHigh")
        .withArgs(mulDivUp(usdc(16_000) + 1n, WAD, usdc(20_000)), (WAD * 8n) / 10n);
      await caller.borrow(collateral, usdc(500) - 1n, other, other);
      expect(await vault.debtOf(collateral, other)).to.equal(usdc(500));
    });

    it("judges the market's debt rounded up", async () => {
      const { vault, collateral, other, oracle, borrowOracle, index, shares } = await coreAtOddIndex();
      const caller = vault.connect(other);
      await caller.supplyCollateral(collateral, weth(10), other);
      const marketShares = shares + mulDivUp(usdc(1000), INDEX, index);
      const debt = mulDivUp(marketShares, index, INDEX);
      expect(mulDiv(marketShares, index, INDEX)).to.equal(debt - 1n);
      await vault.setMarket(collateral, { ...MARKET, debtCeiling: debt - 1n, oracle, borrowOracle });
      await expect(caller.borrow(collateral, usdc(1000), other, other))
        .to.be.revertedWithCustomError(vault, "DebtCeilingExceeded")
        .withArgs(debt, debt - 1n);
      await vault.setMarket(collateral, { ...MARKET, debtCeiling: debt, oracle, borrowOracle });
      await caller.borrow(collateral, usdc(1000), other, other);
    });

    it("judges by the borrow oracle and not by the other", async () => {
      const { vault, collateral, borrower, oracle, borrowOracle } = await coreWithoutInterest();
      const caller = vault.connect(borrower);
      await caller.supplyCollateral(collateral, weth(10), borrower);
      await oracle.setPrice(priceE36(4000));
      await borrowOracle.setPrice(priceE36(1000));
      await expect(caller.borrow(collateral, usdc(10_000), borrower, borrower))
        .to.be.revertedWithCustomError(vault, "LtvTooHigh")
        .withArgs(WAD, (WAD * 8n) / 10n);
      await oracle.setBroken(true);
      await caller.borrow(collateral, usdc(8000), borrower, borrower);
      await borrowOracle.setBroken(true);
      await expect(caller.borrow(collateral, 1n, borrower, borrower)).to.be.revertedWithCustomError(
        borrowOracle,
        "Broken",
      );
    });

    it("refuses while paused, without cash, over the ceiling and under the least debt", async () => {
      const { vault, collateral, borrower, oracle, borrowOracle } = await coreWithoutInterest();
      const caller = vault.connect(borrower);
      await caller.supplyCollateral(collateral, weth(1000), borrower);
      await expect(caller.borrow(collateral, usdc(1_000_000) + 1n, borrower, borrower))
        .to.be.revertedWithCustomError(vault, "NotEnoughCash")
        .withArgs(usdc(1_000_000) + 1n, usdc(1_000_000));
      await expect(caller.borrow(collateral, usdc(500) - 1n, borrower, borrower))
        .to.be.revertedWithCustomError(vault, "DebtTooSmall")
        .withArgs(usdc(500) - 1n, usdc(500));
      await caller.borrow(collateral, usdc(500), borrower, borrower);
      await vault.setMarket(collateral, { ...MARKET, debtCeiling: usdc(600), oracle, borrowOracle });
      await expect(caller.borrow(collateral, usdc(100) + 1n, borrower, borrower))
        .to.be.revertedWithCustomError(vault, "DebtCeilingExceeded")
        .withArgs(usdc(600) + 1n, usdc(600));
      await caller.borrow(collateral, usdc(100), borrower, borrower);
      await vault.setBorrowPaused(true);
      await expect(caller.borrow(collateral, 1n, borrower, borrower)).to.be.revertedWithCustomError(
        vault,
        "BorrowPaused",
      );
      await vault.setBorrowPaused(false);
    });

    it("refuses nothing, nobody and a token that is no market", async () => {
      const { vault, collateral, loan, borrower } = await coreWithoutInterest();
      const caller = vault.connect(borrower);
      await expect(caller.borrow(collateral, 0n, borrower, borrower)).to.be.revertedWithCustomError(
        vault,
        "ZeroAmount",
      );
      await expect(caller.borrow(collateral, 1n, borrower, ethers.ZeroAddress)).to.be.revertedWithCustomError(
        vault,
        "ZeroAddress",
      );
      await expect(caller.borrow(loan, usdc(500), borrower, borrower))
        .to.be.revertedWithCustomError(vault, "MarketNotListed")
        .withArgs(await loan.getAddress());
    });
  });

  describe("repay", () => {
    it("takes part of anybody's debt, with everything paused and broken (O1)", async () => {
      const { vault, collateral, loan, borrower, other, oracle, borrowOracle, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(10_000));
      await vault.setBorrowPaused(true);
      await oracle.setBroken(true);
      await borrowOracle.setBroken(true);
      const { riskAt } = await vault.position(collateral, borrower);
      const repay = vault.connect(other).repay(collateral, usdc(9500), borrower);
      await expect(repay)
        .to.emit(vault, "Repaid")
        .withArgs(await collateral.getAddress(), borrower.address, other.address, usdc(9500), usdc(9500));
      await expect(repay).to.changeTokenBalances(loan, [other, vault], [-usdc(9500), usdc(9500)]);
      expect(await vault.position(collateral, borrower)).to.deep.equal([weth(10), usdc(500), riskAt]);
      expect((await vault.market(collateral)).debtShares).to.equal(usdc(500));
      expect(await vault.totalDebtShares()).to.equal(usdc(500));
      expect(await vault.idle()).to.equal(usdc(999_500));
    });

    it("takes no more than the debt", async () => {
      const { vault, collateral, loan, borrower, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(10_000));
      const caller = vault.connect(borrower);
      expect(await caller.repay.staticCall(collateral, ethers.MaxUint256, borrower)).to.deep.equal([
        usdc(10_000),
        usdc(10_000),
      ]);
      await expect(caller.repay(collateral, ethers.MaxUint256, borrower)).to.changeTokenBalance(
        loan,
        borrower,
        -usdc(10_000),
      );
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(0);
      expect(await vault.totalDebt()).to.equal(0);
    });

    it("rounds debt shares down, and the whole debt up", async () => {
      const { vault, collateral, loan, borrower } = await oddIndex();
      const caller = vault.connect(borrower);
      const before = (await vault.position(collateral, borrower)).debtShares;
      await caller.repay(collateral, 1_000_003n, borrower);
      const after = (await vault.position(collateral, borrower)).debtShares;
      expect(before - after).to.equal(mulDiv(1_000_003n, INDEX, await vault.indexE27()));
      // a unit buys less than a share: it is taken and the debt stays
      await caller.repay(collateral, 1n, borrower);
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(after);
      const balance = await loan.balanceOf(borrower);
      await caller.repay(collateral, ethers.MaxUint256, borrower);
      expect(balance - (await loan.balanceOf(borrower))).to.equal(mulDivUp(after, await vault.indexE27(), INDEX));
    });

    for (const assets of [usdc(500) + 1n, usdc(1000) - 1n]) {
      it(`takes 500 of 1,000 and leaves the least debt where ${assets.toString()} would leave less`, async () => {
        const { vault, collateral, loan, borrower, other, open } = await coreWithoutInterest();
        await open(borrower, weth(10), usdc(1000));
        const args = [collateral, assets, borrower] as const;
        expect(await vault.connect(other).repay.staticCall(...args)).to.deep.equal([usdc(500), usdc(500)]);
        const repay = vault.connect(other).repay(...args);
        await expect(repay)
          .to.emit(vault, "Repaid")
          .withArgs(await collateral.getAddress(), borrower.address, other.address, usdc(500), usdc(500));
        await expect(repay).to.changeTokenBalances(loan, [other, vault], [-usdc(500), usdc(500)]);
        expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(500));
        expect((await vault.market(collateral)).debtShares).to.equal(usdc(500));
        expect(await vault.totalDebtShares()).to.equal(usdc(500));
        expect(await vault.idle()).to.equal(usdc(999_500));
      });
    }

    it("can't be spoilt by a unit that is repaid ahead of it", async () => {
      const { vault, collateral, borrower, other, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(1000));
      const caller = vault.connect(borrower);
      // down to exactly the least debt, and another repays a unit first
      await vault.connect(other).repay(collateral, 1n, borrower);
      expect(await caller.repay.staticCall(collateral, usdc(500), borrower)).to.deep.equal([
        usdc(500) - 1n,
        usdc(500) - 1n,
      ]);
      await caller.repay(collateral, usdc(500), borrower);
      expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(500));
    });

    it("refuses a part of what is the least debt already, or less", async () => {
      const { vault, collateral, borrower, oracle, borrowOracle, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(500));
      const caller = vault.connect(borrower);
      await expect(caller.repay(collateral, 1n, borrower))
        .to.be.revertedWithCustomError(vault, "DebtTooSmall")
        .withArgs(usdc(500) - 1n, usdc(500));
      // governance may raise the least debt over what is owed
      await vault.setMarket(collateral, { ...MARKET, minDebt: usdc(800), oracle, borrowOracle });
      await expect(caller.repay(collateral, usdc(100), borrower))
        .to.be.revertedWithCustomError(vault, "DebtTooSmall")
        .withArgs(usdc(400), usdc(800));
      await caller.repay(collateral, usdc(500), borrower);
      expect(await vault.debtOf(collateral, borrower)).to.equal(0);
    });

    it("leaves any debt where there is no least one", async () => {
      const { vault, collateral, borrower, oracle, borrowOracle, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(1000));
      await vault.setMarket(collateral, { ...MARKET, minDebt: 0n, oracle, borrowOracle });
      await vault.connect(borrower).repay(collateral, usdc(1000) - 1n, borrower);
      expect(await vault.debtOf(collateral, borrower)).to.equal(1);
    });

    it("leaves the fewest shares that owe the least debt, and takes what the others cost, rounded up", async () => {
      const { vault, collateral, loan, borrower, index, shares } = await coreAtOddIndex();
      const caller = vault.connect(borrower);
      const debt = mulDivUp(shares, index, INDEX);
      const kept = mulDiv(usdc(500) - 1n, INDEX, index) + 1n;
      expect(mulDivUp(kept, index, INDEX)).to.equal(usdc(500));
      expect(mulDivUp(kept - 1n, index, INDEX)).to.be.lt(usdc(500));
      const assets = mulDivUp(shares - kept, index, INDEX);
      for (const asked of [debt - usdc(499), debt - 1n]) {
        expect(await caller.repay.staticCall(collateral, asked, borrower)).to.deep.equal([assets, shares - kept]);
        expect(assets).to.be.lte(asked);
      }
      await expect(caller.repay(collateral, debt - 1n, borrower)).to.changeTokenBalance(loan, borrower, -assets);
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(kept);
    });

    it("refuses nothing, no debt and a token that is no market", async () => {
      const { vault, collateral, loan, borrower } = await coreWithoutInterest();
      const caller = vault.connect(borrower);
      await expect(caller.repay(collateral, 0n, borrower)).to.be.revertedWithCustomError(vault, "ZeroAmount");
      await expect(caller.repay(collateral, 1n, borrower)).to.be.revertedWithCustomError(vault, "NoDebt");
      await expect(caller.repay(loan, 1n, borrower)).to.be.revertedWithCustomError(vault, "MarketNotListed");
      await expect(caller.repayShares(collateral, 0n, borrower)).to.be.revertedWithCustomError(vault, "ZeroAmount");
      await expect(caller.repayShares(collateral, 1n, borrower)).to.be.revertedWithCustomError(vault, "NoDebt");
      await expect(caller.repayShares(loan, 1n, borrower)).to.be.revertedWithCustomError(vault, "MarketNotListed");
    });
  });

  describe("repayShares", () => {
    it("removes exactly these shares and rounds their price up", async () => {
      const { vault, collateral, borrower, other } = await oddIndex();
      const before = (await vault.position(collateral, borrower)).debtShares;
      const repay = vault.connect(other).repayShares(collateral, 1_000_003n, borrower);
      await repay;
      const assets = mulDivUp(1_000_003n, await vault.indexE27(), INDEX);
      await expect(repay)
        .to.emit(vault, "Repaid")
        .withArgs(await collateral.getAddress(), borrower.address, other.address, assets, 1_000_003n);
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(before - 1_000_003n);
    });

    it("removes all where there are fewer", async () => {
      const { vault, collateral, borrower } = await oddIndex();
      const shares = (await vault.position(collateral, borrower)).debtShares;
      const repay = vault.connect(borrower).repayShares(collateral, ethers.MaxUint256, borrower);
      await repay;
      const assets = mulDivUp(shares, await vault.indexE27(), INDEX);
      await expect(repay)
        .to.emit(vault, "Repaid")
        .withArgs(await collateral.getAddress(), borrower.address, borrower.address, assets, shares);
      expect(await vault.debtOf(collateral, borrower)).to.equal(0);
    });

    it("takes less where it would leave less than the least debt, and can't be spoilt by a share ahead of it", async () => {
      const { vault, collateral, loan, borrower, other, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(1000));
      await vault.connect(other).repayShares(collateral, 1n, borrower);
      const caller = vault.connect(borrower);
      expect(await caller.repayShares.staticCall(collateral, usdc(500), borrower)).to.equal(usdc(500) - 1n);
      await expect(caller.repayShares(collateral, usdc(500), borrower)).to.changeTokenBalance(
        loan,
        borrower,
        1n - usdc(500),
      );
      expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(500));
      await expect(caller.repayShares(collateral, 1n, borrower))
        .to.be.revertedWithCustomError(vault, "DebtTooSmall")
        .withArgs(usdc(500) - 1n, usdc(500));
    });

    it("leaves the least debt, rounded up, and not a share less", async () => {
      const { vault, collateral, borrower, index, shares } = await coreAtOddIndex();
      const caller = vault.connect(borrower);
      const left = mulDiv(usdc(500), INDEX, index);
      expect(mulDiv(left, index, INDEX)).to.equal(usdc(500) - 1n);
      const paid = mulDivUp(shares - left, index, INDEX);
      for (const asked of [shares - left, shares - left + 1n, shares - 1n]) {
        expect(await caller.repayShares.staticCall(collateral, asked, borrower)).to.equal(paid);
      }
      await caller.repayShares(collateral, shares - left + 1n, borrower);
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(left);
      expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(500));
    });
  });

  it("makes no value by borrowing and repaying at an odd index (V4)", async () => {
    const { vault, collateral, loan, borrower } = await oddIndex();
    const caller = vault.connect(borrower);
    for (const amount of [1n, 2n, 7n, 1_000_003n]) {
      const [balance, debt] = [await loan.balanceOf(borrower), await vault.debtOf(collateral, borrower)];
      await caller.borrow(collateral, amount, borrower, borrower);
      await caller.repay(collateral, amount, borrower);
      expect(await loan.balanceOf(borrower)).to.equal(balance);
      expect(await vault.debtOf(collateral, borrower)).to.be.gte(debt);
    }
  });

  it("can't be entered again from a hostile collateral", async () => {
    const { vault, borrower, oracle } = await coreWithoutInterest();
    const hostile = await ethers.deployContract("MockERC20Hook", ["Hostile", "HOST", 18]);
    await vault.setMarket(hostile, { ...MARKET, oracle, borrowOracle: oracle });
    await hostile.mint(borrower, weth(10));
    await hostile.connect(borrower).approve(vault, weth(10));
    const caller = vault.connect(borrower);
    await caller.supplyCollateral(hostile, weth(5), borrower);
    const { interface: abi } = vault;
    const token = await hostile.getAddress();
    const self = borrower.address;
    for (const call of [
      abi.encodeFunctionData("supplyCollateral", [token, 1n, self]),
      abi.encodeFunctionData("withdrawCollateral", [token, 1n, token, self]),
      abi.encodeFunctionData("borrow", [token, 1n, token, self]),
      abi.encodeFunctionData("repay", [token, 1n, self]),
      abi.encodeFunctionData("repayShares", [token, 1n, self]),
      abi.encodeFunctionData("deposit", [1n, self]),
      abi.encodeFunctionData("accrueInterest"),
      abi.encodeFunctionData("multicall", [[abi.encodeFunctionData("accrueInterest")]]),
    ]) {
      await hostile.setHook(vault, call);
      await expect(caller.supplyCollateral(hostile, 1n, borrower)).to.be.revertedWithCustomError(
        vault,
        "ReentrancyGuardReentrantCall",
      );
      await expect(caller.withdrawCollateral(hostile, 1n, borrower, borrower)).to.be.revertedWithCustomError(
        vault,
        "ReentrancyGuardReentrantCall",
      );
    }
  });
});
