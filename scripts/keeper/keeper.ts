import { ZeroAddress } from "ethers";
import type { Logger } from "pino";

import { bpsToWad, INDEX_SCALE, min, SpillwayError } from "../lib";

import { Follower } from "./book/Follower";
import type { KeeperEvent } from "./book/events";
import type { Position } from "./book/position";
import type { Block } from "./chain/block";
import { type PayParameters, readAuctionHouse, readBuffer, readOracle, readVault } from "./chain/contracts";
import { type Glance, MarketReader, type ProtocolAddresses } from "./markets/MarketReader";
import { Reads } from "./chain/Reads";
import type { Rpc } from "./chain/rpc";
import type { Coordination } from "./coordination/Coordination";
import { jobOf } from "./jobs";
import type { Metrics } from "./metrics/Metrics";
import { Explainer } from "./explain/Explainer";
import { labelOf } from "./explain/reasons";
import { type Job, type Outcome, Sender, type SenderConfig, type Signer } from "./sender/Sender";
import { nextBaseFee } from "./sender/fees";
import type { Store } from "./store/Store";
import { decide, decideFulfil } from "./strategy/decide";
import type { PayTerms } from "./strategy/gas";
import { type Decision, type MarketView, type Policy, type RedemptionView, viewPosition } from "./strategy/view";
import { UniswapV3Venue } from "./venues/UniswapV3Venue";

/** What a keeper has to know. Addresses checksummed. */
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
  /** Blocks between two checks of the book's sums against the vault's; a checkpoint is written after each. */
  checkBlocks: number;
  /** Decide, but send nothing. */
  dryRun: boolean;
}

/** What a keeper works with. */
export interface KeeperDeps {
  rpc: Rpc;
  signer: Signer;
  config: KeeperConfig;
  store: Store;
  metrics: Metrics;
  coordination: Coordination;
  log: Logger;
}

/** A transaction that the node accepted. */
export interface Action {
  decision: Decision;
  nonce: number;
  hash: string;
}

/** What a block's decisions rest on, and what a wei is worth in loan asset, scaled by 1e36, where that is known. */
interface Observed {
  views: MarketView[];
  redemptions: RedemptionView;
  weiPriceE36: bigint | undefined;
}

/** The most requests that are looked at in one block. */
const REQUESTS = 4;
/** How many positions one check reads; nodes take up to a thousand calls a batch. */
const CHECKED_POSITIONS = 200;
/** The most blocks for which a job that keeps failing is left alone. */
const LONGEST_REST = 32;

/**
 * The keeper. It is given one block after the other and does all that there is to do at each; it waits for the node to
 * take its transactions, never for them to be mined. It decides by nothing but the chain's state as of that block.
 */
export class Keeper {
  private readonly follower: Follower;
  private readonly sender: Sender;
  private readonly explainer: Explainer;
  private readonly markets: MarketReader[] = [];
  /** Jobs that failed their simulation: how often in a row, and the block before which they aren't tried again. */
  private readonly resting = new Map<string, { failures: number; until: number }>();
  private weiPriceE36: bigint | undefined;
  private pay: PayParameters | undefined;
  private isOpen = false;
  private checkedTo = 0;

  constructor(private readonly deps: KeeperDeps) {
    const { rpc, config, signer, store, metrics } = deps;
    this.follower = new Follower(rpc, { ...config, ...config.addresses });
    this.sender = new Sender(rpc, signer, config.sender, store);
    this.explainer = new Explainer(store, metrics);
  }

  /**
   * Does what there is to do at `block`, the latest one. Blocks may be left out.
   * @param options.observeOnly Keeps the book up to date but sends nothing, for a node that lags.
   * @returns What was sent.
   * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`, `BAD_CONFIG`; the next call takes up where the last good one
   * ended.
   */
  async onBlock(block: Block, { observeOnly = false } = {}): Promise<Action[]> {
    const { metrics, config } = this.deps;
    const stopTimer = metrics.blockSeconds.startTimer();
    if (!this.isOpen) await this.open(block);
    if (await this.follower.undoReorg(block)) {
      metrics.reorgs.inc();
      this.sender.recount();
      this.deps.log.warn({ block: block.number }, "a reorganisation was undone");
    }
    await this.follower.catchUp(block);
    const observed = await this.observe(block);
    const actions = await this.act(observed, block, observeOnly);
    if (block.number % config.checkBlocks === 0) await this.check(block);

    metrics.head.set(block.number);
    metrics.positions.set(this.follower.book.size);
    metrics.pending.set(this.sender.pendingCount);
    metrics.nonce.set(this.sender.nonce);
    stopTimer();
    return actions;
  }

