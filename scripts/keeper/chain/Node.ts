import { SpillwayError } from "../../lib";
import { judge, type Verdict } from "./answers";
import { type Block, parseBlock } from "./block";
import { HttpRpc } from "./HttpRpc";
import { NodeHealth } from "./NodeHealth";
import { type RpcReply, type RpcRequest, toHex, unwrap, unwrapHex } from "./rpc";
import type { Transport } from "./Transport";
import { WsRpc } from "./WsRpc";

/** A node's latest block, and when it was first seen there. */
export interface NodeHead {
  block: Block;
  /** Milliseconds of a clock that only goes on. */
  seenMs: number;
  /** How much later than its own timestamp the machine's clock says it came, seconds; undefined for the first one, which may have been old. */
  delay: number | undefined;
}

/** A block that a node must have to be asked. The hash is left out where any block of that height will do. */
export interface RequiredBlock {
  number: number;
  hash?: string | undefined;
}

/** A reply and what it is worth. */
export interface Judged {
  reply: RpcReply;
  verdict: Verdict;
}

export interface NodeOptions {
  chainId: number;
  timeoutMs: number;
  /** Seconds since 1970, by the machine's clock. */
  clock: () => number;
  /** Told of a head that the node pushed. */
  onHead: () => void;
}

/** The chain is asked for again after this long. */
const VERIFY_MS = 30_000;
/** A node that refused a method is asked for it after others for this long. */
const REFUSAL_MS = 60_000;
/** A node that fails is polled after 1/4, 1/2, 1 … seconds. */
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 5_000;
/** Without a pushed head for this long, a node is polled. */
const SILENT_MS = 3_000;
/** Heads and hashes that are remembered. */
const REMEMBERED = 256;

/**
 * One endpoint: what is known of its chain, its head, and how well it does. Its chain id is checked before first use and
 * after every failure, because what answers then may be another node.
 */
export class Node {
  readonly health = new NodeHealth();
  readonly host: string;
  head: NodeHead | undefined;
  chainId: number | undefined;
  /** Why it can't be used at the moment. */
  trouble: SpillwayError | undefined;
  private verifiedMs: number | undefined;
  private polling: Promise<boolean> | undefined;
  private polledMs = -Infinity;
  private pushedMs = -Infinity;
  private failuresInRow = 0;
  private connectionCount = 0;
  private readonly transport: Transport;
  private readonly refusedMs = new Map<string, number>();
  /** Hashes by height, of the chain that it is on. */
  private readonly hashes = new Map<number, string>();
  /** Hashes that were its head. */
  private readonly reported = new Set<string>();

  constructor(
    url: string,
    private readonly options: NodeOptions,
  ) {
    const { timeoutMs, onHead } = options;
    const closed = (): void => {
      this.connectionCount++;
      this.verifiedMs = undefined;
    };
    const head = (header: unknown): void => {
      // before its chain is known, its heads mean nothing
      if (this.verifiedMs === undefined || !this.take(header)) return;
      this.pushedMs = performance.now();
      onHead();
    };
    this.transport = /^wss?:/i.test(url) ? new WsRpc(url, timeoutMs, { head, closed }) : new HttpRpc(url, timeoutMs);
    this.host = this.transport.host;
  }

  /** Whether it answered when it was last asked, from the right chain. */
  get isHealthy(): boolean {
    return this.verifiedMs !== undefined && this.trouble === undefined && this.head !== undefined;
  }

  get isOnWrongChain(): boolean {
    return this.trouble?.code === "WRONG_CHAIN";
  }

  /** Whether that block was once its head. */
  hasReported(hash: string): boolean {
    return this.reported.has(hash);
  }

  refuses(method: string): boolean {
    const at = this.refusedMs.get(method);
    return at !== undefined && performance.now() - at < REFUSAL_MS;
  }

  /** Whether to look for its head. @param intervalMs Between two looks, while it does well and doesn't push its heads. */
  isDue(intervalMs: number): boolean {
    const now = performance.now();
    if (this.isHealthy && now - this.pushedMs < SILENT_MS) return false;
    const backoff = this.failuresInRow === 0 ? 0 : FIRST_BACKOFF_MS * 2 ** (this.failuresInRow - 1);
    return now - this.polledMs >= Math.max(intervalMs, Math.min(backoff, LONGEST_BACKOFF_MS));
  }

  /** Looks for its head, and its chain where that wasn't checked lately. Never rejects. @returns Whether it did well. */
  poll(): Promise<boolean> {
    this.polledMs = performance.now();
    return (this.polling ??= this.look().finally(() => (this.polling = undefined)));
  }

