import { keccak256 } from "ethers";
import { z } from "zod";

import type { Block } from "../chain/block";
import { revertReason } from "../chain/contracts";
import type { Reads } from "../chain/Reads";
import { type Rpc, type RpcReply, type RpcRequest, toHex, unwrapHex } from "../chain/rpc";
import { max } from "../../lib";
import { type FeeLimits, type Fees, bumpedFees, firstFees } from "./fees";

/** Signs for one account. */
export interface Signer {
  readonly address: string;
  /** The signed transaction in hex, ready to be sent. */
  signTransaction(transaction: {
    type: 2;
    chainId: number;
    nonce: number;
    to: string;
    data: string;
    value: bigint;
    gasLimit: bigint;
    maxFeePerGas: bigint;
    maxPriorityFeePerGas: bigint;
  }): Promise<string>;
}

/** A transaction to be made. */
export interface Job {
  /** Names the job; no two with the same key are sent at once. */
  key: string;
  kind: string;
  to: string;
  data: string;
  /** Units of gas that it is expected to take. */
  gas: bigint;
  /** Wei that it may cost at most; undefined where only the fee limits bound it. */
  worth: bigint | undefined;
}

export interface Sent {
  job: Job;
  nonce: number;
  hash: string;
}

/** A job that was not sent, and why: the name of the error it would revert with, `gas`, or what the node said. */
export interface Refused {
  job: Job;
  reason: string;
}

/** What became of a nonce. `lost` is one that another transaction took. `job` is undefined where it was given up. */
export interface Outcome {
  job: Job | undefined;
  nonce: number;
  result: "mined" | "reverted" | "lost";
  /** Wei paid for gas. */
  gasPaid: bigint;
}

export interface SenderConfig {
  chainId: number;
  limits: FeeLimits;
  /** A transaction that isn't mined after this many blocks is replaced. */
  stuckBlocks: number;
}

/** Remembers the lowest nonce that may still be used. */
export interface NonceFloor {
  nonceFloor: number;
}

interface Pending {
  nonce: number;
  /** Undefined for a transaction that isn't ours to repeat: one given up, or one of an earlier run. */
  job: Job | undefined;
  gas: bigint;
  fees: Fees;
  hashes: string[];
  sentAt: number;
}

const SELF_TRANSFER_GAS = 21_000n;
/** A transaction's gas limit is this many times what it is expected to take: what isn't used isn't paid. */
const LIMIT_TO_GAS = 2n;

const receiptSchema = z.object({
  status: z.string(),
  gasUsed: z.string(),
  effectiveGasPrice: z.string().default("0x0"),
});

/**
 * One account's transactions: one ordered queue with explicit nonces. Sends without waiting for what comes of it; that
 * is read with the next block. A nonce whose transaction the node refused is used again by the next one; a transaction
 * that is stuck is sent again at a higher fee, or given up for an empty one where it isn't worth that any more.
 */
export class Sender {
  private readonly pending = new Map<number, Pending>();
  private readonly ownHashes = new Set<string>();
  private chainNonce = 0;
  /** False until the chain's count was read, and after a reorganisation. */
  private counted = false;

  constructor(
    private readonly rpc: Rpc,
    private readonly signer: Signer,
    private readonly config: SenderConfig,
    private readonly floor: NonceFloor,
  ) {}

  get pendingCount(): number {
    return this.pending.size;
  }

  /** The next nonce by the chain's count. */
  get nonce(): number {
    return this.chainNonce;
  }

  /** Whether this keeper sent the transaction, since it was started. */
  isOwn(hash: string): boolean {
    return this.ownHashes.has(hash);
  }

  /** Reads where the account stands. Transactions of an earlier run that still wait are replaced once they are stuck. */
  async open(block: Block): Promise<void> {
    const replies = await this.rpc.batch([this.countRequest("latest"), this.countRequest("pending")]);
    const mined = Number(unwrapHex(replies[0], "counting the signer's transactions"));
    const queued = Number(unwrapHex(replies[1], "counting the signer's pending transactions"));
    this.raise(max(BigInt(mined), BigInt(this.floor.nonceFloor)));
    for (let nonce = this.chainNonce; nonce < queued; nonce++) {
      const fees = { maxFeePerGas: 2n * block.baseFeePerGas, maxPriorityFeePerGas: this.config.limits.priorityFee };
      this.pending.set(nonce, {
        nonce,
        job: undefined,
        gas: SELF_TRANSFER_GAS,
        fees,
        hashes: [],
        sentAt: block.number,
      });
    }
  }

