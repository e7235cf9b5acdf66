import { mine } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";

import { HOUR, INVENTORY, LANE, WAD, priceE36, time, usdc, weth } from "../contracts/fixture";
import { deployOpenLane } from "../contracts/periphery/fixture";
import { onPool } from "../contracts/route";
import { Ledger } from "./ledger";
import { ALL, DEVIATION_BPS, URGENT, bps, buffering, burst, later, leave, opened, selling } from "./setup";

describe("attacks: sandwiching buy", () => {
  it("the one in front pays the lane's price; who comes second pays no more than allowed, and to the protocol", async () => {
    const all = await selling(1850, weth(300), usdc(477_000));
    const { house, collateral, borrower, other, keeper, lender, underwriter } = all;
    await time.increaseTo(await later(240)); // 4 % less 2 %: still at a premium
    const ledger = new Ledger(all, priceE36(1850));
    const quoted = await house.quote(collateral, borrower, weth(1));
    await ledger.expectNoProfit([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, weth(7), ALL, other, "0x");
      await expect(
        house.connect(keeper).buy(collateral, borrower, weth(1), quoted.cost, keeper, "0x"),
      ).to.be.revertedWithCustomError(house, "CostTooHigh");
    });
  });

  it("of a flash liquidation, on the real pool: it reverts under its least profit, and the sandwich pays the pool", async () => {
    const market = await deployOpenLane("MockERC20");
    const { liquidator, venue, weth: token, usdc: loan, vault, house, buffer, borrowers, trader, keeper } = market;
    await time.increase(900);
    await venue.sell(token, (await token.balanceOf(venue.pool)) / 8n); // near the oracle's price
    await mine();
    const orders = [{ owner: borrowers[0]!.address, maxCollateral: weth(1) }];
    const liquidate = liquidator.connect(keeper);
    const least = await liquidate.liquidate.staticCall([onPool(venue.pool)], token, orders, 0, keeper);
    const minProfit = (least.profit * 95n) / 100n;
    expect(minProfit).to.be.gt(0n);
    const ledger = new Ledger({ vault, house, buffer, loan, collateral: token }, priceE36(2350n));
    await ledger.expectNoProfit([trader], [keeper, market.lender], async () => {
      const before = await loan.balanceOf(trader);
      await venue.sell(token, weth(300));
      await expect(
        liquidate.liquidate([onPool(venue.pool)], token, orders, minProfit, keeper),
      ).to.be.revertedWithCustomError(liquidator, "Unprofitable");
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
    const all = await selling(1900, weth(300), usdc(477_000));
    const { house, collateral, borrower, other, lender, underwriter } = all;
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
    expect(amount).to.be.lte(burst(ratePerHour * URGENT, 1000n));
    expect(profit).to.be.lte((ledger.value(amount) * (DEVIATION_BPS + 1n)) / 10_000n);
    for (const change of others) expect(change).to.be.gte(-1n);
  });

  it("handing one's collateral to the buffer ahead of a fall loses while the fall is less than the absorption's discount", async () => {
    const all = await opened();
    const { house, vault, collateral, borrower, keeper, lender, underwriter, setPrice } = all;
    await vault.connect(borrower).supplyCollateral(collateral, weth(90), borrower);
    await setPrice(2000);
    await vault.connect(borrower).borrow(collateral, usdc(144_000), borrower, borrower);
    await setPrice(1755); // 91.1 %
    const fair = (priceE36(1755) * (10_000n - DEVIATION_BPS)) / 10_000n;
    const ledger = new Ledger(all, fair);
    await ledger.expectNoProfit([borrower], [lender, underwriter], async () => {
      await house.absorb(collateral, borrower, keeper);
    });
  });

  it("and with hardly any equity gains its part of the fall, which is the underwriters' loss", async () => {
    const all = await opened(weth(100), usdc(159_000));
    const { house, collateral, borrower, keeper, lender, underwriter, setPrice } = all;
    await setPrice(1600); // 99.4 %: the discount is 0.3 %
    const fair = (priceE36(1600) * (10_000n - DEVIATION_BPS)) / 10_000n;
    const ledger = new Ledger(all, fair);
    const { profit, others } = await ledger.changes([borrower], [lender, underwriter], async () => {
      await house.absorb(collateral, borrower, keeper);
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
    const { buffer, house, collateral, other, lender, absorb } = all;
    await absorb(weth(80), usdc(155_000));
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
    const { buffer, loan, other, absorb, setPrice } = all;
    await absorb(weth(80), usdc(155_000));
    const before = await loan.balanceOf(other);
    await buffer.connect(other).deposit(usdc(200_000), other);
    await setPrice(2010);
    await leave(all, other);
    expect((await loan.balanceOf(other)) - before).to.be.lt(0n);
  });

  it("underwriting in the dip of a wick, while the average remembers, gains nothing of the way back", async () => {
    const all = await buffering();
    const { buffer, house, collateral, loan, other, absorb, setPrice } = all;
    await absorb(weth(80), usdc(155_000));
    await house.observe(collateral);
    await setPrice(1800);
    const before = await loan.balanceOf(other);
    await buffer.connect(other).deposit(usdc(200_000), other);
    await setPrice(2000);
    await leave(all, other);
    expect((await loan.balanceOf(other)) - before).to.be.lt(0n);
  });
});

describe("attacks: choosing when the lane looks at the price", () => {
  /** The lane is made to see `seen`, which the feed says for a moment, and nobody looks again for three hours. */
  const misled = async (seen: number) => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, collateral, borrower, other, keeper, lender, underwriter, setPrice } = all;
    await setPrice(seen);
    await house.connect(other).observe(collateral);
    await setPrice(2000);
    await time.increase(3n * HOUR);
    await setPrice(1900);
    await house.connect(other).open(collateral, borrower, keeper);
    const { premiumWad } = await house.laneState(collateral);
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

  it("at a wick up leaves the widest, which costs a buyer seven minutes and nobody else anything", async () => {
    const { profit, premiumWad } = await misled(2100);
    expect(premiumWad).to.equal((bps(LANE.maxPremiumBps) * WAD) / 10_000n);
    expect(profit).to.be.lte(0n);
  });

  it("every block of a lane that is open pulls the average down no faster than one look a period does", async () => {
    const averages: bigint[] = [];
    for (const every of [12, 60, 600]) {
      const { house, collateral, setPrice } = await opened();
      await setPrice(1800);
      await house.observe(collateral);
      const from = await later(0);
      for (let t = every; t <= 600; t += every) {
        await time.setNextBlockTimestamp(from + BigInt(t));
        await house.observe(collateral);
      }
      averages.push(await house.ema(collateral));
    }
    for (const average of averages.slice(1)) {
      expect(average).to.be.within((averages[0]! * 999_999n) / 1_000_000n, (averages[0]! * 1_000_001n) / 1_000_000n);
    }
  });

  it("a guard that turned within five minutes of a look at the same price counts at the next change of it", async () => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, guard, collateral, borrower, other, setPrice, openLane } = all;
    await setPrice(1900);
    await openLane();
    // the average has come down, so that the guard alone makes the premium wide
    for (let i = 0; i < 40; ++i) {
      await time.increase(280);
      await house.connect(other).buy(collateral, borrower, 10n ** 13n, ALL, other, "0x");
    }
    await house.observe(collateral);
    await guard.setDiverged(true);
    const widest = (bps(LANE.maxPremiumBps) * WAD) / 10_000n;
    // what is stored counts: for at most five minutes, and only while the feed says the same
    await time.increase(200);
    expect((await house.laneState(collateral)).premiumWad).to.be.lt(widest);
    await time.increase(100);
    expect((await house.laneState(collateral)).premiumWad).to.equal(widest);
    await guard.setDiverged(false);
    await house.observe(collateral);
    await guard.setDiverged(true);
    await setPrice(1899);
    expect((await house.laneState(collateral)).premiumWad).to.equal(widest);
  });
});

