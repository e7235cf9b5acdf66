import type { Scenario } from "../model/scenario";
import { abi } from "../chain/chain";
import type { TxRequest } from "../model/chain";
import type { MarketInfo } from "../model/engine";
import { Displacement } from "./displacement";
import { FeedRule } from "./feed";
import type { Pool } from "./pool";

const feedAbi = abi(["function publish(int256 answer)"]);

/** Prices of one market at one step, loan asset per collateral. */
export interface MarketPrices {
  /** As it was, without our sales. */
  outside: number;
  pool: number;
  feed: number;
}

/** One collateral during a run: its outside price with what our sales did to it, its pool, and its feed. */
export class Market {
  private readonly displacement: Displacement;
  private readonly feedRule: FeedRule;
  private outsidePrice: number;
  private poolPrice: number;
  private feedPrice: number;

  constructor(
    private readonly scenario: Scenario,
    readonly info: MarketInfo,
    private readonly pool: Pool,
    /** Whether forced sales leave something in the outside price. */
    feedback: boolean,
    private readonly operator: string,
    startTime: number,
  ) {
    const { persistentShare, halfLifeSeconds } = scenario.feedback;
    this.displacement = new Displacement({ persistentShare: feedback ? persistentShare : 0, halfLifeSeconds });
    this.feedRule = new FeedRule(scenario.feed, info.startPrice, startTime);
    this.outsidePrice = this.poolPrice = this.feedPrice = info.startPrice;
  }

  get prices(): MarketPrices {
    return { outside: this.outsidePrice, pool: this.poolPrice, feed: this.feedPrice };
  }

  /**
   * The first block of a step: the arbitrage that brings the pool to the outside price, and what the feed has to say.
   *
   * Whoever trades on the pool sees the outside price move and moves the pool with it; that is free. What forced sales have left
   * between the two is closed by arbitrageurs at no more than the scenario's capacity.
   */
  move(time: number, outside: number, stepSeconds: number): TxRequest[] {
    const gap = Math.log(this.poolPrice / (this.outsidePrice * this.displacement.factor));
    this.displacement.fade(stepSeconds);
    this.outsidePrice = outside;
    const market = outside * this.displacement.factor;
    const capacity = ((this.scenario.arbitrage.capacityPctPerMinute / 100) * stepSeconds) / 60;
    this.poolPrice = market * Math.exp(Math.sign(gap) * Math.max(0, Math.abs(gap) - capacity));
    const arbitrage = this.pool.pullTo(this.poolPrice);

    const minute = (time - this.scenario.start) / 60;
    const lag = this.scenario.feed.lags.find(({ fromMinute, toMinute }) => fromMinute <= minute && minute < toMinute);
    const published = this.feedRule.step(time, market, lag?.extraSeconds ?? 0);
    if (published === undefined) return [arbitrage];
    this.feedPrice = published;
    return [arbitrage, this.publication()];
  }

  /** After a block in which only keepers traded: what they did to the pool is what forced sales did. */
  async sold(): Promise<void> {
    const before = this.poolPrice;
    this.poolPrice = await this.pool.price();
    this.displacement.add(before, this.poolPrice);
  }

  /** The transaction that publishes what the feed says; sent again, it makes it fresh. */
  publication(): TxRequest {
    return publication(this.operator, this.info.collateral.feed, this.feedPrice);
  }
}

/** The transaction by which the owner of a feed publishes a price in USD. */
export function publication(owner: string, feed: string, price: number): TxRequest {
  return { from: owner, to: feed, data: feedAbi.encodeFunctionData("publish", [BigInt(Math.round(price * 1e8))]) };
}
