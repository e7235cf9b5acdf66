import { setTimeout as sleep } from "node:timers/promises";

import { keccak256 } from "ethers";

import { SpillwayError } from "../../lib";
import type { Block } from "../chain/block";
import { Reads } from "../chain/Reads";
import { type Rpc, type RpcRequest, unwrapHex } from "../chain/rpc";
import { isUnderpaid, nextBaseFee } from "./fees";
import { historyOf, historyRequests } from "./history";
import type { Job, Outcome, Refused, RefusalReason, Sent, Signer } from "./job";
import type { Pending } from "./pending";
import { PendingQueue } from "./PendingQueue";
import type { Price } from "./Pricing";
import { parseReceipt, type Receipt } from "./receipt";
import { openServices, type SenderConfig, type SenderServices, type SenderStore } from "./services";
import type { Call, Verdict } from "./Simulation";

export type { Job, Outcome, Refused, Sent, Signer } from "./job";
export type { SenderConfig } from "./services";

/** How an account stands. */
export interface SignerStatus {
  address: string;
  /** The next nonce by the chain's count. */
  nonce: number;
  pending: number;
  /** Undefined until it was read. */
  balanceWei: bigint | undefined;
  /** The block since which the next nonce has waited, where that is too long. */
  stuckSince: number | undefined;
  /** `no-funds`; `stuck`; `foreign`, another program sends from the account; `node-lags`. */
  trouble: "no-funds" | "stuck" | "foreign" | "node-lags" | undefined;
}

/** A transaction to be sent: signed before, or to be signed. */
interface Draft {
  pending: Pending;
  isSigned: boolean;
}

/** A job that wants another nonce, because its own was taken. */
interface Displaced extends Refused {
  price: Price;
}

interface Posted {
  sent: Sent[];
  refused: Refused[];
  displaced: Displaced[];
}

/** For so many blocks a node may be behind an earlier run before it is the chain that counts as gone back. */
const BEHIND_BLOCKS = 3;
/** For so many blocks a nonce that another program took is told of. */
const FOREIGN_BLOCKS = 64;

/**
 * One account's transactions: one ordered queue with explicit nonces. Sends without waiting for what comes of it; that
 * is read with a later block. All is in the store before it is sent, so that a run that is killed leaves nothing unknown.
 * A nonce whose transaction the node refused is used again by the next one; a transaction that the pool lost or a
 * reorganisation undid is sent again as it was; one that is stuck is sent again at a higher fee, or given up for an empty
 * one where it isn't worth that any more.
 */
export class Sender {
  private readonly queue: PendingQueue;
  private readonly services: SenderServices;
  private readonly ownHashes = new Set<string>();
  /** Nonces whose transaction the node hasn't got, and those of them that were sent again as they were. */
  private readonly dropped = new Set<number>();
  private readonly resent = new Set<number>();
  /** False until the chain's count was read, and after a reorganisation. */
  private counted = false;
  /** Whether what was mined must be looked at again. */
  private recheck = true;
  /** Where an earlier run saw a later block than the node has: that block, and when to believe the node. */
  private behind: { block: number; until: number } | undefined;
  private balance: bigint | undefined;
  private lacksFunds = false;
  private foreignAt: number | undefined;
  private isStopping = false;
  private last: Block | undefined;

  /** @param services What accounts share; the store alone for an account of its own. */
  constructor(
    private readonly rpc: Rpc,
    private readonly signer: Signer,
    private readonly config: SenderConfig,
    services: SenderServices | SenderStore,
  ) {
    this.services = "simulation" in services ? services : openServices(rpc, config, services);
    this.queue = new PendingQueue(signer.address, this.services.store);
  }

  get pendingCount(): number {
    return this.queue.waiting.length;
  }

  /** The next nonce by the chain's count. */
  get nonce(): number {
    return this.queue.nonce;
  }

  /** Jobs that wait to be mined, by nonce. */
  get pendingJobs(): Job[] {
    return this.queue.waiting.flatMap(({ job }) => job ?? []);
  }