describe("attacks: two wicks", () => {
  /** The discount at which 300 WETH can be bought in the block of a wick to `price`, `seconds` after another. */
  const secondWick = async (seconds: number, price: number) => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, collateral, borrower, other, keeper, lender, underwriter, setPrice } = all;
    await setPrice(1700);
    await house.connect(other).open(collateral, borrower, keeper);
    await time.increase(60);
    await setPrice(2000);
    await house.observe(collateral);
    await time.increase(seconds - 60);
    await setPrice(price);
    // what it is worth: the wick goes by
    const ledger = new Ledger(all, priceE36(price));
    const changes = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
    });
    const [bought] = await house.queryFilter(house.filters.Bought);
    return { ...changes, multipleWad: bought!.args.multipleWad, ledger, amount: bought!.args.amount };
  };

  it("20 minutes apart, the lane of the first is aged in the second: the discount is bounded by the LTV over lltv", async () => {
    for (const price of [1900, 1850, 1700]) {
      const { profit, others, multipleWad, ledger, amount } = await secondWick(1200, price);
      const ltvWad = (usdc(477_000) * WAD) / ((weth(300) * priceE36(price)) / 10n ** 36n);
      const overWad = ltvWad - (8300n * WAD) / 10_000n;
      const widest = (bps(LANE.firstDiscountBps) * WAD) / 10_000n + overWad;
      expect(WAD - multipleWad, `at ${price}`).to.be.lte(widest + WAD / 100_000n);
      expect(profit).to.be.lte((ledger.value(amount) * (widest + WAD / 100_000n)) / WAD);
      for (const change of others) expect(change).to.be.gte(-1n);
    }
  });

  it("once the lane has closed, the second is a first one", async () => {
    await expect(secondWick(1501, 1850)).to.be.rejectedWith("NotBuyable");
  });
});