  /**
   * Adds to a block's batch what tells what became of pending transactions.
   * @returns Call it once the batch was sent.
   */
  read(reads: Reads): () => Outcome[] {
    if (this.pending.size === 0) return () => [];
    const count = reads.request(this.countRequest("latest"), (result) => Number(result));
    const receipts = [...this.pending.values()].map((pending) => ({
      pending,
      answers: pending.hashes.map((hash) =>
        reads.request({ method: "eth_getTransactionReceipt", params: [hash] }, (result) =>
          result === null ? undefined : receiptSchema.parse(result),
        ),
      ),
    }));
    return () => {
      const outcomes: Outcome[] = [];
      const nonce = count.value();
      for (const { pending, answers } of receipts) {
        const receipt = answers.map((answer) => answer.valueOrNone()).find((found) => found !== undefined);
        if (receipt === undefined && pending.nonce >= nonce) continue;
        this.pending.delete(pending.nonce);
        const gasPaid = receipt === undefined ? 0n : BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
        const result = receipt === undefined ? "lost" : BigInt(receipt.status) === 1n ? "mined" : "reverted";
        outcomes.push({ job: pending.job, nonce: pending.nonce, result, gasPaid });
      }
      this.raise(BigInt(nonce));
      return outcomes;
    };
  }

  /** After a reorganisation: the chain's count may have gone back. */
  recount(): void {
    this.chainNonce = 0;
    this.counted = false;
    this.floor.nonceFloor = 0;
  }

  /**
   * Simulates all jobs at this block and sends those that would go through and pay, in order; replaces what is stuck.
   * Resolves once the node has taken them into its pool.
   */
  async send(jobs: readonly Job[], block: Block): Promise<{ sent: Sent[]; refused: Refused[] }> {
    const stuck = [...this.pending.values()].filter(({ sentAt }) => block.number - sentAt >= this.config.stuckBlocks);
    if (jobs.length === 0 && stuck.length === 0) return { sent: [], refused: [] };
    if (!this.counted) await this.recountNow();

    const again = stuck.flatMap(({ job }) => (job === undefined ? [] : [job]));
    const simulated = await this.simulate([...again, ...jobs], block);
    const drafts: Pending[] = [];
    const refused: Refused[] = [];

    for (const pending of stuck) {
      const { job } = pending;
      const gas = job && simulated.get(job);
      const draft = this.replacement(pending, typeof gas === "bigint" ? gas : undefined, block);
      if (draft === undefined) continue;
      if (job !== undefined && draft.job === undefined) {
        refused.push({ job, reason: typeof gas === "string" ? gas : "gas" });
      }
      drafts.push(draft);
    }
    for (const job of jobs) {
      const gas = simulated.get(job);
      const fees =
        typeof gas === "bigint" ? firstFees(block.baseFeePerGas, this.config.limits, gas, job.worth) : undefined;
      if (typeof gas !== "bigint" || fees === undefined) {
        refused.push({ job, reason: typeof gas === "string" ? gas : "gas" });
        continue;
      }
      const nonce = this.freeNonce(drafts);
      drafts.push({ nonce, job, gas: gas * LIMIT_TO_GAS, fees, hashes: [], sentAt: block.number });
    }
    const result = await this.post(drafts);
    return { sent: result.sent, refused: [...refused, ...result.refused] };
  }

  /** @param gas Units that its job takes; undefined where that would not go through any more. */
  private replacement(pending: Pending, gas: bigint | undefined, block: Block): Pending | undefined {
    const { limits } = this.config;
    if (pending.job !== undefined && gas !== undefined) {
      const fees = bumpedFees(pending.fees, block.baseFeePerGas, limits, gas, pending.job.worth);
      if (fees !== undefined) return { ...pending, gas: gas * LIMIT_TO_GAS, fees, sentAt: block.number };
    }
    // given up: an empty transaction frees the nonce for those that wait behind it
    const fees = bumpedFees(pending.fees, block.baseFeePerGas, limits, SELF_TRANSFER_GAS, undefined);
    return fees && { ...pending, job: undefined, gas: SELF_TRANSFER_GAS, fees, sentAt: block.number };
  }

