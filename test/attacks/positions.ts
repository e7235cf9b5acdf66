import { expect } from "chai";
import { ethers } from "hardhat";

import { LANE, priceE36, time, usdc, weth } from "../contracts/fixture";
import { Ledger } from "./ledger";
import { ALL, Refusal, inOneBlock, later, opened } from "./setup";

/** 100 WETH against 159,000 USDC, all of the attacker's, as one position or as many. */
async function fallen(parts: number, price = 1900) {
  const all = await opened();
  const { vault, loan, collateral, borrower, setPrice } = all;
  const owners = (await ethers.getSigners()).slice(8, 8 + parts);
  for (const owner of owners) {
    await collateral.mint(owner, weth(100) / BigInt(parts));
    await collateral.connect(owner).approve(vault, ALL);
    await loan.connect(owner).approve(vault, ALL);
    await all.open(owner, weth(100) / BigInt(parts), usdc(159_000) / BigInt(parts));
  }
  await vault.connect(borrower).repay(collateral, ALL, borrower);
  await time.increase(3600);
  await setPrice(price);
  return { ...all, owners, ledger: new Ledger(all, priceE36(price)) };
}

describe("attacks: one's own position", () => {
  for (const parts of [1, 10]) {
    describe(`liquidated by oneself, in ${parts} part${parts === 1 ? "" : "s"}`, () => {
      it("by the lane: the discount and the pay are one's own money, and the fee is gone", async () => {
        const { house, collateral, other, lender, underwriter, owners, ledger } = await fallen(parts);
        const profit = await ledger.expectNoProfit([other, ...owners], [lender, underwriter], async () => {
          await house.connect(other).open(collateral, owners[0]!, other);
          await time.increase(1200);
          const orders = owners.map(({ address }) => ({ owner: address, maxCollateral: ALL }));
          await house.connect(other).buyMany(collateral, orders, ALL, other, "0x");
        });
        expect(profit).to.be.lt(-usdc(100));
      });

      it("by the buffer: it pays less than the price", async () => {
        const { house, collateral, other, lender, underwriter, owners, ledger } = await fallen(parts, 1740);
        const profit = await ledger.expectNoProfit([other, ...owners], [lender, underwriter], async () => {
          for (const owner of owners) await house.connect(other).absorb(collateral, owner, other);
        });
        expect(profit).to.be.lt(-usdc(100));
      });

      it("by the lane, insolvent and with a full buffer: the buyer's discount, which anybody can have", async () => {
        const { house, collateral, other, lender, underwriter, owners, ledger, setCap } = await fallen(parts, 1500);
        await setCap(0n);
        await house.connect(other).open(collateral, owners[0]!, other);
        await time.increase(1200);
        const { profit, others } = await ledger.changes([other, ...owners], [lender, underwriter], async () => {
          const orders = owners.map(({ address }) => ({ owner: address, maxCollateral: ALL }));
          await house.connect(other).buyMany(collateral, orders, ALL, other, "0x");
        });
        const bought = await house.queryFilter(house.filters.Bought, await ethers.provider.getBlockNumber());
        const value = bought.reduce((sum, { args }) => sum + ledger.value(args.amount), 0n);
        expect(profit)
          .to.be.gt(0n)
          .and.lte((value * BigInt(LANE.maxDiscountBps)) / 10_000n);
        // what is owed over its worth, and the discount: one position is not sold whole, so that nothing is written off
        expect(others[0]! + others[1]!).to.be.gte(-(usdc(9001) + profit));
      });
    });
  }
});