describe("attacks: a block proposer who holds the lane for minutes", () => {
  /** Buys what brings most, `seconds` after the lane was opened. */
  const hold = async (seconds: number) => {
    const all = await selling(1900, weth(300), usdc(477_000));
    const { house, collateral, borrower, other, lender, underwriter } = all;
    await time.increaseTo((await later(seconds)) - 1n);
    const ledger = new Ledger(all, priceE36(1900));
    const { available } = await house.quote(collateral, borrower, ALL);
    let best = { gain: -ledger.value(weth(300)), amount: ALL };
    for (let tenths = 1n; tenths <= 10n; ++tenths) {
      const { collateral: amount, cost } = await house.quote(collateral, borrower, (available * tenths) / 10n);
      const gain = ledger.value(amount) - cost;
      if (gain > best.gain) best = { gain, amount };
    }
    const changes = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, best.amount, ALL, other, "0x");
    });
    const [bought] = await house.queryFilter(house.filters.Bought);
    const { amount, multipleWad } = bought!.args;
    return { ...changes, ledger, amount, multipleWad, rate: (await house.lane(collateral)).ratePerHour };
  };

  it("loses while the premium lasts, which is eight minutes after a sudden fall", async () => {
    for (const seconds of [60, 300, 450]) {
      const { profit, others } = await hold(seconds);
      expect(profit, `after ${seconds} s`).to.be.lte(0n);
      for (const change of others) expect(change).to.be.gte(-1n);
    }
  });

  it("then gains the slope on each minute, at most the first discount on a lane's burst, at the borrower's cost alone", async () => {
    for (const seconds of [720, 1200, 1490]) {
      const { profit, others, ledger, amount, multipleWad, rate } = await hold(seconds);
      // 83.7 % LTV
      const widest = ((bps(LANE.firstDiscountBps) + 70n) * WAD) / 10_000n;
      expect(WAD - multipleWad).to.be.lte(widest);
      expect(profit, `after ${seconds} s`)
        .to.be.gt(0n)
        .and.lte((ledger.value(amount) * widest) / WAD + 1n);
      expect(amount).to.be.lte(burst(rate * URGENT, 1000n));
      for (const change of others) expect(change).to.be.gte(-1n);
    }
  });

  it("and one who waits until the lane is closed has nothing", async () => {
    await expect(hold(1501)).to.be.rejectedWith("NotBuyable");
  });
});
