import { expect } from "chai";
import { ethers } from "hardhat";

import {
  ALL,
  LANE,
  Refusal,
  expectedTerms,
  inOneBlock,
  opened,
  priceE36,
  selling,
  time,
  tried,
  usdc,
  weth,
} from "./setup";

/** An open lane with three positions at 1900 USDC, of 10, 20 and 5 WETH, all at an LTV of 79.5 % of 2000. */
async function three() {
  const market = await opened();
  const { house, collateral, borrower, keeper, lender, other, open, setPrice, openLane } = market;
  const owners = [borrower, other, lender];
  await open(other, weth(20), usdc(31_800));
  await open(lender, weth(5), usdc(7_950));
  await time.increase(1800);
  await setPrice(1900);
  await openLane();
  const orders = (...amounts: bigint[]) =>
    amounts.map((maxCollateral, i) => ({ owner: owners[i]!.address, maxCollateral }));
  const buyMany = async (list: ReturnType<typeof orders>, maxCost = ALL) =>
    house.connect(keeper).buyMany(collateral, list, maxCost, keeper, "0x");
  return { ...market, owners, orders, buyMany };
}

describe("AuctionHouse.buyMany", () => {
  it("buys from several positions with one payment, each priced where the last one left the lane", async () => {
    const { house, vault, loan, collateral, keeper, owners, orders, situation, later, buyMany } = await three();
    const now = await later(120);
    const amounts = [weth(1), weth(2), weth(1) / 2n];
    const before = await Promise.all(owners.map(async (owner) => situation(now, owner)));
    const paid = await loan.balanceOf(keeper);
    const got = await collateral.balanceOf(keeper);
    let cursorWad = before[0]!.cursorWad;
    const expected = [];
    for (const [i, s] of before.entries()) {
      const terms = expectedTerms({ ...s, cursorWad });
      const cost = terms.cost(amounts[i]!);
      expected.push({ amount: amounts[i]!, cost, repaid: terms.repaid(cost), multipleWad: terms.multipleWad });
      cursorWad = terms.cursorAfter(amounts[i]!);
    }

    await time.setNextBlockTimestamp(now);
    const transaction = await buyMany(orders(...amounts));

    const events = await house.queryFilter(house.filters.Bought, transaction.blockNumber ?? undefined);
    expect(
      events.map(({ args: { owner, amount, cost, repaid, priceE36: price, multipleWad } }) => ({
        owner,
        amount,
        cost,
        repaid,
        price,
        multipleWad,
      })),
    ).to.deep.equal(expected.map((e, i) => ({ owner: owners[i]!.address, price: priceE36(1900), ...e })));
    const total = expected.reduce((sum, { cost }) => sum + cost, 0n);
    expect(paid - (await loan.balanceOf(keeper))).to.equal(total);
    expect((await collateral.balanceOf(keeper)) - got).to.equal(weth(3) + weth(1) / 2n);
    for (const [i, owner] of owners.entries()) {
      expect((await vault.position(collateral, owner)).debtShares).to.equal(before[i]!.debt - expected[i]!.repaid);
    }
  });

  it("never sells more in a batch than the lane has let out", async () => {
    const { house, collateral, keeper, orders, setLane, later, situation, buyMany } = await three();
    // 3.6 WETH an hour: 1.2 in a lane's longest age
    await setLane({ maxRatePerHour: (weth(1) * 36n) / 10n });
    const now = await later(1300);
    const { available } = expectedTerms(await situation(now));
    const before = await collateral.balanceOf(keeper);
    await time.setNextBlockTimestamp(now);
    const transaction = await buyMany(orders(ALL, ALL, ALL));
    const bought = (await collateral.balanceOf(keeper)) - before;
    expect(bought).to.equal(available);
    expect(Number(available) / 1e18).to.be.closeTo(1.2, 0.01);
    expect(await house.queryFilter(house.filters.Bought, transaction.blockNumber ?? undefined)).to.have.length(1);
  });

  it("passes over what can't be filled, so that nobody can spoil a batch", async () => {
    const { house, vault, collateral, borrower, other, lender, orders, buyMany } = await three();
    await time.increase(300);
    // the first repays everything, the last tops up
    await vault.connect(borrower).repay(collateral, ALL, borrower);
    await vault.connect(lender).supplyCollateral(collateral, weth(5), lender);
    const transaction = await buyMany(orders(weth(1), weth(1), weth(1)));
    const events = await house.queryFilter(house.filters.Bought, transaction.blockNumber ?? undefined);
    expect(events.map(({ args }) => args.owner)).to.deep.equal([other.address]);
  });

  it("gives each position's debt after to the right check when one in front is passed over", async () => {
    const { vault, collateral, borrower, other, lender, orders, buyMany } = await three();
    await vault.connect(borrower).repay(collateral, ALL, borrower);
    await time.increase(300);
    const before = await Promise.all([other, lender].map(async (o) => vault.position(collateral, o)));
    await buyMany(orders(ALL, ALL, ALL));
    for (const [i, owner] of [other, lender].entries()) {
      const after = await vault.position(collateral, owner);
      expect(after.debtShares * before[i]!.collateral).to.be.lt(before[i]!.debtShares * after.collateral);
    }
  });

  it("costs what the same buys one by one in the same block cost, to the unit", async () => {
    const { house, collateral, keeper, orders, owners, later } = await three();
    const now = await later(300);
    const costs = async (...sends: Parameters<typeof inOneBlock>[0]): Promise<bigint[]> =>
      tried(async () => {
        const { block } = await inOneBlock(sends, now);
        const events = await house.queryFilter(house.filters.Bought, block, block);
        return events.map(({ args }) => args.cost);
      });
    const many = await costs(async () =>
      house.connect(keeper).buyMany(collateral, orders(weth(1), weth(2)), ALL, keeper, "0x", { gasLimit: 3_000_000 }),
    );
    const gasLimit = 2_000_000;
    const single = await costs(
      ...[weth(1), weth(2)].map(
        (amount, i) => async () =>
          house.connect(keeper).buy(collateral, owners[i]!, amount, ALL, keeper, "0x", { gasLimit }),
      ),
    );
    expect(many).to.have.length(2);
    expect(many).to.deep.equal(single);
  });

  it("lets a position of its own pace take of the one clock what that pace says", async () => {
    const { house, vault, collateral, other, orders, setLane, later, situation, owners, buyMany } = await three();
    await setLane({ urgency: 100, maxRatePerHour: weth(12) });
    // the first at 83.7 %, the second brought back to 83.1 %
    await vault.connect(other).repay(collateral, usdc(220), other);
    const now = await later(600);
    const lane = { ...LANE, urgency: 100 };
    const states = await Promise.all(owners.map(async (owner) => situation(now, owner)));
    const first = expectedTerms(states[0]!, lane);
    const second = expectedTerms({ ...states[1]!, cursorWad: first.cursorAfter(weth(1)) }, lane);
    expect(second.ratePerHour).to.be.lt(first.ratePerHour);
    await time.setNextBlockTimestamp(now);
    await buyMany(orders(weth(1), weth(1) / 2n));
    expect((await house.lane(collateral)).cursorWad).to.equal(second.cursorAfter(weth(1) / 2n));
  });

  describe("refuses", () => {
    it("a position that stands in it twice, wherever", async () => {
      const { house, other, orders, buyMany } = await three();
      const [a, b, c] = orders(1n, 2n, 3n);
      await expect(buyMany([b!, a!, c!, { ...b!, maxCollateral: 4n }]))
        .to.be.revertedWithCustomError(house, "DuplicateOrder")
        .withArgs(other);
    });

    it("a batch of which nothing can be filled, an empty one, and any while the lane is closed", async () => {
      const { house, orders, setPrice, buyMany, later } = await three();
      await expect(buyMany([])).to.be.revertedWithCustomError(house, "NothingBought");
      await setPrice(2000);
      await expect(buyMany(orders(ALL, ALL, ALL))).to.be.revertedWithCustomError(house, "NothingBought");
      await setPrice(1900);
      await time.increaseTo(await later(1600));
      await expect(buyMany(orders(ALL, ALL, ALL))).to.be.revertedWithCustomError(house, "NothingBought");
    });

    it("a cost over the buyer's bound for all of it together", async () => {
      const { house, collateral, keeper, orders, later, buyMany } = await three();
      const now = await later(300);
      await time.setNextBlockTimestamp(now);
      const list = orders(weth(1), weth(1));
      await expect(buyMany(list, usdc(3_000))).to.be.revertedWithCustomError(house, "CostTooHigh");
      const [, cost] = await house.connect(keeper).buyMany.staticCall(collateral, list, ALL, keeper, "0x");
      expect(cost).to.be.gt(usdc(3_000));
    });

    it("a market without a lane, and a receiver of zero", async () => {
      const { house, loan, collateral, keeper, orders } = await three();
      await expect(house.buyMany(loan, orders(1n), ALL, keeper, "0x"))
        .to.be.revertedWithCustomError(house, "LaneNotSet")
        .withArgs(loan);
      await expect(house.buyMany(collateral, orders(1n), ALL, ethers.ZeroAddress, "0x")).to.be.revertedWithCustomError(
        house,
        "ZeroAddress",
      );
    });
  });

  it("writes off each insolvent position of a batch, the buffer being full", async () => {
    const { vault, collateral, owners, orders, setPrice, setCap, later, buyMany } = await three();
    await setPrice(1400);
    await setCap(0n);
    await time.increaseTo(await later(1300));
    const transaction = await buyMany(orders(ALL, ALL, ALL));
    const events = await vault.queryFilter(vault.filters.WrittenOff, transaction.blockNumber ?? undefined);
    expect(events.map(({ args }) => args.owner)).to.deep.equal(owners.map(({ address }) => address));
    for (const owner of owners) expect((await vault.position(collateral, owner)).debtShares).to.equal(0);
    expect(await vault.totalDebtShares()).to.equal(0);
  });
});

describe("AuctionHouse.quote", () => {
  it("says what a buy would do, and why not", async () => {
    const { house, collateral, borrower, situation, later } = await selling();
    const now = await later(240);
    await time.increaseTo(now);
    const s = await situation(now);
    const terms = expectedTerms(s);
    const quote = await house.quote(collateral, borrower, weth(2));
    const cost = terms.cost(weth(2));
    expect(quote).to.deep.equal([
      Refusal.None,
      weth(2),
      cost,
      terms.repaid(cost),
      terms.multipleWad,
      terms.available,
      priceE36(1900),
      terms.ltvWad,
    ]);
  });

  it("reverts only as the oracle does, or without a lane", async () => {
    const { house, oracle, loan, collateral, borrower } = await selling();
    await expect(house.quote(loan, borrower, 1))
      .to.be.revertedWithCustomError(house, "LaneNotSet")
      .withArgs(loan);
    await oracle.setBroken(true);
    await expect(house.quote(collateral, borrower, 1)).to.be.revertedWithCustomError(oracle, "Broken");
  });
});