  /**
   * Runs all jobs on the state of this block, each on its own. One run under the limit says as much as an estimate, which
   * takes a node many; only what fails without a contract's reason, as what runs out of gas does, is estimated.
   * @returns Units of gas that each is expected to take, or why it would fail.
   */
  private async simulate(jobs: readonly Job[], block: Block): Promise<Map<Job, bigint | string>> {
    const ask = (method: string, asked: readonly Job[], limited: boolean): Promise<RpcReply[]> =>
      this.rpc.batch(
        asked.map(({ to, data, gas }) => {
          const call = { from: this.signer.address, to, data, ...(limited && { gas: toHex(gas * LIMIT_TO_GAS) }) };
          return { method, params: [call, toHex(block.number)] };
        }),
      );
    const replies = await ask("eth_call", jobs, true);
    const results = new Map(jobs.map((job, i) => [job, failureOf(replies[i]) ?? job.gas]));
    const hungry = jobs.filter((_, i) => failsWithoutReason(replies[i]));
    const estimates = hungry.length === 0 ? [] : await ask("eth_estimateGas", hungry, false);
    hungry.forEach((job, i) => {
      const reply = estimates[i];
      results.set(job, failureOf(reply) ?? BigInt(unwrapHex(reply, "estimating gas")));
    });
    return results;
  }

  private async post(drafts: readonly Pending[]): Promise<{ sent: Sent[]; refused: Refused[] }> {
    if (drafts.length === 0) return { sent: [], refused: [] };
    const signed = await Promise.all(drafts.map((draft) => this.sign(draft)));
    const replies = await this.rpc.batch(signed.map((raw) => ({ method: "eth_sendRawTransaction", params: [raw] })));
    const sent: Sent[] = [];
    const refused: Refused[] = [];
    drafts.forEach((draft, i) => {
      const { job, nonce } = draft;
      const hash = keccak256(signed[i] ?? "0x");
      const trouble = troubleOf(replies[i]);
      const before = this.pending.get(nonce);
      if (trouble === undefined) {
        this.pending.set(nonce, { ...draft, hashes: [...draft.hashes, hash] });
        this.ownHashes.add(hash);
        if (job !== undefined && before === undefined) sent.push({ job, nonce, hash });
      } else if (before !== undefined) {
        // it waits on as it was; if it must be dearer still, the next block's bump starts from here
        if (isUnderpriced(trouble)) this.pending.set(nonce, { ...before, fees: draft.fees });
      } else {
        // the nonce stays free, unless the pool holds a transaction of it that is not known here
        if (isUnderpriced(trouble)) this.pending.set(nonce, { ...draft, job: undefined });
        // or another program signs for this account; it is counted anew before the next one
        if (/nonce/i.test(trouble)) this.counted = false;
        if (job !== undefined) refused.push({ job, reason: trouble });
      }
    });
    return { sent, refused };
  }

  private sign({ nonce, job, gas, fees }: Pending): Promise<string> {
    const { address } = this.signer;
    const call = { to: job?.to ?? address, data: job?.data ?? "0x", value: 0n, gasLimit: gas };
    return this.signer.signTransaction({ type: 2, chainId: this.config.chainId, nonce, ...call, ...fees });
  }

  /** The lowest nonce that nothing waits with, so that one whose transaction was refused is used again. */
  private freeNonce(drafts: readonly Pending[]): number {
    const taken = new Set([...this.pending.keys(), ...drafts.map(({ nonce }) => nonce)]);
    let nonce = this.chainNonce;
    while (taken.has(nonce)) nonce++;
    return nonce;
  }

  private async recountNow(): Promise<void> {
    const [reply] = await this.rpc.batch([this.countRequest("latest")]);
    this.raise(BigInt(unwrapHex(reply, "counting the signer's transactions")));
  }

  private raise(nonce: bigint): void {
    this.counted = true;
    if (nonce <= BigInt(this.chainNonce)) return;
    this.chainNonce = Number(nonce);
    if (this.floor.nonceFloor < this.chainNonce) this.floor.nonceFloor = this.chainNonce;
  }

  private countRequest(tag: "latest" | "pending"): RpcRequest {
    return { method: "eth_getTransactionCount", params: [this.signer.address, tag] };
  }
}

/** Why a simulation failed; undefined where it did not. */
function failureOf(reply: RpcReply | undefined): string | undefined {
  if (reply === undefined) return "the node did not answer";
  return reply.ok ? undefined : revertReason(reply.error);
}

function failsWithoutReason(reply: RpcReply | undefined): boolean {
  return reply?.ok === false && (reply.error.data ?? "0x") === "0x";
}

/** What was wrong with a transaction that was sent; undefined where the node has it, from now or from before. */
function troubleOf(reply: RpcReply | undefined): string | undefined {
  if (reply === undefined) return "the node did not answer";
  if (reply.ok || /already (known|imported)/i.test(reply.error.message)) return undefined;
  return reply.error.message;
}

function isUnderpriced(trouble: string): boolean {
  return /underpriced/i.test(trouble);
}
