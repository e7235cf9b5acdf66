import { time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import { ethers } from "hardhat";

import { onPool } from "../contracts/route";
import { HOUR, MINUTE, priceE36, usdc, wbtc, weth, world } from "./fixture";

/** `IAuctionHouse.Refusal`. */
const Refusal = { LaneClosed: 1, Healthy: 3 };

/** 10 ETH at 2,000 with 15,000 USDC of debt, which a fall to 1,780 brings to 84.3 %. */
async function crash() {
  const all = await world();
  const { weth: collateral } = all.protocol;
  const { borrower } = all.people;
  await all.open(borrower, collateral, weth(10), usdc(15_000));
  await all.pass(HOUR);
  await all.setPrice("ETH", 1780);
  return { all, ...all.protocol, ...all.people, collateral, pool: all.pools.ETH };
}

describe("end to end: the lane", () => {
  it("deposit, borrow, crash, open, flash liquidation on the real pool, recovery, and everybody out", async () => {
    const {
      all,
      vault,
      house,
      liquidator,
      usdc: loan,
      collateral,
      borrower,
      keeper,
      lender,
      buffer,
      pool,
    } = await crash();
    expect(await all.ltv(collateral, borrower)).to.be.greaterThan(0.83);

    // the keeper, which has no WETH, opens the lane, and the position pays it what that costs, in WETH
    const opening = await house.connect(keeper).open(collateral, borrower, keeper);
    const receipt = (await opening.wait())!;
    const pay = await collateral.balanceOf(keeper);
    expect(pay)
      .to.be.greaterThan(0)
      .and.to.be.at.most(weth(10) / 100n);
    const baseFee = (await ethers.provider.getBlock(receipt.blockNumber))!.baseFeePerGas!;
    const { tip, marginBps } = await house.payParameters();
    // as for between 200,000 and 300,000 gas, by the oracle's price
    const forGas = (gas: bigint): bigint => (gas * (baseFee + tip) * (10_000n + marginBps)) / 10_000n;
    expect(pay).to.be.within(forGas(200_000n), forGas(300_000n));

    // after a sudden fall the lane opens 4 % over the price: nobody can sell that on at a profit
    const orders = [{ owner: borrower.address, maxCollateral: MaxUint256 }];
    const liquidate = async (minProfit: bigint) =>
      liquidator.connect(keeper).liquidate([onPool(pool)], collateral, orders, minProfit, keeper);
    await all.pass(30);
    await expect(liquidate(0n)).to.be.revertedWithCustomError(liquidator, "Unprofitable");
    expect((await house.quote(collateral, borrower, MaxUint256)).multipleWad).to.be.greaterThan(1035n * 10n ** 15n);

    // 0.5 % a minute later it is under the price by more than the pool's fee and the sale's own impact
    await all.pass(10 * MINUTE);
    const before = await vault.position(collateral, borrower);
    const debtBefore = await vault.debtOf(collateral, borrower);
    await expect(liquidate(usdc(1))).to.emit(liquidator, "Liquidated");
    const after = await vault.position(collateral, borrower);
    const sold = before.collateral - after.collateral;
    const repaid = debtBefore - (await vault.debtOf(collateral, borrower));
    expect(await loan.balanceOf(keeper)).to.be.greaterThan(usdc(1));
    // only what brings it back to its target, near the price
    expect(await all.ltv(collateral, borrower))
      .to.be.closeTo(0.7885, 0.0001)
      .and.to.be.at.least(0.7885 - 1e-9);
    expect(sold).to.be.lessThan(weth(3.2)).and.to.be.greaterThan(weth(2.2));
    expect(Number(repaid) / Number((sold * 1780n) / 10n ** 12n)).to.be.within(0.98, 1);
    // the buffer's fee: 0.5 % of what was repaid
    expect(Number(await vault.bufferFees()) / Number(repaid)).to.be.closeTo(0.005, 0.0005);

    // price back, borrower pays and leaves, and so does the lender, with interest
    await all.setPrice("ETH", 1950);
    await vault.connect(borrower).repay(collateral, MaxUint256, borrower);
    await vault.connect(borrower).withdrawCollateral(collateral, after.collateral, borrower, borrower);
    expect(await vault.totalDebt()).to.equal(0);
    await buffer.collectFees();
    await vault.connect(lender).redeem(await vault.balanceOf(lender), lender, lender);
    expect(await loan.balanceOf(lender)).to.be.greaterThan(usdc(5_000_000));
    // what is left in the vault is reserves and a rounding
    expect((await loan.balanceOf(vault)) - (await vault.reserves())).to.be.within(0n, 5n);
    expect(await collateral.balanceOf(vault)).to.equal(0);
  });

  it("a buyer with money of its own pays what it allowed at most, and the lane goes on after a part", async () => {
    const { all, vault, house, usdc: loan, collateral, borrower, keeper, buyer } = await crash();
    await house.connect(keeper).open(collateral, borrower, keeper);
    await all.pass(10 * MINUTE);
    const [cash, held] = [await loan.balanceOf(buyer), await collateral.balanceOf(buyer)];
    const buy = async (amount: bigint, maxCost: bigint) =>
      house.connect(buyer).buy(collateral, borrower, amount, maxCost, buyer, "0x");
    await expect(buy(weth(1), usdc(1700))).to.be.revertedWithCustomError(house, "CostTooHigh");
    await expect(buy(weth(1), usdc(1780)))
      .to.emit(house, "Bought")
      .withArgs(collateral, borrower, buyer, weth(1), (cost: bigint) => cost > usdc(1750) && cost < usdc(1780), (n: bigint) => n > 0n, priceE36(1780, 18), (m: bigint) => m < 10n ** 18n); // prettier-ignore
    expect((await collateral.balanceOf(buyer)) - held).to.equal(weth(1));
    expect(cash - (await loan.balanceOf(buyer))).to.be.within(usdc(1750), usdc(1780));
    expect(await house.isOpen(collateral)).to.equal(true);
    expect(await vault.debtOf(collateral, borrower)).to.be.lessThan(usdc(13_300));
  });

  it("what the price brings back is free again, and the lane closes by itself", async () => {
    const { all, house, collateral, borrower, keeper, buyer } = await crash();
    await house.connect(keeper).open(collateral, borrower, keeper);
    await all.pass(5 * MINUTE);
    await all.setPrice("ETH", 1990);
    const buy = async () => house.connect(buyer).buy(collateral, borrower, weth(1), MaxUint256, buyer, "0x");
    await expect(buy()).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, Refusal.Healthy);
    await all.pass(25 * MINUTE);
    expect(await house.isOpen(collateral)).to.equal(false);
    await expect(buy()).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, Refusal.LaneClosed);
    await expect(house.open(collateral, borrower, keeper)).to.be.revertedWithCustomError(house, "PositionHealthy");
  });

  it("a second wick opens it anew, at its premium, and pays nobody within the hour", async () => {
    const { all, house, collateral, borrower, keeper } = await crash();
    await house.connect(keeper).open(collateral, borrower, keeper);
    const paid = await collateral.balanceOf(keeper);
    await all.setPrice("ETH", 1990);
    await all.pass(30 * MINUTE);
    await all.setPrice("ETH", 1780);
    await house.connect(keeper).open(collateral, borrower, keeper);
    expect(await collateral.balanceOf(keeper)).to.equal(paid);
    expect((await house.laneState(collateral)).premiumWad).to.equal(4n * 10n ** 16n);
    await all.setPrice("ETH", 1990);
    await all.pass(HOUR);
    await all.setPrice("ETH", 1780);
    await house.connect(keeper).open(collateral, borrower, keeper);
    expect(await collateral.balanceOf(keeper)).to.be.greaterThan(paid);
  });

  it("the borrower can top up or repay at any time, which frees the position as well", async () => {
    const { all, vault, house, collateral, borrower, keeper, buyer } = await crash();
    await house.connect(keeper).open(collateral, borrower, keeper);
    await all.pass(5 * MINUTE);
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await expect(house.connect(buyer).buy(collateral, borrower, weth(1), MaxUint256, buyer, "0x"))
      .to.be.revertedWithCustomError(house, "NotBuyable")
      .withArgs(borrower, Refusal.Healthy);
  });

  it("the lane lets many positions out no faster than its pace", async () => {
    const all = await world();
    const { vault, house, weth: collateral } = all.protocol;
    const { borrower, lender, underwriter, buyer, keeper } = all.people;
    const owners = [borrower, lender, underwriter];
    for (const owner of owners) await all.open(owner, collateral, weth(150), usdc(230_000));
    await all.pass(HOUR);
    await all.setPrice("ETH", 1800);
    await house.connect(keeper).open(collateral, borrower, keeper);
    const { ratePerHour: rate } = await house.lane(collateral);
    const opened = BigInt(await time.latest());
    // 85.2 %: a seventh of the way from lltv to insolvency
    const { urgency } = await house.laneParameters(collateral);
    const x = ((await all.ltv(collateral, borrower)) - 0.83) / 0.17;
    const pace = Number(rate) * (1 + Number(urgency) * x * x);

    // all that is on offer, every two minutes for half an hour
    const held = await collateral.balanceOf(buyer);
    const orders = owners.map((owner) => ({ owner: owner.address, maxCollateral: MaxUint256 }));
    for (let i = 0; i < 15; i++) {
      await all.pass(2 * MINUTE);
      const quotes = await Promise.all(owners.map(async (owner) => house.quote(collateral, owner, MaxUint256)));
      if (quotes.every(({ refusal }) => refusal !== 0n)) continue;
      await house.connect(buyer).buyMany(collateral, orders, MaxUint256, buyer, "0x");
      const sold = Number((await collateral.balanceOf(buyer)) - held);
      // nothing had been emitted when it was opened
      expect(sold).to.be.at.most((pace * 1.001 * ((await time.latest()) - Number(opened))) / 3600);
    }
    const sold = (await collateral.balanceOf(buyer)) - held;
    expect(sold).to.be.greaterThan(weth(30));
    for (const owner of owners) expect((await vault.position(collateral, owner)).collateral).to.be.greaterThan(0);
    expect(await vault.totalDebt()).to.be.greaterThan(0);
  });

  it("the BTC market works as well, with 8 decimals and a dearer pool", async () => {
    const all = await world();
    const { vault, house, liquidator, usdc: loan, wbtc: collateral } = all.protocol;
    const { borrower, keeper } = all.people;
    await all.open(borrower, collateral, wbtc(2), usdc(60_000));
    await all.pass(HOUR);
    await all.setPrice("BTC", 35_500);
    // paid in WBTC by the prices of the two
    await house.connect(keeper).open(collateral, borrower, keeper);
    expect(await collateral.balanceOf(keeper))
      .to.be.greaterThan(0)
      .and.to.be.lessThan(wbtc(0.02));
    await all.pass(12 * MINUTE);
    const orders = [{ owner: borrower.address, maxCollateral: MaxUint256 }];
    await liquidator.connect(keeper).liquidate([onPool(all.pools.BTC)], collateral, orders, 1, keeper);
    expect(await loan.balanceOf(keeper)).to.be.greaterThan(0);
    expect(await all.ltv(collateral, borrower)).to.be.closeTo(0.7885, 0.0001);
    expect(await vault.position(collateral, borrower).then((p) => p.collateral)).to.be.lessThan(wbtc(2));
  });

  describe("a pool that is pulled away from the feed", () => {
    it("down: borrowing uses its price, and lanes sell with the widest premium", async () => {
      const all = await world();
      const { vault, house, weth: collateral } = all.protocol;
      const { borrower, buyer } = all.people;
      await all.open(borrower, collateral, weth(10), usdc(10_000));
      await all.setPoolPrice("ETH", 1700);
      await all.pass(HOUR);
      await expect(
        vault.connect(borrower).borrow(collateral, usdc(5_900), borrower, borrower),
      ).to.be.revertedWithCustomError(vault, "LtvTooHigh");
      await vault.connect(borrower).borrow(collateral, usdc(3_400), borrower, borrower); // 78.8 % at 1,700

      // a slow fall of the feed would have brought the premium down to 0.5 %
      await all.open(buyer, collateral, weth(10), usdc(13_590));
      await all.pass(MINUTE);
      await all.protocol.feeds.ETH.setAnswer(1630 * 1e8);
      await all.setPoolPrice("ETH", 1450);
      await all.passInSilence(HOUR);
      await house.open(collateral, buyer, buyer);
      const { diverged, premiumWad } = await house.laneState(collateral);
      expect([diverged, premiumWad]).to.deep.equal([true, 4n * 10n ** 16n]);
      await house.sync(collateral);
      await all.passInSilence(20 * MINUTE);
      expect((await house.laneState(collateral)).premiumWad).to.equal(4n * 10n ** 16n);
    });

    it("up: nobody can borrow more", async () => {
      const all = await world();
      const { vault, weth: collateral } = all.protocol;
      const { borrower } = all.people;
      await all.setPoolPrice("ETH", 3000);
      await all.pass(HOUR);
      await vault.connect(borrower).supplyCollateral(collateral, weth(10), borrower);
      await expect(
        vault.connect(borrower).borrow(collateral, usdc(16_001), borrower, borrower),
      ).to.be.revertedWithCustomError(vault, "LtvTooHigh");
      await vault.connect(borrower).borrow(collateral, usdc(16_000), borrower, borrower);
    });
  });
});
