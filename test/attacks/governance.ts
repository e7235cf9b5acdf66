import { expect } from "chai";
import { ethers } from "hardhat";

import {
  HOUR,
  INVENTORY,
  LANE,
  MARKET,
  PAY,
  coreWithoutInterest,
  priceE36,
  time,
  usdc,
  weth,
} from "../contracts/fixture";
import { Ledger } from "./ledger";
import { ALL, setBaseFee, watch } from "./setup";

/** Lanes at the edge of what `setLane` takes, for a market with an lltv of 83 %. */
const EDGES: Record<string, Partial<typeof LANE>> = {
  "the widest discount, no fee": { maxDiscountBps: 850, liquidationFeeBps: 0 },
  "the highest fee, no discount": { maxDiscountBps: 0, firstDiscountBps: 0, liquidationFeeBps: 850 },
  "the lowest target": { targetLtvBps: 1, maxDiscountBps: 800, liquidationFeeBps: 50 },
  "no premium, and the steepest slope that the longest age allows": {
    minPremiumBps: 0,
    maxPremiumBps: 0,
    slopeWad: 10n ** 16n,
    maxDiscountBps: 850,
    liquidationFeeBps: 0,
  },
  "the greatest pace, urgency and first discount": {
    paceBps: 10_000,
    urgency: 100,
    firstDiscountBps: 600,
    minRatePerHour: (1n << 104n) - 1n,
    maxRatePerHour: (1n << 104n) - 1n,
  },
  "the shortest idle time and average": { idleTime: 60, emaPeriod: 60 },
  "an absorption at once, at the widest discount": { absorbLtvBps: 8301, absorbDiscountBps: 849 },
};

/** Pay at the edge of what `setPay` takes. */
const DEAREST = { feeCap: 10n ** 13n, marginBps: 10_000, tip: 10n ** 11n, capBps: 100, interval: 600 };

/** A position a hair over its lltv, in a lane that governance has just set, and a governor who buys. */
async function colluding(change: Partial<typeof LANE>) {
  const all = await coreWithoutInterest();
  const { house, collateral, depth, guard, borrower, open, setPrice } = all;
  await open(borrower, weth(10), usdc(15_900));
  await time.increase(HOUR);
  await house.setLane(collateral, { ...LANE, depthOracle: depth, guard, ...change });
  // the most that can be paid, at any base fee
  await house.setPay({ ...PAY, ...DEAREST, nativeOracle: all.oracle, wrappedNative: collateral });
  await setBaseFee(10n ** 13n);
  await setPrice(1915);
  return { ...all, ledger: new Ledger(all, priceE36(1915)) };
}

/** A, in seconds: by then the multiple has fallen as far as it goes. */
const longestAge = ({ maxPremiumBps, maxDiscountBps, slopeWad }: typeof LANE): number =>
  Math.ceil(((Number(maxPremiumBps) + Number(maxDiscountBps)) * 1e14) / Number(slopeWad));

