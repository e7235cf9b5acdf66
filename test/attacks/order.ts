import { mine } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { LANE, auctioned, opened } from "../contracts/auctionHouse/setup";
import { COOLDOWN, buffering } from "../contracts/buffer/fixture";
import { HOUR, INVENTORY, WAD, priceE36, time, usdc, weth } from "../contracts/fixture";
import { deployAuctions } from "../contracts/periphery/fixture";
import { Ledger } from "./ledger";

const ALL = ethers.MaxUint256;
/** By how much a feed may be off before it must say so: Chainlink's ETH / USD on mainnet. */
const DEVIATION_BPS = 50n;
const bps = (value: unknown): bigint => BigInt(value as number);
/** What a lane of this rate can have let out and not sold: premium and discount together, over the slope. */
const burst = (ratePerHour: bigint, rangeBps: bigint): bigint =>
  (ratePerHour * rangeBps * WAD) / 10_000n / BigInt(LANE.slopeWad) / HOUR;

describe("attacks: sandwiching buy", () => {
  it("the one in front pays the lane's price; who comes second pays no more than allowed, and to the protocol", async () => {
    const all = await auctioned(1850, weth(300), usdc(477_000));
    const { house, collateral, borrower, other, keeper, lender, underwriter, later } = all;
    await time.increaseTo(await later(240)); // 4 % less 2 %: still at a premium
    const ledger = new Ledger(all, priceE36(1850));
    const quoted = await house.quote(collateral, borrower, weth(1));
    await ledger.expectNoProfit([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, weth(39), ALL, other, "0x");
      await expect(
        house.connect(keeper).buy(collateral, borrower, weth(1), quoted.cost, keeper, "0x"),
      ).to.be.revertedWithCustomError(house, "CostTooHigh");
    });
  });

  it("of a flash liquidation, on the real pool: it reverts under its least profit, and the sandwich pays the pool", async () => {
    const market = await deployAuctions("MockERC20");
    const { liquidator, venue, weth: token, usdc: loan, vault, house, buffer, borrowers, trader, keeper } = market;
    await time.increase(1200);
    await venue.sell(token, (await token.balanceOf(venue.pool)) / 8n); // near the oracle's price
    await mine();
    const orders = [{ owner: borrowers[0]!.address, maxCollateral: weth(1) }];
    const liquidate = liquidator.connect(keeper);
    const least = await liquidate.liquidate.staticCall(venue.pool, token, orders, 0, keeper);
    const minProfit = (least.profit * 95n) / 100n;
    expect(minProfit).to.be.gt(0n);
    const ledger = new Ledger({ vault, house, buffer, loan, collateral: token }, priceE36(2350n));
    await ledger.expectNoProfit([trader], [keeper, market.lender], async () => {
      const before = await loan.balanceOf(trader);
      await venue.sell(token, weth(300));
      await expect(liquidate.liquidate(venue.pool, token, orders, minProfit, keeper)).to.be.revertedWithCustomError(
        liquidator,
        "Unprofitable",
      );
      await venue.sell(loan, (await loan.balanceOf(trader)) - before);
    });
  });
});

