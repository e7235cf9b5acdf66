import { expect } from "chai";
import { ethers } from "hardhat";

import { coreWithoutInterest, usdc, weth } from "../fixture";

async function withActor() {
  const all = await coreWithoutInterest();
  const { loan, vault } = all;
  const actor = await ethers.deployContract("MockActor");
  await actor.run(loan, loan.interface.encodeFunctionData("approve", [await vault.getAddress(), ethers.MaxUint256]));
  return { ...all, actor };
}

describe("Vault: flash loans (ERC-3156)", () => {
  it("lends all that is idle for nothing", async () => {
    const { vault, loan, actor, keeper } = await withActor();
    expect(await vault.maxFlashLoan(loan)).to.equal(usdc(1_000_000));
    expect(await vault.flashFee(loan, usdc(1_000_000))).to.equal(0);
    const loaned = vault.connect(keeper).flashLoan(actor, loan, usdc(1_000_000), "0x1234");
    await expect(loaned)
      .to.emit(actor, "FlashLoanCalled")
      .withArgs(await vault.getAddress(), keeper.address, await loan.getAddress(), usdc(1_000_000), 0n, "0x1234");
    const [token, from, to] = [loan, await vault.getAddress(), await actor.getAddress()];
    await expect(loaned).to.emit(token, "Transfer").withArgs(from, to, usdc(1_000_000));
    await expect(loaned).to.emit(token, "Transfer").withArgs(to, from, usdc(1_000_000));
    expect(await vault.connect(keeper).flashLoan.staticCall(actor, loan, 1n, "0x")).to.equal(true);
    expect(await vault.idle()).to.equal(usdc(1_000_000));
    expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
  });

  it("refuses another token, and more than is idle", async () => {
    const { vault, loan, collateral, actor } = await withActor();
    expect(await vault.maxFlashLoan(collateral)).to.equal(0);
    await expect(vault.flashFee(collateral, 1n))
      .to.be.revertedWithCustomError(vault, "FlashLoanUnsupported")
      .withArgs(await collateral.getAddress());
    await expect(vault.flashLoan(actor, collateral, 1n, "0x"))
      .to.be.revertedWithCustomError(vault, "FlashLoanUnsupported")
      .withArgs(await collateral.getAddress());
    // what was given to the vault is not its to lend
    await loan.mint(vault, usdc(1));
    await expect(vault.flashLoan(actor, loan, usdc(1_000_000) + 1n, "0x"))
      .to.be.revertedWithCustomError(vault, "NotEnoughCash")
      .withArgs(usdc(1_000_000) + 1n, usdc(1_000_000));
  });

  it("refuses a receiver that does not answer as it must", async () => {
    const { vault, loan, actor } = await withActor();
    await actor.setAnswer(ethers.id("ERC3156FlashBorrower.onFlashloan"));
    await expect(vault.flashLoan(actor, loan, 1n, "0x"))
      .to.be.revertedWithCustomError(vault, "FlashLoanRefused")
      .withArgs(await actor.getAddress());
  });

  it("can't be forced on the buffer, which lets the vault take its cash", async () => {
    const { vault, loan, buffer } = await withActor();
    await expect(vault.flashLoan(buffer, loan, 1n, "0x")).to.be.revertedWithoutReason();
  });

  it("reverts when it is not given back", async () => {
    const { vault, loan, actor, other } = await withActor();
    await actor.setCalls([{ target: loan, data: loan.interface.encodeFunctionData("transfer", [other.address, 1n]) }]);
    await expect(vault.flashLoan(actor, loan, usdc(10), "0x"))
      .to.be.revertedWithCustomError(loan, "ERC20InsufficientBalance")
      .withArgs(await actor.getAddress(), usdc(10) - 1n, usdc(10));
  });

  it("can repay one's own debt and be paid back from what that frees", async () => {
    const { vault, loan, collateral, actor, borrower } = await withActor();
    const self = await actor.getAddress();
    const token = await collateral.getAddress();
    const { interface: abi } = vault;
    await vault.connect(borrower).supplyCollateral(collateral, weth(10), actor);
    await actor.run(vault, abi.encodeFunctionData("borrow", [token, usdc(16_000), self, self]));
    // the actor has spent 15,000 of it; who gets the collateral pays for it
    await actor.run(loan, loan.interface.encodeFunctionData("transfer", [borrower.address, usdc(15_000)]));
    await loan.connect(borrower).approve(actor, usdc(15_000));
    await actor.setCalls([
      { target: vault, data: abi.encodeFunctionData("repay", [token, ethers.MaxUint256, self]) },
      {
        target: vault,
        data: abi.encodeFunctionData("withdrawCollateral", [token, weth(10), self, borrower.address]),
      },
      {
        target: loan,
        data: loan.interface.encodeFunctionData("transferFrom", [borrower.address, self, usdc(15_000)]),
      },
    ]);
    await expect(vault.flashLoan(actor, loan, usdc(15_000), "0x")).to.changeTokenBalances(
      collateral,
      [vault, borrower],
      [-weth(10), weth(10)],
    );
    expect((await vault.position(collateral, actor)).debtShares).to.equal(0);
    expect(await vault.idle()).to.equal(usdc(1_000_000));
    expect(await loan.balanceOf(vault)).to.equal(usdc(1_000_000));
    expect(await loan.balanceOf(actor)).to.equal(0);
  });

  it("can't be lent, lent out again or deposited for gain inside", async () => {
    const { vault, loan, collateral, actor, borrower } = await withActor();
    const self = await actor.getAddress();
    const token = await collateral.getAddress();
    const { interface: abi } = vault;
    await vault.connect(borrower).supplyCollateral(collateral, weth(1000), actor);
    // the cash is out of the house, so that there is none to borrow
    await actor.setCalls([{ target: vault, data: abi.encodeFunctionData("borrow", [token, usdc(500), self, self]) }]);
    await expect(vault.flashLoan(actor, loan, usdc(1_000_000), "0x"))
      .to.be.revertedWithCustomError(loan, "ERC20InsufficientBalance")
      .withArgs(await vault.getAddress(), 0n, usdc(500));
    await actor.setCalls([
      { target: vault, data: abi.encodeFunctionData("flashLoan", [self, await loan.getAddress(), 1n, "0x"]) },
    ]);
    await expect(vault.flashLoan(actor, loan, usdc(1_000_000), "0x"))
      .to.be.revertedWithCustomError(loan, "ERC20InsufficientBalance")
      .withArgs(await vault.getAddress(), 0n, 1n);
    // deposited, it is the vault's: shares are bought with what is owed back
    await actor.setCalls([{ target: vault, data: abi.encodeFunctionData("deposit", [usdc(1_000_000), self]) }]);
    await expect(vault.flashLoan(actor, loan, usdc(1_000_000), "0x"))
      .to.be.revertedWithCustomError(loan, "ERC20InsufficientBalance")
      .withArgs(self, 0n, usdc(1_000_000));
    await actor.setCalls([
      { target: vault, data: abi.encodeFunctionData("deposit", [usdc(1_000_000), self]) },
      { target: vault, data: abi.encodeFunctionData("withdraw", [usdc(1_000_000), self, self]) },
    ]);
    await vault.flashLoan(actor, loan, usdc(1_000_000), "0x");
    expect(await vault.balanceOf(actor)).to.equal(0);
    expect(await loan.balanceOf(actor)).to.equal(0);
    expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
  });
});
