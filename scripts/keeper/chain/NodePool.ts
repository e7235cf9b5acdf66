import { broadcast } from "./broadcast";
import { type Askable, askInTurn } from "./failover";
import { Node, type RequiredBlock } from "./Node";
import type { Rpc, RpcReply, RpcRequest } from "./rpc";
import { type Head, Tip } from "./Tip";

export interface PoolOptions {
  chainId: number;
  /** Milliseconds after which a silent node counts as unreachable. */
  timeoutMs: number;
  /** Seconds after which a head is too old to act on; 0 for never. */
  maxLag: number;
  /** Told when a node is used for something else than before. */
  onRole?: (node: NodeStatus, before: NodeRole) => void;
  /** Seconds since 1970, by the machine's clock. */
  clock?: () => number;
}

/** `primary`: asked first; `standby`: could be; `behind`: lacks the head; `down`: doesn't answer; `wrong-chain`. */
export type NodeRole = "primary" | "standby" | "behind" | "down" | "wrong-chain" | "unknown";

/** A node, for people to look at. */
export interface NodeStatus {
  /** Its host; the rest of a URL often holds a key. */
  host: string;
  role: NodeRole;
  chainId: number | undefined;
  /** Number of its latest block. */
  head: number | undefined;
  /** Milliseconds since that came. */
  headAgeMs: number | undefined;
  /** Median of the last requests. */
  latencyMs: number | undefined;
  /** Failed requests and answers that were none, since the start. */
  errors: number;
  /** 0 to 100. */
  score: number;
  /** What is wrong with it; empty for nothing. */
  trouble: string;
}

/** A node that isn't the first choice is looked at this often. */
const STANDBY_MS = 1_000;
/** A node that lacks a head of this long ago is behind. */
const BEHIND_MS = 3_000;
/** How long a look waits for the other nodes after the first has answered. */
const LOOK_GRACE_MS = 100;
/** Bounds of how long a read waits before it is asked for at a second node as well. */
const LEAST_HEDGE_MS = 50;
const MOST_HEDGE_MS = 1_000;
/** That wait, before enough is known of a node. */
const FIRST_HEDGE_MS = 250;
const HEDGE_SAMPLES = 16;
/** A node must do this many times as well as the first choice, at first the settings', to take its place. */
const STICKINESS = 1.5;

/**
 * Several nodes of one chain, as one. Reads go to the best node that has the head which was given out last, so that all that
 * is read for one block is of one chain; they go on to the next node when it is slow, silent, refuses, or answers with
 * what can't be. Transactions go to all.
 */
export class NodePool implements Rpc {
  private readonly pool: Node[];
  private readonly tip: Tip;
  private readonly roles = new Map<Node, NodeRole>();
  private primary: Node | undefined;
  /** The last heads, from the one of `BEHIND_MS` ago on. */
  private readonly trail: { number: number; ms: number }[] = [];
  /** Whether a head was pushed since the last look. */
  private hasNews = false;
  private wake: (() => void) | undefined;

  constructor(
    urls: readonly string[],
    private readonly options: PoolOptions,
  ) {
    const onHead = (): void => {
      this.hasNews = true;
      this.wake?.();
    };
    const clock = options.clock ?? (() => Date.now() / 1000);
    this.pool = urls.map((url) => new Node(url, { ...options, onHead, clock }));
    this.tip = new Tip({
      nodes: urls.length,
      maxLag: options.maxLag,
      nowMs: () => performance.now(),
      clock,
    });
  }

  /** @throws SpillwayError `RPC_UNREACHABLE`; `WRONG_CHAIN` where all nodes are on another chain. */
  async batch(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    if (requests.length === 0) return [];
    if (this.pool.every((node) => node.head === undefined)) await this.look();
    const transactions = requests.filter(isTransaction);
    const reads = requests.filter((request) => !isTransaction(request));
    const [sent, read] = await Promise.all([
      transactions.length === 0 ? [] : this.send(transactions),
      reads.length === 0 ? [] : this.read(reads),
    ]);
    if (transactions.length === 0) return read;
    const [nextSent, nextRead] = [sent.values(), read.values()];
    return requests.flatMap((request) => (isTransaction(request) ? nextSent : nextRead).next().value ?? []);
  }

