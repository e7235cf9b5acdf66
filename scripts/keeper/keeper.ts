import type { Logger } from "pino";

import { Auditor } from "./audit";
import { Audit, type AuditState } from "./book/audit";
import { Follower } from "./book/Follower";
import type { Position } from "./book/position";
import type { Block } from "./chain/block";
import type { Rpc } from "./chain/rpc";
import type { Coordination } from "./coordination/Coordination";
import { DryRun } from "./dryRun";
import { type Action, Executor } from "./execute";
import { Explainer } from "./explain/Explainer";
import type { ProtocolAddresses } from "./markets/MarketReader";
import { Journal } from "./Journal";
import { Markets } from "./markets/Markets";
import type { Metrics } from "./metrics/Metrics";
import { type Observed, Observer } from "./observe";
import { type Plan, planOf } from "./plan";
import type { PathCount } from "./sender/Delivery";
import type { Outcome, SenderConfig, Signer, SignerStatus } from "./sender/Sender";
import { SignerPool } from "./sender/SignerPool";
import type { Store } from "./store/Store";
import type { Policy } from "./strategy/view";
import { outletOpener } from "./venues/open";
import type { Outlet } from "./venues/Outlet";
import type { VenueChoice } from "./venues/Venue";

/** Keeper configuration. Addresses checksummed. */
export interface KeeperConfig {
  addresses: ProtocolAddresses & { flashLiquidator: string };
  /** Shorthand for one Uniswap v3 pool that a collateral is sold on. */
  pools: ReadonlyMap<string, string>;
  /** Venues that each collateral is sold on, beside its pool. One without any is not bought. */
  venues?: ReadonlyMap<string, readonly VenueChoice[]>;
  /** Whether collateral is sold in the transaction that buys it (`flash`), or bought with the first signer's money and kept. */
  capital?: "flash" | "own";
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
  /** Blocks between two checkpoints; the book is audited before each. */
  checkBlocks: number;
  /** Positions that are audited at each block in between; 0 for none. */
  auditPositions: number;
  /** Decide, but send nothing. */
  dryRun: boolean;
}

