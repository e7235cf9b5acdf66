import type { Logger } from "pino";

import { Auditor } from "./audit";
import { Follower } from "./book/Follower";
import type { Block } from "./chain/block";
import type { Rpc } from "./chain/rpc";
import type { Coordination } from "./coordination/Coordination";
import { type Action, Executor } from "./execute";
import type { ProtocolAddresses } from "./markets/MarketReader";
import { Markets } from "./markets/Markets";
import type { Metrics } from "./metrics/Metrics";
import { Missed } from "./Missed";
import { type Observed, Observer } from "./observe";
import { type Plan, planOf } from "./plan";
import type { PathCount } from "./sender/Delivery";
import type { Outcome, SenderConfig, Signer, SignerStatus } from "./sender/Sender";
import { SignerPool } from "./sender/SignerPool";
import type { Store } from "./store/Store";
import type { Policy } from "./strategy/view";

/** Keeper configuration. Addresses checksummed. */
export interface KeeperConfig {
  addresses: ProtocolAddresses & { flashLiquidator: string };
  /** The Uniswap v3 pool that each collateral is sold on. One without a pool is not bought. */
  pools: ReadonlyMap<string, string>;
  /** The block in which the vault was deployed, or one before it. */
  fromBlock: number;
  /** The most blocks to ask logs for at once. */
  logChunk: number;
  /** What gas costs: the market whose collateral is the chain's own coin, or loan asset for a wei, scaled by 1e36. */
  weiPrice: { market: string } | { fixedE36: bigint };
  policy: Policy;
  sender: SenderConfig;
  /** Where profits go. */
  profitReceiver: string;
  /** The most transactions in one block. */
  maxActions: number;
  /** Blocks between two audits of the book; a checkpoint is written after each. */
  checkBlocks: number;
  /** Decide, but send nothing. */
  dryRun: boolean;
}

/** What a keeper works with. */
export interface KeeperDeps {
  rpc: Rpc;
  signer: Signer;
  /** Further accounts to send from. */
  moreSigners?: readonly Signer[];
  config: KeeperConfig;
  store: Store;
  metrics: Metrics;
  coordination: Coordination;
  log: Logger;
}

/**
 * The keeper. It is given one block after the other and does at each, in this order: it follows the chain, observes,
 * takes note of what happened, plans, executes, and audits its book now and then. It waits for the node to take its
 * transactions, never for them to be mined, and decides by nothing but the chain's state as of that block.
 */
export class Keeper {
  private readonly follower: Follower;
  private readonly markets: Markets;
  private readonly observer: Observer;
  private readonly sender: SignerPool;
  private readonly missed: Missed;
  private readonly executor: Executor;
  private readonly auditor: Auditor;
  private isOpen = false;
  private block: Block | undefined;

  constructor(private readonly deps: KeeperDeps) {
    const { rpc, config, signer, moreSigners = [], store, metrics, coordination, log } = deps;
    const { addresses, pools, policy, maxActions } = config;
    this.follower = new Follower(rpc, { ...config, ...addresses });
    this.markets = new Markets(rpc, addresses, pools);
    this.sender = new SignerPool(rpc, [signer, ...moreSigners], config.sender, store);
    this.observer = new Observer(rpc, this.follower, this.markets, this.sender, {
      addresses,
      weiPrice: config.weiPrice,
      priorityFee: config.sender.limits.priorityFee,
      watchIdle: policy.workAtLoss,
    });
    this.missed = new Missed(store, metrics);
    const { sender, missed } = this;
    const targets = { ...config, ...addresses };
    this.executor = new Executor({ sender, coordination, missed, metrics, log, targets, maxActions });
    this.auditor = new Auditor(rpc, this.follower, addresses.vault);
  }

  /**
   * Does what there is to do at `block`, the latest one. Blocks may be left out.
   * @param options.observeOnly Keeps the book up to date but sends nothing, for a node that lags.
   * @returns What was sent.
   * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`, `BAD_CONFIG`; the next call takes up where the last good one
   * ended.
   */
  async onBlock(block: Block, { observeOnly = false } = {}): Promise<Action[]> {
    const stopTimer = this.deps.metrics.blockSeconds.startTimer();
    const plan = await this.look(block);
    const actions = await this.carryOut(plan, observeOnly);
    if (block.number % this.deps.config.checkBlocks === 0) await this.audit(block);
    this.block = block;
    this.measure(block);
    stopTimer();
    return actions;
  }

  /** Writes a checkpoint to go on from after a restart. */
  save(): void {
    const checkpoint = this.follower.checkpoint();
    if (checkpoint !== undefined) this.deps.store.saveCheckpoint(checkpoint);
  }

