import { expect } from "chai";
import { ethers } from "hardhat";

import { time, usdc, weth } from "../fixture";
import { COOLDOWN, DAY, buffering } from "./fixture";

const SHARES = usdc(200_000) * 1000n;
const CLAIM_WINDOW = 2 * DAY;

/** All of the underwriter's shares requested, and the cooldown over. */
async function claimable() {
  const all = await buffering();
  await all.buffer.connect(all.underwriter).requestRedeem(SHARES, all.underwriter, all.underwriter);
  await time.increase(COOLDOWN);
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
      const requested = await time.latest();
      await time.increaseTo(requested + COOLDOWN - 1);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0);
      await time.increaseTo(requested + COOLDOWN);
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(0);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(SHARES / 2n);
      expect(await buffer.maxRedeem(underwriter)).to.equal(SHARES / 2n);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(100_000));
    });

    it("starts the cooldown of all shares again", async () => {
      const { buffer, underwriter } = await buffering();
      const caller = buffer.connect(underwriter);
      await caller.requestRedeem(1000n, underwriter, underwriter);
      await time.increase(COOLDOWN);
      await caller.requestRedeem(500n, underwriter, underwriter);
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(1500);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0);
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
      const { buffer, underwriter, other } = await buffering();
      await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
      await buffer.connect(other).deposit(1n, other);
      await time.increase(COOLDOWN);
      await expect(buffer.connect(other).requestRedeem(1n, underwriter, other))
        .to.be.revertedWithCustomError(buffer, "NotOperator")
        .withArgs(other.address, underwriter.address);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(SHARES);
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
      expect(await buffer.totalSupply()).to.equal(SHARES - 50_001_999n);
      expect(await buffer.balanceOf(buffer)).to.equal(SHARES - 50_001_999n);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(SHARES - 50_001_999n);
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

    it("wait for the cooldown, to the second", async () => {
      const { buffer, underwriter } = await buffering();
      const caller = buffer.connect(underwriter);
      await caller.requestRedeem(SHARES, underwriter, underwriter);
      const claimableAt = (await time.latest()) + COOLDOWN;
      await time.setNextBlockTimestamp(claimableAt - 1);
      await expect(caller.redeem(1000n, underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "CoolingDown")
        .withArgs(claimableAt);
      await time.setNextBlockTimestamp(claimableAt);
      await caller.redeem(1000n, underwriter, underwriter);
    });

    it("are open for two days, and then after each further cooldown, to the second", async () => {
      const { buffer, underwriter } = await buffering();
      const caller = buffer.connect(underwriter);
      await caller.requestRedeem(SHARES, underwriter, underwriter);
      const opens = (await time.latest()) + COOLDOWN;
      const period = CLAIM_WINDOW + COOLDOWN;
      // what governance sets later is for requests to come
      await buffer.setCooldown(DAY);
      for (const opensAt of [opens, opens + period, opens + 7 * period]) {
        await time.increaseTo(opensAt - 1);
        expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0);
        expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.be.gt(0);
        await time.increaseTo(opensAt);
        await caller.redeem.staticCall(1000n, underwriter, underwriter);
        expect(await buffer.maxRedeem(underwriter)).to.be.gt(0);
        await time.increaseTo(opensAt + CLAIM_WINDOW - 2);
        await caller.redeem(1000n, underwriter, underwriter);
        await expect(caller.redeem(1000n, underwriter, underwriter))
          .to.be.revertedWithCustomError(buffer, "CoolingDown")
          .withArgs(opensAt + period);
        expect(await buffer.maxRedeem(underwriter)).to.equal(0);
      }
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(SHARES - 3000n);
    });

    it("are refused while there is no price, and what can be claimed then is said to be nothing", async () => {
      const { buffer, oracle, collateral, underwriter, takeOver } = await claimable();
      await takeOver(weth(10), usdc(19_400));
      expect(await buffer.maxRedeem(underwriter)).to.be.gt(0);
      await oracle.setBroken(true);
      expect(await buffer.maxRedeem(underwriter)).to.equal(0);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(0);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(SHARES);
      // without inventory its shares have a price, but its markets may be in trouble
      const empty = await claimable();
      await empty.oracle.setBroken(true);
      await expect(empty.buffer.connect(empty.underwriter).redeem(1000n, empty.underwriter, empty.underwriter))
        .to.be.revertedWithCustomError(empty.buffer, "MarketInTrouble")
        .withArgs(await collateral.getAddress());
    });

    it("are of what was requested, and no more", async () => {
      const { buffer, underwriter, other } = await claimable();
      await expect(buffer.connect(underwriter).redeem(SHARES + 1n, underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "NotEnoughClaimable")
        .withArgs(SHARES + 1n, SHARES);
      await buffer.connect(other).deposit(usdc(1), other);
      await expect(buffer.connect(other).redeem(1n, other, other))
        .to.be.revertedWithCustomError(buffer, "NotEnoughClaimable")
        .withArgs(1n, 0n);
      await expect(buffer.connect(other).withdraw(1n, other, other))
        .to.be.revertedWithCustomError(buffer, "NotEnoughClaimable")
        .withArgs(1000n, 0n);
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

    it("are refused while any auction runs, so that nobody leaves ahead of a loss (B3)", async () => {
      const { buffer, house, vault, collateral, underwriter, other, keeper, open, setPrice } = await claimable();
      await open(other, weth(10), usdc(16_000));
      await setPrice(1900);
      await house.connect(keeper).start(collateral, other);
      expect(await buffer.maxRedeem(underwriter)).to.equal(0);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(0);
      // and till it is ended, at whatever price
      for (const price of [1900, 2000]) {
        await setPrice(price);
        for (const method of ["redeem", "withdraw"] as const) {
          await expect(buffer.connect(underwriter)[method](1000n, underwriter.address, underwriter.address))
            .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
            .withArgs(await collateral.getAddress());
        }
      }
      // a request may be made, and the claim when it is over
      await buffer.connect(keeper).deposit(usdc(1), keeper);
      await buffer.connect(keeper).requestRedeem(1000n, keeper, keeper);
      await vault.connect(other).supplyCollateral(collateral, weth(10), other);
      await house.cancel(collateral, other);
      await setPrice(2000);
      await buffer.connect(underwriter).redeem(SHARES, underwriter, underwriter);
    });

    it("are refused from the fall of a price on, before anybody has started an auction (B3)", async () => {
      const { buffer, house, collateral, underwriter, other, open, setPrice } = await claimable();
      await open(other, weth(10), usdc(16_000));
      await setPrice(1975); // 1.25 % under the average, of which 1 % is tolerated
      expect(await buffer.maxRedeem(underwriter)).to.equal(0);
      await expect(buffer.connect(underwriter).redeem(1000n, underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
        .withArgs(await collateral.getAddress());
      // once the price was seen, the average follows it
      await house.sync(collateral);
      await time.increase(3600);
      await buffer.connect(underwriter).redeem(SHARES, underwriter, underwriter);
    });

    it("pay from cash only", async () => {
      const { buffer, underwriter, takeOver } = await claimable();
      await takeOver(weth(60), usdc(110_000));
      // 90,000 in cash, and inventory worth 120,000 less 5 %
      expect(await buffer.totalAssets()).to.equal(usdc(204_000));
      await expect(buffer.connect(underwriter).withdraw(usdc(90_000) + 1n, underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "NotEnoughCash")
        .withArgs(usdc(90_000) + 1n, usdc(90_000));
      const most = (usdc(90_000) * (SHARES + 1000n)) / (usdc(204_000) + 1n);
      expect(await buffer.maxRedeem(underwriter)).to.equal(most);
      expect(await buffer.maxWithdraw(underwriter)).to.equal((most * (usdc(204_000) + 1n)) / (SHARES + 1000n));
      await buffer.connect(underwriter).redeem(most, underwriter, underwriter);
      expect(await buffer.cash()).to.be.within(0n, 1n);
    });

    it("pay the price of the claim: a loss after the request is borne (B3)", async () => {
      const { buffer, loan, underwriter, asVault, expectBalanced } = await claimable();
      await buffer.connect(asVault).cover(usdc(50_000));
      await expect(buffer.connect(underwriter).redeem(SHARES, underwriter, underwriter)).to.changeTokenBalance(
        loan,
        underwriter,
        // the unit's fourth part that is left of the virtual unit and the virtual shares' 0.75 is rounded away
        usdc(150_000),
      );
      await expectBalanced();
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
    await time.increase(3600);
    expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0);
    await buffer.connect(underwriter).requestRedeem(1000n, underwriter, underwriter);
    await time.increase(3600);
    expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(2000);
  });

  it("can't be entered again from the loan token", async () => {
    const { manager, rates, other } = await buffering();
    const loan = await ethers.deployContract("MockERC20Hook", ["Hostile", "HOST", 6]);
    const vault = await ethers.deployContract("Vault", [loan, "V", "V", rates, manager]);
    const house = await ethers.deployContract("AuctionHouse", [vault, manager]);
    const buffer = await ethers.deployContract("LiquidityBuffer", [house, "B", "B", COOLDOWN, manager]);
    await vault.link(house, buffer);
    await loan.mint(other, usdc(100));
    await loan.connect(other).approve(buffer, usdc(100));
    const caller = buffer.connect(other);
    await caller.deposit(usdc(50), other);
    await caller.requestRedeem(1000n, other, other);
    await time.increase(COOLDOWN);
    const self = other.address;
    for (const data of [
      buffer.interface.encodeFunctionData("deposit", [1n, self]),
      buffer.interface.encodeFunctionData("mint", [1n, self]),
      buffer.interface.encodeFunctionData("requestRedeem", [1n, self, self]),
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