describe("attacks: borrowing into an open lane", () => {
  it("needs the position healthy, and then nothing is sold of it; the next fall sells it, in the next block", async () => {
    const all = await opened();
    const { house, vault, collateral, borrower, lender, underwriter, setPrice, openLane, buy } = all;
    const ledger = new Ledger(all, priceE36(1900));
    await setPrice(1900);
    await openLane();
    await ledger.expectNoProfit([borrower], [lender, underwriter], async () => {
      const owner = vault.connect(borrower);
      await expect(owner.borrow(collateral, 1n, borrower, borrower)).to.be.revertedWithCustomError(vault, "LtvTooHigh");
      await expect(owner.withdrawCollateral(collateral, 1n, borrower, borrower)).to.be.revertedWithCustomError(
        vault,
        "LtvTooHigh",
      );
      // with enough put in, one may borrow again, up to the maximum LTV
      await owner.supplyCollateral(collateral, weth(1), borrower);
      await owner.borrow(collateral, usdc(800), borrower, borrower);
      await expect(owner.borrow(collateral, usdc(20), borrower, borrower)).to.be.revertedWithCustomError(
        vault,
        "LtvTooHigh",
      );
    });
    await time.increase(600);
    expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.Healthy);
    await setPrice(1800);
    await expect(buy(weth(1) / 10n)).to.emit(house, "Bought");
  });

  it("in one block with a fall of the price that one saw coming, one is neither sold nor let off", async () => {
    const { house, vault, oracle, collateral, borrower, keeper, lender, openLane } = await opened();
    const options = { gasLimit: 1_000_000 };
    const done = await inOneBlock([
      async () => vault.connect(borrower).borrow(collateral, usdc(90), borrower, borrower, options),
      async () => oracle.setPrice(priceE36(1900), options),
      async () => house.connect(keeper).open(collateral, borrower, keeper, options),
    ]);
    expect(done).to.deep.equal([true, true, false]);
    expect(await vault.convertToAssets(await vault.balanceOf(lender))).to.equal(usdc(1_000_000));
    await openLane();
    expect(await house.isOpen(collateral)).to.equal(true);
  });
});

describe("attacks: choosing one's own terms by a unit", () => {
  /** What a buyer gains of a position after 20 minutes of an open lane, if the owner does something first. */
  const gainAfter = async (act: (all: Awaited<ReturnType<typeof opened>>) => Promise<unknown>, price = 1800) => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, collateral, borrower, other, lender, underwriter, setPrice, openLane } = all;
    await setPrice(price);
    await openLane();
    await time.increaseTo(await later(1190));
    const ledger = new Ledger(all, priceE36(price));
    const before = await ledger.wealth(borrower);
    await act(all);
    await time.setNextBlockTimestamp(await later(10));
    const { profit, others } = await ledger.changes([other], [lender, underwriter], async () => {
      await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
    });
    for (const change of others) expect(change).to.be.gte(-1n);
    return { profit, loss: before - (await ledger.wealth(borrower)), all };
  };

  for (const [what, price] of [
    ["whose LTV bounds the discount from below", 1850],
    ["whose equity bounds it from above", 1680],
  ] as const) {
    it(`an owner ${what} who tops up or repays a unit changes what it loses by no more than that is worth`, async () => {
      const still = await gainAfter(async () => Promise.resolve(), price);
      const toppedUp = await gainAfter(
        async ({ vault, collateral, borrower }) =>
          vault.connect(borrower).supplyCollateral(collateral, 1_000_000_000_000n, borrower),
        price,
      );
      const repaid = await gainAfter(
        async ({ vault, collateral, borrower }) => vault.connect(borrower).repay(collateral, 1000n, borrower),
        price,
      );
      for (const { loss } of [toppedUp, repaid]) expect(loss).to.be.within(still.loss - 10_000n, still.loss + 10_000n);
    });
  }

  it("topping up by a tenth to lose less costs the buyer what it spares, and the position is no longer sold so fast", async () => {
    const still = await gainAfter(async () => Promise.resolve());
    const topped = await gainAfter(async ({ vault, collateral, borrower }) =>
      vault.connect(borrower).supplyCollateral(collateral, weth(8), borrower),
    );
    expect(topped.profit).to.be.lt(still.profit);
  });

  it("a buyer that waits gains the slope a minute until the discount is reached, and then nothing", async () => {
    const gains: bigint[] = [];
    for (const seconds of [600, 900, 1200, 1350, 1490]) {
      const all = await opened(weth(300), usdc(477_000));
      const { house, collateral, borrower, other, setPrice, openLane } = all;
      await setPrice(1850);
      await openLane();
      await time.setNextBlockTimestamp(await later(seconds));
      const ledger = new Ledger(all, priceE36(1850));
      const { profit } = await ledger.changes([other], [], async () => {
        await house.connect(other).buy(collateral, borrower, weth(1) / 10n, ALL, other, "0x");
      });
      gains.push(profit);
    }
    // the discount: 1.5 % and the LTV over lltv, 2.95 %
    const widest = (usdc(185) * 445n) / 10_000n;
    for (const gain of gains) expect(gain).to.be.lte(widest);
    expect(gains[0]).to.be.lt(gains[1]!).and.lt(gains[2]!);
    expect(gains[3]! - gains[2]!).to.be.lte(widest / 2n);
    expect(gains[4]! - gains[3]!).to.be.within(-100n, 100n);
  });
});