  get status(): SignerStatus {
    const { address } = this.signer;
    const now = this.last?.number ?? 0;
    const [lowest] = this.queue.waiting;
    const isStuck = lowest !== undefined && now - lowest.firstAt > this.config.stuckBlocks;
    const isForeign = this.foreignAt !== undefined && now - this.foreignAt < FOREIGN_BLOCKS;
    const trouble =
      this.lacksFunds || this.balance === 0n
        ? "no-funds"
        : this.behind !== undefined
          ? "node-lags"
          : isStuck
            ? "stuck"
            : isForeign
              ? "foreign"
              : undefined;
    return {
      ...{ address, nonce: this.nonce, pending: this.pendingCount, balanceWei: this.balance, trouble },
      stuckSince: isStuck ? lowest.firstAt : undefined,
    };
  }

  /** Whether this keeper sent the transaction, since it was started or shortly before. */
  isOwn(hash: string): boolean {
    return this.ownHashes.has(hash);
  }

  /**
   * Takes up what an earlier run left, and reads where the account stands: what the chain says goes before what was kept.
   * Pool transactions of the account that are not known here are replaced once they are stuck.
   */
  async open(block: Block): Promise<void> {
    this.last = block;
    this.queue.load();
    for (const { hashes } of this.queue.all()) for (const hash of hashes) this.ownHashes.add(hash);
    const marks = this.services.store.marks(this.signer.address);
    const [latest, pool, balance, ...blocks] = await this.rpc.batch([
      this.countRequest("latest"),
      this.countRequest("pending"),
      this.balanceRequest(),
      ...(marks === undefined ? [] : historyRequests(marks)),
    ]);
    const mined = Number(unwrapHex(latest, "counting the signer's transactions"));
    const queued = Number(unwrapHex(pool, "counting the signer's pending transactions"));
    this.balance = BigInt(unwrapHex(balance, "reading the signer's balance"));
    const history = marks === undefined ? "same" : historyOf(marks, blocks, block.number);
    if (history === "other") this.queue.startAnew(mined);
    if (history === "behind" && marks !== undefined) {
      this.behind = { block: marks.last.block, until: block.number + BEHIND_BLOCKS };
    }
    this.queue.count(mined);
    this.counted = true;
    const unknown: Pending[] = [];
    for (let nonce = mined; nonce < queued; nonce++) {
      if (this.queue.at(nonce) === undefined) unknown.push(this.unknownAt(nonce, block));
    }
    this.queue.put(...unknown);
  }

  /**
   * Adds to a block's batch what tells what became of pending transactions.
   * @returns Call it once the batch was sent.
   */
  read(reads: Reads): () => Outcome[] {
    const count = reads.request(this.countRequest("latest"), (result) => Number(result));
    const balance = reads.request(this.balanceRequest(), (result) => BigInt(String(result)));
    const records = (this.recheck ? this.queue.all() : this.queue.waiting).map((pending) => ({
      pending,
      receipts: pending.hashes.map((hash) =>
        reads.request({ method: "eth_getTransactionReceipt", params: [hash] }, (result) => parseReceipt(hash, result)),
      ),
      // the public pool has none that only relays know, and another's is not known by its hash here
      isInPool:
        pending.privateUntil !== undefined || pending.raw === "0x"
          ? undefined
          : reads.request(
              { method: "eth_getTransactionByHash", params: [pending.hashes.at(-1)] },
              (result) => result !== null,
            ),
    }));
    return () => {
      const held = balance.valueOrNone() ?? this.balance;
      if (held !== undefined && this.balance !== undefined && held > this.balance) this.lacksFunds = false;
      this.balance = held;
      if (this.behind !== undefined) return [];
      const nonce = count.value();
      // below what was counted before is a node that lags, unless a reorganisation was told of
      if (this.recheck || nonce > this.queue.nonce) this.queue.count(nonce);
      this.counted = true;
      this.recheck = false;
      const changed: Pending[] = [];
      const outcomes: Outcome[] = [];
      for (const { pending, receipts, isInPool } of records) {
        const receipt = receipts.map((answer) => answer.valueOrNone()).find((found) => found !== undefined);
        if (pending.nonce < this.queue.nonce) this.settle(pending, receipt, changed, outcomes);
        else this.unsettle(pending, isInPool?.valueOrNone() ?? true, changed, outcomes);
      }
      this.queue.put(...changed);
      return outcomes;
    };
  }

