import { expect } from "chai";
import { ethers } from "hardhat";

import { deployHouse, time, usdc, weth } from "../fixture";
import { COOLDOWN, DAY, SHARES, buffering } from "./fixture";

/** All of the underwriter's shares fulfilled. */
async function claimable() {
  const all = await buffering();
  await all.request(all.underwriter);
  await all.buffer.fulfil(all.underwriter, all.underwriter);
  return all;
}

describe("LiquidityBuffer: underwriters (ERC-4626 in, ERC-7540 out)", () => {
  it("is built as it is told", async () => {
    const { buffer, loan, house, vault, manager } = await buffering();
    expect(await buffer.asset()).to.equal(await loan.getAddress());
    expect(await buffer.auctionHouse()).to.equal(await house.getAddress());
    expect(await buffer.vault()).to.equal(await vault.getAddress());
    expect(await buffer.authority()).to.equal(await manager.getAddress());
    expect(await buffer.share()).to.equal(await buffer.getAddress());
    expect(await buffer.decimals()).to.equal(9);
    expect(await buffer.cooldown()).to.equal(COOLDOWN);
    await expect(
      ethers.deployContract("LiquidityBuffer", [house, "B", "B", COOLDOWN, ethers.ZeroAddress]),
    ).to.be.revertedWithCustomError(buffer, "ZeroAddress");
    await expect(ethers.deployContract("LiquidityBuffer", [house, "B", "B", 3599, manager]))
      .to.be.revertedWithCustomError(buffer, "BadParameter")
      .withArgs(ethers.encodeBytes32String("cooldown"));
  });

  it("says what it is (ERC-165, 7540, 7575)", async () => {
    const { buffer } = await buffering();
    // ERC-165, ERC-7575, ERC-7540's operators and asynchronous redemption: from the standards' texts
    for (const id of ["0x01ffc9a7", "0x2f0a18c5", "0xe3bc4e65", "0x620ee8e4"]) {
      expect(await buffer.supportsInterface(id), id).to.equal(true);
    }
    // deposits are not asynchronous
    for (const id of ["0xce3bbe50", "0xffffffff"]) expect(await buffer.supportsInterface(id), id).to.equal(false);
  });

  it("takes deposits at once", async () => {
    const { buffer, loan, other, keeper, expectBalanced } = await buffering();
    const deposit = buffer.connect(other).deposit(usdc(7), keeper);
    await expect(deposit)
      .to.emit(buffer, "Deposit")
      .withArgs(other.address, keeper.address, usdc(7), usdc(7) * 1000n);
    await expect(deposit).to.changeTokenBalances(loan, [other, buffer], [-usdc(7), usdc(7)]);
    await expect(buffer.connect(other).mint(5001n, other))
      .to.emit(buffer, "Deposit")
      .withArgs(other.address, other.address, 6n, 5001n);
    expect(await buffer.cash()).to.equal(usdc(200_007) + 6n);
    await expectBalanced();
  });

  describe("requestRedeem", () => {
    it("moves the shares in, where they wait for the cooldown", async () => {
      const { buffer, underwriter } = await buffering();
      const caller = buffer.connect(underwriter);
      expect(await caller.requestRedeem.staticCall(1n, underwriter, underwriter)).to.equal(0);
      const request = caller.requestRedeem(SHARES / 2n, underwriter, underwriter);
      await expect(request)
        .to.emit(buffer, "RedeemRequest")
        .withArgs(underwriter.address, underwriter.address, 0n, underwriter.address, SHARES / 2n);
      await expect(request).to.changeTokenBalances(buffer, [underwriter, buffer], [-SHARES / 2n, SHARES / 2n]);
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(SHARES / 2n);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0);
      expect(await buffer.maxRedeem(underwriter)).to.equal(0);
      expect(await buffer.totalSupply()).to.equal(SHARES);
      const at = await time.latest();
      expect(await buffer.request(underwriter)).to.deep.equal([SHARES / 2n, BigInt(at + COOLDOWN), 0n]);
      // ready or not, what nobody has fulfilled is pending
      await time.increase(2 * COOLDOWN);
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(SHARES / 2n);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(0);
    });

    it("starts the cooldown of all waiting shares again", async () => {
      const { buffer, underwriter, request } = await buffering();
      const caller = buffer.connect(underwriter);
      await request(underwriter, 1000n);
      await caller.requestRedeem(500n, underwriter, underwriter);
      const readyAt = (await time.latest()) + COOLDOWN;
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(1500);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "CoolingDown")
        .withArgs(readyAt);
    });

    it("is for the owner, its operator and whom it gave an allowance", async () => {
      const { buffer, underwriter, other, keeper } = await buffering();
      await expect(buffer.connect(other).requestRedeem(1000n, other, underwriter))
        .to.be.revertedWithCustomError(buffer, "ERC20InsufficientAllowance")
        .withArgs(other.address, 0n, 1000n);
      await buffer.connect(underwriter).approve(other, 1000n);
      await expect(buffer.connect(other).requestRedeem(1000n, other, underwriter))
        .to.emit(buffer, "RedeemRequest")
        .withArgs(other.address, underwriter.address, 0n, other.address, 1000n);
      expect(await buffer.allowance(underwriter, other)).to.equal(0);
      expect(await buffer.pendingRedeemRequest(0n, other)).to.equal(1000);
      // for the owner itself, an allowance is enough, too
      await buffer.connect(underwriter).approve(other, 500n);
      await buffer.connect(other).requestRedeem(500n, underwriter, underwriter);
      await buffer.connect(underwriter).setOperator(keeper, true);
      await expect(buffer.connect(keeper).requestRedeem(2000n, underwriter, underwriter))
        .to.emit(buffer, "RedeemRequest")
        .withArgs(underwriter.address, underwriter.address, 0n, keeper.address, 2000n);
    });

    it("lets nobody start another's cooldown again", async () => {
      const { buffer, underwriter, other, watch } = await buffering();
      await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
      await buffer.connect(other).deposit(1n, other);
      await time.increase(COOLDOWN);
      await watch();
      await expect(buffer.connect(other).requestRedeem(1n, underwriter, other))
        .to.be.revertedWithCustomError(buffer, "NotOperator")
        .withArgs(other.address, underwriter.address);
      await buffer.fulfil.staticCall(underwriter, underwriter);
      // whom the controller trusts may
      await buffer.connect(underwriter).setOperator(other, true);
      await buffer.connect(other).requestRedeem(1n, underwriter, other);
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(SHARES + 1n);
    });

    it("refuses nothing, nobody and more than there is", async () => {
      const { buffer, underwriter } = await buffering();
      const caller = buffer.connect(underwriter);
      await expect(caller.requestRedeem(0n, underwriter, underwriter)).to.be.revertedWithCustomError(
        buffer,
        "ZeroAmount",
      );
      await expect(caller.requestRedeem(1n, ethers.ZeroAddress, underwriter)).to.be.revertedWithCustomError(
        buffer,
        "ZeroAddress",
      );
      await expect(caller.requestRedeem(SHARES + 1n, underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "ERC20InsufficientBalance")
        .withArgs(underwriter.address, SHARES, SHARES + 1n);
    });
  });

  describe("claims", () => {
    it("pay shares out", async () => {
      const { buffer, loan, underwriter, other, expectBalanced } = await claimable();
      const claim = buffer.connect(underwriter).redeem(50_001_999n, other, underwriter);
      // 50,001.999 units, rounded down
      await expect(claim)
        .to.emit(buffer, "Withdraw")
        .withArgs(underwriter.address, other.address, underwriter.address, 50_001n, 50_001_999n);
      await expect(claim).to.changeTokenBalances(loan, [buffer, other], [-50_001n, 50_001n]);
      expect(await buffer.totalSupply()).to.equal(0);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(SHARES - 50_001_999n);
      expect(await buffer.claimable(underwriter)).to.deep.equal([SHARES - 50_001_999n, usdc(200_000) - 50_001n]);
      expect(await buffer.setAside()).to.equal(usdc(200_000) - 50_001n);
      await expectBalanced();
    });

    it("pay assets out", async () => {
      const { buffer, loan, underwriter, expectBalanced } = await claimable();
      const claim = buffer.connect(underwriter).withdraw(usdc(123), underwriter, underwriter);
      await expect(claim)
        .to.emit(buffer, "Withdraw")
        .withArgs(underwriter.address, underwriter.address, underwriter.address, usdc(123), usdc(123) * 1000n);
      await expect(claim).to.changeTokenBalance(loan, underwriter, usdc(123));
      await expectBalanced();
    });

    it("pay all, to the unit, in whatever parts", async () => {
      const { buffer, loan, underwriter, request, expectBalanced } = await buffering();
      const before = await loan.balanceOf(underwriter);
      await request(underwriter, 7_777_777n);
      await buffer.fulfil(underwriter, underwriter);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(7777n);
      const caller = buffer.connect(underwriter);
      await caller.redeem(1n, underwriter, underwriter);
      await caller.withdraw(1000n, underwriter, underwriter);
      await caller.redeem(333_333n, underwriter, underwriter);
      await caller.withdraw(await buffer.maxWithdraw(underwriter), underwriter, underwriter);
      expect(await buffer.claimable(underwriter)).to.deep.equal([0n, 0n]);
      expect((await loan.balanceOf(underwriter)) - before).to.equal(7777n);
      await expectBalanced();
    });

    it("are at the price of the fulfilment for ever, whatever is lost or earned later", async () => {
      const { buffer, loan, oracle, underwriter, other, asVault, absorb, request, earnFee, expectBalanced } =
        await buffering();
      await request(underwriter, SHARES / 4n);
      await buffer.fulfil(underwriter, underwriter);
      const caller = buffer.connect(underwriter);
      const worth = async (): Promise<bigint> => caller.redeem.staticCall(SHARES / 4n, underwriter, underwriter);
      expect(await worth()).to.equal(usdc(50_000));
      // a loss, a market without a price, a fee, a deposit; and everything is lost
      await absorb(weth(50), usdc(90_000));
      await oracle.setPrice(1n);
      expect(await worth()).to.equal(usdc(50_000));
      await oracle.setBroken(true);
      expect(await worth()).to.equal(usdc(50_000));
      await oracle.setBroken(false);
      await earnFee(usdc(500));
      await buffer.collectFees();
      await buffer.connect(other).deposit(usdc(1), other);
      await buffer.connect(asVault).cover(ethers.MaxUint256);
      expect(await buffer.cash()).to.equal(0);
      await time.increase(1000 * DAY);
      expect(await worth()).to.equal(usdc(50_000));
      await expectBalanced();
      const claim = caller.withdraw(usdc(50_000), underwriter, underwriter);
      await expect(claim).to.changeTokenBalance(loan, underwriter, usdc(50_000));
    });

    it("of two fulfilments pay both, shares at their mean", async () => {
      const { buffer, underwriter, asVault, request } = await buffering();
      await request(underwriter, SHARES / 4n);
      await buffer.fulfil(underwriter, underwriter);
      // half of what is left is lost
      await buffer.connect(asVault).cover(usdc(75_000));
      await request(underwriter, SHARES / 4n);
      await buffer.fulfil(underwriter, underwriter);
      expect(await buffer.claimable(underwriter)).to.deep.equal([SHARES / 2n, usdc(75_000)]);
      expect(await buffer.connect(underwriter).redeem.staticCall(SHARES / 4n, underwriter, underwriter)).to.equal(
        usdc(37_500),
      );
    });

    it("are of what was fulfilled, and no more", async () => {
      const { buffer, underwriter, other } = await claimable();
      await expect(buffer.connect(underwriter).redeem(SHARES + 1n, underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "NotEnoughClaimable")
        .withArgs(SHARES + 1n, SHARES);
      await expect(buffer.connect(underwriter).withdraw(usdc(200_000) + 1n, underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "NotEnoughClaimable")
        .withArgs(usdc(200_000) + 1n, usdc(200_000));
      await buffer.connect(other).deposit(usdc(1), other);
      await buffer.connect(other).requestRedeem(1000n, other, other);
      await time.increase(COOLDOWN);
      // ready, and not fulfilled
      for (const method of ["redeem", "withdraw"] as const) {
        await expect(buffer.connect(other)[method](1n, other.address, other.address))
          .to.be.revertedWithCustomError(buffer, "NotEnoughClaimable")
          .withArgs(1n, 0n);
      }
    });

    it("are the controller's and its operators'", async () => {
      const { buffer, underwriter, other, keeper } = await claimable();
      for (const method of ["redeem", "withdraw"] as const) {
        await expect(buffer.connect(other)[method](1000n, other.address, underwriter.address))
          .to.be.revertedWithCustomError(buffer, "NotOperator")
          .withArgs(other.address, underwriter.address);
      }
      expect(await buffer.connect(underwriter).setOperator.staticCall(keeper, true)).to.equal(true);
      await expect(buffer.connect(underwriter).setOperator(keeper, true))
        .to.emit(buffer, "OperatorSet")
        .withArgs(underwriter.address, keeper.address, true);
      expect(await buffer.isOperator(underwriter, keeper)).to.equal(true);
      await expect(buffer.connect(keeper).redeem(1000n, other, underwriter))
        .to.emit(buffer, "Withdraw")
        .withArgs(keeper.address, other.address, underwriter.address, 1n, 1000n);
      await buffer.connect(underwriter).setOperator(keeper, false);
      await expect(buffer.connect(keeper).withdraw(1n, other, underwriter)).to.be.revertedWithCustomError(
        buffer,
        "NotOperator",
      );
    });

    it("refuse nothing and nobody", async () => {
      const { buffer, underwriter } = await claimable();
      const caller = buffer.connect(underwriter);
      for (const method of ["redeem", "withdraw"] as const) {
        await expect(caller[method](0n, underwriter.address, underwriter.address)).to.be.revertedWithCustomError(
          buffer,
          "ZeroAmount",
        );
        await expect(caller[method](1000n, ethers.ZeroAddress, underwriter.address)).to.be.revertedWithCustomError(
          buffer,
          "ZeroAddress",
        );
      }
    });

    it("have no preview, as ERC-7540 asks", async () => {
      const { buffer } = await buffering();
      await expect(buffer.previewRedeem(1n)).to.be.revertedWithCustomError(buffer, "PreviewNotAvailable");
      await expect(buffer.previewWithdraw(1n)).to.be.revertedWithCustomError(buffer, "PreviewNotAvailable");
    });
  });

  it("sets a cooldown from an hour to 90 days, for requests to come", async () => {
    const { buffer, underwriter, other } = await buffering();
    await buffer.connect(underwriter).requestRedeem(1000n, underwriter, underwriter);
    for (const seconds of [3599, 90 * DAY + 1]) {
      await expect(buffer.setCooldown(seconds))
        .to.be.revertedWithCustomError(buffer, "BadParameter")
        .withArgs(ethers.encodeBytes32String("cooldown"));
    }
    for (const seconds of [90 * DAY, 3600]) {
      await expect(buffer.setCooldown(seconds)).to.emit(buffer, "CooldownSet").withArgs(seconds);
    }
    await expect(buffer.connect(other).setCooldown(3600))
      .to.be.revertedWithCustomError(buffer, "AccessManagedUnauthorized")
      .withArgs(other.address);
    // a request goes by the cooldown of its day
    await time.increase(3600);
    await expect(buffer.fulfil(underwriter, underwriter)).to.be.revertedWithCustomError(buffer, "CoolingDown");
    await buffer.connect(underwriter).requestRedeem(1000n, underwriter, underwriter);
    await time.increase(3600);
    // nobody has watched meanwhile, which is asked after the cooldown
    expect(await buffer.fulfil.staticCall(underwriter, underwriter)).to.deep.equal([0n, 0n]);
  });

  it("can't be entered again from the loan token", async () => {
    const { manager, rates, other } = await buffering();
    const loan = await ethers.deployContract("MockERC20Hook", ["Hostile", "HOST", 6]);
    const vault = await ethers.deployContract("Vault", [loan, "V", "V", rates, manager]);
    const house = await deployHouse(vault, manager);
    const buffer = await ethers.deployContract("LiquidityBuffer", [house, "B", "B", COOLDOWN, manager]);
    await vault.link(house, buffer);
    await loan.mint(other, usdc(100));
    await loan.connect(other).approve(buffer, usdc(100));
    const caller = buffer.connect(other);
    await caller.deposit(usdc(50), other);
    await caller.requestRedeem(1000n, other, other);
    await time.increase(COOLDOWN);
    await caller.fulfil(other, other);
    await caller.requestRedeem(1000n, other, other);
    const self = other.address;
    for (const data of [
      buffer.interface.encodeFunctionData("deposit", [1n, self]),
      buffer.interface.encodeFunctionData("mint", [1n, self]),
      buffer.interface.encodeFunctionData("requestRedeem", [1n, self, self]),
      buffer.interface.encodeFunctionData("fulfil", [self, self]),
      buffer.interface.encodeFunctionData("redeem", [1n, self, self]),
      buffer.interface.encodeFunctionData("withdraw", [1n, self, self]),
      buffer.interface.encodeFunctionData("collectFees"),
    ]) {
      await loan.setHook(buffer, data);
      await expect(caller.deposit(1n, other)).to.be.revertedWithCustomError(buffer, "ReentrancyGuardReentrantCall");
      await expect(caller.redeem(1000n, other, other)).to.be.revertedWithCustomError(
        buffer,
        "ReentrancyGuardReentrantCall",
      );
    }
  });
});