describe("attacks: urgency and splitting", () => {
  /** Buys `share` tenths of what a lane has let out of 300 WETH, in `parts` buys of one block. */
  const sold = async (parts: number, share: bigint) => {
    const all = await opened(weth(300), usdc(477_000));
    const { house, vault, loan, collateral, borrower, other, setPrice, openLane } = all;
    await setPrice(1750);
    await openLane();
    await time.increase(1200);
    const actor = await ethers.deployContract("MockActor");
    await loan.connect(other).transfer(actor, usdc(1_000_000));
    await actor.run(loan, loan.interface.encodeFunctionData("approve", [vault.target, ALL]));
    const { available } = await house.quote(collateral, borrower, ALL);
    const [token, self] = [collateral.target as string, actor.target as string];
    const amount = (available * share) / 10n / BigInt(parts);
    const data = house.interface.encodeFunctionData("buy", [token, borrower.address, amount, ALL, self, "0x"]);
    await actor.setCalls(Array.from({ length: parts }, () => ({ target: house, data })));
    const ledger = new Ledger(all, priceE36(1750));
    const { profit } = await ledger.changes([actor], [], async () => {
      await vault.flashLoan(actor, loan, 0n, "0x");
    });
    return { profit, amount: await collateral.balanceOf(actor) };
  };

  it("ten buys of a block are no cheaper than one of an urgent position, though each makes it less urgent", async () => {
    for (const share of [2n, 5n, 9n]) {
      const whole = await sold(1, share);
      const split = await sold(10, share);
      expect(whole.profit).to.be.gt(usdc(100));
      expect(split.amount).to.be.lte(whole.amount);
      expect(split.profit).to.be.lte(whole.profit + 100n);
    }
  });

  it("an owner who splits a position into ten is sold at the same pace as with one", async () => {
    const amounts: bigint[] = [];
    for (const parts of [1, 10]) {
      const { house, collateral, other, owners, setPrice } = await fallen(parts, 1750);
      await setPrice(1750);
      await house.connect(other).open(collateral, owners[0]!, other);
      await time.increase(1200);
      const orders = owners.map(({ address }) => ({ owner: address, maxCollateral: ALL }));
      await house.connect(other).buyMany(collateral, orders, ALL, other, "0x");
      const bought = await house.queryFilter(house.filters.Bought, await ethers.provider.getBlockNumber());
      amounts.push(bought.reduce((sum, { args }) => sum + args.amount, 0n));
    }
    const [one, ten] = amounts;
    // the urgent rate is the position's, its emission the lane's: ten get no more between them
    expect(ten).to.be.within((one! * 98n) / 100n, (one! * 102n) / 100n);
  });
});