  /** Writes a checkpoint to go on from after a restart. */
  save(): void {
    const checkpoint = this.follower.checkpoint();
    if (checkpoint !== undefined) this.deps.store.saveCheckpoint(checkpoint);
  }

  private async open(block: Block): Promise<void> {
    const { config, store, log } = this.deps;
    await this.openMarkets(block);
    await this.sender.open(block);
    const checkpoint = store.loadCheckpoint();
    const restored = checkpoint !== undefined && (await this.follower.restore(checkpoint, block));
    log.info(
      { markets: this.markets.length, from: restored ? checkpoint.block : config.fromBlock },
      "reading the book",
    );
    this.isOpen = true;
  }

  private async openMarkets(block: Block): Promise<void> {
    const { rpc, config } = this.deps;
    const { addresses, pools } = config;
    const reads = new Reads(block.number);
    const collaterals = reads.call(readVault.markets(addresses.vault));
    const asset = reads.call(readVault.asset(addresses.vault));
    const pay = reads.call(readAuctionHouse.payParameters(addresses.auctionHouse));
    await reads.send(rpc);
    this.pay = pay.value();
    for (const collateral of collaterals.value()) {
      if (this.markets.some((market) => market.collateral === collateral)) continue;
      const pool = pools.get(collateral);
      const venue =
        pool === undefined ? undefined : await UniswapV3Venue.open(rpc, block.number, pool, collateral, asset.value());
      this.markets.push(await MarketReader.open(rpc, block, addresses, collateral, venue));
    }
  }

  // ------------------------------------------------------------------------------------------------ observe

  /** Brings the book up to `block` and reads the markets at it: one round trip, and one more where there is work. */
  private async observe(block: Block): Promise<Observed> {
    const { rpc, config } = this.deps;
    const reads = new Reads(block.number);
    const readEvents = this.follower.read(reads, block);
    const readOutcomes = this.sender.read(reads);
    const index = reads.call(readVault.indexE27(config.addresses.vault));
    const glances = this.markets.map((market) => ({ market, glance: market.glance(reads) }));
    const nativeOracle = this.pay?.nativeOracle ?? ZeroAddress;
    const nativePrice = nativeOracle === ZeroAddress ? undefined : reads.call(readOracle.priceE36(nativeOracle));
    await reads.send(rpc);

    await this.digest(readEvents(), block);
    await this.settle(readOutcomes(), block);
    const known = glances.flatMap(({ market, glance: read }) => {
      const glance = read();
      if (glance === undefined) this.explainer.explainAll(market.collateral, "price-unavailable");
      return glance === undefined ? [] : [{ market, glance }];
    });
    const weiPriceE36 = this.weiPrice(known);
    await this.explainer.record(rpc, block, weiPriceE36);
    // what is worth it at the next block's highest base fee is so at any
    const baseFee = nextBaseFee(block.baseFeePerGas);
    const gas = { wei: baseFee + config.sender.limits.priorityFee, weiPriceE36: weiPriceE36 ?? 0n };
    const pay = this.payTerms(baseFee, nativePrice?.valueOrNone() ?? 0n);

    const more = new Reads(block.number);
    const views = known.map(({ market, glance }) => this.readMarket(more, market, glance, index.value(), block));
    const redemptions = this.readRequests(more, block);
    await more.send(rpc);
    const observed = {
      views: views.flatMap((view) => view({ now: block.timestamp, gas, pay }) ?? []),
      redemptions: { ...redemptions(), gas, pay },
      weiPriceE36,
    };
    this.explainer.lookAtRequests(observed.redemptions, block);
    return observed;
  }

  private payTerms(baseFee: bigint, nativePriceE36: bigint): PayTerms {
    if (this.pay === undefined) throw new SpillwayError("INTERNAL", "The keeper is not open.");
    return { parameters: this.pay, baseFee, nativePriceE36 };
  }

