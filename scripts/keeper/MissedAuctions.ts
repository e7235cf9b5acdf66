import type { KeeperEvent } from "./book/events";
import type { Position } from "./book/position";
import type { Metrics } from "./metrics/Metrics";
import type { Store } from "./store/Store";
import type { Decision } from "./strategy/view";

/** Reasons that aren't the name of a contract's error. */
const OWN_REASONS = new Set([
  "gas",
  "unprofitable",
  "buffer-full",
  "no-venue",
  "price-unavailable",
  "node-lags",
  "dry-run",
  "outrun",
  "not-seen",
]);

/** Remembers why the keeper does not act on an auction, and records it when somebody else does. */
export class MissedAuctions {
  private readonly reasons = new Map<string, string>();

  constructor(
    private readonly store: Store,
    private readonly metrics: Metrics,
  ) {}

  explain(market: string, owner: string, reason: string): void {
    this.reasons.set(`${market}:${owner}`, reason);
  }

  explainAll(positions: readonly Position[], reason: string): void {
    for (const { market, owner } of positions) this.explain(market, owner, reason);
  }

  explainDecision(decision: Decision, reason: string): void {
    const { market } = decision;
    if ("owner" in decision) this.explain(market, decision.owner, reason);
    else if (decision.kind === "buy") for (const { owner } of decision.orders) this.explain(market, owner, reason);
    else if (decision.kind === "buyInventory") this.explain(market, "inventory", reason);
  }

  /** Records an event that another's transaction brought, if it is a fill or a take-over. */
  note(event: KeeperEvent): void {
    if (event.kind === "bought") {
      this.add(event, { kind: "buy", owner: event.owner, taker: event.buyer, amount: event.amount, cost: event.cost });
    } else if (event.kind === "absorbed") {
      this.add(event, {
        kind: "absorb",
        owner: event.owner,
        taker: event.keeper,
        amount: event.amount,
        cost: event.cost,
      });
    } else if (event.kind === "inventorySold") {
      const { buyer, amount, cost } = event;
      this.add(event, { kind: "buyInventory", owner: "inventory", taker: buyer, amount, cost });
    } else if (event.kind === "position" && event.change.auction === "started") {
      this.reasons.delete(`${event.market}:${event.change.owner}`);
    }
  }

  /** A reason as a metric's label: few values, no figures. */
  static label(reason: string): string {
    const name = /^(\w+)\(/.exec(reason)?.[1];
    return name ?? (OWN_REASONS.has(reason) ? reason : "other");
  }

  private add(
    { block, market }: KeeperEvent,
    missed: { kind: "buy" | "absorb" | "buyInventory"; owner: string; taker: string; amount: bigint; cost: bigint },
  ): void {
    const reason = this.reasons.get(`${market}:${missed.owner}`) ?? "not-seen";
    this.store.addMissed({ block, market, ...missed, reason });
    this.metrics.missed.inc({ reason: MissedAuctions.label(reason) });
  }
}