describe("attacks: front-running an oracle's update", () => {
  it("borrowing at a price that is about to fall loses until the fall is deeper than what LTVs leave", async () => {
    const all = await opened();
    const { vault, collateral, other, lender, open } = all;
    for (const [fair, gains] of [
      [1990, false], // by the deviation of the feed
      [1601, false],
      [1590, true],
    ] as const) {
      const ledger = new Ledger(all, priceE36(fair));
      const { profit } = await ledger.changes([other], [lender], async () => {
        await open(other, weth(10), usdc(16_000));
      });
      // 80 % of 2,000 is the most that is lent on what is worth `fair` outside
      expect(profit > 0n, `at ${fair}`).to.equal(gains);
      expect(profit).to.be.lte(gains ? ledger.value(0n) + usdc(16_000) - ledger.value(weth(10)) : 0n);
      await vault.connect(other).repay(collateral, ALL, other);
      await vault.connect(other).withdrawCollateral(collateral, weth(10), other, other);
    }
  });

  it("buying ahead of a rise gains the deviation on what is bought, at most a lane's burst", async () => {
    const all = await auctioned(1900, weth(300), usdc(477_000));
    const { house, collateral, borrower, other, lender, underwriter, later } = all;
    // until its price is the oracle's: 4 % at 0.5 % a minute
    await time.increaseTo(await later(480));
    const fair = (priceE36(1900) * (10_000n + DEVIATION_BPS)) / 10_000n;
    const ledger = new Ledger(all, fair);
    const { profit, others } = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
    });
    const [bought] = await house.queryFilter(house.filters.Bought);
    const { amount } = bought!.args;
    const { ratePerHour } = await house.lane(collateral);
    expect(amount).to.be.lte(burst(ratePerHour, 1000n));
    expect(profit).to.be.lte((ledger.value(amount) * (DEVIATION_BPS + 1n)) / 10_000n);
    for (const change of others) expect(change).to.be.gte(-1n);
  });

  it("handing one's collateral to the buffer ahead of a fall loses while the fall is less than the take-over's discount", async () => {
    const all = await opened();
    const { house, vault, collateral, borrower, lender, underwriter, setPrice } = all;
    await vault.connect(borrower).supplyCollateral(collateral, weth(90), borrower);
    await setPrice(2000);
    await vault.connect(borrower).borrow(collateral, usdc(144_000), borrower, borrower);
    await setPrice(1755); // 91.1 %
    const fair = (priceE36(1755) * (10_000n - DEVIATION_BPS)) / 10_000n;
    const ledger = new Ledger(all, fair);
    await ledger.expectNoProfit([borrower], [lender, underwriter], async () => {
      await house.absorb(collateral, borrower);
    });
  });

  it("and with hardly any equity gains its part of the fall, which is the underwriters' loss", async () => {
    const all = await opened(weth(100), usdc(159_000));
    const { house, collateral, borrower, lender, underwriter, setPrice } = all;
    await setPrice(1600); // 99.4 %: the discount is 0.3 %
    const fair = (priceE36(1600) * (10_000n - DEVIATION_BPS)) / 10_000n;
    const ledger = new Ledger(all, fair);
    const { profit, others } = await ledger.changes([borrower], [lender, underwriter], async () => {
      await house.absorb(collateral, borrower);
    });
    const [absorbed] = await house.queryFilter(house.filters.Absorbed);
    const paidFor = (absorbed!.args.amount * priceE36(1600)) / 10n ** 36n;
    const most = (paidFor * DEVIATION_BPS) / 10_000n;
    expect(profit).to.be.lte(most);
    expect(-others[1]!).to.be.lte(most);
    expect(others[0]).to.be.gte(-1n);
  });

  it("buying inventory ahead of a rise gains the deviation and its discount of 1 %, on half a lane's burst", async () => {
    const all = await buffering();
    const { buffer, house, collateral, other, lender, takeOver } = all;
    await takeOver(weth(80), usdc(155_000));
    await time.increase(2n * HOUR);
    const fair = (priceE36(2000) * (10_000n + DEVIATION_BPS)) / 10_000n;
    const ledger = new Ledger(all, fair);
    const held = weth(80);
    const { profit, others } = await ledger.changes([other], [lender], async () => {
      await buffer.connect(other).buyInventory(collateral, ALL, ALL, other, "0x");
    });
    const amount = held - (await buffer.inventory(collateral)).amount;
    const { ratePerHour } = await house.lane(collateral);
    expect(amount).to.be.lte(burst(ratePerHour / 2n, 150n));
    const most = bps(INVENTORY.maxDiscountBps) + DEVIATION_BPS;
    expect(profit)
      .to.be.gt(0n)
      .and.lte((ledger.value(amount) * most) / 10_000n);
    expect(others[0]).to.equal(0n);
  });

  it("underwriting ahead of a rise that inventory will show loses to the haircut what the rise would bring", async () => {
    const all = await buffering();
    const { buffer, house, loan, other, collateral, takeOver, setPrice } = all;
    await takeOver(weth(80), usdc(155_000));
    const before = await loan.balanceOf(other);
    await buffer.connect(other).deposit(usdc(200_000), other);
    await setPrice(2010);
    await buffer.connect(other).requestRedeem(await buffer.balanceOf(other), other, other);
    await time.increase(COOLDOWN);
    await house.sync(collateral);
    await buffer.connect(other).redeem(await buffer.maxRedeem(other), other, other);
    expect((await loan.balanceOf(other)) - before).to.be.lt(0n);
  });
});

