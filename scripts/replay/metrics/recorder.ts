import type { Gauges, LiquidationEvent, MarketInfo, PositionState, TokenInfo } from "../model/engine";
import { item } from "../item";
import type { MarketPrices } from "../market/market";
import type { EngineSeries, Figures, KeeperResult, TransactionKind } from "../model/result";
import { OverLimit } from "./overLimit";

/** All there is to see after a step. Arrays per market or per position. */
export interface Snapshot {
  /** Seconds UTC of the scenario. */
  time: number;
  prices: readonly MarketPrices[];
  /** Positions as the keepers found them, and as they were after the step. */
  found: readonly PositionState[];
  positions: readonly PositionState[];
  gauges: Gauges;
  events: readonly LiquidationEvent[];
  /** Gas of the keepers' transactions in this step, and what it cost in wei. */
  keeperGas: bigint;
  keeperFees: bigint;
  /** What each of those transactions did. */
  transactions: readonly (TransactionKind | "reverted")[];
  /** Who sent each of them, and what it took. */
  work: readonly Work[];
}

/** A keeper's transaction. */
export interface Work {
  /** Place of the keeper; −1 for an account that is none's. */
  keeper: number;
  isGood: boolean;
  /** Units of gas. */
  gas: bigint;
  /** Wei paid for it. */
  fees: bigint;
}

export interface RecorderOptions {
  loan: TokenInfo;
  markets: readonly MarketInfo[];
  /** Collateral of the whole book per market, units. */
  book: readonly bigint[];
  /** Market of each position. */
  marketOf: readonly number[];
  /** LTV above which a position can be liquidated, Wad, per market. */
  lltv: readonly bigint[];
  /** Buffer's value at the start, units of the loan asset. */
  bufferStart: bigint;
  stepSeconds: number;
  /** From the time of a step, at which the feed moves, to when keepers act. */
  keepersAfter: number;
  /** As `World.etherUsd`. */
  etherUsd: number | null;
}

/** What a keeper had or has, in units of the tokens; `collateral` per market. */
export interface Holdings {
  loan: bigint;
  collateral: readonly bigint[];
}

/** What a keeper did so far. Money in whole tokens of the loan asset. */
interface WorkDone {
  fees: number;
  won: number;
  reverted: number;
  /** Units of gas of what reverted, and what that cost. */
  lostGas: bigint;
  lost: number;
}

/** Worth of collateral that is none, whole tokens of the loan asset. */
const DUST = 0.01;

/** Takes in a run step by step, and makes its series and figures. Statistics only: plain numbers in whole tokens. */
export class Recorder {
  readonly series: EngineSeries = {
    ...{ time: [], outside: [], pool: [], feed: [], soldPct: [], paceAllowancePct: [], positionsUnderwater: [] },
    ...{ badDebtPct: [], bufferCashPct: [], bufferInventoryPct: [], auctionMultiple: [] },
  };
  private readonly bookValue: number;
  private readonly lowest: { outside: number; pool: number }[];
  private readonly underwaterSince: (number | null)[];
  private readonly touched = new Set<number>();
  private readonly overLimit = new OverLimit();
  private readonly transactions: Figures["transactions"] = {
    ...{ liquidate: 0, open: 0, buy: 0, absorb: 0, buyInventory: 0, sync: 0, fulfil: 0, other: 0, reverted: 0 },
  };
  private last: Snapshot | undefined;
  private maxDisplacement = 0;
  private longestUnderwater = 0;
  /** Collateral at its starting price. */
  private liquidated = 0;
  private sold = 0;
  private borrowerLoss = 0;
  private peakInventory = 0;
  private gas = 0n;
  private keeperFees = 0;
  private readonly workOf = new Map<number, WorkDone>();

  constructor(private readonly options: RecorderOptions) {
    this.bookValue = options.book.reduce((sum, amount, market) => sum + this.startValue(market, amount), 0);
    this.lowest = options.markets.map(() => ({ outside: Infinity, pool: Infinity }));
    this.underwaterSince = options.marketOf.map(() => null);
  }

