import { mine, setCode, setStorageAt } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import type { Vault } from "../../../typechain-types";

import {
  ETH_PRICE,
  HOUR,
  MARKET,
  WAD,
  core,
  coreWithoutInterest,
  priceE36,
  setLaneCeiling,
  time,
  usdc,
  weth,
} from "../fixture";
import { expWad, mulDiv, mulDivUp } from "../math";

const YEAR = 365n * 24n * HOUR;

/** Half of the cash lent for half a year: a price of a share that is no round number. */
async function oddPrice() {
  const all = await core();
  const { vault, borrower, open } = all;
  await open(borrower, weth(400), usdc(500_000));
  const opened = BigInt(await time.latest());
  const at = opened + YEAR / 2n;
  // 50 % of a kink of 90 % at 5 % a year, then per second, each rounded up
  const ratePerYear = mulDivUp(WAD / 20n, WAD / 2n, (WAD * 9n) / 10n);
  const rate = mulDivUp(ratePerYear, 1n, YEAR);
  const index = expWad(rate * (at - opened)) * 10n ** 9n;
  const interest = mulDiv(usdc(500_000), index, 10n ** 27n) - usdc(500_000);
  // what is neither the reserves' nor the buffer's
  const assets = usdc(1_000_000) + interest - (interest * 1000n) / 10_000n;
  await time.increaseTo(at - 1n);
  await time.setNextBlockTimestamp(at);
  return { ...all, vault, assets, supply: usdc(1_000_000) * 1000n };
}

