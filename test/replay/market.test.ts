import { expect } from "chai";
import { Displacement } from "../../scripts/replay/market/displacement";
import { FeedRule } from "../../scripts/replay/market/feed";
import { amount0, amount1, liquidityForDepth, priceOf, sqrtPriceOf } from "../../scripts/replay/market/swapMath";

describe("the price feed", () => {
  const rules = { deviationPct: 0.5, heartbeatSeconds: 3600, delaySeconds: 60 };

  it("is silent while the price stays within the deviation and the heartbeat has not passed", () => {
    const feed = new FeedRule(rules, 200, 0);
    for (let time = 60; time < 3600; time += 60) expect(feed.step(time, 200.99, 0)).to.equal(undefined);
  });

  it("publishes a deviation one step after it was seen, never at once", () => {
    const feed = new FeedRule(rules, 200, 0);
    expect(feed.step(60, 201.1, 0)).to.equal(undefined);
    expect(feed.step(120, 190, 0)).to.equal(201.1);
    expect(feed.step(180, 190, 0)).to.equal(190);
    expect(feed.step(240, 190, 0)).to.equal(undefined);
  });

  it("publishes at the heartbeat", () => {
    const feed = new FeedRule(rules, 200, 0);
    expect(feed.step(3600, 200.5, 0)).to.equal(undefined);
    expect(feed.step(3660, 200.5, 0)).to.equal(200.5);
    expect(feed.step(7140, 200.5, 0)).to.equal(undefined);
    expect(feed.step(7200, 200.4, 0)).to.equal(undefined);
    expect(feed.step(7260, 200.4, 0)).to.equal(200.4);
  });

  it("is later in a lag, and never out of order after it", () => {
    const feed = new FeedRule(rules, 200, 0);
    expect(feed.step(60, 190, 240)).to.equal(undefined);
    expect(feed.step(120, 180, 0)).to.equal(undefined);
    expect(feed.step(300, 180, 0)).to.equal(undefined);
    // both are due at 360; the younger price is what counts
    expect(feed.step(360, 180, 0)).to.equal(180);
  });
});

describe("what forced sales leave in the outside price", () => {
  it("is the persistent share of their move, and half of that after a half-life", () => {
    const displacement = new Displacement({ persistentShare: 0.5, halfLifeSeconds: 14_400 });
    displacement.add(200, 198);
    expect(displacement.factor).to.be.closeTo(Math.sqrt(0.99), 1e-12);
    for (let minute = 0; minute < 240; minute++) displacement.fade(60);
    expect(displacement.factor).to.be.closeTo(0.99 ** 0.25, 1e-12);
  });

  it("adds up over sales", () => {
    const displacement = new Displacement({ persistentShare: 1, halfLifeSeconds: 14_400 });
    displacement.add(200, 190);
    displacement.add(190, 180);
    expect(displacement.factor).to.be.closeTo(0.9, 1e-12);
  });
});

describe("swap math", () => {
  for (const collateralIsToken0 of [false, true]) {
    const units = { collateralIsToken0, collateralDecimals: 18, loanDecimals: 6 };

    it(`turns prices into roots and back, collateral being token ${collateralIsToken0 ? 0 : 1}`, () => {
      for (const price of [0.00004, 1, 86, 195.02, 4531, 69_000]) {
        expect(priceOf(sqrtPriceOf(price, units), units) / price).to.be.closeTo(1, 1e-8);
      }
    });

    it(`finds the liquidity at which a sale moves the price by 1 %, collateral being token ${collateralIsToken0 ? 0 : 1}`, () => {
      const depth = 500n * 10n ** 18n;
      const before = sqrtPriceOf(195, units);
      const liquidity = liquidityForDepth(depth, before, units);
      const amount = collateralIsToken0 ? amount0 : amount1;
      const sold = amount(before, sqrtPriceOf(195 * 0.99, units), liquidity, true);
      expect(Number(sold) / Number(depth)).to.be.closeTo(1, 1e-8);
    });
  }
});