/** How many positions are audited before a checkpoint, at least. */
const CHECKED_POSITIONS = 200;

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
  private readonly explainer: Explainer;
  /** What this run did, and what that earned. */
  readonly journal = new Journal();
  private readonly executor: Executor;
  private readonly dryRun: DryRun;
  private readonly auditor: Auditor;
  private isOpen = false;
  private block: Block | undefined;
  private observed: Observed | undefined;
  /** The last block's, unless it was not to be carried out. */
  private plan: Plan | undefined;

  constructor(private readonly deps: KeeperDeps) {
    const { rpc, config, signer, moreSigners = [], store, metrics, coordination, log } = deps;
    const { addresses, policy, maxActions } = config;
    this.follower = new Follower(rpc, { ...config, ...addresses });
    this.markets = new Markets(rpc, addresses, outletOpener(rpc, signer.address, config));
    this.sender = new SignerPool(rpc, [signer, ...moreSigners], config.sender, store);
    this.observer = new Observer(rpc, this.follower, this.markets, this.sender, {
      addresses,
      weiPrice: config.weiPrice,
      priorityFee: config.sender.limits.priorityFee,
      watchIdle: policy.workAtLoss,
    });
    this.explainer = new Explainer(store, metrics);
    const { sender, explainer, journal } = this;
    const targets = { ...config, ...addresses, payer: signer.address };
    const outletOf = (market: string): Outlet | undefined => this.markets.outlet(market);
    this.executor = new Executor({
      sender,
      coordination,
      explainer,
      journal,
      metrics,
      log,
      targets,
      outletOf,
      maxActions,
    });
    this.dryRun = new DryRun(rpc, signer.address, targets, outletOf, sender.gas, log);
    this.auditor = new Auditor(rpc, this.follower, new Audit(this.follower.book, addresses.vault));
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
    await this.audit(block);
    this.block = block;
    this.measure(block);
    stopTimer();
    return actions;
  }

  /**
   * Does what of the last plan has become this keeper's to do since, as long as `block` is the one that it is for: for
   * keepers that share their work.
   * @returns What was sent.
   * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`.
   */
  async resume(block: Block): Promise<Action[]> {
    return this.plan?.block.hash === block.hash ? this.share(this.plan) : [];
  }

  /** What was seen at the last block; undefined before the first. */
  get seen(): Observed | undefined {
    return this.observed;
  }

  /** The positions of a market that become liquidatable first, and the debt of all of them in shares. */
  market(collateral: string, most: number): { riskiest: Position[]; debtShares: bigint } {
    const { book } = this.follower;
    return { riskiest: book.riskiest(collateral, most), debtShares: book.debtShares(collateral) };
  }

  /** Empty before the first block. */
  get loanAsset(): string {
    return this.markets.loanAsset;
  }

  /** Positions in the book. */
  get bookSize(): number {
    return this.follower.book.size;
  }

  /** Transactions sent and not mined. */
  get pendingCount(): number {
    return this.sender.pendingCount;
  }

  /** Writes a checkpoint to go on from after a restart, and waits until it is there. */
  async save(): Promise<void> {
    await this.follower.saveNow(this.deps.store);
  }

  /** How far the book can be trusted. */
  get audited(): AuditState {
    return this.auditor.state;
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
    this.account(outcomes);
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
    this.explainer.decided(observed.markets, { decisions: plan.decisions, skips });
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
    const from = (await this.follower.restore(store, block)) ?? config.fromBlock;
    log.info({ markets: this.markets.all.length, from }, "reading the book");
    this.isOpen = true;
  }

  /** Records what others did before it changes its mind about anything, then what it sees now. */
  private async takeNote(observed: Observed, outcomes: readonly Outcome[], block: Block): Promise<void> {
    const { rpc, metrics } = this.deps;
    for (const event of observed.events) {
      if ("transaction" in event && !this.sender.isOwn(event.transaction)) this.explainer.taken(event);
    }
    this.observed = observed;
    this.account(outcomes);
    await this.executor.settle(outcomes, block);
    await this.explainer.record(rpc, block, observed.weiPriceE36);
    this.explainer.look(observed, block);
    for (const { market, unhealthy, view } of observed.markets) {
      if (view !== undefined) metrics.lanesOpen.set({ market }, view.lane.isOpen ? 1 : 0);
      if (unhealthy !== undefined) metrics.unhealthy.set({ market }, unhealthy.count);
    }
  }

  /** Puts into the journal what became of transactions, and what they brought. */
  private account(outcomes: readonly Outcome[]): void {
    const { profitReceiver } = this.deps.config;
    const { markets = [], weiPriceE36 } = this.observed ?? {};
    const prices = markets.flatMap(({ market, priceE36 }) =>
      priceE36 === undefined ? [] : [[market, priceE36] as const],
    );
    const accounts = [profitReceiver, ...this.signers().map(({ address }) => address)];
    const valuation = { loanAsset: this.markets.loanAsset, priceE36: new Map(prices), accounts };
    for (const outcome of outcomes) this.journal.settled(outcome, valuation, weiPriceE36);
  }

  private async carryOut(plan: Plan, observeOnly: boolean): Promise<Action[]> {
    const idle = observeOnly ? "node-lags" : this.deps.config.dryRun ? "dry-run" : undefined;
    this.plan = idle === undefined ? plan : undefined;
    if (idle === undefined) return this.share(plan);
    this.executor.stayIdle(plan, idle);
    if (idle === "dry-run") await this.dryRun.show(plan);
    return [];
  }

  /** Publishes a plan, and executes what of it is this keeper's part. */
  private async share(plan: Plan): Promise<Action[]> {
    const { coordination } = this.deps;
    await coordination.publish(plan);
    const mine = await coordination.take(plan);
    for (const decision of plan.decisions) {
      if (!mine.decisions.includes(decision)) this.explainer.explainDecision(decision, "fleet");
    }
    return this.executor.execute(mine);
  }

  private async audit(block: Block): Promise<void> {
    const { metrics, log, config, store } = this.deps;
    const checkpointIsDue = block.number % config.checkBlocks === 0;
    const most = checkpointIsDue ? Math.max(CHECKED_POSITIONS, config.auditPositions) : config.auditPositions;
    if (most === 0) return;
    const collaterals = this.markets.all.map(({ collateral }) => collateral);
    const { corrected, broken } = await this.auditor.audit(block, collaterals, most);
    if (corrected.length > 0 || broken.length > 0) {
      metrics.corrections.inc();
      const positions = corrected.map(({ market, owner }) => ({ market, owner }));
      log.error({ block: block.number, positions, markets: broken }, "the book was wrong");
    }
    if (checkpointIsDue && broken.length === 0) this.follower.save(store);
  }

  private measure(block: Block): void {
    const { metrics } = this.deps;
    metrics.head.set(block.number);
    metrics.positions.set(this.follower.book.size);
    const { auditedAt, differs } = this.audited;
    metrics.auditedAt.set(auditedAt ?? 0);
    metrics.differs.set(Number(differs));
    metrics.storeFails.set(Number(this.deps.store.trouble !== undefined));
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
