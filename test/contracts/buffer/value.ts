import { expect } from "chai";
import { ethers } from "hardhat";

import { ETH_PRICE, HOUR, MARKET, WAD, priceE36, time, usdc, weth } from "../fixture";
import { expWad, mulDiv, mulDivUp } from "../math";
import { SHARES, buffering } from "./fixture";

/**
 * After an absorption of 10 WETH at 1,940: 180,600 in cash and 20,000 of inventory, 20,100 with its premium of 0.5 % for
 * who comes, 19,000 less its haircut of 5 % for who leaves.
 */
const FULL = usdc(200_700);
const CUT = usdc(199_600);

async function holding() {
  const all = await buffering();
  await all.absorb(weth(10), usdc(19_400));
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

  it("counts fees that it has not collected, and a fulfilment collects them", async () => {
    const { buffer, vault, loan, underwriter, request, earnFee, expectBalanced } = await buffering();
    await earnFee(usdc(500));
    expect(await vault.bufferFees()).to.equal(usdc(500));
    expect(await buffer.cash()).to.equal(usdc(200_000));
    expect(await buffer.totalAssets()).to.equal(usdc(200_500));
    expect(await buffer.previewDeposit(usdc(1))).to.equal(mulDiv(usdc(1), SHARES + 1000n, usdc(200_500) + 1n));
    await request(underwriter);
    const fulfilment = buffer.fulfil(underwriter, underwriter);
    const paid = mulDiv(SHARES, usdc(200_500) + 1n, SHARES + 1000n);
    await expect(fulfilment).to.emit(buffer, "FeesCollected").withArgs(usdc(500));
    await expect(fulfilment).to.emit(vault, "BufferFeesCollected").withArgs(usdc(500));
    await expect(fulfilment).to.changeTokenBalances(loan, [vault, buffer], [-usdc(500), usdc(500)]);
    expect(await buffer.maxWithdraw(underwriter)).to.equal(paid);
    expect(await buffer.setAside()).to.equal(paid);
    await expectBalanced();
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

  describe("of a deposit", () => {
    it("has one virtual unit and a thousand virtual shares, rounded up for a mint", async () => {
      const { buffer } = await buffering();
      const many = 10n ** 40n + 1n;
      expect(await buffer.previewMint(many)).to.equal(mulDivUp(many, usdc(200_000) + 1n, SHARES + 1000n));
    });

    it("has the premium at which the sale starts", async () => {
      const { buffer, other } = await holding();
      const shares = mulDiv(usdc(1000), SHARES + 1000n, FULL + 1n);
      expect(await buffer.previewDeposit(usdc(1000))).to.equal(shares);
      await expect(buffer.connect(other).deposit(usdc(1000), other))
        .to.emit(buffer, "Deposit")
        .withArgs(other.address, other.address, usdc(1000), shares);
    });

    it("has it for a mint, rounded up", async () => {
      const { buffer, other } = await holding();
      const assets = mulDivUp(777_777_777n, FULL + 1n, SHARES + 1000n);
      expect(await buffer.previewMint(777_777_777n)).to.equal(assets);
      await expect(buffer.connect(other).mint(777_777_777n, other))
        .to.emit(buffer, "Deposit")
        .withArgs(other.address, other.address, assets, 777_777_777n);
    });

    it("has the inventory at the average where the price is under it, and at the price above", async () => {
      const { buffer, house, collateral, oracle } = await holding();
      await house.observe(collateral);
      const seen = await time.latest();
      const depositPrice = async (): Promise<bigint> => {
        const shares = 10n ** 30n;
        const value = mulDiv(await buffer.previewMint(shares), SHARES + 1000n, shares) - 1n;
        return ((value - usdc(180_600)) * 10n ** 36n * 200n) / 201n / weth(10);
      };
      await oracle.setPrice(priceE36(1000));
      expect(await depositPrice()).to.equal(priceE36(ETH_PRICE));
      await oracle.setPrice(priceE36(3000));
      expect(await depositPrice()).to.equal(priceE36(3000));
      // two periods after a fall was seen, e^-2 of it is left in the average
      await oracle.setPrice(priceE36(1000));
      await house.observe(collateral);
      expect((await time.latest()) - seen).to.be.lte(10);
      const { observedAt, emaE36 } = await house.lane(collateral);
      await time.increaseTo(observedAt + HOUR);
      const kept = mulDiv(WAD, WAD, expWad(2n * WAD));
      const average = mulDiv(emaE36, kept, WAD) + mulDiv(priceE36(1000), WAD - kept, WAD);
      expect(await house.ema(collateral)).to.be.within(average - 10n ** 10n, average + 10n ** 10n);
      // value is in whole units
      expect(await depositPrice()).to.be.within(average - 2n * 10n ** 17n, average + 10n ** 10n);
    });

    it("too small for a share is refused, and so is nothing", async () => {
      const { buffer, other } = await buffering();
      await expect(buffer.connect(other).deposit(0n, other)).to.be.revertedWithCustomError(buffer, "ZeroAmount");
      await expect(buffer.connect(other).mint(0n, other)).to.be.revertedWithCustomError(buffer, "ZeroAmount");
    });
  });

  it("of a fulfilment has the haircut, rounded down", async () => {
    const { buffer, underwriter, request } = await holding();
    await request(underwriter, 777_777_777n);
    const assets = mulDiv(777_777_777n, CUT + 1n, SHARES + 1000n);
    expect(await buffer.convertToAssets(777_777_777n)).to.equal(assets);
    expect(await buffer.fulfil.staticCall(underwriter, underwriter)).to.deep.equal([777_777_777n, assets]);
  });

  it("gives nobody a gain who comes and goes at the same prices (V4)", async () => {
    const { buffer, loan, other, underwriter, leave } = await holding();
    const worth = await buffer.convertToAssets(SHARES);
    for (const amount of [1n, 2n, 999n, 1_000_003n, usdc(50_000)]) {
      const before = await loan.balanceOf(other);
      await buffer.connect(other).deposit(amount, other);
      const shares = await buffer.balanceOf(other);
      if ((await buffer.convertToAssets(shares)) !== 0n) await leave(other);
      else await buffer.connect(other).transfer(underwriter, shares);
      expect(await loan.balanceOf(other)).to.be.lte(before);
    }
    expect(await buffer.balanceOf(underwriter)).to.be.gte(SHARES);
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
    const { buffer, loan, underwriter, other, keeper, request, leave } = await buffering();
    await leave(underwriter);
    expect(await buffer.totalSupply()).to.equal(0);
    const before = await loan.balanceOf(other);
    await buffer.connect(other).deposit(1n, other);
    await loan.connect(other).transfer(buffer, usdc(1_000_000));
    await buffer.connect(keeper).deposit(usdc(1000), keeper);
    await request(other);
    await buffer.fulfil(other, other);
    await buffer.connect(other).redeem(1000n, other, other);
    expect(before - (await loan.balanceOf(other))).to.equal(usdc(1_000_000));
    expect(await buffer.convertToAssets(await buffer.balanceOf(keeper))).to.equal(usdc(1000));
  });

  it("needs no price of a market of which it holds nothing", async () => {
    const { buffer, vault, other } = await holding();
    const token = await ethers.deployContract("MockERC20", ["Other", "OTHER", 18]);
    const oracle = await ethers.deployContract("MockOracle", [priceE36(1)]);
    await vault.setMarket(token, { ...MARKET, oracle, borrowOracle: oracle });
    await oracle.setBroken(true);
    expect(await buffer.totalAssets()).to.equal(CUT);
    expect(await buffer.maxDeposit(other)).to.equal(2n ** 128n - 1n - usdc(180_600));
    await buffer.connect(other).deposit(usdc(1000), other);
  });

  describe("while the oracle is broken (O1)", () => {
    it("is told by the price last seen, and no view reverts", async () => {
      const { buffer, house, collateral, oracle, other } = await holding();
      await oracle.setPrice(priceE36(1500));
      await house.observe(collateral);
      await oracle.setBroken(true);
      const value = usdc(180_600) + (usdc(15_000) * 95n) / 100n;
      expect(await buffer.totalAssets()).to.equal(value);
      expect(await buffer.convertToAssets(SHARES)).to.equal(mulDiv(SHARES, value + 1n, SHARES + 1000n));
      expect(await buffer.convertToShares(usdc(1))).to.equal(mulDiv(usdc(1), SHARES + 1000n, value + 1n));
      expect(await buffer.maxDeposit(other)).to.equal(0);
      expect(await buffer.maxMint(other)).to.equal(0);
      expect(await buffer.maxRedeem(other)).to.equal(0);
      expect(await buffer.maxWithdraw(other)).to.equal(0);
    });

    it("is not what anybody comes by", async () => {
      const { buffer, oracle, other } = await holding();
      await oracle.setBroken(true);
      // as ERC-4626's limits say: the price is missing before they are asked
      await expect(buffer.connect(other).deposit(1n, other)).to.be.revertedWithCustomError(oracle, "Broken");
      await expect(buffer.connect(other).mint(1n, other)).to.be.revertedWithCustomError(oracle, "Broken");
      await expect(buffer.previewDeposit(1n)).to.be.revertedWithCustomError(oracle, "Broken");
      await expect(buffer.previewMint(1n)).to.be.revertedWithCustomError(oracle, "Broken");
    });

    it("and is by its price of zero where the oracle says zero", async () => {
      const { buffer, oracle, other } = await holding();
      await oracle.setPrice(0n);
      expect(await buffer.totalAssets()).to.equal(usdc(180_600));
      expect(await buffer.maxDeposit(other)).to.equal(2n ** 128n - 1n - usdc(180_600));
    });
  });

  describe("limits of deposits (ERC-4626)", () => {
    it("are what cash can hold, in shares as well, and hold to the unit", async () => {
      const { buffer, loan, other } = await buffering();
      const most = 2n ** 128n - 1n - usdc(200_000);
      expect(await buffer.maxDeposit(other)).to.equal(most);
      expect(await buffer.maxMint(other)).to.equal(mulDiv(most, SHARES + 1000n, usdc(200_000) + 1n));
      await loan.mint(other, 2n * most);
      await expect(buffer.connect(other).deposit(most + 1n, other))
        .to.be.revertedWithCustomError(buffer, "ERC4626ExceededMaxDeposit")
        .withArgs(other.address, most + 1n, most);
      const shares = await buffer.maxMint(other);
      await expect(buffer.connect(other).mint(shares + 1n, other)).to.be.revertedWithCustomError(
        buffer,
        "ERC4626ExceededMaxMint",
      );
      await buffer.connect(other).mint.staticCall(shares, other);
      await buffer.connect(other).deposit(most, other);
      expect(await buffer.cash()).to.equal(2n ** 128n - 1n);
      expect(await buffer.maxDeposit(other)).to.equal(0);
      expect(await buffer.maxMint(other)).to.equal(0);
    });

    it("and nobody is refused what they name when nothing is held of a broken market", async () => {
      const { buffer, oracle, other } = await buffering();
      await oracle.setBroken(true);
      await buffer.connect(other).deposit(usdc(1), other);
      expect(await buffer.balanceOf(other)).to.equal(usdc(1) * 1000n);
    });
  });
});