  /**
   * Looks for the chain's head. What is read from now on is read from nodes that have it. Waits no longer than it takes
   * to know that the best node is slow and to ask the others.
   */
  async head(): Promise<Head> {
    this.hasNews = false;
    await this.look();
    await this.lookAgain();
    const head = this.tip.judge(
      this.ranked()
        .filter((node) => node.isHealthy)
        .flatMap(witness),
    );
    this.assignRoles();
    if (head.status !== "none") return head;
    const troubles = this.pool.flatMap(({ trouble }) => trouble?.message ?? []);
    return { ...head, why: [head.why, ...troubles].join(": ") };
  }

  /** Resolves when a node pushes a new head, after `withinMs`, or when the signal says so. */
  newHead(withinMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      signal.addEventListener("abort", done);
      this.wake = done;
      if (signal.aborted || this.hasNews) done();
    });
  }

  /** The nodes in the order of the settings. */
  nodes(): NodeStatus[] {
    return this.pool.map((node) => ({
      host: node.host,
      role: this.roles.get(node) ?? "unknown",
      chainId: node.chainId,
      head: node.head?.block.number,
      headAgeMs: node.head && performance.now() - node.head.seenMs,
      latencyMs: node.health.latencyMs(0.5),
      errors: node.health.errors,
      score: node.isHealthy ? node.health.score : 0,
      trouble: node.trouble?.message ?? "",
    }));
  }

  /** Ends the connections. */
  close(): void {
    for (const node of this.pool) node.close();
  }

  private read(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    const methods = new Set(requests.map(({ method }) => method));
    const { block } = this.tip;
    const required = requests.map(heightOf).reduce<RequiredBlock | undefined>((most, number) => {
      return number === undefined || number <= (most?.number ?? -1) ? most : { number };
    }, block);
    // whole histories take a node long, and two nodes no less
    const isLong = requests.some(spansManyBlocks);
    return askInTurn(
      requests,
      this.ranked(methods).map((node) => askable(node, required, isLong ? undefined : hedgeMs(node))),
    );
  }

  private send(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    const all = this.ranked();
    const fit = all.filter((node) => node.isHealthy);
    // a node that is behind takes a transaction as well as any other
    return broadcast(
      requests,
      (fit.length > 0 ? fit : all).map((node) => askable(node, undefined, undefined)),
    );
  }

  /** Those to ask first come first. */
  private ranked(methods: ReadonlySet<string> = new Set()): Node[] {
    const refuses = (node: Node): boolean => [...methods].some((method) => node.refuses(method));
    const { block } = this.tip;
    const choice = this.primary ?? this.pool[0];
    const rank = (node: Node): number => {
      const hasHead = block === undefined || heightAt(node) >= block.number;
      const score = node.health.score * (node === choice ? STICKINESS : 1);
      return (node.isHealthy ? 4_000 : 0) + (refuses(node) ? 0 : 2_000) + (hasHead ? 1_000 : 0) + score;
    };
    const ranks = new Map(this.pool.map((node) => [node, rank(node)]));
    return [...this.pool].sort((a, b) => (ranks.get(b) ?? 0) - (ranks.get(a) ?? 0));
  }

  /** Looks for the heads of the nodes whose turn it is, and of all where the first choice is slow or fails. */
  private async look(): Promise<void> {
    const first = this.primary;
    const isAny = this.pool.some((node) => node.isHealthy);
    const due = this.pool.filter((node) => !isAny || node.isDue(node === first ? 0 : STANDBY_MS));
    const polls = due.map((node) => node.poll());
    if (first?.isHealthy === true) {
      const own = due.includes(first) ? first.poll() : Promise.resolve(true); // it pushes its heads
      if (await within(own, hedgeMs(first))) return;
    }
    polls.push(...this.pool.filter((node) => !due.includes(node)).map((node) => node.poll()));
    await anyGood(polls);
    await within(Promise.all(polls), LOOK_GRACE_MS);
  }

  /** Gives the first choice a second chance where another node was quicker, which is no reason yet to leave it. */
  private async lookAgain(): Promise<void> {
    const newest = Math.max(...this.pool.map((node) => (node.isHealthy ? heightAt(node) : -1)));
    const { primary } = this;
    if (primary?.isHealthy === true && heightAt(primary) < newest) await within(primary.poll(), hedgeMs(primary));
  }

  private assignRoles(): void {
    const { block } = this.tip;
    const fit = this.ranked().filter((node) => node.isHealthy);
    const number = block?.number ?? 0;
    this.primary = fit.find((node) => heightAt(node) >= number);
    const due = this.dueHeight(number);
    for (const [i, node] of this.pool.entries()) {
      const before = this.roles.get(node) ?? "unknown";
      const role = this.roleOf(node, due);
      this.roles.set(node, role);
      const status = this.nodes()[i];
      if (role !== before && status !== undefined) this.options.onRole?.(status, before);
    }
  }

  /** The lowest head since `BEHIND_MS` ago: what every node should have by now. */
  private dueHeight(head: number): number {
    const now = performance.now();
    this.trail.push({ number: head, ms: now });
    const first = this.trail.findLastIndex(({ ms }) => now - ms >= BEHIND_MS);
    this.trail.splice(0, Math.max(0, first));
    return Math.min(...this.trail.map(({ number }) => number));
  }

  private roleOf(node: Node, due: number): NodeRole {
    if (node.isOnWrongChain) return "wrong-chain";
    if (!node.isHealthy) return node.trouble === undefined ? "unknown" : "down";
    if (node === this.primary) return "primary";
    return heightAt(node) >= due ? "standby" : "behind";
  }
}

