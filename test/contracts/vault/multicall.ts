import { expect } from "chai";
import { ethers } from "hardhat";

import { PERMIT, coreWithoutInterest, time, usdc, weth } from "../fixture";

describe("Vault: multicall and permit", () => {
  it("opens a position in one transaction, as the caller", async () => {
    const { vault, collateral, loan, borrower } = await coreWithoutInterest();
    const token = await collateral.getAddress();
    const self = borrower.address;
    await expect(
      vault
        .connect(borrower)
        .multicall([
          vault.interface.encodeFunctionData("supplyCollateral", [token, weth(10), self]),
          vault.interface.encodeFunctionData("borrow", [token, usdc(16_000), self, self]),
        ]),
    ).to.changeTokenBalance(loan, borrower, usdc(16_000));
    const { collateral: held, debtShares } = await vault.position(collateral, borrower);
    expect([held, debtShares]).to.deep.equal([weth(10), usdc(16_000)]);
  });

  it("gives nobody another's rights, and does all or nothing", async () => {
    const { vault, collateral, borrower, other } = await coreWithoutInterest();
    const token = await collateral.getAddress();
    await expect(
      vault
        .connect(other)
        .multicall([
          vault.interface.encodeFunctionData("supplyCollateral", [token, weth(10), borrower.address]),
          vault.interface.encodeFunctionData("borrow", [token, usdc(500), borrower.address, other.address]),
        ]),
    )
      .to.be.revertedWithCustomError(vault, "NotAuthorized")
      .withArgs(other.address, borrower.address);
    expect(await vault.position(collateral, borrower)).to.deep.equal([0n, 0n, 0n]);
    await expect(
      vault.connect(other).multicall([vault.interface.encodeFunctionData("setBorrowPaused", [true])]),
    ).to.be.revertedWithCustomError(vault, "AccessManagedUnauthorized");
  });

  it("takes a permit for its shares (ERC-2612), once", async () => {
    const { vault, lender, keeper } = await coreWithoutInterest();
    const deadline = BigInt(await time.latest()) + 86_400n;
    const message = { owner: lender.address, spender: keeper.address, value: 5000n, nonce: 0n, deadline };
    const { v, r, s } = ethers.Signature.from(
      await lender.signTypedData(
        {
          name: "Spillway USDC",
          version: "1",
          chainId: 31337,
          verifyingContract: await vault.getAddress(),
        },
        PERMIT,
        message,
      ),
    );
    const permit = vault.interface.encodeFunctionData("permit", [
      lender.address,
      keeper.address,
      5000n,
      deadline,
      v,
      r,
      s,
    ]);
    const redeem = vault.interface.encodeFunctionData("redeem", [5000n, keeper.address, lender.address]);
    await expect(vault.connect(keeper).multicall([permit, redeem]))
      .to.emit(vault, "Withdraw")
      .withArgs(keeper.address, keeper.address, lender.address, 5n, 5000n);
    expect(await vault.allowance(lender, keeper)).to.equal(0);
    expect(await vault.nonces(lender)).to.equal(1);
    await expect(vault.permit(lender, keeper, 5000n, deadline, v, r, s)).to.be.revertedWithCustomError(
      vault,
      "ERC2612InvalidSigner",
    );
  });
});