describe("attacks: choosing when the lane looks at the price", () => {
  /** The lane is made to see `seen`, which the feed says for a moment, and nobody looks again for three hours. */
  const misled = async (seen: number) => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, collateral, borrower, other, lender, underwriter, setPrice, later } = all;
    await setPrice(seen);
    await house.connect(other).sync(collateral);
    await setPrice(2000);
    await time.increase(3n * HOUR);
    await setPrice(1900);
    await house.connect(other).start(collateral, borrower);
    const { premiumWad } = await house.auction(collateral, borrower);
    await time.setNextBlockTimestamp(await later(60));
    const ledger = new Ledger(all, priceE36(1900));
    const changes = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
    });
    return { ...all, ...changes, premiumWad };
  };

  it("at a wick down leaves the least premium, at which there is still no profit in the first minute", async () => {
    const { profit, others, premiumWad } = await misled(1850);
    expect(premiumWad).to.equal((bps(LANE.minPremiumBps) * WAD) / 10_000n);
    expect(profit).to.be.lte(0n);
    for (const change of others) expect(change).to.be.gte(-1n);
  });

  it("at a wick up keeps underwriters in only until anybody looks again", async () => {
    const { buffer, house, collateral, underwriter, setPrice } = await opened();
    await buffer.connect(underwriter).requestRedeem(usdc(1000) * 1000n, underwriter, underwriter);
    await time.increase(COOLDOWN - 3600);
    await setPrice(2100);
    await house.sync(collateral);
    await setPrice(2000);
    await time.increase(2n * HOUR);
    expect(await buffer.maxRedeem(underwriter)).to.equal(0n);
    await house.connect(underwriter).sync(collateral);
    await time.increase(2n * HOUR);
    expect(await buffer.maxRedeem(underwriter)).to.be.gt(0n);
  });
});

describe("attacks: a block proposer who holds the lane for minutes", () => {
  const hold = async (seconds: number) => {
    const all = await auctioned(1900, weth(300), usdc(477_000));
    const { house, collateral, borrower, other, lender, underwriter, later } = all;
    await time.setNextBlockTimestamp(await later(seconds));
    const ledger = new Ledger(all, priceE36(1900));
    const { premiumWad } = await house.auction(collateral, borrower);
    const changes = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
    });
    const [bought] = await house.queryFilter(house.filters.Bought);
    return {
      ...changes,
      premiumWad,
      ledger,
      amount: bought!.args.amount,
      rate: (await house.lane(collateral)).ratePerHour,
    };
  };

  it("loses while the premium lasts, which is eight minutes after a sudden fall", async () => {
    for (const seconds of [60, 300, 470]) {
      const { profit, others } = await hold(seconds);
      expect(profit, `after ${seconds} s`).to.be.lte(0n);
      for (const change of others) expect(change).to.be.gte(-1n);
    }
  });

  it("then gains the slope on each minute, at most the discount on a lane's burst, at the borrower's cost alone", async () => {
    for (const seconds of [720, 1200, 7200]) {
      const { profit, others, premiumWad, ledger, amount, rate } = await hold(seconds);
      const slope = BigInt(LANE.slopeWad);
      const fallen = slope * BigInt(seconds) - premiumWad;
      const widest = (bps(LANE.maxDiscountBps) * WAD) / 10_000n;
      const discount = fallen < widest ? fallen : widest;
      expect(profit, `after ${seconds} s`)
        .to.be.gt(0n)
        .and.lte((ledger.value(amount) * discount) / WAD + 1n);
      expect(amount).to.be.lte(burst(rate, 1000n));
      for (const change of others) expect(change).to.be.gte(-1n);
    }
  });
});
