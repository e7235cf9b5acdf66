import { PRICE_SCALE } from "../../lib";
import type { Hits } from "../book/Book";
import type { KeeperEvent, Taken } from "../book/events";
import type { Block } from "../chain/block";
import type { Rpc } from "../chain/rpc";
import type { Metrics } from "../metrics/Metrics";
import type { MarketSighting, Observed } from "../observe";
import { type Decision, LANE, type MarketView, type Skip, valueOf } from "../strategy/view";
import type { Opportunity } from "./opportunity";
import { labelOf } from "./reasons";
import { readReceipts, type Receipt, type Terms, termsKey } from "./winner";

/** Stands for the inventory where a position's owner would be named. */
const INVENTORY = "inventory";
/** Redemptions are of no market. */
const NO_MARKET = "";
/** The most positions of a market without a price or a lane that are remembered by name. */
const MOST_IN_THE_DARK = 300;

/** Keeps what is known of opportunities that others took. */
export interface OpportunityLog {
  addOpportunities(opportunities: readonly Opportunity[]): void;
}

/** What is known of something that there is to do. */
interface Known {
  firstSeen: Pick<Block, "number" | "timestamp">;
  reason: string;
}

type Win = Taken & { block: number; transaction: string };

/**
 * Remembers since when there is something to do and why the keeper doesn't do it, and writes it down when somebody else does:
 * who, at what price and gas, and what it would have earned.
 */
export class Explainer {
  /** Market → owner, or what stands for it. */
  private readonly known = new Map<string, Map<string, Known>>();
  /** What each market's venue paid when it was last looked at. */
  private readonly quotes = new Map<string, MarketView["quote"]>();
  private wins: Win[] = [];

  constructor(
    private readonly log: OpportunityLog,
    private readonly metrics: Metrics,
  ) {}

  // ------------------------------------------------------------------------------------------------ what is seen

  /** Notes what there is to do as of `block`, and forgets what there is no more. */
  look({ markets, redemptions }: Pick<Observed, "markets" | "redemptions">, block: Block): void {
    for (const sighting of markets) {
      if (sighting.unhealthy !== undefined) this.lookAt(sighting, sighting.unhealthy, block);
      if (sighting.isDark) this.explainAll(sighting.market, "price-unavailable");
    }
    for (const { controller } of redemptions.ready) this.see(NO_MARKET, controller, block);
  }

  private lookAt({ market, view }: MarketSighting, unhealthy: Hits, block: Block): void {
    if (view !== undefined) this.quotes.set(market, view.quote);
    const present = new Set<string>();
    if (unhealthy.count > 0 && view?.lane.isOpen === false) present.add(LANE);
    if (view?.isForSale === true) present.add(INVENTORY);
    const known = this.known.get(market);
    for (const owner of known?.keys() ?? []) {
      if (!present.has(owner) && !unhealthy.has(owner)) known?.delete(owner);
    }
    const inSight = view?.unhealthy.map(({ position }) => position) ?? unhealthy.first(MOST_IN_THE_DARK);
    for (const owner of [...present, ...inSight.map((position) => position.owner)]) this.see(market, owner, block);
  }

  // ----------------------------------------------------------------------------------------- why it is not done

  /** Takes over from the strategy why what could be done is not. */
  decided(
    markets: Observed["markets"],
    { decisions, skips }: { decisions: readonly Decision[]; skips: readonly Skip[] },
  ): void {
    const spoken = new Set(decisions.flatMap(subjectsOf).map(([market, owner]) => `${market}:${owner}`));
    for (const { market, view } of markets) {
      for (const { position } of view?.unhealthy ?? []) {
        // what is neither decided nor skipped had to stand behind others of the same lane
        if (!spoken.has(`${market}:${position.owner}`)) this.explain(market, position.owner, "behind");
      }
    }
    for (const { market, owner, reason } of skips) this.explain(market, owner, reason);
  }

  explain(market: string, owner: string, reason: string): void {
    const known = this.known.get(market)?.get(owner);
    if (known !== undefined) known.reason = reason;
  }

  /** Gives the reason for all that is known of a market. */
  explainAll(market: string, reason: string): void {
    for (const known of this.known.get(market)?.values() ?? []) known.reason = reason;
  }

  explainDecision(decision: Decision, reason: string): void {
    for (const [market, owner] of subjectsOf(decision)) this.explain(market, owner, reason);
  }

