import { expect } from "chai";
import { AuctionHouse__factory, FlashLiquidator__factory, LiquidityBuffer__factory } from "../../typechain-types";
import { abi } from "../../scripts/replay/chain/chain";
import { kindOf } from "../../scripts/replay/engines/spillwayKeeper";
import { OverLimit } from "../../scripts/replay/metrics/overLimit";
import { Recorder, type Snapshot } from "../../scripts/replay/metrics/recorder";
import type { MarketInfo, PositionState } from "../../scripts/replay/model/engine";

describe("time over the limit", () => {
  const taken = (standings: [position: number, debt: number, ltv: number, seconds: number][]): OverLimit => {
    const over = new OverLimit();
    for (const [position, debt, ltv, seconds] of standings) over.take({ position, debt, ltv, lltv: 0.8, seconds });
    return over;
  };

  it("adds up what a position spends above its lltv, and leaves out who never was", () => {
    const over = taken([
      [0, 100, 0.81, 60],
      [0, 100, 0.8, 600],
      [0, 100, 0.95, 120],
      [1, 1000, 0.79, 6000],
    ]);
    expect(over.minutes()).to.deep.equal({ p50: 3, p90: 3, p100: 3 });
    expect(over.worstLtv).to.equal(0.95);
  });

  it("weighs each by the debt with which it first was above", () => {
    // of a debt of 100 in all: 50 for a minute, 40 for two, 10 for an hour; what is owed later counts for nothing
    const over = taken([
      [2, 10, 0.9, 1800],
      [0, 50, 0.9, 60],
      [1, 40, 0.9, 120],
      [2, 900, 0.9, 1800],
    ]);
    expect(over.minutes()).to.deep.equal({ p50: 1, p90: 2, p100: 60 });
    // a hair more debt of the second moves the median to it
    const moved = taken([
      [0, 49, 0.9, 60],
      [1, 51, 0.9, 120],
    ]);
    expect(moved.minutes()).to.deep.equal({ p50: 2, p90: 2, p100: 2 });
  });

  it("is nothing where nobody ever was above", () => {
    expect(taken([]).minutes()).to.deep.equal({ p50: 0, p90: 0, p100: 0 });
  });
});

