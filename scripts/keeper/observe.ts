import { ZeroAddress } from "ethers";

import { type Hits, boundAt } from "./book/Book";
import type { KeeperEvent } from "./book/events";
import type { Follower } from "./book/Follower";
import type { Block } from "./chain/block";
import { readBuffer, readOracle, readVault } from "./chain/contracts";
import { Reads } from "./chain/Reads";
import type { Rpc } from "./chain/rpc";
import { BPS, INDEX_SCALE, WAD, bpsToWad, min } from "../lib";
import type { Glance, MarketReader } from "./markets/MarketReader";
import type { Markets } from "./markets/Markets";
import { nextBaseFee } from "./sender/fees";
import type { PayTerms } from "./strategy/gas";
import { type MarketView, type PositionView, type RedemptionView, viewPosition } from "./strategy/view";

/** How an observer prices gas and what it looks at. Amounts in loan asset. */
export interface ObserverConfig {
  addresses: { vault: string; buffer: string };
  /** What gas costs: the market whose collateral is the chain's own coin, or loan asset for a wei, scaled by 1e36. */
  weiPrice: { market: string } | { fixedE36: bigint };
  /** Tip for a unit of gas, wei. */
  priorityFee: bigint;
  /** Look at a market in which nothing is unhealthy, too. */
  watchIdle: boolean;
}

/** One market as of one block. */
export interface MarketSighting {
  market: string;
  /** All positions above lltv; undefined where the oracle gives no price: then nothing is known of them. */
  unhealthy: Hits | undefined;
  /** Undefined where there is nothing to decide, or the lane can't be read. */
  view: MarketView | undefined;
  /** Whether there is something to decide, but lane or guard give no answer. */
  isDark: boolean;
}

/** All that is seen of the protocol at one block, and what happened since the last one. */
export interface Observed {
  events: readonly KeeperEvent[];
  markets: readonly MarketSighting[];
  redemptions: RedemptionView;
  /** What a wei is worth in loan asset, scaled by 1e36; undefined until it is known. */
  weiPriceE36: bigint | undefined;
}

/** The most unhealthy positions of a market that are looked at in one block: far more than it can act on. */
const MOST_UNHEALTHY = 300;
/** The most requests that are looked at in one block. */
const REQUESTS = 4;

/** Brings the book up to a block and reads markets and requests at it. Reads only. */
export class Observer {
  private weiPriceE36: bigint | undefined;

  constructor(
    private readonly rpc: Rpc,
    private readonly follower: Follower,
    private readonly markets: Markets,
    private readonly config: ObserverConfig,
  ) {}

  /**
   * One round trip, and one more where there is something to decide.
   * @param readMore Adds what else is to be read to the first batch; what it returns is called once that was sent.
   * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`; nothing of the book is lost, and the next call goes on from here.
   */
  async observe<T>(block: Block, readMore: (reads: Reads) => () => T): Promise<Observed & { more: T }> {
    const reads = new Reads(block.number);
    const readEvents = this.follower.read(reads, block);
    const readAlong = readMore(reads);
    const index = reads.call(readVault.indexE27(this.config.addresses.vault));
    const glances = this.markets.all.map((market) => ({ market, read: market.glance(reads) }));
    const { nativeOracle } = this.markets;
    const nativePrice = nativeOracle === undefined ? undefined : reads.call(readOracle.priceE36(nativeOracle));
    await reads.send(this.rpc);

    const events = readEvents();
    for (const event of events) this.markets.note(event);
    const more = readAlong();
    await this.markets.refresh(block);
    const seen = glances.map(({ market, read }) => ({ market, glance: read() }));
    const weiPriceE36 = this.weiPrice(seen);
    // what is worth it at the next block's highest base fee is so at any
    const baseFee = nextBaseFee(block.baseFeePerGas);
    const gas = { wei: baseFee + this.config.priorityFee, weiPriceE36: weiPriceE36 ?? 0n };
    const pay: PayTerms = { parameters: this.markets.pay, baseFee, nativePriceE36: nativePrice?.valueOrNone() ?? 0n };

    const second = new Reads(block.number);
    const views = seen.map(({ market, glance }) => this.readMarket(second, market, glance, index.value()));
    const redemptions = this.readRequests(second, block);
    await second.send(this.rpc);
    return {
      events,
      more,
      markets: views.map((view) => view({ now: block.timestamp, gas, pay })),
      redemptions: { ...redemptions(), gas, pay },
      weiPriceE36,
    };
  }