  // ------------------------------------------------------------------------------------------------ who took it

  /** Notes work that another's transaction did. */
  taken(event: KeeperEvent): void {
    switch (event.kind) {
      case "open":
      case "buy":
      case "absorb":
      case "buyInventory":
      case "fulfil":
        this.wins.push(event);
    }
  }

  /**
   * Writes down what was taken since the last time, with the winners' receipts.
   * @param block The one up to which events were read.
   * @param weiPriceE36 Loan asset for a wei.
   * @throws SpillwayError `RPC_UNREACHABLE`; what was taken is then written down the next time.
   */
  async record(rpc: Rpc, block: Block, weiPriceE36: bigint | undefined): Promise<void> {
    if (this.wins.length === 0) return;
    const receipts = await readReceipts(
      rpc,
      this.wins.map(({ transaction }) => transaction),
    );
    const wins = this.wins;
    this.wins = [];
    const shares = new Map<string, bigint>();
    for (const { transaction } of wins) shares.set(transaction, (shares.get(transaction) ?? 0n) + 1n);
    const opportunities = wins.map((win) => {
      const receipt = receipts.get(win.transaction);
      return this.opportunityOf(win, receipt, shares.get(win.transaction) ?? 1n, block, weiPriceE36);
    });
    this.log.addOpportunities(opportunities);
    for (const { reason } of opportunities) this.metrics.missed.inc({ reason: labelOf(reason) });
  }

  private opportunityOf(
    win: Win,
    receipt: Receipt | undefined,
    shares: bigint,
    block: Block,
    weiPriceE36: bigint | undefined,
  ): Opportunity {
    const { block: number, transaction, kind, market, owner, taker, amount, cost } = win;
    const subject = kind === "open" ? LANE : kind === "buyInventory" ? INVENTORY : owner;
    const known = this.known.get(market)?.get(subject);
    // what is left of it is another opportunity
    this.known.get(market)?.delete(subject);
    const here = number === block.number ? block : undefined;
    const terms = receipt?.terms.get(termsKey(kind, owner));
    const gasUsed = receipt && receipt.gasUsed / shares;
    const gain = this.gain(win, terms);
    const gas = receipt && weiPriceE36 && (receipt.gasUsed * receipt.gasPrice * weiPriceE36) / (shares * PRICE_SCALE);
    return {
      ...{ block: number, transaction, kind, market, owner, taker, amount, cost },
      takenAt: here?.timestamp,
      firstSeenBlock: known?.firstSeen.number,
      firstSeenAt: known?.firstSeen.timestamp,
      reason: known?.reason ?? "not-seen",
      oraclePriceE36: terms?.priceE36,
      gasUsed,
      gasPrice: receipt?.gasPrice,
      tip: here && receipt && receipt.gasPrice - here.baseFeePerGas,
      wouldHaveEarned: gain === undefined || gas === undefined ? undefined : gain - gas,
    };
  }

  /** Loan asset before gas; undefined where that can't be told. */
  private gain({ kind, market, amount, cost }: Win, terms: Terms | undefined): bigint | undefined {
    if (kind === "buy" || kind === "buyInventory") {
      const quote = this.quotes.get(market);
      return quote === undefined || amount > quote.most ? undefined : quote.proceeds(amount) - cost;
    }
    if (kind === "fulfil" || terms?.pay === undefined) return terms?.pay;
    return terms.priceE36 === undefined ? undefined : valueOf(terms.pay, terms.priceE36);
  }

  private see(market: string, owner: string, { number, timestamp }: Block): void {
    const known = this.known.get(market) ?? new Map<string, Known>();
    this.known.set(market, known);
    // nothing is decided where gas has no price; otherwise the strategy gives its reason
    if (!known.has(owner)) known.set(owner, { firstSeen: { number, timestamp }, reason: "price-unavailable" });
  }
}

/** Market and owner, or what stands for it, of all that a decision is about. */
function subjectsOf(decision: Decision): [market: string, owner: string][] {
  switch (decision.kind) {
    case "open":
      return [[decision.market, LANE]];
    case "absorb":
      return decision.owners.map((owner) => [decision.market, owner]);
    case "buy":
      return decision.orders.map(({ owner }) => [decision.market, owner]);
    case "buyInventory":
      return [[decision.market, INVENTORY]];
    case "fulfil":
      return [[NO_MARKET, decision.controller]];
    case "sync":
      return [];
  }
}