  /** After a reorganisation: the chain's count may have gone back, and what was mined may wait again. */
  recount(): void {
    this.counted = false;
    this.recheck = true;
  }

  /**
   * Simulates all jobs at this block and sends those that would go through and pay, in order; sends again what was lost,
   * and replaces what is stuck. Resolves once the node has taken them into its pool.
   * @param before Calls of other accounts of this keeper that go before these.
   */
  async send(
    jobs: readonly Job[],
    block: Block,
    before: readonly Call[] = [],
  ): Promise<{ sent: Sent[]; refused: Refused[] }> {
    this.last = block;
    if (this.behind !== undefined && (block.number >= this.behind.block || block.number >= this.behind.until)) {
      this.behind = undefined;
      this.recount();
    }
    const idle = this.isStopping ? "stopping" : this.behind !== undefined ? "node-lags" : undefined;
    if (idle !== undefined) return { sent: [], refused: refuse(jobs, idle) };
    if (!this.counted) await this.recountNow();
    this.queue.note(block);

    const keys = new Set(this.pendingJobs.map(({ key }) => key));
    const fresh = jobs.filter(({ key }) => !keys.has(key));
    const refused = refuse(
      jobs.filter(({ key }) => keys.has(key)),
      "pending",
    );
    const due = this.due(block);
    const isGapOld = this.isGapOld(block);
    const { simulation, tips, delivery } = this.services;
    await delivery.renew(
      this.queue.waiting.filter((pending) => !due.includes(pending)),
      block,
    );
    if (fresh.length === 0 && due.length === 0 && !isGapOld) return { sent: [], refused };

    const wanted = fresh.map((job): Call => ({ from: this.signer.address, job }));
    const { verdicts, reply } = await simulation.run([...before, ...this.calls()], wanted, block, tips.request());
    tips.note(reply);

    const drafts = due.flatMap((pending) => this.again(pending, verdicts, block, refused));
    const priced = this.price(fresh, verdicts, block, refused);
    drafts.push(...this.drafts(priced, block));
    if (isGapOld) drafts.push(...this.fillers(drafts, block));
    const first = await this.post(drafts, block);
    // their nonces were taken by another program: once more with the next ones
    if (first.displaced.length > 0 && !this.counted) await this.recountNow();
    const second = await this.post(this.drafts(first.displaced, block), block);
    refused.push(...first.refused, ...second.refused, ...second.displaced.map(({ job, reason }) => ({ job, reason })));
    const sent = [...first.sent, ...second.sent];
    if (fresh.length > 0) this.lacksFunds = sent.length === 0 && refused.some(({ reason }) => reason === "no-funds");
    return { sent, refused };
  }

  /** What of this account goes before anything new. */
  calls(): Call[] {
    return this.pendingJobs.map((job) => ({ from: this.signer.address, job }));
  }

  /** From now on nothing is sent. All that is pending is in the store already. */
  stop(): void {
    this.isStopping = true;
  }

  /**
   * Stops, and waits until nothing is pending.
   * @param deadline When to leave it to the next run, milliseconds of the clock.
   * @returns What became of those that were settled.
   */
  async drain(deadline: number, pollMs = 250): Promise<Outcome[]> {
    this.stop();
    const outcomes: Outcome[] = [];
    while (this.pendingCount > 0) {
      try {
        const reads = new Reads(this.last?.number ?? 0);
        const done = this.read(reads);
        await reads.send(this.rpc);
        outcomes.push(...done());
      } catch (error) {
        if (!(error instanceof SpillwayError) || !error.code.startsWith("RPC_")) throw error;
      }
      const left = deadline - Date.now();
      if (this.pendingCount === 0 || left <= 0) break;
      await sleep(Math.min(pollMs, left));
    }
    return outcomes;
  }

