import { Counter, Gauge, Histogram, Registry } from "prom-client";

import type { NodeStatus } from "../chain/NodePool";
import type { Head } from "../chain/Tip";

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
  readonly signerBalance = this.gauge("keeper_signer_balance_wei", "Ether of each signer, wei", ["signer"]);
  readonly signerPending = this.gauge("keeper_signer_pending_transactions", "Pending transactions of each signer", [
    "signer",
  ]);
  readonly signerTrouble = this.gauge("keeper_signer_trouble", "1 while a signer can't work as it should, by why", [
    "signer",
    "reason",
  ]);
  readonly paths = this.gauge("keeper_path_transactions", "Transactions by path, sent and included from there", [
    "path",
    "what",
  ]);
  readonly gasPaid = this.counter("keeper_gas_paid_wei_total", "Wei paid for gas", ["kind", "outcome"]);
  readonly missed = this.counter("keeper_missed_total", "Work that others did", ["reason"]);
  readonly reorgs = this.counter("keeper_reorgs_total", "Reorganisations undone");
  readonly corrections = this.counter("keeper_book_corrections_total", "Times the book was found wrong and put right");
  readonly auditedAt = this.gauge("keeper_book_audited_block", "Block at which all positions had been audited last");
  readonly differs = this.gauge("keeper_book_differs", "1 from when the book was found wrong until it was read anew");
  readonly storeFails = this.gauge("keeper_store_fails", "1 while the store's last write failed");
  readonly failovers = this.counter("keeper_rpc_failovers_total", "Times a node was left for the next");
  readonly headStatus = this.gauge("keeper_head_status", "1 for what the head is now: ok, stale, behind, none", [
    "status",
  ]);
  readonly nodeHead = this.gauge("keeper_node_head_block", "A node's latest block", ["node"]);
  readonly nodeScore = this.gauge("keeper_node_score", "How well a node does, 0 to 100; 0 can't be used", ["node"]);
  readonly nodeLatency = this.gauge("keeper_node_latency_seconds", "Median of a node's last requests", ["node"]);
  readonly nodeErrors = this.gauge("keeper_node_errors", "Requests that a node failed since the start", ["node"]);
  readonly nodeRole = this.gauge("keeper_node_role", "1 for what a node is used for now", ["node", "role"]);
  readonly errors = this.counter("keeper_errors_total", "Blocks that could not be dealt with", ["code"]);
  readonly fleetMembers = this.gauge("keeper_fleet_members", "Members of the fleet that can act, as last heard of");
  readonly fleetWatcher = this.gauge("keeper_fleet_watcher", "1 while this keeper is the fleet's watcher");
  readonly fleetAlone = this.gauge("keeper_fleet_alone", "1 while this keeper can't reach its fleet and acts alone");
  readonly blockSeconds = new Histogram({
    name: "keeper_block_seconds",
    help: "Time to deal with a block",
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers: [this.registry],
  });

  /** Shows what is known of the nodes and of the head. */
  setNodes(nodes: readonly NodeStatus[], head: Head["status"]): void {
    for (const status of ["ok", "stale", "behind", "none"]) this.headStatus.set({ status }, status === head ? 1 : 0);
    this.nodeRole.reset();
    for (const { host: node, role, head: block, score, latencyMs, errors } of nodes) {
      this.nodeRole.set({ node, role }, 1);
      this.nodeScore.set({ node }, score);
      this.nodeErrors.set({ node }, errors);
      if (block !== undefined) this.nodeHead.set({ node }, block);
      if (latencyMs !== undefined) this.nodeLatency.set({ node }, latencyMs / 1000);
    }
  }

  /** Shows how this keeper stands in its fleet; undefined for one on its own. */
  setFleet(fleet: { size: number; role: string } | undefined): void {
    this.fleetMembers.set(fleet?.size ?? 0);
    this.fleetWatcher.set(fleet?.role === "watcher" ? 1 : 0);
    this.fleetAlone.set(fleet?.role === "alone" ? 1 : 0);
  }

  private gauge<T extends string>(name: string, help: string, labelNames: T[] = []): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  private counter<T extends string>(name: string, help: string, labelNames: T[] = []): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
