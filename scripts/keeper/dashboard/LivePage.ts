import type { Logger } from "pino";

import { SpillwayError } from "../../lib";
import type { Block } from "../chain/block";
import { readBuffer } from "../chain/contracts";
import type { NodePool } from "../chain/NodePool";
import { Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";
import type { Fleet } from "../coordination/Fleet";
import type { FleetStatus } from "../coordination/status";
import type { HealthReason } from "../health";
import type { Keeper } from "../keeper";
import type { Metrics } from "../metrics/Metrics";
import type { Store } from "../store/Store";
import { Reporter } from "./Reporter";
import type { Dashboard } from "./server";
import type { MemberRow } from "./snapshot";
import { readTokens, type Token } from "./tokens";

/** What a page is made from. */
export interface PageDeps {
  dashboard: Pick<Dashboard, "push">;
  keeper: Keeper;
  rpc: Rpc & Pick<NodePool, "nodes">;
  store: Store;
  metrics: Metrics;
  log: Logger;
  /** Undefined for a keeper on its own. */
  fleet: Pick<Fleet, "role" | "status"> | undefined;
  chainId: number;
  vault: string;
  buffer: string;
  dryRun: boolean;
}

/** How often the page is told of the fleet, and for how many blocks back of what others did. */
const FLEET_EVERY_MS = 2_000;
const MISSED_BLOCKS = 5_000;

/** Brings the page that is served up to a block. */
export class LivePage {
  private readonly tokens = new Map<string, Token>();
  private readonly reporter: Reporter;
  private members: MemberRow[] = [];
  private membersMs = 0;

  constructor(private readonly deps: PageDeps) {
    const { keeper, chainId, vault, dryRun } = deps;
    this.reporter = new Reporter(keeper, { chainId, vault, dryRun, tokens: this.tokens });
  }

  /**
   * Shows the state after a block that the keeper has dealt with. One round trip to the node. Where node or Redis fails it
   * says so in the log and goes on showing the state before: a page stops no work.
   */
  async show(block: Block, health: { ready: boolean; reasons: readonly HealthReason[] }): Promise<void> {
    try {
      await this.update(block, health);
    } catch (error) {
      if (!(error instanceof SpillwayError)) throw error;
      this.deps.log.warn({ code: error.code, message: error.message }, "the page was not brought up to date");
    }
  }

  private async update(block: Block, health: { ready: boolean; reasons: readonly HealthReason[] }): Promise<void> {
    const { dashboard, rpc, store, metrics, buffer } = this.deps;
    await this.learnTokens(block);
    await this.askFleet();
    const reads = new Reads(block.number);
    const cash = reads.call(readBuffer.cash(buffer));
    await reads.send(rpc);
    const snapshot = this.reporter.snapshot(block, Date.now(), {
      ...health,
      ...{ nodes: rpc.nodes(), fleet: this.members, bufferCash: cash.valueOrNone() },
      missed: store.opportunities({ block: block.number - MISSED_BLOCKS }),
    });
    metrics.setProfit(snapshot.profit);
    dashboard.push(snapshot);
  }

  /** Of the loan asset, and of each market when it is first seen. */
  private async learnTokens(block: Block): Promise<void> {
    const { keeper, rpc } = this.deps;
    const shown = [keeper.loanAsset, ...(keeper.seen?.markets ?? []).map(({ market }) => market)];
    const unknown = shown.filter((address) => !this.tokens.has(address));
    if (unknown.length === 0) return;
    for (const [address, token] of await readTokens(rpc, block.number, unknown)) this.tokens.set(address, token);
  }

  private async askFleet(): Promise<void> {
    const { fleet } = this.deps;
    if (fleet === undefined || fleet.role === "alone" || Date.now() - this.membersMs < FLEET_EVERY_MS) return;
    this.members = memberRows(await fleet.status());
    this.membersMs = Date.now();
  }
}

function memberRows({ members, underWay }: FleetStatus): MemberRow[] {
  const highest = Math.max(0, ...members.map(({ head }) => head));
  return members.map(({ id, host, role, signers, head, seenMsAgo }) => ({
    ...{ id, host, role, signer: signers.join(" "), head, lagBlocks: highest - head },
    jobs: underWay.filter(({ member }) => member === id).length,
    seenSecondsAgo: Math.round(seenMsAgo / 1000),
  }));
}