  // ------------------------------------------------------------------------------------------------- outcomes

  private settle(pending: Pending, receipt: Receipt | undefined, changed: Pending[], outcomes: Outcome[]): void {
    const result = receipt === undefined ? "lost" : receipt.isGood ? "mined" : "reverted";
    const block = receipt?.block ?? this.last?.number ?? 0;
    const { settled, nonce, job } = pending;
    if (settled?.result === result && settled.block === block) return;
    changed.push({ ...pending, settled: { result, block } });
    this.dropped.delete(nonce);
    this.resent.delete(nonce);
    if (settled?.result === result) return;
    const gasPaid = receipt?.gasPaid ?? 0n;
    outcomes.push({ job, nonce, result, gasPaid, gasUsed: receipt?.gasUsed ?? 0n, logs: receipt?.logs ?? [] });
    if (settled === undefined) this.learn(pending, receipt);
  }

  private learn(pending: Pending, receipt: Receipt | undefined): void {
    const { pricing, learner, tips, delivery } = this.services;
    const { job, fees } = pending;
    if (receipt === undefined) {
      if (job !== undefined) this.foreignAt = this.last?.number;
      return;
    }
    delivery.included(receipt.hash, pending);
    pricing.settle(job, receipt.gasPaid, receipt.isGood, this.last?.timestamp ?? 0n);
    if (job === undefined) return;
    if (receipt.isGood) {
      tips.won();
      learner.learn(job.kind, job.constantGas ?? job.gas, receipt.gasUsed);
    } else tips.lost(fees.maxPriorityFeePerGas);
  }

  private unsettle(pending: Pending, isInPool: boolean, changed: Pending[], outcomes: Outcome[]): void {
    const { settled, nonce, job } = pending;
    if (isInPool) this.dropped.delete(nonce);
    else this.dropped.add(nonce);
    if (settled === undefined) return;
    changed.push({ ...pending, settled: undefined, sentAt: this.last?.number ?? pending.sentAt });
    outcomes.push({ job, nonce, result: "unmined", gasPaid: 0n, gasUsed: 0n, logs: [] });
  }

  // --------------------------------------------------------------------------------------------------- drafts

  /** What waits and needs something done: lost by the pool, stuck, or to be made public. By nonce. */
  private due(block: Block): Pending[] {
    const stuck = new Set(this.queue.stuck(block, this.config.stuckBlocks));
    return this.queue.waiting.filter(
      (pending) =>
        stuck.has(pending) ||
        this.dropped.has(pending.nonce) ||
        (pending.privateUntil !== undefined && pending.privateUntil <= block.number),
    );
  }

  /** Sends one that is due again as it was, or dearer, or gives it up. */
  private again(pending: Pending, verdicts: ReadonlyMap<Job, Verdict>, block: Block, refused: Refused[]): Draft[] {
    const { pricing } = this.services;
    const { job, nonce } = pending;
    const verdict: Verdict = (job && verdicts.get(job)) ?? { reason: "the node did not answer" };
    const isStuck = block.number - pending.sentAt >= this.config.stuckBlocks;
    const isFine = job === undefined ? pending.raw !== "0x" : pays(verdict, block);
    const isDropped = this.dropped.has(nonce);
    const isPublic = pending.privateUntil !== undefined && pending.privateUntil <= block.number;
    const mayWait = (isDropped || isPublic) && !(isStuck && this.resent.has(nonce));
    if (mayWait && isFine && !isUnderpaid(pending.fees, block.baseFeePerGas)) {
      this.resent.add(nonce);
      return [{ pending: isPublic ? { ...pending, privateUntil: undefined } : pending, isSigned: true }];
    }

    const dearer: Price = job === undefined ? { reason: "gas" } : pricing.again(pending, job, verdict, block);
    this.resent.delete(nonce);
    const bumped = { ...pending, sentAt: block.number, bumps: pending.bumps + 1 };
    if ("fees" in dearer) return [{ pending: { ...bumped, ...dearer }, isSigned: false }];
    if (job !== undefined) refused.push({ job, reason: dearer.reason });
    if ((isDropped || pending.privateUntil !== undefined) && nonce === this.queue.waiting.at(-1)?.nonce) {
      // the public doesn't have it and nothing waits behind it: its nonce is free
      this.dropped.delete(nonce);
      this.queue.forget([nonce]);
      return [];
    }
    // given up: an empty transaction frees the nonce for those that wait behind it
    const empty = pricing.empty(pending, block);
    return "fees" in empty ? [{ pending: { ...bumped, ...empty, job: undefined }, isSigned: false }] : [];
  }