describe("what the recorder makes of keepers and limits", () => {
  const loan = { address: "0x01", decimals: 6, feed: "0x02" };
  const market: MarketInfo = {
    ...{ asset: "ETH", pool: "0x03", poolFee: 500, startPrice: 200, depth: 1n },
    collateral: { address: "0x04", decimals: 18, feed: "0x05" },
  };
  const ETH = 10n ** 18n;
  const USD = 10n ** 6n;
  /** Two positions of 10 ETH; the book is worth 4,000. */
  const recorder = (): Recorder =>
    new Recorder({
      ...{ loan, markets: [market], book: [20n * ETH], marketOf: [0, 0], lltv: [(8n * ETH) / 10n] },
      ...{ bufferStart: 0n, stepSeconds: 60, keepersAfter: 12, etherUsd: null },
    });
  const snapshot = (
    time: number,
    price: number,
    found: PositionState[],
    positions = found,
    change: Partial<Snapshot> = {},
  ): Snapshot => ({
    ...{ time, found, positions, events: [], keeperGas: 0n, keeperFees: 0n, transactions: [], work: [] },
    prices: [{ outside: price, pool: price, feed: price }],
    gauges: { writtenOff: 0n, lenderLoss: 0n, buffer: null, lanes: null },
    ...change,
  });
  const nothing = { loan: 0n, collateral: [0n] };
  const safe = { collateral: 10n * ETH, debt: 1000n * USD };

  it("prices gas at the ether's price of the step, and counts transactions by kind", () => {
    const run = recorder();
    const fees = { keeperGas: 50_000n, keeperFees: ETH / 100n };
    run.add(snapshot(0, 200, [safe, safe], [safe, safe], { ...fees, transactions: ["open", "buy", "buy"] }));
    run.add(snapshot(60, 150, [safe, safe], [safe, safe], { ...fees, transactions: ["reverted", "buy"] }));
    const figures = run.figures([nothing], [nothing]);
    // 0.01 ETH at 200 and at 150, of 4,000
    expect(figures.gasCostPct).to.be.closeTo((100 * 3.5) / 4000, 1e-12);
    expect(figures.keeperProfitPct).to.be.closeTo(-figures.gasCostPct, 1e-12);
    expect(figures.gasUsed).to.equal(100_000);
    expect(figures.transactions).to.deep.equal({
      ...{ liquidate: 0, open: 1, buy: 3, absorb: 0, buyInventory: 0, sync: 0, fulfil: 0, other: 0, reverted: 1 },
    });
  });

  it("tells the keepers apart: profit after gas, what went through, what reverted and what that cost", () => {
    const run = recorder();
    const done = (keeper: number, isGood: boolean, gas: bigint) => ({ keeper, isGood, gas, fees: ETH / 100n });
    const fees = { keeperGas: 0n, keeperFees: (3n * ETH) / 100n };
    const work = [done(0, true, 30_000n), done(1, false, 40_000n), done(-1, true, 1n)];
    run.add(snapshot(0, 200, [safe, safe], [safe, safe], { ...fees, work }));
    run.add(snapshot(60, 150, [safe, safe], [safe, safe], { work: [done(1, false, 50_000n)] }));
    const has = [
      { loan: 10n * USD, collateral: [ETH / 10n] },
      { loan: 3n * USD, collateral: [0n] },
    ];
    const { perKeeper, keeperProfitPct } = run.figures([nothing, { loan: USD, collateral: [0n] }], has);
    const [first, second] = perKeeper;
    // 10 and a tenth of an ether at 150, less 0.01 ether at 200, of 4,000
    expect(first!.profitPct).to.be.closeTo((100 * 23) / 4000, 1e-12);
    expect(first).to.include({ won: 1, reverted: 0, revertedGas: 0, revertedGasCostPct: 0 });
    expect(second!.profitPct).to.be.closeTo((100 * (2 - 3.5)) / 4000, 1e-12);
    expect(second).to.include({ won: 0, reverted: 2, revertedGas: 90_000 });
    expect(second!.revertedGasCostPct).to.be.closeTo((100 * 3.5) / 4000, 1e-12);
    expect(keeperProfitPct).to.be.closeTo((100 * (25 + 2 - 6)) / 4000, 1e-12);
  });

  it("sees an LTV that keepers bring down within the step, and counts the seconds until they did", () => {
    const run = recorder();
    const hit = { collateral: 5n * ETH, debt: 300n * USD };
    run.add(snapshot(0, 200, [safe, safe]));
    // at 110 an LTV of 1000 / 1100; the first is brought to 300 / 550, the second stays for this step and half of the next
    run.add(snapshot(60, 110, [safe, safe], [hit, safe]));
    run.add(snapshot(120, 110, [hit, safe], [hit, hit]));
    const figures = run.figures([nothing], [nothing]);
    expect(figures.worstLtvPct).to.be.closeTo(100 / 1.1, 1e-9);
    expect(figures.timeOverLimitMinutes).to.deep.equal({ p50: 0.2, p90: 1.2, p100: 1.2 });
    // as before: found so after the step at 60, and safe after the one at 120
    expect(figures.timeUnderwaterMinutes).to.equal(1);
  });

  it("takes no LTV of what is sold out or only dust", () => {
    const run = recorder();
    const dust = { collateral: 10n ** 12n, debt: 500n * USD };
    run.add(snapshot(0, 200, [{ collateral: 0n, debt: 500n * USD }, dust]));
    const figures = run.figures([nothing], [nothing]);
    expect(figures.worstLtvPct).to.equal(0);
    expect(figures.timeOverLimitMinutes).to.deep.equal({ p50: 0, p90: 0, p100: 0 });
  });
});

describe("what Spillway's keeper does", () => {
  const house = AuctionHouse__factory.createInterface();
  const buffer = LiquidityBuffer__factory.createInterface();
  const flash = FlashLiquidator__factory.createInterface();
  const TOKEN = `0x${"11".repeat(20)}`;
  const absorb = house.encodeFunctionData("absorb", [TOKEN, TOKEN, TOKEN]);
  const sync = house.encodeFunctionData("sync", [TOKEN]);

  it("is known by the function that it calls", () => {
    expect(kindOf(absorb)).to.equal("absorb");
    expect(kindOf(sync)).to.equal("sync");
    expect(kindOf(flash.getFunction("liquidate").selector)).to.equal("buy");
    expect(kindOf(flash.getFunction("liquidateInventory").selector)).to.equal("buyInventory");
    expect(kindOf(house.getFunction("open").selector)).to.equal("open");
    expect(kindOf(house.getFunction("absorbMany").selector)).to.equal("absorb");
    expect(kindOf(buffer.getFunction("fulfil").selector)).to.equal("fulfil");
    expect(kindOf(house.getFunction("buyMany").selector)).to.equal("buy");
    expect(kindOf(buffer.getFunction("buyInventory").selector)).to.equal("buyInventory");
    expect(kindOf(buffer.getFunction("collectFees").selector)).to.equal("other");
    expect(kindOf("0x")).to.equal("other");
    expect(kindOf("0x12345678")).to.equal("other");
  });

  it("counts several calls in one transaction as what weighs most among them", () => {
    const multicall = abi(["function multicall(bytes[])"]);
    const all = (...calls: string[]): string => kindOf(multicall.encodeFunctionData("multicall", [calls]));
    expect(all(sync, absorb)).to.equal("absorb");
    expect(all(sync)).to.equal("sync");
    expect(all()).to.equal("other");
  });
});
