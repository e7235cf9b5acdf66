import { expect } from "chai";

import { AbsorbRefusal, opened, priceE36, time, usdc, weth } from "../auctionHouse/setup";

describe("regression: an absorption asks the guard", () => {
  /** A feed that stands at 1730 (91.9 %) while the venue has gone to `venue`, and is watched by the guard. */
  async function parted(venue: number) {
    const market = await opened(weth(100), usdc(159_000));
    await market.payNobody();
    await market.oracle.setPrice(priceE36(1730));
    await market.borrowOracle.setPrice(priceE36(venue));
    return market;
  }

  it("while oracle and venue have parted the buffer pays by the lower price, so that it buys nothing above it", async () => {
    const { guard, buffer, collateral, absorb, absorbedIn } = await parted(1620);
    const before = await buffer.cash();
    await guard.setDiverged(true);
    const { amount, cost, priceE36: by } = await absorbedIn(await absorb());
    expect(by).to.equal(priceE36(1620));
    // what it holds is worth what it paid at the venue's price
    expect((amount * priceE36(1620)) / 10n ** 36n).to.be.gte(cost);
    expect(before - (await buffer.cash())).to.equal(cost);
    expect((await buffer.inventory(collateral)).amount).to.equal(amount);
  });

  it("asks it though it was told in this very minute that all is well, as the price has moved since", async () => {
    const { house, collateral, oracle, guard, absorb, absorbedIn } = await parted(1620);
    await house.sync(collateral);
    expect((await house.lane(collateral)).diverged).to.be.false;
    await guard.setDiverged(true);
    await oracle.setPrice(priceE36(1729));
    expect((await absorbedIn(await absorb())).priceE36).to.equal(priceE36(1620));
  });

  it("and where it has not moved, from the fifth minute on", async () => {
    const { house, collateral, guard, absorb, absorbedIn, setCap } = await parted(1620);
    await setCap(weth(1));
    await house.sync(collateral);
    const seenAt = BigInt(await time.latest());
    await guard.setDiverged(true);
    await time.setNextBlockTimestamp(seenAt + 298n);
    expect((await absorbedIn(await absorb())).priceE36).to.equal(priceE36(1730));
    await setCap(weth(2));
    await time.setNextBlockTimestamp(seenAt + 300n);
    expect((await absorbedIn(await absorb())).priceE36).to.equal(priceE36(1620));
  });

  it("nobody's equity is written off by the lower price alone", async () => {
    const { house, borrower, guard, absorb, position } = await parted(1500);
    await guard.setDiverged(true);
    await expect(absorb())
      .to.be.revertedWithCustomError(house, "NotAbsorbable")
      .withArgs(borrower, AbsorbRefusal.Diverged);
    expect(await position()).to.deep.equal({ collateral: weth(100), debt: usdc(159_000) });
  });
});