describe("Vault: lenders", () => {
  it("gives a thousand shares a unit for the first deposit", async () => {
    const { vault, loan, other, keeper } = await coreWithoutInterest();
    expect(await vault.asset()).to.equal(await loan.getAddress());
    expect(await vault.decimals()).to.equal(9);
    expect(await vault.name()).to.equal("Spillway USDC");
    expect(await vault.symbol()).to.equal("spUSDC");
    const deposit = vault.connect(other).deposit(usdc(5), keeper);
    await expect(deposit).to.emit(vault, "Deposit").withArgs(other.address, keeper.address, usdc(5), 5_000_000_000n);
    await expect(deposit).to.changeTokenBalances(loan, [other, vault], [-usdc(5), usdc(5)]);
    expect(await vault.balanceOf(keeper)).to.equal(5_000_000_000n);
    expect(await vault.totalSupply()).to.equal(1_000_005_000_000_000n);
    expect(await vault.idle()).to.equal(usdc(1_000_005));
    expect(await vault.totalAssets()).to.equal(usdc(1_000_005));
  });

  it("mints, withdraws and redeems at the same price while nothing is earned", async () => {
    const { vault, loan, other, keeper } = await coreWithoutInterest();
    // a part of a unit's shares costs a whole unit
    await expect(vault.connect(other).mint(5001n, other))
      .to.emit(vault, "Deposit")
      .withArgs(other.address, other.address, 6n, 5001n);
    await expect(vault.connect(other).withdraw(2n, keeper, other))
      .to.emit(vault, "Withdraw")
      .withArgs(other.address, keeper.address, other.address, 2n, 2000n);
    // 3001 shares are worth three units and a thousandth, which stays
    const redeem = vault.connect(other).redeem(3001n, keeper, other);
    await expect(redeem).to.emit(vault, "Withdraw").withArgs(other.address, keeper.address, other.address, 3n, 3001n);
    await expect(redeem).to.changeTokenBalances(loan, [vault, keeper], [-3n, 3n]);
    expect(await vault.balanceOf(other)).to.equal(0);
    expect(await vault.idle()).to.equal(usdc(1_000_000) + 1n);
  });

  for (const [name, expected, call] of [
    ["deposit", (a: bigint, s: bigint) => mulDiv(777n, s + 1000n, a + 1n), "deposit(777)"],
    ["mint", (a: bigint, s: bigint) => mulDivUp(777_777n, a + 1n, s + 1000n), "mint(777777)"],
    ["withdraw", (a: bigint, s: bigint) => mulDivUp(777n, s + 1000n, a + 1n), "withdraw(777)"],
    ["redeem", (a: bigint, s: bigint) => mulDiv(777_777n, a + 1n, s + 1000n), "redeem(777777)"],
  ] as const) {
    it(`rounds against the lender at an odd price (V4): ${call}`, async () => {
      const { vault, lender, assets, supply } = await oddPrice();
      const amount = name === "deposit" || name === "withdraw" ? 777n : 777_777n;
      const caller = vault.connect(lender);
      const sent =
        name === "deposit" || name === "mint"
          ? caller[name](amount, lender)
          : caller[name](amount, lender.address, lender.address);
      const result = expected(assets, supply);
      const [assetsMoved, sharesMoved] =
        name === "deposit" || name === "withdraw" ? [amount, result] : [result, amount];
      if (name === "deposit" || name === "mint") {
        await expect(sent).to.emit(vault, "Deposit").withArgs(lender.address, lender.address, assetsMoved, sharesMoved);
      } else {
        await expect(sent)
          .to.emit(vault, "Withdraw")
          .withArgs(lender.address, lender.address, lender.address, assetsMoved, sharesMoved);
      }
    });
  }

  it("previews what it then does, with interest up to now", async () => {
    const { vault, assets, supply } = await oddPrice();
    await mine();
    expect(await vault.totalAssets()).to.equal(assets);
    expect(await vault.previewDeposit(777n)).to.equal(mulDiv(777n, supply + 1000n, assets + 1n));
    expect(await vault.previewMint(777_777n)).to.equal(mulDivUp(777_777n, assets + 1n, supply + 1000n));
    expect(await vault.previewWithdraw(777n)).to.equal(mulDivUp(777n, supply + 1000n, assets + 1n));
    expect(await vault.previewRedeem(777_777n)).to.equal(mulDiv(777_777n, assets + 1n, supply + 1000n));
  });

  it("rounds what can be redeemed down, so that the cash suffices", async () => {
    const { vault, lender, assets, supply } = await oddPrice();
    await mine();
    const idle = await vault.idle();
    const most = mulDiv(idle, supply + 1000n, assets + 1n);
    expect((idle * (supply + 1000n)) % (assets + 1n)).to.not.equal(0);
    expect(await vault.maxRedeem(lender)).to.equal(most);
  });

  it("makes no value in a round trip at an odd price (V4)", async () => {
    const { vault, loan, other } = await oddPrice();
    const caller = vault.connect(other);
    for (const amount of [1n, 2n, 3n, 999n, 1_000_003n, usdc(123_456)]) {
      const before = await loan.balanceOf(other);
      const price = await vault.convertToAssets(10n ** 24n);
      await caller.deposit(amount, other);
      const shares = await vault.balanceOf(other);
      if (shares !== 0n) await caller.redeem(shares, other, other);
      const spent = before - (await loan.balanceOf(other));
      // the seconds in between earn interest: of a millionth of what was in it, at most
      expect(spent, `deposit ${amount.toString()}`).to.be.gte(-amount / 1_000_000n);
      expect(await vault.convertToAssets(10n ** 24n)).to.be.gte(price);
    }
  });

  it("needs an allowance to withdraw for another", async () => {
    const { vault, lender, other } = await coreWithoutInterest();
    await expect(vault.connect(other).redeem(1000n, other, lender))
      .to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance")
      .withArgs(other.address, 0n, 1000n);
    await vault.connect(lender).approve(other, 1000n);
    await expect(vault.connect(other).withdraw(1n, other, lender))
      .to.emit(vault, "Withdraw")
      .withArgs(other.address, other.address, lender.address, 1n, 1000n);
    expect(await vault.allowance(lender, other)).to.equal(0);
  });

  it("pays out no more than lies idle", async () => {
    const { vault, lender, borrower, open } = await coreWithoutInterest();
    await open(borrower, weth(500), usdc(700_000));
    expect(await vault.idle()).to.equal(usdc(300_000));
    expect(await vault.maxWithdraw(lender)).to.equal(usdc(300_000));
    expect(await vault.maxRedeem(lender)).to.equal(usdc(300_000) * 1000n);
    await expect(vault.connect(lender).withdraw(usdc(300_000) + 1n, lender, lender))
      .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxWithdraw")
      .withArgs(lender.address, usdc(300_000) + 1n, usdc(300_000));
    await expect(vault.connect(lender).redeem(usdc(300_000) * 1000n + 1n, lender, lender))
      .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxRedeem")
      .withArgs(lender.address, usdc(300_000) * 1000n + 1n, usdc(300_000) * 1000n);
    await vault.connect(lender).withdraw(usdc(300_000), lender, lender);
    expect(await vault.idle()).to.equal(0);
    expect(await vault.maxWithdraw(lender)).to.equal(0);
    expect(await vault.balanceOf(lender)).to.equal(usdc(700_000) * 1000n);
  });

  it("holds less than 2^112 in cash: more can't be lent, nor repaid", async () => {
    const { vault, loan, collateral, borrower, other, open } = await coreWithoutInterest();
    const most = 2n ** 112n - 1n;
    await open(borrower, weth(10), usdc(16_000));
    await loan.mint(other, most);
    const room = most - (await vault.idle());
    await expect(vault.connect(other).deposit(room + 1n, other))
      .to.be.revertedWithCustomError(vault, "SafeCastOverflowedUintDowncast")
      .withArgs(112, most + 1n);
    await vault.connect(other).deposit(room, other);
    expect(await vault.idle()).to.equal(most);
    await expect(vault.connect(borrower).repay(collateral, usdc(1), borrower))
      .to.be.revertedWithCustomError(vault, "SafeCastOverflowedUintDowncast")
      .withArgs(112, most + usdc(1));
  });

  describe("the most that can be deposited", () => {
    const MOST = 2n ** 112n - 1n;
    const UINT256 = 2n ** 256n - 1n;

    /** Where OpenZeppelin's ERC-20 keeps the supply: as after many total losses, which leave shares and no assets. */
    const setSupply = async (vault: Vault, supply: bigint): Promise<void> => {
      await setStorageAt(await vault.getAddress(), 2, supply);
      expect(await vault.totalSupply()).to.equal(supply);
    };

    it("is what the cash can still count, and can be deposited", async () => {
      const { vault, loan, borrower, other, open } = await coreWithoutInterest();
      expect(await vault.maxDeposit(other)).to.equal(MOST - usdc(1_000_000));
      expect(await vault.maxMint(other)).to.equal((MOST - usdc(1_000_000)) * 1000n);
      await open(borrower, weth(10), usdc(16_000));
      expect(await vault.maxDeposit(other)).to.equal(MOST - usdc(984_000));
      await loan.mint(other, MOST);
      await vault.connect(other).deposit(await vault.maxDeposit(other), other);
      for (const most of [await vault.maxDeposit(other), await vault.maxMint(other)]) expect(most).to.equal(0);
    });

    it("can be minted at an odd price, and a unit more can't be deposited", async () => {
      const { vault, loan, lender, other, rates, assets, supply } = await oddPrice();
      await vault.accrueInterest();
      // a model that answers zero: the price stands still
      await setCode(await rates.getAddress(), "0x5f5f5260205ff3");
      await loan.mint(other, MOST);
      await loan.connect(other).transfer(lender, 1n);
      const room = await vault.maxDeposit(other);
      expect(room).to.equal(MOST - (await vault.idle()));
      const shares = mulDiv(room, supply + 1000n, assets + 1n);
      expect(await vault.maxMint(other)).to.equal(shares);
      const caller = vault.connect(other);
      await expect(caller.deposit(room + 1n, other)).to.be.revertedWithCustomError(
        vault,
        "SafeCastOverflowedUintDowncast",
      );
      await caller.mint(shares, other);
      expect(await vault.balanceOf(other)).to.equal(shares);
    });

    for (const [name, supply, left] of [
      ["little behind a supply of just under 2^143", 2n ** 143n - 1n, 5n],
      ["little behind a supply of 2^143", 2n ** 143n, 5n],
      ["nothing behind a supply of just under 2^144", 2n ** 144n - 1n, 0n],
      ["little behind a supply of 2^200", 2n ** 200n, 5n],
      ["little behind a supply of half of all shares", UINT256 / 2n, 5n],
      ["little behind a supply of all but a thousand that can be minted", UINT256 - 2000n, 5n],
      ["little behind a supply of all shares", UINT256 - 1000n, 5n],
    ] as const) {
      it(`does not revert, nor does depositing it, with ${name}`, async () => {
        const { vault, loan, lender, other } = await coreWithoutInterest();
        await vault.connect(lender).withdraw(usdc(1_000_000) - left, lender, lender);
        await setSupply(vault, supply);
        await loan.mint(other, MOST);
        const [most, shares] = [await vault.maxDeposit(other), await vault.maxMint(other)];
        const room = MOST - left;
        const byShares = mulDiv(UINT256 - 1000n - supply, left + 1n, supply + 1000n);
        expect(most).to.equal(room < byShares ? room : byShares);
        expect(shares).to.equal(mulDiv(most, supply + 1000n, left + 1n));
        await vault.connect(other).deposit.staticCall(most, other);
        await vault.connect(other).mint.staticCall(shares, other);
        await vault.connect(other).deposit(most, other);
        // nor is the vault stuck by it
        await vault.convertToAssets(UINT256 / 2n ** 113n);
      });
    }
  });

  it("pays a lender no more than the lender's own where there is more cash", async () => {
    const { vault, other } = await coreWithoutInterest();
    await vault.connect(other).deposit(usdc(10), other);
    expect(await vault.maxWithdraw(other)).to.equal(usdc(10));
    expect(await vault.maxRedeem(other)).to.equal(usdc(10) * 1000n);
    await expect(vault.connect(other).withdraw(usdc(10) + 1n, other, other))
      .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxWithdraw")
      .withArgs(other.address, usdc(10) + 1n, usdc(10));
  });

  it("does not count a donation", async () => {
    const { vault, loan, other } = await coreWithoutInterest();
    await loan.connect(other).transfer(vault, usdc(1_000_000));
    expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
    expect(await vault.idle()).to.equal(usdc(1_000_000));
    expect(await vault.convertToAssets(10n ** 9n)).to.equal(usdc(1));
    expect(await vault.maxFlashLoan(loan)).to.equal(usdc(1_000_000));
  });

  it("leaves the first depositor no profit in inflating the price", async () => {
    const { vault, loan, lender, other, keeper } = await coreWithoutInterest();
    await vault.connect(lender).redeem(await vault.balanceOf(lender), lender, lender);
    expect(await vault.totalSupply()).to.equal(0);
    const before = await loan.balanceOf(other);
    await vault.connect(other).deposit(1n, other);
    await loan.connect(other).transfer(vault, usdc(1_000_000));
    await vault.connect(keeper).deposit(usdc(1000), keeper);
    expect(await vault.balanceOf(keeper)).to.equal(usdc(1000) * 1000n);
    await vault.connect(other).redeem(1000n, other, other);
    expect(before - (await loan.balanceOf(other))).to.equal(usdc(1_000_000));
    expect(await vault.maxWithdraw(keeper)).to.equal(usdc(1000));
  });

  it("works with tokens that return nothing", async () => {
    const { manager, rates, lender, borrower, oracle } = await coreWithoutInterest();
    const loan = await ethers.deployContract("MockERC20NoReturn", ["Tether", "USDT", 6]);
    const collateral = await ethers.deployContract("MockERC20NoReturn", ["Quiet", "QT", 18]);
    const vault = await ethers.deployContract("Vault", [loan, "Spillway USDT", "spUSDT", rates, manager]);
    await vault.setMarket(collateral, { ...MARKET, oracle, borrowOracle: oracle });
    await vault.link(lender, lender);
    await setLaneCeiling(vault, collateral, usdc(10_000));
    await loan.mint(lender, usdc(10_000));
    await loan.connect(lender).approve(vault, usdc(10_000));
    await vault.connect(lender).deposit(usdc(10_000), lender);
    await collateral.mint(borrower, weth(1));
    await collateral.connect(borrower).approve(vault, weth(1));
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await vault.connect(borrower).borrow(collateral, usdc(1600), borrower, borrower);
    expect(await oracle.price()).to.equal(priceE36(ETH_PRICE));
    expect(await loan.balanceOf(borrower)).to.equal(usdc(1600));
    await loan.connect(borrower).approve(vault, usdc(1600));
    await vault.connect(borrower).repay(collateral, usdc(1600), borrower);
    await vault.connect(borrower).withdrawCollateral(collateral, weth(1), borrower, borrower);
    await vault.connect(lender).withdraw(usdc(10_000), lender, lender);
    expect(await loan.balanceOf(lender)).to.equal(usdc(10_000));
    expect(await collateral.balanceOf(borrower)).to.equal(weth(1));
    expect(await loan.balanceOf(vault)).to.equal(0);
  });

  for (const method of ["deposit", "mint", "withdraw", "redeem"] as const) {
    it(`can't be entered again from the loan token: ${method}`, async () => {
      const { manager, rates, lender } = await coreWithoutInterest();
      const loan = await ethers.deployContract("MockERC20Hook", ["Hostile", "HOST", 6]);
      const vault = await ethers.deployContract("Vault", [loan, "V", "V", rates, manager]);
      await loan.mint(lender, usdc(100));
      await loan.connect(lender).approve(vault, usdc(100));
      await vault.connect(lender).deposit(usdc(50), lender);
      const again =
        method === "deposit" || method === "mint"
          ? vault.interface.encodeFunctionData(method as "deposit", [0n, lender.address])
          : vault.interface.encodeFunctionData(method as "redeem", [0n, lender.address, lender.address]);
      await loan.setHook(vault, again);
      await expect(vault.connect(lender).deposit(1n, lender)).to.be.revertedWithCustomError(
        vault,
        "ReentrancyGuardReentrantCall",
      );
      await expect(vault.connect(lender).withdraw(1n, lender, lender)).to.be.revertedWithCustomError(
        vault,
        "ReentrancyGuardReentrantCall",
      );
    });
  }
});