  /**
   * Adds to a batch what decisions about a market need, if there is anything to decide.
   * @returns Call it once the batch was sent.
   */
  private readMarket(
    reads: Reads,
    reader: MarketReader,
    glance: Glance | undefined,
    indexE27: bigint,
  ): (around: Pick<MarketView, "now" | "gas" | "pay">) => MarketSighting {
    const market = reader.collateral;
    if (glance === undefined) return () => ({ market, unhealthy: undefined, view: undefined, isDark: true });
    const { book } = this.follower;
    const { priceE36 } = glance;
    const unhealthy = book.unhealthy(market, indexE27, priceE36, reader.lltvBps);
    const riskiest = riskiestOf(unhealthy, indexE27, priceE36);
    const sells = glance.inventory.amount > 0n;
    if (unhealthy.count === 0 && !sells && !this.config.watchIdle) {
      return () => ({ market, unhealthy, view: undefined, isDark: false });
    }

    const absorbs = riskiest.some(({ ltvWad }) => ltvWad >= bpsToWad(reader.absorbLtvBps));
    const readState = reader.read(reads, { absorbs, sells });
    const readQuote = unhealthy.count > 0 || sells ? reader.outlet?.read(reads, priceE36) : undefined;
    return (around) => {
      const state = readState();
      const quote = readQuote?.();
      if (state === undefined) return { market, unhealthy, view: undefined, isDark: true };
      const debt = (book.debtShares(market) * indexE27) / INDEX_SCALE;
      const view = reader.view(glance, state, { ...around, unhealthy: riskiest, debt, quote });
      return { market, unhealthy, view, isDark: false };
    };
  }

  /**
   * Adds to a batch the requests whose cooldown may be over, a few at a time.
   * @returns Call it once the batch was sent.
   */
  private readRequests(reads: Reads, block: Block): () => Pick<RedemptionView, "ready" | "inTrouble"> {
    const { buffer } = this.config.addresses;
    const { requests } = this.follower;
    const due = requests.due(block.timestamp, REQUESTS).map((controller) => ({
      controller,
      shares: reads.call(readBuffer.pending(buffer, controller)),
      readyAt: reads.call(readBuffer.readyAt(buffer, controller)),
    }));
    if (due.length === 0) return () => ({ ready: [], inTrouble: false });
    const cash = reads.call(readBuffer.cash(buffer));
    const assets = reads.call(readBuffer.totalAssets(buffer));
    const supply = reads.call(readBuffer.totalSupply(buffer));
    const trouble = reads.call(readBuffer.marketInTrouble(buffer));
    return () => {
      for (const { controller, shares, readyAt } of due) {
        requests.note(controller, shares.value(), readyAt.value(), block.number);
      }
      const ready = due
        .filter(({ shares, readyAt }) => shares.value() > 0n && readyAt.value() <= block.timestamp)
        .map(({ controller, shares }) => ({
          controller,
          assets: min((shares.value() * assets.value()) / supply.value(), cash.value()),
        }));
      return { ready, inTrouble: trouble.value() !== ZeroAddress };
    };
  }

  private weiPrice(seen: readonly { market: MarketReader; glance: Glance | undefined }[]): bigint | undefined {
    const { weiPrice } = this.config;
    if ("fixedE36" in weiPrice) return weiPrice.fixedE36;
    const found = seen.find(({ market }) => market.collateral === weiPrice.market)?.glance;
    // a price of a while ago is good enough for gas
    if (found !== undefined) this.weiPriceE36 = found.priceE36;
    return this.weiPriceE36;
  }
}

/** What decisions rest on: the riskiest positions and, where all of those are insolvent, the riskiest that are not. */
function riskiestOf(unhealthy: Hits, indexE27: bigint, priceE36: bigint): PositionView[] {
  const first = unhealthy.first(MOST_UNHEALTHY).map((position) => viewPosition(position, indexE27, priceE36));
  const last = first.at(-1);
  if (unhealthy.count <= MOST_UNHEALTHY || last === undefined || last.ltvWad < WAD) return first;
  const solvent = unhealthy
    .firstUpTo(boundAt(indexE27, priceE36, BPS), MOST_UNHEALTHY)
    .map((position) => viewPosition(position, indexE27, priceE36));
  const known = new Set(first.map(({ position }) => position.owner));
  return [...first, ...solvent.filter(({ position }) => !known.has(position.owner))];
}
