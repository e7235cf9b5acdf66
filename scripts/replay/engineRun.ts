import { stateRoot } from "./chain/fingerprint";
import { abi } from "./chain/chain";
import type { Chain, MinedBlock, Receipt, TxRequest } from "./model/chain";
import { openRequest, WatchfulBorrowers, type BorrowerAction } from "./agents/borrowers";
import type { Engine, EngineFactory, LiquidationEvent, World } from "./model/engine";
import { SpillwayError } from "../lib";
import { item } from "./item";
import type { Market } from "./market/market";
import { Recorder, type Holdings } from "./metrics/recorder";
import type { EngineSeries, Figures, TransactionKind } from "./model/result";
import type { Scenario } from "./model/scenario";
import { createWorld, type ReadyWorld, type WorldOptions } from "./world";

/** Seconds from the first block of a step, in which the market moves, to the second, in which keepers act. */
const KEEPERS_AFTER = 12;
/** Debts grow with interest between liquidations; they are read again after so many seconds. */
const READ_EVERY = 3600;
const GWEI = 1e9;

export interface EngineRunOptions extends WorldOptions {
  /** Outside price per market at each step. */
  paths: readonly (readonly number[])[];
  /** Places borrowers by these limits in place of the engine's own, Wad, per market, so that all engines' stand at one LTV. */
  sharedLltv?: readonly bigint[];
  onStep: () => void;
}

export interface EngineRun {
  figures: Figures;
  series: EngineSeries;
  stateRoot: string;
  wallSeconds: number;
  versions: Readonly<Record<string, string>>;
}

/**
 * One engine through one crash.
 *
 * A step has two blocks. First block: the outside price moves, arbitrage follows, the feed publishes what it saw at least a step ago,
 * borrowers act on what the feed said before. Second block, 12 s later: keepers, who have seen the first one. So keepers always act
 * on a price that is on chain, and what the second block does to the pool is what forced sales do, whoever carries them out.
 */
export async function runEngine(factory: EngineFactory, options: EngineRunOptions): Promise<EngineRun> {
  const ready = await createWorld(options);
  const engine = factory(ready.world);
  try {
    return await run(engine, ready, options);
  } finally {
    try {
      await engine.close();
    } finally {
      await ready.anvil.stop();
    }
  }
}

async function run(engine: Engine, ready: ReadyWorld, options: EngineRunOptions): Promise<EngineRun> {
  const { scenario, start, stepSeconds, paths } = options;
  const { world, markets, borrowers, shift } = ready;
  const { chain } = world;
  const keepersAfter = Math.min(KEEPERS_AFTER, Math.floor(stepSeconds / 2));
  const sizes = markets.map(({ info }) => ({
    startPrice: info.startPrice,
    collateralDecimals: info.collateral.decimals,
    loanDecimals: world.loan.decimals,
  }));

  await engine.deploy();
  const limits = engine.limits;
  const opening = limits.map(({ lltv, maxLtv }, index) => ({
    lltv: options.sharedLltv ? item(options.sharedLltv, index) : lltv,
    maxLtv,
  }));
  await engine.open(borrowers.map((one) => openRequest(one, item(sizes, one.market), item(opening, one.market))));
  ready.refreshFeeds();
  await chain.mine(start + shift - stepSeconds, baseFeeAt(scenario, start));

  let positions = await engine.positions();
  let positionsRead = start;
  const gauges = await engine.gauges();
  const lltv = limits.map((limit) => limit.lltv);
  const recorder = new Recorder({
    ...{ loan: world.loan, markets: world.markets, book: ready.book, lltv, etherUsd: world.etherUsd },
    ...{ stepSeconds, keepersAfter },
    marketOf: borrowers.map((borrower) => borrower.market),
    bufferStart: gauges.buffer?.cash ?? 0n,
  });
  const watchful = new WatchfulBorrowers(borrowers, sizes, lltv);
  const holdings = await keeperHoldings(engine, world);
  const senders = engine.keepers.map(([account = ""]) => account.toLowerCase());
  const startedAt = performance.now();

  const lastStep = item(paths, 0).length - 1;
  for (let step = 0; step <= lastStep; step++) {
    const time = start + step * stepSeconds;
    const baseFee = baseFeeAt(scenario, time);
    const feeds = markets.map((market) => market.prices.feed);
    const moves = markets.flatMap((market, index) => market.move(time, item(item(paths, index), step), stepSeconds));
    const actions = agentActions(engine, scenario, watchful.act(time, positions, feeds), time, stepSeconds);
    for (const transaction of [...moves, ...actions]) chain.send(transaction);
    const first = await chain.mine(time + shift, baseFee);
    checkMoves(first.queued.slice(0, moves.length));
    const early = await keepersDid(engine, markets, first, first.receipts.length - first.queued.length);
    if (actions.length > 0) positions = await engine.positions();
    const found = positions;

    const keepersAt = time + shift + keepersAfter;
    await chain.prepare(keepersAt, baseFee);
    if (!keepersAreOut(scenario, time)) await engine.actKeepers({ timestamp: keepersAt, baseFee });
    const second = await chain.mine(keepersAt, baseFee);
    const late = await keepersDid(engine, markets, second, second.receipts.length);

    const others = first.receipts.filter((receipt) => !first.queued.includes(receipt));
    const keeperReceipts = [...others, ...second.receipts];
    const transactions = [
      ...(await kindsOf(engine, chain, first.number, others)),
      ...(await kindsOf(engine, chain, second.number, second.receipts)),
    ];
    const changed = keeperReceipts.length > 0 || actions.length > 0 || time - positionsRead >= READ_EVERY;
    if (changed || step === lastStep) {
      positions = await engine.positions();
      positionsRead = time;
    }
    recorder.add({
      time,
      prices: markets.map((market) => market.prices),
      found,
      positions,
      gauges: await engine.gauges(),
      events: [...early, ...late],
      keeperGas: keeperReceipts.reduce((sum, receipt) => sum + receipt.gasUsed, 0n),
      keeperFees: keeperReceipts.reduce((sum, receipt) => sum + receipt.gasUsed * receipt.effectiveGasPrice, 0n),
      transactions,
      work: keeperReceipts.map((receipt) => ({
        keeper: senders.indexOf(receipt.from.toLowerCase()),
        isGood: receipt.status === 1,
        gas: receipt.gasUsed,
        fees: receipt.gasUsed * receipt.effectiveGasPrice,
      })),
    });
    options.onStep();
  }

  const wallSeconds = (performance.now() - startedAt) / 1000;
  const figures = recorder.figures(holdings, await keeperHoldings(engine, world));
  return {
    figures,
    series: recorder.series,
    stateRoot: await stateRoot(chain.rpc),
    wallSeconds,
    versions: engine.versions,
  };
}

