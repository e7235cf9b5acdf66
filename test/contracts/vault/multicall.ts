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

  describe("a permit that another submits first", () => {
    /** Signs permits of the lender to the keeper. */
    async function permitting() {
      const all = await coreWithoutInterest();
      const { vault, lender, keeper } = all;
      const deadline = BigInt(await time.latest()) + 86_400n;
      const verifyingContract = await vault.getAddress();
      const domain = { name: "Spillway USDC", version: "1", chainId: 31337, verifyingContract };
      const sign = async (value: bigint, nonce: bigint, signer = lender) => {
        const message = { owner: lender.address, spender: keeper.address, value, nonce, deadline };
        const { v, r, s } = ethers.Signature.from(await signer.signTypedData(domain, PERMIT, message));
        return [lender.address, keeper.address, value, deadline, v, r, s] as const;
      };
      const encode = (permit: Awaited<ReturnType<typeof sign>>) => vault.interface.encodeFunctionData("permit", permit);
      return { ...all, sign, encode, deadline };
    }

    it("goes through in a multicall, and consumes nothing", async () => {
      const { vault, lender, keeper, other, sign, encode } = await permitting();
      const permit = await sign(5000n, 0n);
      await vault.connect(other).permit(...permit);
      const redeem = vault.interface.encodeFunctionData("redeem", [5000n, keeper.address, lender.address]);
      const multicall = vault.connect(keeper).multicall([encode(permit), redeem]);
      await expect(multicall).not.to.emit(vault, "Approval");
      await expect(multicall).to.emit(vault, "Withdraw");
      expect(await vault.nonces(lender)).to.equal(1);
    });

    it("goes through with the other signatures of the same transaction submitted too", async () => {
      const { vault, lender, keeper, other, sign, encode } = await permitting();
      const permits = [await sign(5n, 0n), await sign(7n, 1n)] as const;
      for (const permit of permits) await vault.connect(other).permit(...permit);
      expect(await vault.allowance(lender, keeper)).to.equal(7);
      await vault.connect(keeper).multicall([encode(permits[1])]);
      // the first does not stand any more
      await expect(vault.connect(keeper).multicall([encode(permits[0])])).to.be.revertedWithCustomError(
        vault,
        "ERC2612InvalidSigner",
      );
    });

    it("is known for four nonces", async () => {
      const { vault, lender, sign } = await permitting();
      const permit = await sign(5n, 0n);
      await vault.permit(...permit);
      for (const nonce of [1n, 2n, 3n]) await vault.permit(...(await sign(5n, nonce)));
      await vault.permit(...permit);
      await vault.permit(...(await sign(5n, 4n)));
      await expect(vault.permit(...permit)).to.be.revertedWithCustomError(vault, "ERC2612InvalidSigner");
      expect(await vault.nonces(lender)).to.equal(5);
    });

    it("with the next nonce is consumed and sets, though the allowance stands", async () => {
      const { vault, lender, keeper, sign } = await permitting();
      await vault.connect(lender).approve(keeper, 5000n);
      await expect(vault.permit(...(await sign(5000n, 0n))))
        .to.emit(vault, "Approval")
        .withArgs(lender.address, keeper.address, 5000n);
      expect(await vault.nonces(lender)).to.equal(1);
    });

    for (const [what, allowance] of [
      ["revoked", 0n],
      ["used in part", 4999n],
      ["raised", 5001n],
    ] as const) {
      it(`changes nothing by a replay after the allowance was ${what}`, async () => {
        const { vault, lender, keeper, sign } = await permitting();
        const permit = await sign(5000n, 0n);
        await vault.permit(...permit);
        await vault.connect(lender).approve(keeper, allowance);
        await expect(vault.permit(...permit)).to.be.revertedWithCustomError(vault, "ERC2612InvalidSigner");
        expect(await vault.allowance(lender, keeper)).to.equal(allowance);
        expect(await vault.nonces(lender)).to.equal(1);
      });
    }

    it("does not hide that a revocation failed: the spender used another permit of its nonce", async () => {
      const { vault, lender, keeper, sign } = await permitting();
      const [grant, revocation] = [await sign(5000n, 0n), await sign(0n, 0n)];
      await vault.connect(keeper).permit(...grant);
      await expect(vault.connect(lender).permit(...revocation)).to.be.revertedWithCustomError(
        vault,
        "ERC2612InvalidSigner",
      );
    });

    it("is no pass for who never had the owner's signature, though the allowance stands", async () => {
      const { vault, lender, keeper, other, sign } = await permitting();
      await vault.permit(...(await sign(5000n, 0n)));
      for (const forged of [await sign(5000n, 0n, other), await sign(5000n, 1n, keeper)]) {
        await expect(vault.permit(...forged)).to.be.revertedWithCustomError(vault, "ERC2612InvalidSigner");
      }
      const [owner, spender, value, deadline, v] = await sign(5000n, 0n);
      await expect(vault.permit(owner, spender, value, deadline, v, ethers.ZeroHash, ethers.ZeroHash))
        .to.be.revertedWithCustomError(vault, "ERC2612InvalidSigner")
        .withArgs(ethers.ZeroAddress, lender.address);
      // nobody's signature is not the zero address's
      await expect(
        vault.permit(ethers.ZeroAddress, spender, 0n, deadline, v, ethers.ZeroHash, ethers.ZeroHash),
      ).to.be.revertedWithCustomError(vault, "ERC20InvalidApprover");
    });

    it("expires, to the second", async () => {
      const { vault, sign, deadline } = await permitting();
      const permit = await sign(5000n, 0n);
      await time.setNextBlockTimestamp(deadline);
      await vault.permit(...permit);
      await time.setNextBlockTimestamp(deadline + 1n);
      await expect(vault.permit(...permit)).to.be.revertedWithCustomError(vault, "ERC2612ExpiredSignature");
    });
  });
});
