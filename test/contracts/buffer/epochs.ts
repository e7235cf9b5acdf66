import { expect } from "chai";
import { ethers } from "hardhat";

import { time, usdc } from "../fixture";
import { COOLDOWN, SHARES, buffering } from "./fixture";

const MILLION = 10n ** 6n;

/** All of the underwriter's 200,000 USDC lost but so many units. */
async function wipedOut(left = 0n) {
  const all = await buffering();
  await all.buffer.connect(all.asVault).cover(usdc(200_000) - left);
  return all;
}

describe("LiquidityBuffer: after a wipe-out", () => {
  it("the next deposit merges shares, a million into one, and keeps its value", async () => {
    const { buffer, underwriter, other, expectBalanced } = await wipedOut();
    expect(await buffer.totalAssets()).to.equal(0);
    expect(await buffer.epoch()).to.equal(0);
    expect(await buffer.balanceOf(underwriter)).to.equal(SHARES);
    const shares = usdc(1000) * (SHARES / MILLION + 1000n);
    expect(await buffer.previewDeposit(usdc(1000))).to.equal(shares);
    expect(await buffer.previewMint(shares)).to.equal(usdc(1000));
    const deposit = buffer.connect(other).deposit(usdc(1000), other);
    await expect(deposit).to.emit(buffer, "WipedOut").withArgs(1n, SHARES);
    await expect(deposit).to.emit(buffer, "Deposit").withArgs(other.address, other.address, usdc(1000), shares);
    expect(await buffer.epoch()).to.equal(1);
    expect(await buffer.balanceOf(other)).to.equal(shares);
    expect(await buffer.balanceOf(underwriter)).to.equal(SHARES / MILLION);
    expect(await buffer.totalSupply()).to.equal(shares + SHARES / MILLION);
    expect(await buffer.convertToAssets(shares)).to.equal(usdc(1000));
    expect(await buffer.convertToAssets(SHARES / MILLION)).to.equal(0);
    await expectBalanced();
  });

  it("so does a mint", async () => {
    const { buffer, other } = await wipedOut();
    const shares = usdc(1000) * (SHARES / MILLION + 1000n);
    await expect(buffer.connect(other).mint(shares, other)).to.emit(buffer, "WipedOut").withArgs(1n, SHARES);
    expect(await buffer.cash()).to.equal(usdc(1000));
    expect(await buffer.balanceOf(other)).to.equal(shares);
  });

  it("it begins where a share is worth less than a millionth of its first price, to the unit", async () => {
    const kept = await wipedOut(usdc(0.2) - 1n);
    await expect(kept.buffer.connect(kept.other).deposit(usdc(1), kept.other)).not.to.emit(kept.buffer, "WipedOut");
    expect(await kept.buffer.epoch()).to.equal(0);
    const lost = await wipedOut(usdc(0.2) - 2n);
    await expect(lost.buffer.connect(lost.other).deposit(usdc(1), lost.other)).to.emit(lost.buffer, "WipedOut");
    // what was left is still the first underwriter's
    expect(await lost.buffer.convertToAssets(await lost.buffer.balanceOf(lost.underwriter))).to.be.within(
      usdc(0.2) - 4n,
      usdc(0.2) - 2n,
    );
  });

  it("nothing is merged without a deposit, nor while there is no share", async () => {
    const { buffer, underwriter, other, leave, earnFee } = await buffering();
    await leave(underwriter);
    expect(await buffer.totalSupply()).to.equal(0);
    await expect(buffer.connect(other).deposit(usdc(1), other)).not.to.emit(buffer, "WipedOut");
    await earnFee(1n);
    await buffer.collectFees();
    expect(await buffer.epoch()).to.equal(0);
  });

  it("tells of what merging took from a holder when it is touched, once (ERC-20)", async () => {
    const { buffer, underwriter, other, keeper } = await wipedOut();
    await buffer.connect(other).deposit(usdc(1000), other);
    const supply = await buffer.totalSupply();
    const touch = buffer.connect(underwriter).transfer(keeper, 1n);
    await expect(touch)
      .to.emit(buffer, "Transfer")
      .withArgs(underwriter.address, ethers.ZeroAddress, SHARES - SHARES / MILLION);
    await expect(touch).to.emit(buffer, "Transfer").withArgs(underwriter.address, keeper.address, 1n);
    expect(await buffer.totalSupply()).to.equal(supply);
    expect(await buffer.balanceOf(underwriter)).to.equal(SHARES / MILLION - 1n);
    expect(await buffer.balanceOf(keeper)).to.equal(1);
    const next = await buffer.connect(underwriter).transfer(keeper, 1n);
    expect((await next.wait())?.logs.length).to.equal(1);
  });

  it("nobody moves more than is left, by an old allowance neither", async () => {
    const { buffer, underwriter, other, keeper, asVault } = await buffering();
    await buffer.connect(underwriter).approve(keeper, SHARES);
    await buffer.connect(asVault).cover(usdc(200_000));
    await buffer.connect(other).deposit(usdc(1000), other);
    const left = SHARES / MILLION;
    await expect(buffer.connect(keeper).transferFrom(underwriter, keeper, left + 1n))
      .to.be.revertedWithCustomError(buffer, "ERC20InsufficientBalance")
      .withArgs(underwriter.address, left, left + 1n);
    await expect(buffer.connect(keeper).requestRedeem(left + 1n, keeper, underwriter))
      .to.be.revertedWithCustomError(buffer, "ERC20InsufficientBalance")
      .withArgs(underwriter.address, left, left + 1n);
    await expect(buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter))
      .to.be.revertedWithCustomError(buffer, "ERC20InsufficientBalance")
      .withArgs(underwriter.address, left, SHARES);
    // what is bought afterwards is under the allowance as before
    await buffer.connect(other).transfer(underwriter, 1000n);
    await buffer.connect(keeper).transferFrom(underwriter, keeper, 1000n);
    expect(await buffer.allowance(underwriter, keeper)).to.equal(SHARES - 1000n);
  });

  it("requests are merged, too, and join with new ones", async () => {
    const { buffer, underwriter, other, asVault, watch } = await buffering();
    await buffer.connect(underwriter).requestRedeem(SHARES / 2n, underwriter, underwriter);
    await buffer.connect(other).deposit(usdc(100), other);
    await buffer.connect(other).requestRedeem(usdc(100) * 1000n, other, other);
    await buffer.connect(asVault).cover(ethers.MaxUint256);
    await buffer.connect(other).deposit(usdc(1000), other);
    expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(SHARES / 2n / MILLION);
    expect((await buffer.request(underwriter)).shares).to.equal(SHARES / 2n);
    expect(await buffer.pendingRedeemRequest(0n, other)).to.equal(usdc(100) / 1000n);
    const bought = await buffer.balanceOf(other);
    await buffer.connect(other).requestRedeem(bought, other, other);
    expect(await buffer.request(other)).to.deep.equal([
      bought + usdc(100) / 1000n,
      BigInt((await time.latest()) + COOLDOWN),
      1n,
    ]);
    await time.increase(COOLDOWN);
    await watch();
    // worth less than a unit
    await expect(buffer.fulfil(underwriter, underwriter)).to.be.revertedWithCustomError(buffer, "NotEnoughCash");
    await buffer.fulfil(other, other);
    expect(await buffer.maxRedeem(other)).to.equal(bought + usdc(100) / 1000n);
    expect(await buffer.maxWithdraw(other)).to.be.within(usdc(1000) - 1n, usdc(1000));
  });

  it("a request of which nothing is left is none", async () => {
    const { buffer, underwriter, other, asVault } = await buffering();
    await buffer.connect(underwriter).requestRedeem(MILLION - 1n, underwriter, underwriter);
    await buffer.connect(asVault).cover(ethers.MaxUint256);
    await buffer.connect(other).deposit(usdc(1000), other);
    await time.increase(COOLDOWN);
    expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(0);
    await expect(buffer.fulfil(underwriter, underwriter))
      .to.be.revertedWithCustomError(buffer, "NoRequest")
      .withArgs(underwriter.address);
  });

  it("a part that is left of an old request is not merged twice", async () => {
    const { buffer, underwriter, other, asVault, absorb, watch } = await buffering();
    await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
    await buffer.connect(asVault).cover(usdc(200_000) - usdc(0.1));
    await buffer.connect(other).deposit(usdc(1000), other);
    expect(await buffer.epoch()).to.equal(1);
    // half of what the request is worth is left in cash
    await absorb(10n ** 18n, (await buffer.cash()) - usdc(0.05));
    await time.increase(COOLDOWN);
    await watch();
    const waiting = await buffer.pendingRedeemRequest(0n, underwriter);
    expect(waiting).to.equal(SHARES / MILLION);
    const { readyAt } = await buffer.request(underwriter);
    const [burnt, assets] = await buffer.fulfil.staticCall(underwriter, underwriter);
    expect(assets).to.equal(usdc(0.05));
    await buffer.fulfil(underwriter, underwriter);
    expect(await buffer.request(underwriter)).to.deep.equal([waiting - burnt, readyAt, 1n]);
    expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(waiting - burnt);
    expect(waiting - burnt).to.be.gt(0);
  });

  it("holders' parts of a million, which together were a share, are nobody's", async () => {
    const { buffer, underwriter, other, keeper, lender, asVault } = await buffering();
    for (const holder of [other, keeper]) await buffer.connect(holder).mint(2n * MILLION - 1n, holder);
    await buffer.connect(asVault).cover(ethers.MaxUint256);
    const deposited = (await buffer.previewDeposit(usdc(1))) + SHARES / MILLION;
    await buffer.connect(lender).deposit(usdc(1), lender);
    expect(await buffer.totalSupply()).to.equal(deposited + 3n);
    for (const holder of [other, keeper, underwriter]) await buffer.connect(holder).transfer(lender, 1n);
    expect(await buffer.totalSupply()).to.equal(deposited + 2n);
  });

  it("what was set aside before stays claimable, to the unit", async () => {
    const { buffer, loan, underwriter, other, asVault, request, expectBalanced } = await buffering();
    await request(underwriter, SHARES / 4n);
    await buffer.fulfil(underwriter, underwriter);
    await buffer.connect(asVault).cover(ethers.MaxUint256);
    await buffer.connect(other).deposit(usdc(1000), other);
    expect(await buffer.epoch()).to.equal(1);
    expect(await buffer.claimable(underwriter)).to.deep.equal([SHARES / 4n, usdc(50_000)]);
    const claim = buffer.connect(underwriter).redeem(SHARES / 4n, underwriter, underwriter);
    await expect(claim).to.changeTokenBalance(loan, underwriter, usdc(50_000));
    await expectBalanced();
  });

  it("holders who are touched in any epoch, or never, add up to no more than the supply", async () => {
    const { buffer, underwriter, other, keeper, lender, borrower, asVault } = await buffering();
    const holders = [underwriter, other, keeper, lender, borrower];
    const addsUp = async (): Promise<void> => {
      let sum = await buffer.balanceOf(buffer);
      for (const holder of holders) sum += await buffer.balanceOf(holder);
      const supply = await buffer.totalSupply();
      // a merger rounds each holder's down and the supply once
      expect(supply - sum).to.be.within(0n, BigInt(holders.length) * 4n);
    };
    for (let round = 0; round < 4; round++) {
      for (const [i, holder] of holders.entries()) {
        if (i === 0 || i % (round + 1) !== 0) continue;
        await buffer.connect(holder).deposit(usdc(1.234567) * BigInt(i) + BigInt(round), holder);
        await addsUp();
      }
      const giver = holders[round + 1] ?? underwriter;
      await buffer.connect(giver).transfer(keeper, (await buffer.balanceOf(giver)) / 3n);
      await addsUp();
      await buffer.connect(asVault).cover(ethers.MaxUint256);
      await buffer.connect(other).deposit(usdc(7.654321), other);
      await addsUp();
    }
    expect(await buffer.epoch()).to.be.gte(4);
    for (const holder of holders) {
      await buffer.connect(holder).transfer(keeper, 0n);
      await addsUp();
    }
  });

  it("shares are merged as often as it takes", async () => {
    const { buffer, loan, other, asVault } = await wipedOut();
    await loan.mint(other, 10n ** 13n);
    await buffer.connect(other).deposit(10n ** 13n, other);
    await buffer.connect(asVault).cover(ethers.MaxUint256);
    // the deposit has multiplied what was left by as many units as were lost
    const before = await buffer.totalSupply();
    expect(before).to.equal(10n ** 13n * (SHARES / MILLION + 1000n) + SHARES / MILLION);
    await expect(buffer.connect(other).deposit(usdc(1), other))
      .to.emit(buffer, "WipedOut")
      .withArgs(4n, before);
    // 2e21 are 2e3, after three more
    expect(await buffer.totalSupply()).to.equal(usdc(1) * (before / MILLION ** 3n + 1000n) + before / MILLION ** 3n);
    expect(await buffer.convertToAssets(await buffer.balanceOf(other))).to.be.within(usdc(1) - 1n, usdc(1));
  });
});