  private price(
    jobs: readonly Job[],
    verdicts: ReadonlyMap<Job, Verdict>,
    block: Block,
    refused: Refused[],
  ): { job: Job; price: Price }[] {
    const costs = this.queue.waiting.map(({ gas, fees }) => gas * fees.maxFeePerGas);
    let funds = this.balance === undefined ? undefined : costs.reduce((left, cost) => left - cost, this.balance);
    return jobs.flatMap((job) => {
      const verdict = verdicts.get(job) ?? { reason: "the node did not answer" };
      const price = this.services.pricing.first(job, verdict, block, funds);
      if ("fees" in price) {
        if (funds !== undefined) funds -= price.gas * price.fees.maxFeePerGas;
        return [{ job, price }];
      }
      refused.push({ job, reason: price.reason });
      return [];
    });
  }

  /** Gives each job the lowest nonce that is free, so that one whose transaction was refused is used again. */
  private drafts(priced: readonly { job: Job; price: Price }[], block: Block): Draft[] {
    const nonces = this.queue.freeNonces(priced.length);
    return priced.flatMap(({ job, price }, i) => {
      const nonce = nonces[i];
      if (nonce === undefined || !("fees" in price)) return [];
      return [{ pending: { ...this.unknownAt(nonce, block), gas: price.gas, fees: price.fees, job }, isSigned: false }];
    });
  }

  private isGapOld(block: Block): boolean {
    const [gap] = this.queue.gaps();
    if (gap === undefined) return false;
    return this.queue.waiting.some(
      ({ nonce, sentAt }) => nonce > gap && block.number - sentAt >= this.config.stuckBlocks,
    );
  }

  /** Empty transactions for the nonces that nothing else fills, so that those behind them can go on. */
  private fillers(drafts: readonly Draft[], block: Block): Draft[] {
    const filled = new Set(drafts.map(({ pending: { nonce } }) => nonce));
    return this.queue.gaps().flatMap((nonce) => {
      const price = this.services.pricing.filler(block);
      if (filled.has(nonce) || !("fees" in price)) return [];
      return [{ pending: { ...this.unknownAt(nonce, block), ...price }, isSigned: false }];
    });
  }

  /** The record of a transaction that is not known here. */
  private unknownAt(nonce: number, block: Block): Pending {
    return {
      ...{ nonce, job: undefined, gas: 0n, raw: "0x", hashes: [], bumps: 0, settled: undefined },
      fees: { maxFeePerGas: 2n * block.baseFeePerGas, maxPriorityFeePerGas: this.config.limits.priorityFee },
      ...{ firstAt: block.number, sentAt: block.number, privateUntil: undefined },
    };
  }

  // ---------------------------------------------------------------------------------------------------- post

