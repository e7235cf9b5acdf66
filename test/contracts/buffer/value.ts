import { expect } from "chai";
import { ethers } from "hardhat";

import { MARKET, priceE36, time, usdc, weth } from "../fixture";
import { mulDiv, mulDivUp } from "../math";
import { COOLDOWN, buffering } from "./fixture";

const SHARES = usdc(200_000) * 1000n;
/** After a take-over of 10 WETH at 1,940: 180,600 in cash and 20,000 of inventory, 19,000 with its haircut of 5 %. */
const FULL = usdc(200_600);
const CUT = usdc(199_600);

async function holding() {
  const all = await buffering();
  await all.takeOver(weth(10), usdc(19_400));
  return all;
}

describe("LiquidityBuffer: value", () => {
  it("is cash and inventory less its haircut", async () => {
    const { buffer, oracle } = await holding();
    expect(await buffer.totalAssets()).to.equal(CUT);
    await oracle.setPrice(priceE36(1000));
    expect(await buffer.totalAssets()).to.equal(usdc(180_600 + 9500));
    // 10,000.000009 units less 5 %, rounded down
    await oracle.setPrice(priceE36(1000) + 9n * 10n ** 17n);
    expect(await buffer.totalAssets()).to.equal(usdc(180_600) + (10_000_000_009n * 95n) / 100n);
  });

  it("counts fees that it has not collected, and a claim collects them", async () => {
    const { buffer, vault, loan, underwriter, earnFee, expectBalanced } = await buffering();
    await earnFee(usdc(500));
    expect(await vault.bufferFees()).to.equal(usdc(500));
    expect(await buffer.cash()).to.equal(usdc(200_000));
    expect(await buffer.totalAssets()).to.equal(usdc(200_500));
    expect(await buffer.previewDeposit(usdc(1))).to.equal(mulDiv(usdc(1), SHARES + 1000n, usdc(200_500) + 1n));
    await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
    await time.increase(COOLDOWN);
    const claim = buffer.connect(underwriter).redeem(SHARES, underwriter, underwriter);
    await expect(claim).to.emit(buffer, "FeesCollected").withArgs(usdc(500));
    await expect(claim).to.emit(vault, "BufferFeesCollected").withArgs(usdc(500));
    const paid = mulDiv(SHARES, usdc(200_500) + 1n, SHARES + 1000n);
    await expect(claim).to.changeTokenBalances(loan, [vault, underwriter], [-usdc(500), paid]);
    await expectBalanced();
  });

  it("pays a claim by assets out of fees, too", async () => {
    const { buffer, loan, underwriter, earnFee } = await buffering();
    await earnFee(usdc(500));
    await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
    await time.increase(COOLDOWN);
    const claim = buffer.connect(underwriter).withdraw(usdc(200_400), underwriter, underwriter);
    await expect(claim).to.changeTokenBalance(loan, underwriter, usdc(200_400));
  });

  it("collects fees for anybody", async () => {
    const { buffer, loan, vault, other, earnFee, expectBalanced } = await buffering();
    await earnFee(usdc(500));
    expect(await buffer.connect(other).collectFees.staticCall()).to.equal(usdc(500));
    const collect = buffer.connect(other).collectFees();
    await expect(collect).to.emit(buffer, "FeesCollected").withArgs(usdc(500));
    await expect(collect).to.changeTokenBalances(loan, [vault, buffer], [-usdc(500), usdc(500)]);
    expect(await buffer.totalAssets()).to.equal(usdc(200_500));
    await expectBalanced();
  });

  it("collects a single unit, and says nothing where there is none", async () => {
    const { buffer, other, earnFee } = await buffering();
    await expect(buffer.connect(other).collectFees()).not.to.emit(buffer, "FeesCollected");
    expect(await buffer.collectFees.staticCall()).to.equal(0);
    await earnFee(1n);
    await expect(buffer.connect(other).collectFees()).to.emit(buffer, "FeesCollected").withArgs(1n);
    expect(await buffer.cash()).to.equal(usdc(200_000) + 1n);
  });

  it("prices a mint with one virtual unit and a thousand virtual shares, rounded up", async () => {
    const { buffer } = await buffering();
    const many = 10n ** 40n + 1n;
    expect(await buffer.previewMint(many)).to.equal(mulDivUp(many, usdc(200_000) + 1n, SHARES + 1000n));
  });

  it("prices a deposit without the haircut", async () => {
    const { buffer, other } = await holding();
    const shares = mulDiv(usdc(1000), SHARES + 1000n, FULL + 1n);
    expect(await buffer.previewDeposit(usdc(1000))).to.equal(shares);
    await expect(buffer.connect(other).deposit(usdc(1000), other))
      .to.emit(buffer, "Deposit")
      .withArgs(other.address, other.address, usdc(1000), shares);
  });

  it("prices a mint without the haircut, rounded up", async () => {
    const { buffer, other } = await holding();
    const assets = mulDivUp(777_777_777n, FULL + 1n, SHARES + 1000n);
    expect(await buffer.previewMint(777_777_777n)).to.equal(assets);
    await expect(buffer.connect(other).mint(777_777_777n, other))
      .to.emit(buffer, "Deposit")
      .withArgs(other.address, other.address, assets, 777_777_777n);
  });

  it("prices a claim with the haircut: shares down, assets up", async () => {
    const { buffer, underwriter } = await holding();
    const caller = buffer.connect(underwriter);
    await caller.requestRedeem(SHARES, underwriter, underwriter);
    await time.increase(COOLDOWN);
    expect(await buffer.convertToAssets(777_777_777n)).to.equal(mulDiv(777_777_777n, CUT + 1n, SHARES + 1000n));
    expect(await caller.redeem.staticCall(777_777_777n, underwriter, underwriter)).to.equal(
      mulDiv(777_777_777n, CUT + 1n, SHARES + 1000n),
    );
    expect(await caller.withdraw.staticCall(777_777n, underwriter, underwriter)).to.equal(
      mulDivUp(777_777n, SHARES + 1000n, CUT + 1n),
    );
  });

  it("gives nobody a gain who comes and goes at the same prices (V4)", async () => {
    const { buffer, loan, other, underwriter } = await holding();
    const worth = await buffer.convertToAssets(SHARES);
    for (const amount of [1n, 2n, 999n, 1_000_003n, usdc(50_000)]) {
      const before = await loan.balanceOf(other);
      await buffer.connect(other).deposit(amount, other);
      const shares = await buffer.balanceOf(other);
      if (shares !== 0n) {
        await buffer.connect(other).requestRedeem(shares, other, other);
        await time.increase(COOLDOWN);
        await buffer.connect(other).redeem(shares, other, other);
      }
      expect(await loan.balanceOf(other)).to.be.lte(before);
    }
    expect(await buffer.balanceOf(underwriter)).to.equal(SHARES);
    expect(await buffer.convertToAssets(SHARES)).to.be.gte(worth);
  });

  it("does not count donations of either token", async () => {
    const { buffer, loan, collateral, other } = await holding();
    await loan.connect(other).transfer(buffer, usdc(1_000_000));
    await collateral.connect(other).transfer(buffer, weth(1000));
    expect(await buffer.totalAssets()).to.equal(CUT);
    expect(await buffer.cash()).to.equal(usdc(180_600));
    expect((await buffer.inventory(collateral)).amount).to.equal(weth(10));
  });

  it("leaves the first depositor no profit in inflating the price", async () => {
    const { buffer, loan, underwriter, other, keeper } = await buffering();
    await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
    await time.increase(COOLDOWN);
    await buffer.connect(underwriter).redeem(SHARES, underwriter, underwriter);
    expect(await buffer.totalSupply()).to.equal(0);
    const before = await loan.balanceOf(other);
    await buffer.connect(other).deposit(1n, other);
    await loan.connect(other).transfer(buffer, usdc(1_000_000));
    await buffer.connect(keeper).deposit(usdc(1000), keeper);
    await buffer.connect(other).requestRedeem(1000n, other, other);
    await time.increase(COOLDOWN);
    await buffer.connect(other).redeem(1000n, other, other);
    expect(before - (await loan.balanceOf(other))).to.equal(usdc(1_000_000));
    expect(await buffer.convertToAssets(await buffer.balanceOf(keeper))).to.equal(usdc(1000));
  });

  it("needs no price of a market of which it holds nothing", async () => {
    const { buffer, vault, loan, other, underwriter } = await holding();
    const token = await ethers.deployContract("MockERC20", ["Other", "OTHER", 18]);
    const oracle = await ethers.deployContract("MockOracle", [priceE36(1)]);
    await vault.setMarket(token, { ...MARKET, oracle, borrowOracle: oracle });
    await oracle.setBroken(true);
    expect(await buffer.totalAssets()).to.equal(CUT);
    await buffer.connect(other).deposit(usdc(1000), other);
    await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
    await time.increase(COOLDOWN);
    await expect(buffer.connect(underwriter).withdraw(usdc(1000), underwriter, underwriter)).to.changeTokenBalance(
      loan,
      underwriter,
      usdc(1000),
    );
  });

  it("can't be told while the oracle is broken (O1): nobody comes or goes", async () => {
    const { buffer, oracle, other, underwriter } = await holding();
    await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
    await time.increase(COOLDOWN);
    await oracle.setBroken(true);
    await expect(buffer.totalAssets()).to.be.revertedWithCustomError(oracle, "Broken");
    await expect(buffer.connect(other).deposit(1n, other)).to.be.revertedWithCustomError(oracle, "Broken");
    await expect(buffer.connect(underwriter).redeem(1000n, underwriter, underwriter)).to.be.revertedWithCustomError(
      oracle,
      "Broken",
    );
  });
});