  /**
   * Adds to a batch what decisions about a market need, if there is anything to decide.
   * @returns Call it once the batch was sent. Undefined where there is nothing to do.
   */
  private readMarket(
    reads: Reads,
    market: MarketReader,
    glance: Glance,
    indexE27: bigint,
    block: Block,
  ): (around: Pick<MarketView, "now" | "gas" | "pay">) => MarketView | undefined {
    const { metrics, config } = this.deps;
    const { book } = this.follower;
    const { collateral } = market;
    const { priceE36 } = glance;
    const unhealthy = book
      .unhealthy(collateral, indexE27, priceE36, market.lltvBps)
      .map((position) => viewPosition(position, indexE27, priceE36));
    metrics.unhealthy.set({ market: collateral }, unhealthy.length);
    const sells = glance.inventory.amount > 0n;
    if (unhealthy.length === 0 && !sells && !config.policy.workAtLoss) {
      this.explainer.keep(collateral, new Set());
      return () => undefined;
    }

    const absorbs = unhealthy.some(({ ltvWad }) => ltvWad >= bpsToWad(market.absorbLtvBps));
    const readState = market.read(reads, { absorbs, sells });
    const readQuote = unhealthy.length > 0 || sells ? market.venue?.read(reads) : undefined;
    return (around) => {
      const state = readState();
      const quote = readQuote?.();
      if (state === undefined) {
        this.explainer.explainAll(collateral, "price-unavailable");
        return undefined;
      }
      metrics.lanesOpen.set({ market: collateral }, state.lane.isOpen ? 1 : 0);
      const debt = (book.debtShares(collateral) * indexE27) / INDEX_SCALE;
      const view = market.view(glance, state, { ...around, unhealthy, debt, quote });
      this.explainer.look(view, block);
      return view;
    };
  }

  /**
   * Adds to a batch the requests whose cooldown may be over, a few at a time.
   * @returns Call it once the batch was sent.
   */
  private readRequests(reads: Reads, block: Block): () => Pick<RedemptionView, "ready" | "inTrouble"> {
    const { buffer } = this.deps.config.addresses;
    const { requests } = this.follower;
    const due = requests.due(block.timestamp, REQUESTS).map((controller) => ({
      controller,
      shares: reads.call(readBuffer.pending(buffer, controller)),
      readyAt: reads.call(readBuffer.readyAt(buffer, controller)),
    }));
    if (due.length === 0) return () => ({ ready: [], inTrouble: false });
    const cash = reads.call(readBuffer.cash(buffer));
    const assets = reads.call(readBuffer.totalAssets(buffer));
    const supply = reads.call(readBuffer.totalSupply(buffer));
    const trouble = reads.call(readBuffer.marketInTrouble(buffer));
    return () => {
      for (const { controller, shares, readyAt } of due) {
        requests.note(controller, shares.value(), readyAt.value(), block.number);
      }
      const ready = due
        .filter(({ shares, readyAt }) => shares.value() > 0n && readyAt.value() <= block.timestamp)
        .map(({ controller, shares }) => ({
          controller,
          assets: min((shares.value() * assets.value()) / supply.value(), cash.value()),
        }));
      return { ready, inTrouble: trouble.value() !== ZeroAddress };
    };
  }

  /** Notes what others did, and reads the settings again that governance has changed. */
  private async digest(events: readonly KeeperEvent[], block: Block): Promise<void> {
    const stale = new Set<string>();
    let payIsStale = false;
    for (const event of events) {
      if (event.kind === "marketSet") stale.add(event.market);
      else if (event.kind === "paySet") payIsStale = true;
      else if (!this.sender.isOwn(event.transaction)) this.explainer.taken(event);
    }
    for (const market of this.markets) {
      if (stale.has(market.collateral)) await market.refresh(this.deps.rpc, block);
    }
    // a market that is new here was listed just now; its state comes with the next block
    if (stale.size > 0 || payIsStale) await this.openMarkets(block);
  }

  private weiPrice(known: readonly { market: MarketReader; glance: Glance }[]): bigint | undefined {
    const { weiPrice } = this.deps.config;
    if ("fixedE36" in weiPrice) return weiPrice.fixedE36;
    const found = known.find(({ market }) => market.collateral === weiPrice.market);
    // a price of a while ago is good enough for gas
    if (found !== undefined) this.weiPriceE36 = found.glance.priceE36;
    return this.weiPriceE36;
  }

  // ---------------------------------------------------------------------------------------------------- act

