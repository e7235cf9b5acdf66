import { AbiCoder, concat, id } from "ethers";
import { drawBorrowers, units, valueOf, type Borrower } from "./agents/borrowers";
import { mainnet, ownAddresses } from "./chain/addresses";
import { startAnvil, type Anvil } from "./chain/anvil";
import { ownArtifact } from "./chain/artifacts";
import { lotsFrom } from "./chain/builder";
import { NodeChain } from "./chain/chain";
import type { Keepers } from "./model/choices";
import type { MarketInfo, TokenInfo, World } from "./model/engine";
import { item } from "./item";
import { Market, publication } from "./market/market";
import { Pool } from "./market/pool";
import type { Scenario } from "./model/scenario";
import type { Overrides } from "./model/overrides";

const OPERATOR = `0x${id("spillway replay operator").slice(-40)}`;
const TOKENS = {
  ETH: { address: mainnet.weth, decimals: 18, feed: mainnet.feeds.ETH },
  BTC: { address: mainnet.wbtc, decimals: 8, feed: mainnet.feeds.BTC },
  LUNA: { ...ownAddresses.LUNA, decimals: 18 },
  USDC: { address: mainnet.usdc, decimals: 6, feed: mainnet.feeds.USDC },
} as const satisfies Record<string, TokenInfo>;

/** The pool stands so long before the start: depth and price averages over 30 minutes need a past. */
const POOL_AHEAD = 7200;
const ENGINE_AHEAD = 3600;
/** In the run without price impact the pool is so much deeper. */
const NO_IMPACT = 1_000_000n;

export interface WorldOptions {
  scenario: Scenario;
  /** Outside price of each collateral at the start. */
  startPrices: readonly number[];
  /** Seconds UTC of the first step. */
  start: number;
  stepSeconds: number;
  bookToDepth: number;
  /** Buffer's cash over the book's value. */
  buffer: number;
  seed: number;
  keepers: Keepers;
  /** As `World.rivals`; none when not given. */
  rivals?: number;
  /** As `World.overrides`. */
  overrides?: Overrides;
  /** False for the run without price impact. */
  impact: boolean;
  /** The chain to fork. */
  fork: { url: string; block?: number };
  port?: number;
}

/** A forked chain on which a run is about to start. */
export interface ReadyWorld {
  world: World;
  anvil: Anvil;
  markets: readonly Market[];
  borrowers: readonly Borrower[];
  /** Collateral of the whole book, per market, in its units. */
  book: readonly bigint[];
  /** Chain time is scenario time plus this; not 0 on a fork of a block younger than the scenario. */
  shift: number;
  /** Publishes every feed again as it is. */
  refreshFeeds(): void;
}

/** Forks the chain and puts pools, feeds and the borrowers' money on it. The caller stops the anvil. */
export async function createWorld(options: WorldOptions): Promise<ReadyWorld> {
  const { scenario, startPrices, seed } = options;
  const rivals = options.rivals ?? 0;
  const anvil = await startAnvil({
    ...{ fork: options.fork, inOrder: rivals > 0 },
    ...(options.port !== undefined && { port: options.port }),
  });
  try {
    const chain = new NodeChain(anvil.rpc, rivals > 0 ? lotsFrom(seed) : undefined);
    await chain.start();
    await chain.setBalance(OPERATOR, 10n ** 30n);
    const loan = TOKENS.USDC;
    // nothing of mainnet stands for it, on a real fork neither
    const luna = AbiCoder.defaultAbiCoder().encode(["string", "string", "uint8"], ["LUNA", "LUNA", 18]);
    const tokenCode = ownArtifact("mocks/ReplayToken.sol", "ReplayToken").bytecode;
    if (scenario.collaterals.some(({ asset }) => asset === "LUNA")) {
      await chain.place(TOKENS.LUNA.address, concat([tokenCode, luna]), OPERATOR);
    }
    const used = scenario.collaterals.map(({ asset }) => ({ asset, token: TOKENS[asset] }));

    const feedCode = ownArtifact("mocks/ReplayFeed.sol", "ReplayFeed").bytecode;
    for (const [name, token] of [["USDC", loan] as const, ...used.map(({ asset, token }) => [asset, token] as const)]) {
      const description = AbiCoder.defaultAbiCoder().encode(["address", "string"], [OPERATOR, `${name} / USD`]);
      await chain.place(token.feed, concat([feedCode, description]), OPERATOR);
    }

    const units_ = used.map(({ token }, index) => ({
      startPrice: item(startPrices, index),
      collateralDecimals: token.decimals,
      loanDecimals: loan.decimals,
    }));
    const borrowers = drawBorrowers(scenario, units_, seed);
    const book = used.map((_, index) =>
      borrowers.reduce((sum, borrower) => (borrower.market === index ? sum + borrower.collateral : sum), 0n),
    );
    const bookValue = book.reduce(
      (sum, amount, index) => sum + valueOf(amount, item(startPrices, index), item(units_, index)),
      0n,
    );

    const shift = Math.max(0, chain.timestamp + 60 - (options.start - POOL_AHEAD));
    const begin = options.start + shift;
    await chain.mine(begin - POOL_AHEAD, 10n ** 9n);
    const markets: Market[] = [];
    for (const [index, { asset, token }] of used.entries()) {
      const startPrice = item(startPrices, index);
      const depth = (item(book, index) * 1000n) / BigInt(Math.round(options.bookToDepth * 1000));
      const poolDepth = options.impact ? depth : depth * NO_IMPACT;
      const shared = { collateral: token, loan, operator: OPERATOR };
      const pool = await Pool.create(chain, { ...shared, price: startPrice, depth: poolDepth });
      const info: MarketInfo = { asset, collateral: token, pool: pool.address, poolFee: pool.fee, startPrice, depth };
      markets.push(new Market(scenario, info, pool, options.impact, OPERATOR, options.start));
    }
    // WETH that is dealt has no ether behind it; give it some for those who unwrap
    await chain.setBalance(mainnet.weth, 10n ** 30n);

    for (const borrower of borrowers) {
      const { collateral } = item(markets, borrower.market).info;
      const budget = borrower.watch?.collateralBudget ?? 0n;
      await chain.setBalance(borrower.address, 10n ** 24n);
      await chain.setTokenBalance(collateral.address, borrower.address, borrower.collateral + budget);
    }
    const refreshFeeds = (): void => {
      chain.send(publication(OPERATOR, loan.feed, 1));
      for (const market of markets) chain.send(market.publication());
    };
    await chain.mine(begin - ENGINE_AHEAD, 10n ** 9n);
    refreshFeeds();
    await chain.settle("the first prices of the feeds");

    const world: World = {
      chain,
      url: anvil.url,
      loan,
      markets: markets.map((market) => market.info),
      bookValue,
      bufferCash: (bookValue * units(options.buffer, 6)) / 1_000_000n,
      supplyPerBorrowed: units(1 / scenario.lenders.utilisation, 18),
      impact: options.impact,
      feedPatience: scenario.feed.heartbeatSeconds + scenario.feed.delaySeconds + 2 * options.stepSeconds,
      etherUsd: scenario.etherUsd ?? null,
      seed,
      keepers: options.keepers,
      rivals,
      overrides: options.overrides ?? {},
    };
    return { world, anvil, markets, borrowers, book, shift, refreshFeeds };
  } catch (error) {
    await anvil.stop();
    throw error;
  }
}