  add(snapshot: Snapshot): void {
    this.last = snapshot;
    const { time, prices, gauges } = snapshot;
    prices.forEach(({ outside, pool }, market) => {
      const lowest = item(this.lowest, market);
      lowest.outside = Math.min(lowest.outside, outside);
      lowest.pool = Math.min(lowest.pool, pool);
      this.maxDisplacement = Math.max(this.maxDisplacement, Math.abs(pool - outside) / outside);
    });
    this.takeEvents(snapshot);
    this.gas += snapshot.keeperGas;
    this.keeperFees += (Number(snapshot.keeperFees) / 1e18) * this.etherPrice(prices);
    for (const kind of snapshot.transactions) this.transactions[kind]++;
    this.takeWork(snapshot);
    const { stepSeconds, keepersAfter } = this.options;
    this.takeLtvs(snapshot.found, prices, keepersAfter);
    this.takeLtvs(snapshot.positions, prices, stepSeconds - keepersAfter);
    const underwater = this.countUnderwater(snapshot);
    const inventory = gauges.buffer?.inventory.reduce(
      (sum, amount, market) => sum + this.startValue(market, amount),
      0,
    );
    this.peakInventory = Math.max(this.peakInventory, inventory ?? 0);

    const first = item(prices, 0);
    const { series } = this;
    series.time.push(time);
    series.outside.push(first.outside);
    series.pool.push(first.pool);
    series.feed.push(first.feed);
    series.soldPct.push(this.percent(this.sold));
    const allowance = gauges.lanes?.reduce((sum, lane, market) => sum + this.startValue(market, lane.allowance), 0);
    series.paceAllowancePct.push(allowance === undefined ? null : this.percent(allowance));
    series.positionsUnderwater.push(underwater);
    series.badDebtPct.push(this.percent(this.loan(gauges.writtenOff) + this.uncovered(snapshot)));
    series.bufferCashPct.push(gauges.buffer ? this.percent(this.loan(gauges.buffer.cash)) : null);
    series.bufferInventoryPct.push(inventory === undefined ? null : this.percent(inventory));
    const multiples = (gauges.lanes ?? []).flatMap((lane) => (lane.multiple === null ? [] : [lane.multiple]));
    series.auctionMultiple.push(multiples.length > 0 ? Math.min(...multiples) : null);
  }

  /** The run's figures, given what each keeper had at its start and has at its end. */
  figures(before: readonly Holdings[], after: readonly Holdings[]): Figures {
    const last = this.last;
    if (!last) throw new RangeError("a run without steps has no figures");
    const { gauges, prices } = last;
    const poolValue = (market: number, amount: bigint): number =>
      this.collateral(market, amount) * item(prices, market).pool;
    const uncovered = this.uncovered(last);
    const inventory = gauges.buffer?.inventory ?? [];
    const bufferEnd = gauges.buffer
      ? inventory.reduce((sum, amount, market) => sum + poolValue(market, amount), this.loan(gauges.buffer.cash))
      : 0;
    const inventoryLeft = inventory.reduce((sum, amount, market) => sum + this.startValue(market, amount), 0);
    const profit = (had: Holdings, has: Holdings, fees: number): number =>
      has.collateral.reduce(
        (sum, amount, market) => sum + poolValue(market, amount - (had.collateral[market] ?? 0n)),
        this.loan(has.loan - had.loan) - fees,
      );
    const perKeeper = after.map((has, keeper): KeeperResult => {
      const { fees, won, reverted, lostGas, lost } = this.workBy(keeper);
      return {
        profitPct: this.percent(profit(item(before, keeper), has, fees)),
        ...{ won, reverted, revertedGas: Number(lostGas), revertedGasCostPct: this.percent(lost) },
      };
    });
    const markets = this.options.markets.length;
    const keepers = profit(together(before, markets), together(after, markets), this.keeperFees);
    const deepest = this.lowest.map(({ outside, pool }) => Math.max(0, (outside - pool) / outside));
    return {
      excessDrawdownPct: 100 * tidy(Math.max(...deepest)),
      maxDisplacementPct: 100 * tidy(this.maxDisplacement),
      liquidatedPct: this.percent(this.liquidated),
      positionsHitPct: (100 * this.touched.size) / this.options.marketOf.length,
      badDebtPct: this.percent(this.loan(gauges.writtenOff) + uncovered),
      lenderLossPct: this.percent(this.loan(gauges.lenderLoss) + uncovered),
      borrowerLossPct: this.percent(this.borrowerLoss),
      bufferPnlPct: gauges.buffer ? this.percent(bufferEnd - this.loan(this.options.bufferStart)) : 0,
      peakInventoryPct: this.percent(this.peakInventory),
      inventoryLeftPct: this.percent(inventoryLeft),
      keeperProfitPct: this.percent(keepers),
      perKeeper,
      gasUsed: Number(this.gas),
      gasCostPct: this.percent(this.keeperFees),
      transactions: { ...this.transactions },
      worstLtvPct: 100 * this.overLimit.worstLtv,
      timeOverLimitMinutes: this.overLimit.minutes(),
      timeUnderwaterMinutes: this.longestUnderwater / 60,
      steps: this.series.time.length,
    };
  }