/** Number of a node's head; -1 before that is known. */
function heightAt(node: Node): number {
  return node.head?.block.number ?? -1;
}

function isTransaction({ method }: RpcRequest): boolean {
  return method === "eth_sendRawTransaction";
}

function askable(node: Node, required: RequiredBlock | undefined, hedge: number | undefined): Askable {
  return { ask: (requests) => node.ask(requests, required), hedgeMs: hedge };
}

function witness(node: Node): { host: string; head: NonNullable<Node["head"]>; hasReported: Node["hasReported"] }[] {
  const { host, head } = node;
  return head === undefined ? [] : [{ host, head, hasReported: (hash) => node.hasReported(hash) }];
}

function hedgeMs(node: Node): number {
  const usual = node.health.latencyMs(0.9, HEDGE_SAMPLES) ?? FIRST_HEDGE_MS;
  return Math.max(LEAST_HEDGE_MS, Math.min(MOST_HEDGE_MS, 2 * usual));
}

/** The highest block that a request names. */
function heightOf({ method, params }: RpcRequest): number | undefined {
  const named =
    method === "eth_getLogs" ? (params[0] as { toBlock?: unknown }).toBlock : params[BLOCK_PARAMETER[method] ?? -1];
  return typeof named === "string" && /^0x[0-9a-f]{1,12}$/i.test(named) ? Number(named) : undefined;
}

/** Which parameter names the block; `eth_getBlockByNumber` is left out, since it says itself whether there is one. */
const BLOCK_PARAMETER: Record<string, number> = {
  eth_call: 1,
  eth_estimateGas: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getStorageAt: 2,
  eth_getTransactionCount: 1,
  eth_simulateV1: 1,
};

function spansManyBlocks({ method, params }: RpcRequest): boolean {
  if (method !== "eth_getLogs") return false;
  const { fromBlock, toBlock } = params[0] as { fromBlock?: unknown; toBlock?: unknown };
  return Number(toBlock) - Number(fromBlock) > 100;
}

/** Resolves once one does well, or all are done. */
async function anyGood(polls: readonly Promise<boolean>[]): Promise<void> {
  const good = polls.map(
    (poll) => new Promise<void>((resolve, reject) => void poll.then((is) => is && resolve(), reject)),
  );
  await Promise.race([...good, Promise.all(polls)]);
}

/** Undefined where the time is over first. */
function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