describe("attacks: governance at the edge of every bound", () => {
  for (const [name, change] of Object.entries(EDGES)) {
    it(`${name}: a buyer with it takes no more than half of the borrower's equity, and nothing of the others'`, async () => {
      const { house, vault, collateral, governor, keeper, borrower, lender, underwriter, ledger } =
        await colluding(change);
      const wealth = await ledger.wealth(borrower);
      const equity = ledger.value(weth(10)) - usdc(15_900);
      const { profit, others } = await ledger.changes([keeper, governor], [lender, underwriter], async () => {
        await house.connect(keeper).open(collateral, borrower, keeper, { maxFeePerGas: 2n * 10n ** 13n });
        await time.increase(longestAge({ ...LANE, ...change }));
        if (change.absorbLtvBps !== undefined) await house.connect(keeper).absorb(collateral, borrower, keeper);
        else await house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x");
      });
      const lost = wealth - (await ledger.wealth(borrower));
      // a hundredth for each of an `open` and an absorption
      const pay = ledger.value(weth(10)) / 50n;
      expect(profit).to.be.lte(equity / 2n + pay);
      expect(lost).to.be.lte(equity / 2n + pay);
      for (const gained of others) expect(gained).to.be.gte(-1n);
      const after = await vault.position(collateral, borrower);
      const ltvBps = after.debtShares === 0n ? 0n : (after.debtShares * 10_000n) / ledger.value(after.collateral);
      // pay alone raises it
      const paid = (usdc(15_900) * 10_000n) / ledger.value((weth(10) * 99n) / 100n);
      expect(ltvBps).to.be.lt(paid);
    });
  }

  it("the highest lltv at which a lane can be: no discount, and still nothing is toxic or stuck", async () => {
    const all = await coreWithoutInterest();
    const { vault, house, depth, guard, borrower, keeper, lender, underwriter } = all;
    const token = await ethers.deployContract("MockERC20", ["Near", "NEAR", 18]);
    const oracle = await ethers.deployContract("MockOracle", [priceE36(2000n)]);
    const market = { ...MARKET, oracle, borrowOracle: oracle };
    await vault.setMarket(token, { ...market, maxLtvBps: 9997, lltvBps: 9998 });
    const none = {
      maxDiscountBps: 0,
      firstDiscountBps: 0,
      liquidationFeeBps: 0,
      absorbDiscountBps: 0,
      absorbLtvBps: 9999,
    };
    const lane = { ...LANE, ...none, targetLtvBps: 9997, depthOracle: depth, guard };
    await expect(house.setLane(token, { ...lane, maxDiscountBps: 2 })).to.be.revertedWithCustomError(
      house,
      "BadParameter",
    );
    await house.setLane(token, lane);
    await all.buffer.setInventoryParameters(token, INVENTORY);
    await token.mint(borrower, weth(10));
    await token.connect(borrower).approve(vault, ALL);
    await vault.connect(borrower).supplyCollateral(token, weth(10), borrower);
    await vault.connect(borrower).borrow(token, usdc(19_990), borrower, borrower);
    await oracle.setPrice(priceE36(1999.35));
    const ledger = new Ledger({ ...all, collateral: token }, priceE36(1999.35));
    const { others } = await ledger.changes([keeper], [lender, underwriter], async () => {
      await house.connect(keeper).open(token, borrower, keeper);
      await time.increase(longestAge(lane));
      await house.connect(keeper).buy(token, borrower, weth(1), ALL, keeper, "0x");
      await oracle.setPrice(priceE36(1999.05));
      await house.connect(keeper).absorb(token, borrower, keeper);
    });
    for (const gained of others) expect(gained).to.be.gte(-1n);
  });

  it("minDebt without bound makes sales close whole positions, and everybody can still repay and top up", async () => {
    const { vault, house, oracle, borrowOracle, collateral, keeper, borrower, lender, underwriter, ledger } =
      await colluding({});
    await vault.setMarket(collateral, { ...MARKET, oracle, borrowOracle, minDebt: (1n << 96n) - 1n });
    const { others } = await ledger.changes([keeper], [lender, underwriter], async () => {
      await house.connect(keeper).open(collateral, borrower, keeper);
      await time.increase(1200);
      await house.connect(keeper).buy(collateral, borrower, weth(1), ALL, keeper, "0x");
    });
    for (const gained of others) expect(gained).to.be.gte(-1n);
    await vault.connect(borrower).supplyCollateral(collateral, 1n, borrower);
    await expect(vault.connect(borrower).repay(collateral, usdc(1000), borrower)).to.be.revertedWithCustomError(
      vault,
      "DebtTooSmall",
    );
    await vault.connect(borrower).repay(collateral, ALL, borrower);
    expect(await vault.debtOf(collateral, borrower)).to.equal(0n);
  });

  it("the whole interest to the reserves leaves lenders what they had, and they can leave", async () => {
    const all = await coreWithoutInterest();
    const { vault, lender, borrower, open } = all;
    await open(borrower, weth(100), usdc(100_000));
    await vault.setInterestShares(10_000, 0);
    await expect(vault.setInterestShares(10_000, 1)).to.be.revertedWithCustomError(vault, "BadInterestShares");
    await time.increase(365n * 24n * HOUR);
    await vault.connect(lender).withdraw(usdc(900_000), lender, lender);
    expect(await vault.totalAssets()).to.be.gte(usdc(100_000));
  });

  it("the highest haircut, longest cooldown and a sale at once take from underwriters half of the inventory at most, and only who leave", async () => {
    const all = await coreWithoutInterest();
    const { buffer, house, collateral, loan, borrower, underwriter, open, setPrice } = all;
    await open(borrower, weth(50), usdc(80_000));
    await setPrice(1740);
    await house.absorb(collateral, borrower, borrower);
    const { amount } = await buffer.inventory(collateral);
    const before = await buffer.convertToAssets(await buffer.balanceOf(underwriter));
    await buffer.setInventoryParameters(collateral, {
      ...INVENTORY,
      haircutBps: 5000,
      maxHold: 1,
      maxDiscountBps: 1000,
    });
    await buffer.setCooldown(90 * 86_400);
    const half = (amount * priceE36(1740)) / 10n ** 36n / 2n;
    const after = await buffer.convertToAssets(await buffer.balanceOf(underwriter));
    expect(before - after).to.be.lte(half);
    await buffer.connect(underwriter).requestRedeem(await buffer.balanceOf(underwriter), underwriter, underwriter);
    await time.increase(90 * 86_400);
    await watch(all);
    await buffer.connect(underwriter).fulfil(underwriter, underwriter);
    const cash = await loan.balanceOf(underwriter);
    await buffer.connect(underwriter).redeem(await buffer.maxRedeem(underwriter), underwriter, underwriter);
    expect((await loan.balanceOf(underwriter)) - cash).to.be.gte((await buffer.totalAssets()) / 2n);
  });
});