  private takeWork({ work, prices }: Snapshot): void {
    for (const { keeper, isGood, gas, fees } of work) {
      const done = this.workBy(keeper);
      const cost = (Number(fees) / 1e18) * this.etherPrice(prices);
      done.fees += cost;
      if (isGood) done.won++;
      else {
        done.reverted++;
        done.lostGas += gas;
        done.lost += cost;
      }
      this.workOf.set(keeper, done);
    }
  }

  private workBy(keeper: number): WorkDone {
    return this.workOf.get(keeper) ?? { fees: 0, won: 0, reverted: 0, lostGas: 0n, lost: 0 };
  }

  private takeEvents({ events, prices }: Snapshot): void {
    for (const event of events) {
      if (event.kind === "inventorySold") {
        this.sold += this.startValue(event.market, event.collateral);
        continue;
      }
      const market = item(this.options.marketOf, event.position);
      const value = this.startValue(market, event.collateral);
      this.touched.add(event.position);
      this.liquidated += value;
      if (event.kind === "seized") this.sold += value;
      const fee = event.kind === "seized" ? (event.protocolFee ?? 0n) : 0n;
      this.borrowerLoss +=
        this.collateral(market, event.collateral + fee) * item(prices, market).feed - this.loan(event.repaid);
    }
  }

  /** Positions above their lltv at the feed's price; keeps for how long each has been. */
  private countUnderwater({ time, positions, prices }: Snapshot): number {
    let count = 0;
    positions.forEach(({ collateral, debt }, position) => {
      const market = item(this.options.marketOf, position);
      const canOwe =
        this.collateral(market, collateral) * item(prices, market).feed * (Number(this.options.lltv[market]) / 1e18);
      const since = this.underwaterSince[position] ?? null;
      // a position without collateral is dealt with: what it owes is bad debt
      if (collateral > 0n && this.loan(debt) > canOwe) {
        count++;
        this.underwaterSince[position] = since ?? time;
        // a position counts from the step that found it underwater to the one that found it safe, or to the end
        this.longestUnderwater = Math.max(this.longestUnderwater, time + this.options.stepSeconds - (since ?? time));
      } else {
        this.underwaterSince[position] = null;
      }
    });
    return count;
  }

  /** Notes where every position that has collateral stands, for that many seconds. */
  private takeLtvs(positions: readonly PositionState[], prices: readonly MarketPrices[], seconds: number): void {
    positions.forEach(({ collateral, debt }, position) => {
      const market = item(this.options.marketOf, position);
      const worth = this.collateral(market, collateral) * item(prices, market).feed;
      // dust that a liquidation's roundings leave is no collateral
      if (worth < DUST) return;
      const lltv = Number(item(this.options.lltv, market)) / 1e18;
      this.overLimit.take({ position, debt: this.loan(debt), ltv: this.loan(debt) / worth, lltv, seconds });
    });
  }

  /** Debt over what the collateral is worth on the market, of positions where there is any. */
  private uncovered({ positions, prices }: Snapshot): number {
    return positions.reduce((sum, { collateral, debt }, position) => {
      const market = item(this.options.marketOf, position);
      return sum + Math.max(0, this.loan(debt) - this.collateral(market, collateral) * item(prices, market).pool);
    }, 0);
  }

  private etherPrice(prices: readonly MarketPrices[]): number {
    if (this.options.etherUsd !== null) return this.options.etherUsd;
    const market = this.options.markets.findIndex(({ asset }) => asset === "ETH");
    return item(prices, market).outside;
  }

  private collateral(market: number, amount: bigint): number {
    return Number(amount) / 10 ** item(this.options.markets, market).collateral.decimals;
  }

  private loan(amount: bigint): number {
    return Number(amount) / 10 ** this.options.loan.decimals;
  }

  private startValue(market: number, amount: bigint): number {
    return this.collateral(market, amount) * item(this.options.markets, market).startPrice;
  }

  private percent(value: number): number {
    return (100 * value) / this.bookValue;
  }
}

/** What all of them hold, in as many markets. */
function together(all: readonly Holdings[], markets: number): Holdings {
  return {
    loan: all.reduce((sum, { loan }) => sum + loan, 0n),
    collateral: Array.from({ length: markets }, (_, market) =>
      all.reduce((sum, { collateral }) => sum + item(collateral, market), 0n),
    ),
  };
}

/** Differences that are only rounding of the pool's price are none. */
function tidy(share: number): number {
  return share < 1e-9 ? 0 : share;
}