  /** How the accounts stand that it sends from. */
  signers(): SignerStatus[] {
    return this.sender.signers();
  }

  /** What was sent and mined by each path. */
  paths(): PathCount[] {
    return this.sender.paths();
  }

  /**
   * Sends nothing any more, and waits for what is pending. What is left then is in the store, and taken up by the next run.
   * @param deadline When not to wait any longer, milliseconds of the clock.
   */
  async drain(deadline: number): Promise<void> {
    const outcomes = await this.sender.drain(deadline);
    if (this.block !== undefined) await this.executor.settle(outcomes, this.block);
    const left = this.sender.pendingCount;
    if (left > 0) this.deps.log.warn({ left }, "transactions are left to the next run");
  }

  /** Follows the chain up to `block`, takes note of what happened, and plans what to do. */
  private async look(block: Block): Promise<Plan> {
    await this.follow(block);
    const observed = await this.observer.observe(block, (reads) => this.sender.read(reads));
    await this.takeNote(observed, observed.more, block);
    const { plan, skips } = planOf(observed, block, this.deps.config.policy);
    for (const { market, owner, reason } of skips) this.missed.explain(market, owner, reason);
    return plan;
  }

  private async follow(block: Block): Promise<void> {
    const { metrics, log } = this.deps;
    if (!this.isOpen) await this.open(block);
    if (await this.follower.undoReorg(block)) {
      metrics.reorgs.inc();
      this.sender.recount();
      log.warn({ block: block.number }, "a reorganisation was undone");
    }
    await this.follower.catchUp(block);
  }

  private async open(block: Block): Promise<void> {
    const { config, store, log } = this.deps;
    await this.markets.refresh(block);
    await this.sender.open(block);
    await this.executor.takeUp(this.sender.pendingJobs);
    const checkpoint = store.loadCheckpoint();
    const restored = checkpoint !== undefined && (await this.follower.restore(checkpoint, block));
    const from = restored ? checkpoint.block : config.fromBlock;
    log.info({ markets: this.markets.all.length, from }, "reading the book");
    this.isOpen = true;
  }

  /** Records what others did before it changes its mind about anything, then what it sees now. */
  private async takeNote({ events, markets }: Observed, outcomes: readonly Outcome[], block: Block): Promise<void> {
    const { metrics } = this.deps;
    for (const event of events) {
      if ("transaction" in event && !this.sender.isOwn(event.transaction)) this.missed.note(event);
    }
    await this.executor.settle(outcomes, block);
    for (const { market, unhealthy, view, isDark } of markets) {
      if (isDark) this.missed.explainAll(market, "price-unavailable");
      if (view !== undefined) metrics.lanesOpen.set({ market }, view.lane.isOpen ? 1 : 0);
      if (unhealthy === undefined) continue;
      metrics.unhealthy.set({ market }, unhealthy.length);
      this.missed.keep(market, new Set(unhealthy.map(({ position }) => position.owner)));
    }
  }

  private async carryOut(plan: Plan, observeOnly: boolean): Promise<Action[]> {
    const idle = observeOnly ? "node-lags" : this.deps.config.dryRun ? "dry-run" : undefined;
    if (idle === undefined) return this.executor.execute(plan);
    this.executor.stayIdle(plan, idle);
    return [];
  }

  private async audit(block: Block): Promise<void> {
    const { metrics, log } = this.deps;
    const collaterals = this.markets.all.map(({ collateral }) => collateral);
    const wrong = await this.auditor.audit(block, collaterals);
    if (wrong.length === 0) {
      this.save();
      return;
    }
    metrics.corrections.inc();
    log.error({ block: block.number, markets: wrong }, "the book was wrong");
  }

  private measure(block: Block): void {
    const { metrics } = this.deps;
    metrics.head.set(block.number);
    metrics.positions.set(this.follower.book.size);
    metrics.pending.set(this.sender.pendingCount);
    metrics.nonce.set(this.sender.nonce);
    metrics.signerTrouble.reset();
    for (const { address: signer, pending, balanceWei, trouble } of this.signers()) {
      metrics.signerPending.set({ signer }, pending);
      if (balanceWei !== undefined) metrics.signerBalance.set({ signer }, Number(balanceWei));
      if (trouble !== undefined) metrics.signerTrouble.set({ signer, reason: trouble }, 1);
    }
    for (const { path, sent, included } of this.paths()) {
      metrics.paths.set({ path, what: "sent" }, sent);
      metrics.paths.set({ path, what: "included" }, included);
    }
  }
}
