import { setCode } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import { ethers } from "hardhat";

import { onPool } from "../contracts/route";
import { DAY, HOUR, MINUTE, usdc, weth, type World, world } from "./fixture";

/** Ways in which a feed fails, and how what needs it is refused. */
const FAILURES: readonly { what: string; error: string; fail: (all: World) => Promise<unknown> }[] = [
  { what: "stale", error: "StalePrice", fail: async (all) => all.passInSilence(2 * HOUR) },
  { what: "broken", error: "FeedUnreadable", fail: async ({ protocol }) => protocol.feeds.ETH.setBroken(true) },
  { what: "at zero", error: "BadPrice", fail: async ({ protocol }) => protocol.feeds.ETH.setAnswer(0) },
  {
    what: "without a price of the loan asset",
    error: "FeedUnreadable",
    fail: async ({ protocol }) => protocol.feeds.USDC.setBroken(true),
  },
];

describe("end to end: O1, with a bad oracle nobody takes on risk and everybody can lower it", () => {
  for (const { what, error, fail } of FAILURES) {
    it(`a feed that is ${what}`, async () => {
      const all = await world();
      const { vault, house, buffer, liquidator, weth: collateral } = all.protocol;
      const { borrower, keeper, buyer, lender, underwriter } = all.people;
      // two that are unhealthy, one of them for long enough to be bought from, and one that is healthy
      await all.open(borrower, collateral, weth(10), usdc(15_000));
      await all.open(buyer, collateral, weth(10), usdc(15_000));
      await all.open(lender, collateral, weth(10), usdc(5_000));
      await all.pass(HOUR);
      await all.setPrice("ETH", 1780);
      await house.connect(keeper).open(collateral, borrower, keeper);
      await all.pass(10 * MINUTE);
      await buffer.connect(underwriter).requestRedeem(1, underwriter, underwriter);
      await fail(all);

      const oracle = await ethers.getContractAt("ChainlinkOracle", (await vault.market(collateral)).oracle);
      const orders = [{ owner: borrower.address, maxCollateral: MaxUint256 }];
      const risky: Record<string, () => Promise<unknown>> = {
        borrow: async () => vault.connect(lender).borrow(collateral, usdc(2_000), lender, lender),
        withdrawCollateral: async () => vault.connect(lender).withdrawCollateral(collateral, 1, lender, lender),
        open: async () => house.connect(keeper).open(collateral, buyer, keeper),
        buy: async () => house.connect(lender).buy(collateral, borrower, weth(1), MaxUint256, lender, "0x"),
        buyMany: async () => house.connect(lender).buyMany(collateral, orders, MaxUint256, lender, "0x"),
        liquidate: async () =>
          liquidator.connect(keeper).liquidate([onPool(all.pools.ETH)], collateral, orders, 0, keeper),
        absorb: async () => house.connect(keeper).absorb(collateral, borrower, keeper),
        absorbMany: async () => house.connect(keeper).absorbMany(collateral, [borrower, buyer], keeper),
        sync: async () => house.connect(keeper).sync(collateral),
        observe: async () => house.connect(keeper).observe(collateral),
      };
      for (const [name, call] of Object.entries(risky)) {
        await expect(call(), name).to.be.revertedWithCustomError(oracle, error);
      }

      // what lowers risk, and what has none
      await vault.connect(lender).supplyCollateral(collateral, weth(1), borrower);
      await vault.connect(borrower).repay(collateral, usdc(10_000), borrower);
      await vault.connect(lender).deposit(usdc(1000), lender);
      await vault.connect(lender).withdraw(usdc(1000), lender, lender);
      await buffer.connect(underwriter).requestRedeem(1, underwriter, underwriter);
      // who owes nothing leaves, from under an open lane too
      await vault.connect(borrower).repayShares(collateral, MaxUint256, borrower);
      await vault.connect(borrower).withdrawCollateral(collateral, weth(9), borrower, borrower);
    });
  }

  it("a pool that can't be looked back on stops borrowing and withdrawing, not the lane", async () => {
    const all = await world();
    const { vault, house, weth: collateral, feeds } = all.protocol;
    const { borrower, lender } = all.people;
    await all.open(borrower, collateral, weth(10), usdc(15_000));
    await all.pass(DAY);
    await feeds.ETH.setAnswer(1780 * 1e8);
    await setCode(await all.pools.ETH.getAddress(), "0x60006000fd"); // reverts, whatever it is asked
    const guard = await ethers.getContractAt("GuardedOracle", (await vault.market(collateral)).borrowOracle);
    await vault.connect(lender).supplyCollateral(collateral, weth(10), lender);
    await expect(vault.connect(lender).borrow(collateral, usdc(2_000), lender, lender)).to.be.revertedWithCustomError(
      guard,
      "WindowNotAvailable",
    );
    const { ratePerHour } = await house.lane(collateral);
    await house.open(collateral, borrower, lender);
    const { diverged, premiumWad } = await house.laneState(collateral);
    expect([diverged, premiumWad]).to.deep.equal([true, 4n * 10n ** 16n]);
    // the old rate, or what the market's other venues give
    expect((await house.lane(collateral)).ratePerHour).to.be.within(1n, ratePerHour);
    await all.passInSilence(600);
    await house.connect(lender).buy(collateral, borrower, weth(1), MaxUint256, lender, "0x");
  });

  it("the guardian can pause new borrowing, and nothing else stops", async () => {
    const all = await world();
    const { vault, house, buffer, guardian, weth: collateral } = all.protocol;
    const { borrower, lender, underwriter, keeper } = all.people;
    await all.open(borrower, collateral, weth(10), usdc(15_000));
    await vault.connect(guardian).setBorrowPaused(true);
    await vault.connect(lender).supplyCollateral(collateral, weth(10), lender);
    await expect(vault.connect(lender).borrow(collateral, usdc(2_000), lender, lender)).to.be.revertedWithCustomError(
      vault,
      "BorrowPaused",
    );
    await vault.connect(lender).withdrawCollateral(collateral, weth(10), lender, lender);
    await vault.connect(borrower).repay(collateral, usdc(100), borrower);
    await vault.connect(lender).deposit(usdc(1), lender);
    await buffer.connect(underwriter).deposit(usdc(1), underwriter);
    await all.pass(HOUR);
    await all.setPrice("ETH", 1760);
    await house.connect(keeper).open(collateral, borrower, keeper);
    await all.pass(600);
    await house.connect(lender).buy(collateral, borrower, weth(1), MaxUint256, lender, "0x");
    await all.setPrice("ETH", 1500);
    await house.connect(keeper).absorb(collateral, borrower, keeper);
  });
});
