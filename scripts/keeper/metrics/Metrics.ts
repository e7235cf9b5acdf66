import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What the keeper counts; docs/keeper.md says what each means. One registry of its own, so that two keepers can be tested. */
export class Metrics {
  readonly registry = new Registry();
  readonly head = this.gauge("keeper_head_block", "Number of the block last dealt with");
  readonly positions = this.gauge("keeper_positions", "Positions in the book");
  readonly unhealthy = this.gauge("keeper_unhealthy_positions", "Positions above lltv", ["market"]);
  readonly lanesOpen = this.gauge("keeper_lane_open", "1 while the lane sells, as of the last look at it", ["market"]);
  readonly pending = this.gauge("keeper_pending_transactions", "Transactions sent and not mined");
  readonly nonce = this.gauge("keeper_nonce", "Next nonce by the chain's count");
  readonly sent = this.counter("keeper_transactions_sent_total", "Transactions the node accepted", ["kind"]);
  readonly outcomes = this.counter("keeper_transactions_total", "Transactions by what became of them", [
    "kind",
    "outcome",
  ]);
  readonly refused = this.counter("keeper_transactions_refused_total", "Transactions not sent, and why", [
    "kind",
    "reason",
  ]);
  readonly missed = this.counter("keeper_missed_total", "Work that others did", ["reason"]);
  readonly reorgs = this.counter("keeper_reorgs_total", "Reorganisations undone");
  readonly corrections = this.counter("keeper_book_corrections_total", "Times the book was found wrong and put right");
  readonly auditedAt = this.gauge("keeper_book_audited_block", "Block at which all positions had been audited last");
  readonly differs = this.gauge("keeper_book_differs", "1 from when the book was found wrong until it was read anew");
  readonly storeFails = this.gauge("keeper_store_fails", "1 while the store's last write failed");
  readonly failovers = this.counter("keeper_rpc_failovers_total", "Times a node was left for the next");
  readonly errors = this.counter("keeper_errors_total", "Blocks that could not be dealt with", ["code"]);
  readonly blockSeconds = new Histogram({
    name: "keeper_block_seconds",
    help: "Time to deal with a block",
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers: [this.registry],
  });

  private gauge<T extends string>(name: string, help: string, labelNames: T[] = []): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  private counter<T extends string>(name: string, help: string, labelNames: T[] = []): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
