import { expect } from "chai";
import { ethers } from "hardhat";

import { LANE, Refusal, opened } from "../contracts/auctionHouse/setup";
import { HOUR, priceE36, time, usdc, weth } from "../contracts/fixture";
import { Ledger } from "./ledger";

const ALL = ethers.MaxUint256;

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
      it("by the lane: the discount and the bounty are one's own money, and the fee is gone", async () => {
        const { house, collateral, other, lender, underwriter, owners, ledger } = await fallen(parts);
        const profit = await ledger.expectNoProfit([other, ...owners], [lender, underwriter], async () => {
          for (const owner of owners) await house.connect(other).start(collateral, owner);
          await time.increase(1200);
          const orders = owners.map(({ address }) => ({ owner: address, maxCollateral: ALL }));
          await house.connect(other).buyMany(collateral, orders, ALL, other, "0x");
        });
        expect(profit).to.be.lt(-usdc(100));
      });

      it("by the buffer: it pays less than the price", async () => {
        const { house, collateral, other, lender, underwriter, owners, ledger } = await fallen(parts, 1740);
        const profit = await ledger.expectNoProfit([other, ...owners], [lender, underwriter], async () => {
          for (const owner of owners) await house.connect(other).absorb(collateral, owner);
        });
        expect(profit).to.be.lt(-usdc(100));
      });

      it("by the lane, insolvent and with a full buffer: the buyer's discount, which anybody can have", async () => {
        const { house, collateral, other, lender, underwriter, owners, ledger, setCap } = await fallen(parts, 1500);
        await setCap(0n);
        for (const owner of owners) await house.connect(other).start(collateral, owner);
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
        expect(others[0]! + others[1]!).to.be.gte(-(usdc(9000) + profit + 10n));
      });
    });
  }

  it("splitting a position earns nobody else more bounty than its parts pay out of their own equity", async () => {
    const { house, collateral, other, lender, underwriter, owners, ledger } = await fallen(10);
    const before = await ledger.wealth(...owners);
    const { profit, others } = await ledger.changes([other], [lender, underwriter], async () => {
      for (const owner of owners) await house.connect(other).start(collateral, owner);
    });
    expect(before - (await ledger.wealth(...owners))).to.be.within(profit - 10n, profit + 10n);
    // 0.1 % of each part's collateral bounds what is 20 USDC and 0.02 % otherwise
    expect(profit).to.be.lte(ledger.value(weth(100)) / 1000n);
    for (const change of others) expect(change).to.be.gte(-1n);
  });
});

describe("attacks: start and cancel in a loop, for the bounty", () => {
  it("of another's position as the price swings about its threshold: one bounty in maxAuctionDuration", async () => {
    const { house, vault, collateral, borrower, keeper, lender, underwriter, setPrice, ...rest } = await opened();
    const ledger = new Ledger({ house, vault, collateral, ...rest }, priceE36(1900));
    const cap = ledger.value(weth(10)) / 1000n;
    const { profit, others } = await ledger.changes([keeper], [lender, underwriter], async () => {
      for (let i = 0; i < 10; ++i) {
        await setPrice(1900);
        await house.connect(keeper).start(collateral, borrower);
        await setPrice(2000);
        await house.connect(keeper).cancel(collateral, borrower);
        await time.increase(60);
      }
      await setPrice(1740);
      await house.connect(keeper).absorb(collateral, borrower);
    });
    const bounties = await vault.queryFilter(vault.filters.Paid);
    expect(bounties.length).to.equal(1);
    expect(profit).to.equal(ledger.value(bounties[0]!.args.amount)).and.lte(cap);
    // the underwriters have the take-over's discount besides
    for (const change of others) expect(change).to.be.gte(-1n);
  });

  it("of one's own position: the bounty is one's own collateral, and only the price makes it unhealthy again", async () => {
    const { house, vault, collateral, borrower, keeper, lender, underwriter, setPrice, ...rest } = await opened();
    const ledger = new Ledger({ house, vault, collateral, ...rest }, priceE36(1900));
    await setPrice(1900);
    await ledger.expectNoProfit([borrower, keeper], [lender, underwriter], async () => {
      await house.connect(keeper).start(collateral, borrower);
      await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
      await house.connect(keeper).cancel(collateral, borrower);
      for (const amount of [weth(1), weth(1) / 2n, weth(1) / 10n]) {
        await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
        await vault.connect(borrower).withdrawCollateral(collateral, amount, borrower, borrower);
        await expect(house.connect(keeper).start(collateral, borrower)).to.be.revertedWithCustomError(
          house,
          "PositionHealthy",
        );
      }
    });
    expect((await vault.queryFilter(vault.filters.Paid)).length).to.equal(1);
  });
});

describe("attacks: borrowing into an auction", () => {
  it("needs the position healthy, and then only voids a start that sold nothing any more", async () => {
    const { house, vault, collateral, borrower, lender, underwriter, setPrice, start, buy, later, ...rest } =
      await opened();
    const ledger = new Ledger({ house, vault, collateral, ...rest }, priceE36(1900));
    await setPrice(1900);
    await start();
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
      await expect(owner.borrow(collateral, usdc(10), borrower, borrower)).to.be.revertedWithCustomError(
        vault,
        "LtvTooHigh",
      );
    });
    expect((await house.quote(collateral, borrower, ALL)).refusal).to.equal(Refusal.Enlarged);
    // the next fall sells it, after a new start and its premium, and there is no second bounty
    await setPrice(1800);
    await expect(start()).not.to.emit(vault, "Paid");
    await expect(buy(weth(1), await later(600))).to.emit(house, "Bought");
  });

  it("in one block with a fall of the price that one saw coming, one is neither put in auction nor let off", async () => {
    const { house, vault, oracle, collateral, borrower, keeper, lender, start } = await opened();
    const options = { gasLimit: 1_000_000 };
    await ethers.provider.send("evm_setAutomine", [false]);
    const borrowed = await vault.connect(borrower).borrow(collateral, usdc(90), borrower, borrower, options);
    const fell = await oracle.setPrice(priceE36(1900), options);
    const started = await house.connect(keeper).start(collateral, borrower, options);
    await ethers.provider.send("evm_mine", []);
    await ethers.provider.send("evm_setAutomine", [true]);
    const status = async ({ hash }: { hash: string }) => (await ethers.provider.getTransactionReceipt(hash))?.status;
    expect([await status(borrowed), await status(fell), await status(started)]).to.deep.equal([1, 1, 0]);
    expect(await vault.convertToAssets(await vault.balanceOf(lender))).to.equal(usdc(1_000_000));
    await start();
    expect((await house.auction(collateral, borrower)).startedAt).to.be.gt(0n);
  });

  it("can't keep underwriters in: an auction that sells nothing can be ended by anybody", async () => {
    const { house, vault, buffer, collateral, borrower, other, underwriter, setPrice, start } = await opened();
    await buffer.connect(underwriter).requestRedeem(usdc(1000) * 1000n, underwriter, underwriter);
    await setPrice(1900);
    await start();
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await vault.connect(borrower).borrow(collateral, usdc(500), borrower, borrower);
    await house.sync(collateral);
    await time.increase(3n * 24n * HOUR);
    expect(await buffer.maxRedeem(underwriter)).to.equal(0n);
    await house.connect(other).cancel(collateral, borrower);
    await buffer.connect(underwriter).redeem(await buffer.maxRedeem(underwriter), underwriter, underwriter);
    expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0n);
  });
});
