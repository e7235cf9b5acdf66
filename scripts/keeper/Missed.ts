import type { KeeperEvent, Taken } from "./book/events";
import type { Metrics } from "./metrics/Metrics";
import type { Store } from "./store/Store";
import { type Decision, LANE } from "./strategy/view";

/** Reasons that aren't the name of a contract's error. */
const OWN_REASONS = new Set([
  "gas",
  "unprofitable",
  "buffer-full",
  "no-venue",
  "lane-closed",
  "diverged",
  "in-trouble",
  "price-unavailable",
  "node-lags",
  "dry-run",
  "outrun",
  "not-seen",
]);
/** Stands for the inventory where a position's owner would be named. */
const INVENTORY = "inventory";

/** Remembers why the keeper does not do what there is to do, and records it when somebody else does it. */
export class Missed {
  /** Market → owner → reason. */
  private readonly reasons = new Map<string, Map<string, string>>();

  constructor(
    private readonly store: Store,
    private readonly metrics: Metrics,
  ) {}

  /** Forgets what it knew of positions of a market that are healthy now. */
  keep(market: string, unhealthy: { has(owner: string): boolean }): void {
    const known = this.reasons.get(market);
    if (known === undefined) return;
    for (const owner of known.keys()) {
      if (owner !== LANE && owner !== INVENTORY && !unhealthy.has(owner)) known.delete(owner);
    }
  }

  explain(market: string, owner: string, reason: string): void {
    const known = this.reasons.get(market) ?? new Map<string, string>();
    this.reasons.set(market, known.set(owner, reason));
  }

  /** Gives the reason for all of a market that was worth one so far. */
  explainAll(market: string, reason: string): void {
    for (const owner of this.reasons.get(market)?.keys() ?? []) this.explain(market, owner, reason);
  }

  explainDecision(decision: Decision, reason: string): void {
    switch (decision.kind) {
      case "open": {
        this.explain(decision.market, LANE, reason);
        return;
      }
      case "absorb": {
        decision.owners.forEach((owner) => this.explain(decision.market, owner, reason));
        return;
      }
      case "buy": {
        decision.orders.forEach(({ owner }) => this.explain(decision.market, owner, reason));
        return;
      }
      case "buyInventory": {
        this.explain(decision.market, INVENTORY, reason);
        return;
      }
      case "fulfil": {
        this.explain("", decision.controller, reason);
        return;
      }
      case "sync":
    }
  }

  /** Records work that another's transaction did. */
  note(event: KeeperEvent): void {
    switch (event.kind) {
      case "open": {
        this.add(event, LANE);
        return;
      }
      case "buyInventory": {
        this.add(event, INVENTORY);
        return;
      }
      case "buy":
      case "absorb":
      case "fulfil": {
        this.add(event, event.owner);
        return;
      }
    }
  }

  /** A reason as a metric's label: few values, no figures. */
  static label(reason: string): string {
    const name = /^(\w+)\(/.exec(reason)?.[1];
    return name ?? (OWN_REASONS.has(reason) ? reason : "other");
  }

  private add({ block, kind, market, owner, taker, amount, cost }: Taken & { block: number }, key: string): void {
    const reason = this.reasons.get(market)?.get(key) ?? "not-seen";
    this.store.addMissed({ block, kind, market, owner, taker, amount, cost, reason });
    this.metrics.missed.inc({ reason: Missed.label(reason) });
  }
}
