import { expect } from "chai";
import type { Anvil } from "../../scripts/replay/chain/anvil";
import { mainnet as addresses } from "../../scripts/replay/chain/addresses";
import { abi, NodeChain } from "../../scripts/replay/chain/chain";
import { reconstructMainnet } from "../../scripts/replay/chain/reconstruct";
import { runEngine, type EngineRun, type EngineRunOptions } from "../../scripts/replay/engineRun";
import type { EngineFactory } from "../../scripts/replay/model/engine";
import { sharedLltv } from "../../scripts/replay/engines";
import { none } from "../../scripts/replay/engines/none";
import { findScenario } from "../../scripts/replay/scenarios";
import { seller } from "./seller";

const scenario = findScenario("black-thursday");
const START = scenario.start;
const factoryAbi = abi(["function createPool(address, address, uint24) returns (address)"]);

describe("a run of one engine", () => {
  let mainnet: Anvil;
  before(async () => {
    mainnet = await reconstructMainnet(START - 86_400);
  });
  after(async () => {
    await mainnet.stop();
  });

  const run = (
    factory: EngineFactory,
    path: readonly number[],
    change: Partial<Pick<EngineRunOptions, "seed" | "impact" | "scenario" | "fork" | "sharedLltv">> = {},
  ): Promise<EngineRun> =>
    runEngine(factory, {
      ...{ scenario, start: START, stepSeconds: 60, bookToDepth: 150, buffer: 0, seed: 1, impact: true },
      keepers: "profit",
      ...{ startPrices: [path[0] ?? 0], paths: [path], fork: { url: mainnet.url }, onStep: () => undefined },
      ...change,
    });
  const flat = (steps: number): number[] => Array.from({ length: steps }, () => 200);
  const falling = [200, 195, 180, 150, 140, 100, 90, 95, 99, 101, 100, 100];

  it("without liquidations leaves the outside price as it was, in the pool too, and the feed a step behind", async () => {
    const { series, figures } = await run(none, falling);
    expect(series.outside).to.deep.equal(falling);
    series.pool.forEach((price, step) => expect(price / (falling[step] ?? 0)).to.be.closeTo(1, 1e-9));
    expect(series.feed).to.deep.equal([200, ...falling.slice(0, -1)]);
    expect(figures).to.include({ excessDrawdownPct: 0, maxDisplacementPct: 0, liquidatedPct: 0, keeperProfitPct: 0 });
    expect(figures.badDebtPct).to.be.above(0);
    expect(figures.timeUnderwaterMinutes).to.be.above(5);
    expect(figures.transactions.other).to.equal(0);
    // nobody liquidates: the nearest position opens at 0.95 of an lltv of 83 %, or at the 80 % that are the most, and the feed has seen 90
    expect(figures.worstLtvPct).to.be.within((100 * 0.7 * 200) / 90, (100 * 0.8 * 200) / 90);
    expect(figures.timeOverLimitMinutes.p100).to.be.at.least(figures.timeUnderwaterMinutes);
  });

  it("opens positions at the same distance from each engine's lltv, or at the same LTV", async () => {
    const engineAt = (percent: bigint, opened: Map<string, bigint>): EngineFactory => {
      const lltv = percent * 10n ** 16n;
      return (world) => ({
        ...none(world),
        positions: async () => [...opened.values()].map((debt) => ({ collateral: 10n ** 18n, debt })),
        limits: world.markets.map(() => ({ lltv, maxLtv: lltv })),
        open: async (requests) => {
          for (const { owner, debt } of requests) opened.set(owner, debt);
        },
      });
    };
    const debts = async (
      percent: bigint,
      shared: Pick<EngineRunOptions, "sharedLltv"> = {},
    ): Promise<Map<string, bigint>> => {
      const opened = new Map<string, bigint>();
      await run(engineAt(percent, opened), flat(2), shared);
      return opened;
    };
    const few = await debts(60n);
    for (const [owner, debt] of await debts(90n)) {
      // at the lower lltv two thirds of the debt
      expect(Number(few.get(owner)) / Number(debt)).to.be.closeTo(2 / 3, 1e-6);
    }
    expect(await debts(90n, { sharedLltv: [sharedLltv("ETH")] })).to.deep.equal(await debts(83n));
  });

  it("gives the same state root twice, and another for another seed", async () => {
    const sales = seller({ 2: 1, 5: 3 });
    const [first, second, other] = await Promise.all([
      run(sales, falling),
      run(sales, falling),
      run(sales, falling, { seed: 2 }),
    ]);
    expect(first.stateRoot).to.match(/^0x(?!0{64})[0-9a-f]{64}$/);
    expect(second.stateRoot).to.equal(first.stateRoot);
    expect(second.series).to.deep.equal(first.series);
    expect(other.stateRoot).to.not.equal(first.stateRoot);
  });

  it("lets half of a forced sale's move stay, which fades with its half-life", async () => {
    const { series, figures } = await run(seller({ 1: 1 }), flat(243));
    // a sale of the depth, less the pool's fee, moves the real pool by 1 %
    expect(series.pool[1]).to.be.closeTo(198, 0.002);
    expect(series.pool[2]).to.be.closeTo(200 * Math.sqrt(0.99), 0.01);
    expect(series.pool[241]).to.be.closeTo(200 * 0.99 ** 0.25, 0.01);
    expect(figures.excessDrawdownPct).to.be.closeTo(1, 0.001);
    // the whole book is 150 depths
    expect(figures.liquidatedPct).to.be.closeTo(100 / 150, 0.001);
    expect(figures.positionsHitPct).to.equal(0.5);
    expect(series.soldPct[0]).to.equal(0);
    expect(series.soldPct[242]).to.equal(figures.liquidatedPct);
    expect(figures.gasUsed).to.be.above(80_000);
    expect(figures.transactions).to.include({ other: 1, liquidate: 0, reverted: 0 });
    // what it cost is in the keepers' result too, which also has the proceeds of the sale
    expect(figures.gasCostPct).to.be.above(0);
  });

  it("closes a large gap no faster than the arbitrageurs' capacity", async () => {
    const tight = {
      ...scenario,
      arbitrage: { capacityPctPerMinute: 1 },
      feedback: { ...scenario.feedback, persistentShare: 0 },
    };
    const { series } = await run(seller({ 1: 5 }), flat(8), { scenario: tight });
    const gaps = series.pool.map((price) => -100 * Math.log(price / 200));
    expect(gaps[1]).to.be.within(4.8, 5.2);
    for (let step = 2; step < 6; step++) expect((gaps[step - 1] ?? 0) - (gaps[step] ?? 0)).to.be.closeTo(1, 1e-6);
    expect(gaps[7]).to.be.closeTo(0, 1e-6);
  });

  it("moves nothing without price impact", async () => {
    const { series, figures } = await run(seller({ 1: 5 }), flat(5), { impact: false });
    expect(figures.liquidatedPct).to.be.closeTo(500 / 150, 0.001);
    series.pool.forEach((price) => expect(price).to.be.closeTo(200, 0.002));
    // sold at the outside price, less the pool's 0.05 %; the seized collateral was the seller's own
    expect(figures.keeperProfitPct).to.be.closeTo((-0.05 / 100) * (500 / 150), 0.01);
  });

  it("keeps keepers away in an outage", async () => {
    const out = { ...scenario, keeperOutages: [{ fromMinute: 1, toMinute: 3 }] };
    const { figures } = await run(seller({ 1: 1, 4: 1 }), flat(4), { scenario: out });
    // the seller counts its own turns: two of four are left, and its turn 1 is the second of them
    expect(figures.liquidatedPct).to.be.closeTo(100 / 150, 0.001);
  });

  it("runs on a fork whose head is younger than the scenario and has such a pool already", async () => {
    const young = await reconstructMainnet(START + 1e8);
    try {
      const chain = new NodeChain(young.rpc);
      await chain.start();
      const owner = "0x00000000000000000000000000000000000000aa";
      await chain.setBalance(owner, 10n ** 24n);
      const data = factoryAbi.encodeFunctionData("createPool", [addresses.usdc, addresses.weth, 500]);
      chain.send({ from: owner, to: addresses.uniswapFactory, data, gas: 10_000_000n });
      await chain.settle("a pool that is there already");
      const forked = await run(none, falling, { fork: { url: young.url, block: chain.blockNumber } });
      expect(forked.series.outside).to.deep.equal(falling);
      expect(forked.series.time[0]).to.equal(START);
    } finally {
      await young.stop();
    }
  });
});