  /**
   * Asks it, where it is of the right chain and has the block.
   * @throws SpillwayError `RPC_UNREACHABLE`, `WRONG_CHAIN`.
   */
  async ask(requests: readonly RpcRequest[], required: RequiredBlock | undefined): Promise<Judged[]> {
    if (this.verifiedMs === undefined && !(await this.poll())) throw this.trouble ?? this.unusable("it gave no head");
    if (required !== undefined && !(await this.has(required))) {
      throw this.unusable(
        `it does not have block ${required.number}${required.hash === undefined ? "" : " of the chain"}`,
      );
    }
    const connection = this.connectionCount;
    const judged = (await this.send(requests)).map((reply, i): Judged => {
      const request = requests[i];
      return { reply, verdict: request === undefined ? "garbage" : judge(request, reply) };
    });
    if (connection !== this.connectionCount) throw this.unusable("it was connected anew while it was asked");
    judged.forEach(({ verdict }, i) => {
      if (verdict === "refused") this.refusedMs.set(requests[i]?.method ?? "", performance.now());
    });
    if (judged.some(({ verdict }) => verdict === "garbage" || verdict === "failed")) this.health.failed();
    // a contract that answers nothing is one that isn't there: its URL may lead to another chain by now
    if (judged.some(({ verdict }) => verdict === "garbage")) this.verifiedMs = undefined;
    return judged;
  }

  close(): void {
    this.transport.close();
  }

  private async look(): Promise<boolean> {
    const now = performance.now();
    const verifies = this.verifiedMs === undefined || now - this.verifiedMs > VERIFY_MS;
    try {
      const [block, chain] = await this.send([
        { method: "eth_getBlockByNumber", params: ["latest", false] },
        ...(verifies ? [{ method: "eth_chainId", params: [] }] : []),
      ]);
      if (verifies) {
        this.chainId = Number(unwrapHex(chain, `The chain id of ${this.host}`));
        if (this.chainId !== this.options.chainId) throw this.wrongChain(this.chainId);
        this.verifiedMs = now;
      }
      if (!this.take(unwrap(block, `The latest block of ${this.host}`)))
        throw this.unusable("what it gives is no block");
      this.trouble = undefined;
      this.failuresInRow = 0;
      return true;
    } catch (error) {
      if (!(error instanceof SpillwayError)) throw error;
      if (error !== this.trouble) this.fail(error); // what `send` threw is counted
      return false;
    }
  }

  private async has({ number, hash }: RequiredBlock): Promise<boolean> {
    if (hash === undefined) {
      if ((this.head?.block.number ?? -1) < number) await this.poll();
      return (this.head?.block.number ?? -1) >= number;
    }
    if (this.hashes.get(number) === hash) return true;
    // it may have passed that height between two looks
    const [reply] = await this.send([{ method: "eth_getBlockByNumber", params: [toHex(number), false] }]);
    if (reply?.ok !== true || reply.result === null) return false;
    const found = parseBlock(reply.result);
    this.hashes.set(number, found.hash);
    return found.number === number && found.hash === hash;
  }

  private async send(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    const start = performance.now();
    try {
      const replies = await this.transport.batch(requests);
      this.health.answered(performance.now() - start);
      return replies;
    } catch (error) {
      if (error instanceof SpillwayError) this.fail(error);
      throw error;
    }
  }

  private fail(error: SpillwayError): void {
    this.health.failed();
    this.trouble = error;
    this.verifiedMs = undefined;
    this.failuresInRow++;
  }

  /** Takes a header for its head. @returns False where it is none. */
  private take(header: unknown): boolean {
    let block: Block;
    try {
      block = parseBlock(header);
    } catch (error) {
      if (error instanceof SpillwayError) return false;
      throw error;
    }
    if (block.hash === this.head?.block.hash) return true;
    const delay = this.head === undefined ? undefined : this.options.clock() - Number(block.timestamp);
    this.head = { block, seenMs: performance.now(), delay };
    for (const number of this.hashes.keys()) if (number > block.number) this.hashes.delete(number);
    this.hashes.set(block.number, block.hash);
    this.reported.add(block.hash);
    forgetOldest(this.hashes);
    forgetOldest(this.reported);
    return true;
  }

  private wrongChain(actual: number): SpillwayError {
    return new SpillwayError(
      "WRONG_CHAIN",
      `chainId: the node is on chain ${actual}, the settings say ${this.options.chainId}; check rpc (${this.host}) and chainId.`,
    );
  }

  private unusable(why: string): SpillwayError {
    return new SpillwayError("RPC_UNREACHABLE", `The node at ${this.host} can't be used: ${why}.`);
  }
}

function forgetOldest(memory: Map<number, string> | Set<string>): void {
  for (const oldest of memory.keys()) {
    if (memory.size <= REMEMBERED) break;
    memory.delete(oldest as never);
  }
}