  private async act(
    { views, redemptions, weiPriceE36 }: Observed,
    block: Block,
    observeOnly: boolean,
  ): Promise<Action[]> {
    const { config, coordination, log } = this.deps;
    if (weiPriceE36 === undefined) return [];
    const wanted: { decision: Decision; job: Job }[] = [];
    const decided = views.map((view) => {
      const decisions = decide(view, config.policy);
      this.explainer.decided(view, decisions);
      return decisions;
    });
    const fulfil = decideFulfil(redemptions, config.policy);
    for (const { market, owner, reason } of fulfil.skips) this.explainer.explain(market, owner, reason);
    for (const { decisions } of [...decided, fulfil]) {
      for (const decision of decisions) {
        const targets = { ...config, ...config.addresses };
        wanted.push({ decision, job: jobOf(decision, targets, weiPriceE36) });
      }
    }
    const idle = observeOnly ? "node-lags" : config.dryRun ? "dry-run" : undefined;
    if (idle !== undefined) {
      for (const { decision } of wanted) this.explainer.explainDecision(decision, idle);
      if (wanted.length > 0)
        log.info({ block: block.number, reason: idle, would: wanted.map(({ job }) => job.key) }, "idle");
      return [];
    }

    const claimed = new Map<Job, Decision>();
    for (const { decision, job } of wanted) {
      const rested = (this.resting.get(job.key)?.until ?? 0) <= block.number;
      if (claimed.size < config.maxActions && rested && (await coordination.claim(job.key))) claimed.set(job, decision);
    }
    const { sent, refused } = await this.send(claimed, block);
    for (const { job, reason } of refused) {
      await coordination.release(job.key);
      this.rest(job, block);
      const decision = claimed.get(job);
      if (decision !== undefined) this.explainer.explainDecision(decision, reason);
      this.deps.metrics.refused.inc({ kind: job.kind, reason: labelOf(reason) });
      log.info({ block: block.number, job: job.key, reason }, "not sent");
    }
    const actions: Action[] = [];
    for (const { job, nonce, hash } of sent) {
      const decision = claimed.get(job);
      if (decision === undefined) continue;
      this.resting.delete(job.key);
      this.explainer.explainDecision(decision, "outrun");
      this.deps.metrics.sent.inc({ kind: job.kind });
      log.info({ block: block.number, job: job.key, nonce, hash }, "sent");
      actions.push({ decision, nonce, hash });
    }
    return actions;
  }

  /** Sends, and lets go of the jobs again where the node can't be reached. */
  private async send(claimed: ReadonlyMap<Job, Decision>, block: Block): ReturnType<Sender["send"]> {
    try {
      return await this.sender.send([...claimed.keys()], block);
    } catch (error) {
      for (const { key } of claimed.keys()) await this.deps.coordination.release(key);
      throw error;
    }
  }

  /** A job that keeps failing is tried after 1, 2, 4 … blocks, so that it can't crowd out the others. */
  private rest({ key }: Job, block: Block): void {
    const failures = (this.resting.get(key)?.failures ?? 0) + 1;
    this.resting.set(key, { failures, until: block.number + Math.min(LONGEST_REST, 2 ** (failures - 1)) });
  }

  private async settle(outcomes: readonly Outcome[], block: Block): Promise<void> {
    const { coordination, metrics, log } = this.deps;
    for (const { job, nonce, result, gasPaid } of outcomes) {
      metrics.outcomes.inc({ kind: job?.kind ?? "given-up", outcome: result });
      log.info({ block: block.number, job: job?.key, nonce, result, gasPaid: String(gasPaid) }, "outcome");
      if (job === undefined) continue;
      await coordination.release(job.key);
      if (result === "reverted") this.rest(job, block);
    }
  }

  // -------------------------------------------------------------------------------------------------- check

  /**
   * Holds the book against the vault: the debt of each market, and the next positions in turn. Where they differ, all of it is
   * read again with the next block.
   */
  private async check(block: Block): Promise<void> {
    const { rpc, config, metrics, log } = this.deps;
    const { vault } = config.addresses;
    const { book } = this.follower;
    const reads = new Reads(block.number);
    const markets = this.markets.map(({ collateral }) => ({
      market: collateral,
      read: reads.call(readVault.market(vault, collateral)),
    }));
    const positions = this.nextToCheck(book.positions()).map((position) => ({
      ...position,
      read: reads.call(readVault.position(vault, position.market, position.owner)),
    }));
    await reads.send(rpc);
    const wrong = [
      ...markets.filter(({ market, read }) => read.value().debtShares !== book.debtShares(market)),
      ...positions.filter(({ collateral, debtShares, read }) => {
        const actual = read.value();
        return actual.collateral !== collateral || actual.debtShares !== debtShares;
      }),
    ];
    if (wrong.length === 0) {
      this.save();
      return;
    }
    metrics.corrections.inc();
    log.error({ block: block.number, markets: wrong.map(({ market }) => market) }, "the book was wrong");
    this.follower.restart();
  }

  private nextToCheck(positions: readonly Position[]): readonly Position[] {
    const from = this.checkedTo < positions.length ? this.checkedTo : 0;
    this.checkedTo = from + CHECKED_POSITIONS;
    return positions.slice(from, this.checkedTo);
  }
}
