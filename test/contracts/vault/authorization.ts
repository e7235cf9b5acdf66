import { type HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/signers";
import { expect } from "chai";
import { type TypedDataDomain } from "ethers";
import { ethers } from "hardhat";

import { type IVault, type Vault } from "../../../typechain-types";
import { coreWithoutInterest, time, usdc, weth } from "../fixture";

const TYPES = {
  Authorization: [
    { name: "owner", type: "address" },
    { name: "operator", type: "address" },
    { name: "allowed", type: "bool" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
};

const domainOf = async (vault: Vault, change: TypedDataDomain = {}): Promise<TypedDataDomain> => ({
  name: "Spillway USDC",
  version: "1",
  chainId: 31337,
  verifyingContract: await vault.getAddress(),
  ...change,
});

const sign = async (
  signer: HardhatEthersSigner,
  vault: Vault,
  message: IVault.AuthorizationStruct,
  change: TypedDataDomain = {},
): Promise<string> => signer.signTypedData(await domainOf(vault, change), TYPES, message);

async function signing() {
  const all = await coreWithoutInterest();
  const message: IVault.AuthorizationStruct = {
    owner: all.borrower.address,
    operator: all.other.address,
    allowed: true,
    nonce: 0n,
    // a day, or a slow run of many tests outlives it: the clock of the chain goes on between them
    deadline: BigInt(await time.latest()) + 86_400n,
  };
  return { ...all, message };
}

describe("Vault: authorization", () => {
  it("lets an operator borrow and withdraw until it is taken back", async () => {
    const { vault, collateral, borrower, other } = await coreWithoutInterest();
    await vault.connect(borrower).supplyCollateral(collateral, weth(10), borrower);
    const operator = vault.connect(other);
    const refused = async () => {
      await expect(operator.borrow(collateral, usdc(500), borrower, other))
        .to.be.revertedWithCustomError(vault, "NotAuthorized")
        .withArgs(other.address, borrower.address);
      await expect(operator.withdrawCollateral(collateral, 1n, borrower, other))
        .to.be.revertedWithCustomError(vault, "NotAuthorized")
        .withArgs(other.address, borrower.address);
    };
    await refused();
    await expect(vault.connect(borrower).setAuthorization(other, true))
      .to.emit(vault, "AuthorizationSet")
      .withArgs(borrower.address, other.address, true);
    expect(await vault.isAuthorized(borrower, other)).to.equal(true);
    expect(await vault.isAuthorized(other, borrower)).to.equal(false);
    const token = await collateral.getAddress();
    await expect(operator.borrow(collateral, usdc(500), borrower, other))
      .to.emit(vault, "Borrowed")
      .withArgs(token, borrower.address, other.address, other.address, usdc(500), usdc(500));
    await expect(operator.withdrawCollateral(collateral, weth(1), borrower, other))
      .to.emit(vault, "CollateralWithdrawn")
      .withArgs(token, borrower.address, other.address, other.address, weth(1));
    await expect(vault.connect(borrower).setAuthorization(other, false))
      .to.emit(vault, "AuthorizationSet")
      .withArgs(borrower.address, other.address, false);
    await refused();
  });

  it("takes a signed one, once", async () => {
    const { vault, borrower, other, keeper, message } = await signing();
    const signature = await sign(borrower, vault, message);
    await expect(vault.connect(keeper).setAuthorizationWithSignature(message, signature))
      .to.emit(vault, "AuthorizationSet")
      .withArgs(borrower.address, other.address, true);
    expect(await vault.isAuthorized(borrower, other)).to.equal(true);
    expect(await vault.nonces(borrower)).to.equal(1);
    // a second time it passes without effect, while it stands as signed
    await expect(vault.setAuthorizationWithSignature(message, signature)).not.to.emit(vault, "AuthorizationSet");
    expect(await vault.nonces(borrower)).to.equal(1);
    const back = { ...message, allowed: false, nonce: 1n };
    await vault.setAuthorizationWithSignature(back, await sign(borrower, vault, back));
    expect(await vault.isAuthorized(borrower, other)).to.equal(false);
    expect(await vault.nonces(borrower)).to.equal(2);
    await expect(vault.setAuthorizationWithSignature(message, signature)).to.be.revertedWithCustomError(
      vault,
      "BadSignature",
    );
    expect(await vault.isAuthorized(borrower, other)).to.equal(false);
  });

  it("goes through in a multicall though another submitted it first", async () => {
    const { vault, collateral, loan, borrower, other, keeper, message } = await signing();
    await vault.connect(borrower).supplyCollateral(collateral, weth(10), borrower);
    const signature = await sign(borrower, vault, message);
    const token = await collateral.getAddress();
    const calls = [
      vault.interface.encodeFunctionData("setAuthorizationWithSignature", [message, signature]),
      vault.interface.encodeFunctionData("borrow", [token, usdc(600), borrower.address, other.address]),
    ];
    await vault.connect(keeper).setAuthorizationWithSignature(message, signature);
    const multicall = vault.connect(other).multicall(calls);
    await expect(multicall).not.to.emit(vault, "AuthorizationSet");
    await expect(multicall).to.changeTokenBalance(loan, other, usdc(600));
    expect(await vault.nonces(borrower)).to.equal(1);
  });

  it("changes nothing by a replay after it was revoked, or granted again", async () => {
    const { vault, borrower, other, message } = await signing();
    const grant = await sign(borrower, vault, message);
    await vault.setAuthorizationWithSignature(message, grant);
    const revocation = { ...message, allowed: false, nonce: 1n };
    const revoke = await sign(borrower, vault, revocation);
    await vault.connect(borrower).setAuthorization(other, false);
    for (const send of [
      () => vault.setAuthorizationWithSignature(message, grant),
      () => vault.multicall([vault.interface.encodeFunctionData("setAuthorizationWithSignature", [message, grant])]),
    ]) {
      await expect(send()).to.be.revertedWithCustomError(vault, "BadSignature");
    }
    expect(await vault.isAuthorized(borrower, other)).to.equal(false);
    // the other way round: what is revoked already consumes its nonce all the same, and can't come back
    await vault.setAuthorizationWithSignature(revocation, revoke);
    expect(await vault.nonces(borrower)).to.equal(2);
    await expect(vault.setAuthorizationWithSignature(revocation, revoke)).not.to.emit(vault, "AuthorizationSet");
    await vault.connect(borrower).setAuthorization(other, true);
    await expect(vault.setAuthorizationWithSignature(revocation, revoke)).to.be.revertedWithCustomError(
      vault,
      "BadSignature",
    );
    expect(await vault.isAuthorized(borrower, other)).to.equal(true);
    expect(await vault.nonces(borrower)).to.equal(2);
  });

  it("with the next nonce consumes it and sets, though it stands as signed", async () => {
    const { vault, borrower, other, message } = await signing();
    await vault.connect(borrower).setAuthorization(other, true);
    await expect(vault.setAuthorizationWithSignature(message, await sign(borrower, vault, message)))
      .to.emit(vault, "AuthorizationSet")
      .withArgs(borrower.address, other.address, true);
    expect(await vault.nonces(borrower)).to.equal(1);
  });

  it("with a used nonce still needs the owner's signature: success proves consent", async () => {
    const { vault, borrower, other, message } = await signing();
    await vault.setAuthorizationWithSignature(message, await sign(borrower, vault, message));
    for (const forged of ["0x", "0x1234", await sign(other, vault, message)]) {
      await expect(vault.setAuthorizationWithSignature(message, forged)).to.be.revertedWithCustomError(
        vault,
        "BadSignature",
      );
    }
  });

  it("refuses a nonce that is not the next", async () => {
    const { vault, borrower, message } = await signing();
    const early = { ...message, nonce: 1n };
    await expect(
      vault.setAuthorizationWithSignature(early, await sign(borrower, vault, early)),
    ).to.be.revertedWithCustomError(vault, "BadSignature");
    expect(await vault.nonces(borrower)).to.equal(0);
  });

  it("refuses an expired signature, to the second", async () => {
    const { vault, borrower, message } = await signing();
    const signature = await sign(borrower, vault, message);
    await time.setNextBlockTimestamp(BigInt(message.deadline) + 1n);
    await expect(vault.setAuthorizationWithSignature(message, signature))
      .to.be.revertedWithCustomError(vault, "SignatureExpired")
      .withArgs(message.deadline);
    const last = { ...message, deadline: BigInt(await time.latest()) + 5n };
    await time.setNextBlockTimestamp(last.deadline);
    await vault.setAuthorizationWithSignature(last, await sign(borrower, vault, last));
  });

  it("refuses another's signature, another vault's, another chain's, another version's and a changed message", async () => {
    const { vault, borrower, other, loan, rates, manager, message } = await signing();
    const twin = await ethers.deployContract("Vault", [loan, "Spillway USDC", "spUSDC", rates, manager]);
    const good = await sign(borrower, vault, message);
    for (const [what, signature, changed] of [
      ["another's", await sign(other, vault, message), message],
      ["another vault's", await sign(borrower, twin, message), message],
      ["another chain's", await sign(borrower, vault, message, { chainId: 1 }), message],
      ["another version's", await sign(borrower, vault, message, { version: "2" }), message],
      ["for another operator", good, { ...message, operator: loan.target as string }],
      ["for another owner", good, { ...message, owner: other.address }],
      ["turned round", good, { ...message, allowed: false }],
      ["prolonged", good, { ...message, deadline: BigInt(message.deadline) + 1n }],
      ["garbage", "0x1234", message],
      ["of nobody", "0x" + "00".repeat(65), { ...message, owner: ethers.ZeroAddress }],
    ] as const) {
      await expect(vault.setAuthorizationWithSignature(changed, signature), what).to.be.revertedWithCustomError(
        vault,
        "BadSignature",
      );
    }
    expect(await vault.nonces(borrower)).to.equal(0);
    await vault.setAuthorizationWithSignature(message, good);
  });

  it("takes the signature of a contract wallet (ERC-1271)", async () => {
    const { vault, borrower, other, message } = await signing();
    const wallet = await ethers.deployContract("MockWallet", [borrower]);
    const walletMessage = { ...message, owner: await wallet.getAddress() };
    await expect(
      vault.setAuthorizationWithSignature(walletMessage, await sign(other, vault, walletMessage)),
    ).to.be.revertedWithCustomError(vault, "BadSignature");
    await expect(vault.setAuthorizationWithSignature(walletMessage, await sign(borrower, vault, walletMessage)))
      .to.emit(vault, "AuthorizationSet")
      .withArgs(walletMessage.owner, other.address, true);
  });
});
