import { expect } from "chai";

import { LANE, MARKET, coreWithoutInterest, time, usdc, weth } from "../contracts/fixture";
import { ALL } from "./setup";

/** The core with the lane's own ceiling, and 400 WETH of a borrower who can borrow more by LTV. */
async function bounded(change: Partial<typeof LANE> = {}) {
  const all = await coreWithoutInterest();
  const { vault, house, collateral, depth, guard, borrower } = all;
  await house.setLane(collateral, { ...LANE, depthOracle: depth, guard, clearHours: 1, ...change });
  await vault.connect(borrower).supplyCollateral(collateral, weth(400), borrower);
  await vault.connect(borrower).borrow(collateral, usdc(200_000), borrower, borrower);
  const ceiling = async (): Promise<bigint> => (await vault.market(collateral)).ceiling;
  const borrow = async (amount: bigint) => vault.connect(borrower).borrow(collateral, amount, borrower, borrower);
  return { ...all, ceiling, borrow };
}

describe("attacks: pumping a market's debt ceiling", () => {
  it("a hundredfold depth for a moment lifts it twofold for each hour since the last look, and no further", async () => {
    const { house, collateral, depth, other, ceiling } = await bounded();
    // 120 WETH an hour at 2,000
    const before = await ceiling();
    expect(before).to.equal(usdc(240_000));
    await time.increase(1800);
    await depth.setDepth(weth(10_000));
    await house.connect(other).sync(collateral);
    await depth.setDepth(weth(100));
    expect(await ceiling()).to.be.within((before * 141n) / 100n, (before * 142n) / 100n);
    // the next look takes it back at once
    await house.connect(other).sync(collateral);
    expect(await ceiling()).to.equal(before);
  });

  it("again and again in one block: nothing more", async () => {
    const { house, collateral, depth, other, ceiling } = await bounded();
    await time.increase(1800);
    await depth.setDepth(weth(10_000));
    await house.connect(other).sync(collateral);
    const first = await ceiling();
    for (let i = 0; i < 5; ++i) await house.connect(other).sync(collateral);
    // but for the seconds between the calls
    expect(await ceiling()).to.be.lte((first * 1003n) / 1000n);
  });

  it("where nobody looked for a day it follows what the depth says, within the lane's rate and governance's ceiling: a known limit", async () => {
    const { vault, house, oracle, borrowOracle, collateral, depth, other, ceiling } = await bounded({
      maxRatePerHour: weth(1000),
    });
    await time.increase(86_400);
    await depth.setDepth(weth(1_000_000));
    await house.connect(other).sync(collateral);
    expect(await ceiling()).to.equal(usdc(2_000_000));
    await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, debtCeiling: usdc(300_000) });
    expect(await ceiling()).to.equal(usdc(300_000));
  });

  it("a rise of the price counts with the next refresh of the rate, a fall too, and neither moves the LTV that is lent to", async () => {
    const { vault, house, collateral, other, setPrice, ceiling, borrow } = await bounded();
    await setPrice(2200);
    expect(await ceiling()).to.equal(usdc(240_000));
    await house.connect(other).sync(collateral);
    expect(await ceiling()).to.equal(usdc(264_000));
    await borrow(usdc(64_000));
    await expect(borrow(1n)).to.be.revertedWithCustomError(vault, "DebtCeilingExceeded");
    await setPrice(2000);
    await house.connect(other).sync(collateral);
    expect(await ceiling()).to.equal(usdc(240_000));
  });

  it("what was lent under a pumped ceiling stands, healthy by its own LTV, and no more is lent", async () => {
    const { vault, house, collateral, depth, borrower, other, borrow, ceiling } = await bounded();
    await time.increase(3600);
    await depth.setDepth(weth(10_000));
    await house.connect(other).sync(collateral);
    await borrow(usdc(200_000));
    await depth.setDepth(weth(100));
    await house.connect(other).sync(collateral);
    expect(await vault.debtOf(collateral, borrower)).to.be.gt(await ceiling());
    await expect(borrow(1n)).to.be.revertedWithCustomError(vault, "DebtCeilingExceeded");
    await expect(house.connect(other).open(collateral, borrower, other)).to.be.revertedWithCustomError(
      house,
      "PositionHealthy",
    );
  });
});

describe("attacks: pulling depth to keep others from borrowing", () => {
  it("stops new debt, and nothing of a standing one: repaying, topping up and withdrawing go on, and nobody is sold", async () => {
    const { vault, house, collateral, depth, borrower, other, borrow, ceiling } = await bounded();
    await depth.setDepth(0n);
    await house.connect(other).sync(collateral);
    // the least rate, for an hour
    expect(await ceiling()).to.equal(usdc(20));
    await expect(borrow(usdc(1))).to.be.revertedWithCustomError(vault, "DebtCeilingExceeded");
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await vault.connect(borrower).withdrawCollateral(collateral, weth(10), borrower, borrower);
    await vault.connect(borrower).repay(collateral, usdc(1000), borrower);
    await expect(house.connect(other).open(collateral, borrower, other)).to.be.revertedWithCustomError(
      house,
      "PositionHealthy",
    );
    // what is repaid can't be borrowed again until the depth is back
    await expect(borrow(usdc(1000))).to.be.revertedWithCustomError(vault, "DebtCeilingExceeded");
    expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(199_000));
  });

  it("and is undone at twofold an hour once the depth is back: a known limit", async () => {
    const { house, collateral, depth, other, ceiling } = await bounded();
    await depth.setDepth(weth(25));
    await house.connect(other).sync(collateral);
    expect(await ceiling()).to.equal(usdc(60_000));
    await depth.setDepth(weth(100));
    for (const least of [usdc(119_000), usdc(239_000)]) {
      await time.increase(3600);
      await house.connect(other).sync(collateral);
      expect(await ceiling()).to.be.gte(least);
    }
  });

  it("a depth that reverts keeps the ceiling as it was, and a sync of it reverts", async () => {
    const { vault, house, collateral, depth, borrower, other, setPrice, ceiling } = await bounded();
    await depth.setBroken(true);
    await time.increase(7200);
    await expect(house.connect(other).sync(collateral)).to.be.revertedWithCustomError(depth, "Broken");
    expect(await ceiling()).to.equal(usdc(240_000));
    await setPrice(590);
    await house.connect(other).open(collateral, borrower, other);
    expect(await ceiling()).to.equal(usdc(240_000));
    await vault.connect(borrower).repay(collateral, ALL, borrower);
  });
});
