import { time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";

import { HOUR, MINUTE, priceE36, usdc, wbtc, weth, world } from "./fixture";

const End = { Target: 0, Cancelled: 1 };
const HEALTHY = 4; // IAuctionHouse.Refusal

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
  it("deposit, borrow, crash, start, flash liquidation on the real pool, recovery, and everybody out", async () => {
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

    // the keeper starts it and gets the tip of 20 USDC and 0.02 % of the debt, in ETH, but at most 0.1 % of the collateral
    await expect(house.connect(keeper).start(collateral, borrower)).to.emit(house, "AuctionStarted");
    expect(await collateral.balanceOf(keeper)).to.equal(weth(10) / 1001n);

    // after a sudden fall the lane starts 4 % over the price: nobody can sell that on at a profit
    const orders = [{ owner: borrower.address, maxCollateral: MaxUint256 }];
    const liquidate = async (minProfit: bigint) =>
      liquidator.connect(keeper).liquidate(pool, collateral, orders, minProfit, keeper);
    await expect(liquidate(0n)).to.be.revertedWithCustomError(liquidator, "Unprofitable");
    expect((await house.quote(collateral, borrower, MaxUint256)).multipleWad).to.be.greaterThan(1035n * 10n ** 15n);

    // 0.5 % a minute later it is under the price by more than the pool's fee and the sale's own impact
    await all.pass(10 * MINUTE);
    const before = await vault.position(collateral, borrower);
    const debtBefore = await vault.debtOf(collateral, borrower);
    await expect(liquidate(usdc(1)))
      .to.emit(liquidator, "Liquidated")
      .and.to.emit(house, "AuctionEnded")
      .withArgs(collateral, borrower, End.Target);
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
    expect((await house.lane(collateral)).auctions).to.equal(0);
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

  it("a buyer with money of its own pays what it allowed at most, and the auction goes on after a part", async () => {
    const { all, vault, house, usdc: loan, collateral, borrower, keeper, buyer } = await crash();
    await house.connect(keeper).start(collateral, borrower);
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
    expect((await house.lane(collateral)).auctions).to.equal(1);
    expect(await vault.debtOf(collateral, borrower)).to.be.lessThan(usdc(13_300));
  });

  it("what the price brings back is free again: cancelled by anybody, and nothing of it can be bought", async () => {
    const { all, house, collateral, borrower, keeper, buyer } = await crash();
    await house.connect(keeper).start(collateral, borrower);
    await expect(house.connect(buyer).cancel(collateral, borrower)).to.be.revertedWithCustomError(
      house,
      "PositionUnhealthy",
    );
    await all.pass(5 * MINUTE);
    await all.setPrice("ETH", 1990);
    await expect(house.connect(buyer).buy(collateral, borrower, weth(1), MaxUint256, buyer, "0x"))
      .to.be.revertedWithCustomError(house, "NotBuyable")
      .withArgs(borrower, HEALTHY);
    await expect(house.connect(buyer).cancel(collateral, borrower))
      .to.emit(house, "AuctionEnded")
      .withArgs(collateral, borrower, End.Cancelled);
    expect((await house.lane(collateral)).auctions).to.equal(0);
    await expect(house.start(collateral, borrower)).to.be.revertedWithCustomError(house, "PositionHealthy");
  });

  it("the borrower can top up or repay at any time, which frees the position as well", async () => {
    const { vault, house, collateral, borrower, keeper } = await crash();
    await house.connect(keeper).start(collateral, borrower);
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await expect(house.cancel(collateral, borrower)).to.emit(house, "AuctionEnded");
  });

  it("the lane lets many positions out no faster than its pace", async () => {
    const all = await world();
    const { vault, house, weth: collateral } = all.protocol;
    const { borrower, lender, underwriter, buyer, keeper } = all.people;
    const owners = [borrower, lender, underwriter];
    for (const owner of owners) await all.open(owner, collateral, weth(150), usdc(230_000));
    await all.pass(HOUR);
    await all.setPrice("ETH", 1800);
    for (const owner of owners) await house.connect(keeper).start(collateral, owner);
    const rate = (await house.lane(collateral)).ratePerHour;
    const started = BigInt(await time.latest());

    // all that is on offer, every two minutes for half an hour
    const held = await collateral.balanceOf(buyer);
    const orders = owners.map((owner) => ({ owner: owner.address, maxCollateral: MaxUint256 }));
    for (let i = 0; i < 15; i++) {
      await all.pass(2 * MINUTE);
      const quotes = await Promise.all(owners.map(async (owner) => house.quote(collateral, owner, MaxUint256)));
      if (quotes.every(({ refusal }) => refusal !== 0n)) continue;
      await house.connect(buyer).buyMany(collateral, orders, MaxUint256, buyer, "0x");
    }
    const sold = (await collateral.balanceOf(buyer)) - held;
    const longestAge = 20n * 60n; // (4 % + 6 %) / 0.5 % a minute
    expect(sold).to.be.at.most((rate * (BigInt(await time.latest()) - started + longestAge)) / 3600n);
    expect(sold).to.be.greaterThan(weth(100));
    for (const owner of owners) expect(await all.ltv(collateral, owner)).to.be.lessThan(0.83);
    expect(await vault.totalDebt()).to.be.greaterThan(0);
  });

  it("the BTC market works as well, with 8 decimals and a dearer pool", async () => {
    const all = await world();
    const { vault, house, liquidator, usdc: loan, wbtc: collateral } = all.protocol;
    const { borrower, keeper } = all.people;
    await all.open(borrower, collateral, wbtc(2), usdc(60_000));
    await all.pass(HOUR);
    await all.setPrice("BTC", 35_500);
    await house.connect(keeper).start(collateral, borrower);
    await all.pass(12 * MINUTE);
    const orders = [{ owner: borrower.address, maxCollateral: MaxUint256 }];
    await liquidator.connect(keeper).liquidate(all.pools.BTC, collateral, orders, 1, keeper);
    expect(await loan.balanceOf(keeper)).to.be.greaterThan(0);
    expect(await all.ltv(collateral, borrower)).to.be.closeTo(0.7885, 0.0001);
    expect(await vault.position(collateral, borrower).then((p) => p.collateral)).to.be.lessThan(wbtc(2));
  });

  describe("a pool that is pulled away from the feed", () => {
    it("down: borrowing uses its price, and lanes start with the widest premium", async () => {
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

      // a slow fall of the feed would have let it start at 0.5 %
      await all.open(buyer, collateral, weth(10), usdc(13_590));
      await all.pass(MINUTE);
      await all.protocol.feeds.ETH.setAnswer(1630 * 1e8);
      await all.setPoolPrice("ETH", 1450);
      await all.passInSilence(HOUR);
      await house.start(collateral, buyer);
      expect((await house.auction(collateral, buyer)).premiumWad).to.equal(4n * 10n ** 16n);
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