/** Reads out of a block what keepers did in it, and lets the market feel it, if any of their transactions are there. */
async function keepersDid(
  engine: Engine,
  markets: readonly Market[],
  block: MinedBlock,
  transactions: number,
): Promise<readonly LiquidationEvent[]> {
  if (transactions > 0) for (const market of markets) await market.sold();
  return engine.settle(block);
}

/** What keepers' transactions of a block did. Asks the node only where there are any. */
async function kindsOf(
  engine: Engine,
  chain: Chain,
  block: number,
  receipts: readonly Receipt[],
): Promise<(TransactionKind | "reverted")[]> {
  if (receipts.length === 0) return [];
  const calldata = await chain.calldata(block);
  return receipts.map(({ status, transactionHash }) =>
    status === 1 ? engine.kindOf(calldata.get(transactionHash) ?? "0x") : "reverted",
  );
}

/** What borrowers want to do, and who leaves at this step, as transactions. */
function agentActions(
  engine: Engine,
  scenario: Scenario,
  actions: readonly BorrowerAction[],
  time: number,
  stepSeconds: number,
): TxRequest[] {
  const minute = (time - scenario.start) / 60;
  const leaving = scenario.exits.filter(({ atMinute }) => minute <= atMinute && atMinute < minute + stepSeconds / 60);
  return [
    ...actions.flatMap((action) =>
      action.kind === "topUp"
        ? engine.topUp(action.position, action.collateral)
        : engine.repay(action.position, action.assets),
    ),
    ...leaving.flatMap(({ who, share }) => engine.exit(who, share)),
  ];
}

/** Arbitrage and feeds are the market: a run in which one of them fails means nothing. A borrower may fail. */
function checkMoves(receipts: readonly Receipt[]): void {
  if (receipts.some((receipt) => receipt.status !== 1)) {
    throw new SpillwayError("INTERNAL", "a transaction of the market itself failed (arbitrage or feed)");
  }
}

function baseFeeAt({ gas, start }: Scenario, time: number): bigint {
  const index = Math.floor((time - start) / (60 * gas.everyMinutes));
  const gwei = item(gas.gwei, Math.min(Math.max(0, index), gas.gwei.length - 1));
  return BigInt(Math.round(gwei * gas.multiplier * GWEI));
}

function keepersAreOut({ keeperOutages, start }: Scenario, time: number): boolean {
  const minute = (time - start) / 60;
  return keeperOutages.some(({ fromMinute, toMinute }) => fromMinute <= minute && minute < toMinute);
}

const tokenAbi = abi(["function balanceOf(address) view returns (uint256)"]);

/** What each keeper has. */
async function keeperHoldings(engine: Engine, { chain, loan, markets }: World): Promise<Holdings[]> {
  const all: Holdings[] = [];
  for (const accounts of engine.keepers) {
    const total = async (token: string): Promise<bigint> => {
      let sum = 0n;
      for (const account of accounts) sum += (await chain.read(token, tokenAbi, "balanceOf", [account]))[0] as bigint;
      return sum;
    };
    const collateral: bigint[] = [];
    for (const market of markets) collateral.push(await total(market.collateral.address));
    all.push({ loan: await total(loan.address), collateral });
  }
  return all;
}
