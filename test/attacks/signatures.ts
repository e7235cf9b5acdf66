import { expect } from "chai";
import { Signature } from "ethers";
import { ethers } from "hardhat";

import { coreWithoutInterest, PERMIT, time, usdc } from "../contracts/fixture";

/** A lender's permit of its shares to the attacker, for one of two vaults of the same name. */
async function permitting() {
  const all = await coreWithoutInterest();
  const { loan, rates, manager, lender, other } = all;
  const twin = await ethers.deployContract("Vault", [loan, "Spillway USDC", "spUSDC", rates, manager]);
  await loan.connect(lender).approve(twin, usdc(1000));
  await twin.connect(lender).deposit(usdc(1000), lender);
  const deadline = BigInt(await time.latest()) + 1000n;
  const value = ethers.MaxUint256;
  const sign = async (verifyingContract: string, chainId: number) =>
    Signature.from(
      await lender.signTypedData({ name: "Spillway USDC", version: "1", chainId, verifyingContract }, PERMIT, {
        owner: lender.address,
        spender: other.address,
        value,
        nonce: 0n,
        deadline,
      }),
    );
  const use = async (target: typeof twin, { v, r, s }: Signature) =>
    target.connect(other).permit(lender, other, value, deadline, v, r, s);
  return { ...all, twin, sign, use, deadline };
}

// authorizations to borrow: "refuses another's signature, another vault's, another chain's …" in test/contracts/vault/authorization.ts
describe("attacks: replaying a permit of shares", () => {
  it("on another vault of the same name, or from another chain: nothing is allowed", async () => {
    const { vault, twin, lender, other, sign, use } = await permitting();
    const forVault = await sign(vault.target as string, 31337);
    await expect(use(twin, forVault)).to.be.revertedWithCustomError(twin, "ERC2612InvalidSigner");
    for (const chainId of [1, 10, 42161]) {
      await expect(use(vault, await sign(vault.target as string, chainId))).to.be.revertedWithCustomError(
        vault,
        "ERC2612InvalidSigner",
      );
    }
    expect(await twin.allowance(lender, other)).to.equal(0n);
    expect(await vault.allowance(lender, other)).to.equal(0n);
    await use(vault, forVault);
    expect(await vault.allowance(lender, other)).to.equal(ethers.MaxUint256);
  });

  it("a second time, or as an authorization to borrow", async () => {
    const { vault, lender, other, sign, use, deadline } = await permitting();
    const signature = await sign(vault.target as string, 31337);
    const message = { owner: lender.address, operator: other.address, allowed: true, nonce: 0n, deadline };
    await expect(vault.setAuthorizationWithSignature(message, signature.serialized)).to.be.revertedWithCustomError(
      vault,
      "BadSignature",
    );
    await use(vault, signature);
    await vault.connect(lender).approve(other, 0n);
    await expect(use(vault, signature)).to.be.revertedWithCustomError(vault, "ERC2612InvalidSigner");
    await expect(
      vault.setAuthorizationWithSignature({ ...message, nonce: 1n }, signature.serialized),
    ).to.be.revertedWithCustomError(vault, "BadSignature");
    expect(await vault.isAuthorized(lender, other)).to.equal(false);
    await expect(vault.connect(other).redeem(1000n, other, lender)).to.be.revertedWithCustomError(
      vault,
      "ERC20InsufficientAllowance",
    );
  });
});