  /** Signs, saves, and sends, in this order. */
  private async post(drafts: readonly Draft[], block: Block): Promise<Posted> {
    const posted: Posted = { sent: [], refused: [], displaced: [] };
    if (drafts.length === 0) return posted;
    const { delivery } = this.services;
    const inOrder = drafts.toSorted((a, b) => a.pending.nonce - b.pending.nonce);
    const signed = await Promise.all(inOrder.map((draft) => this.sign(draft, block)));
    const known = new Map(signed.map(({ nonce }) => [nonce, this.queue.at(nonce)]));
    this.queue.put(...signed);
    for (const { hashes } of signed) this.ownHashes.add(hashes.at(-1) ?? "");

    const delivered = await delivery.send(signed, block);
    const changed: Pending[] = [];
    const free: number[] = [];
    signed.forEach((pending, i) => {
      const { job, nonce, gas, fees, hashes, privateUntil } = pending;
      const { trouble, privateUntil: until } = delivered[i] ?? { trouble: "the node did not answer" };
      const before = known.get(nonce);
      if (trouble === undefined) {
        this.dropped.delete(nonce);
        if (until !== privateUntil) changed.push({ ...pending, privateUntil: until });
        if (job !== undefined && before === undefined) posted.sent.push({ job, nonce, hash: hashes.at(-1) ?? "" });
        return;
      }
      if (isNonceTaken(trouble)) this.counted = false;
      if (before !== undefined) {
        // it waits on as it was; if it must be dearer still, the next bump starts from here
        changed.push(isUnderpriced(trouble) ? { ...before, fees: pending.fees } : before);
        return;
      }
      // the nonce stays free, unless the pool holds a transaction of it that is not known here
      if (isUnderpriced(trouble)) changed.push({ ...pending, job: undefined, raw: "0x", hashes: [] });
      else free.push(nonce);
      if (isNonceTaken(trouble) || isUnderpriced(trouble)) this.foreignAt = block.number;
      if (job === undefined) return;
      const reason = /insufficient funds/i.test(trouble) ? "no-funds" : trouble;
      if (isNonceTaken(trouble) || isUnderpriced(trouble)) posted.displaced.push({ job, reason, price: { gas, fees } });
      else posted.refused.push({ job, reason });
    });
    this.queue.put(...changed);
    this.queue.forget(free);
    return posted;
  }

  private async sign({ pending, isSigned }: Draft, block: Block): Promise<Pending> {
    if (isSigned) return pending;
    const { nonce, job, gas, fees, hashes } = pending;
    const { address } = this.signer;
    const call = { to: job?.to ?? address, data: job?.data ?? "0x", value: 0n, gasLimit: gas };
    const raw = await this.signer.signTransaction({ type: 2, chainId: this.config.chainId, nonce, ...call, ...fees });
    // a replacement of one that is public would be seen with it
    const isPublic = hashes.length > 0 && pending.privateUntil === undefined;
    const privateUntil = isPublic ? undefined : (pending.privateUntil ?? this.services.delivery.privateUntil(block));
    return { ...pending, raw, hashes: [...hashes, keccak256(raw)], privateUntil };
  }

  private async recountNow(): Promise<void> {
    const [reply] = await this.rpc.batch([this.countRequest("latest")]);
    const nonce = Number(unwrapHex(reply, "counting the signer's transactions"));
    if (this.recheck || nonce > this.queue.nonce) this.queue.count(nonce);
    this.counted = true;
  }

  private countRequest(tag: "latest" | "pending"): RpcRequest {
    return { method: "eth_getTransactionCount", params: [this.signer.address, tag] };
  }

  private balanceRequest(): RpcRequest {
    return { method: "eth_getBalance", params: [this.signer.address, "latest"] };
  }
}

function refuse(jobs: readonly Job[], reason: RefusalReason): Refused[] {
  return jobs.map((job) => ({ job, reason }));
}

/** Whether a job would go through, and pays for what the next block may ask. */
function pays(verdict: Verdict, { baseFeePerGas }: Block): boolean {
  if ("reason" in verdict) return false;
  return verdict.worth === undefined || verdict.worth >= verdict.gas * nextBaseFee(baseFeePerGas);
}

function isUnderpriced(trouble: string): boolean {
  return /underpriced/i.test(trouble);
}

function isNonceTaken(trouble: string): boolean {
  return /nonce/i.test(trouble) && !isUnderpriced(trouble);
}
