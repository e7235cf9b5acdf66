import type { Block } from "./block";
import type { NodeHead } from "./Node";

/** A node as it counts for the chain's head; those that do best first. */
export interface Witness {
  host: string;
  head: NodeHead;
  /** Whether that block was once its head. */
  hasReported(hash: string): boolean;
}

/**
 * The chain's head, and whether to act on it: `ok`; `stale`, too old to act on; `behind`, no node has the head that was
 * seen before, and nothing says that it is off the chain; `none`, no node can be used.
 */
export type Head =
  | { status: "ok"; block: Block; why: "" }
  | { status: "stale" | "behind"; block: Block; why: string }
  | { status: "none"; block: undefined; why: string };

export interface TipOptions {
  /** Nodes that are configured. */
  nodes: number;
  /** Seconds after which a head is stale; 0 for never. */
  maxLag: number;
  /** Milliseconds of a clock that only goes on. */
  nowMs: () => number;
  /** Seconds since 1970, by the machine's clock. */
  clock: () => number;
}

/** How wrong the machine's clock may be, in seconds, where several nodes agree on the time. */
export const MOST_SKEW = 90;
/** How long all nodes must be below the head seen before, until that is how it is: with the node that gave it among them … */
const PATIENCE_MS = 3_000;
/** … and without it. */
const QUORUM_PATIENCE_MS = 30_000;
/** Heights whose hashes are remembered. */
const REMEMBERED = 256;

/**
 * Tells which block is the head by what the nodes say. A head below one that was seen means that the nodes left are behind;
 * it is taken for a reorganisation only where the node that gave the higher one now says otherwise, or most nodes do.
 */
export class Tip {
  private last: Block | undefined;
  private readonly hashes = new Map<number, string>();
  private belowSinceMs: number | undefined;

  constructor(private readonly options: TipOptions) {}

  /** The head of last time, at which all is read until the next one. */
  get block(): Block | undefined {
    return this.last;
  }

  judge(witnesses: readonly Witness[]): Head {
    const best = this.best(witnesses);
    if (best === undefined) return { status: "none", block: undefined, why: "no node can be used" };
    const { block } = best.head;
    if (!this.mayFollow(block, witnesses)) {
      const why = `no node has block ${this.last?.number ?? 0} any more; the newest, of ${best.host}, is ${block.number}`;
      return { status: "behind", block, why };
    }
    this.follow(block);
    const why = this.whyStale(best.head, witnesses);
    return why === undefined ? { status: "ok", block, why: "" } : { status: "stale", block, why };
  }

  /** The highest; of several the one that was followed, then the one that most have, then that of the best node. */
  private best(witnesses: readonly Witness[]): Witness | undefined {
    const highest = Math.max(...witnesses.map(({ head }) => head.block.number));
    const level = witnesses.filter(({ head }) => head.block.number === highest);
    const votes = (hash: string): number => level.filter(({ head }) => head.block.hash === hash).length;
    const rank = ({ hash }: Block): number => (hash === this.last?.hash ? Infinity : votes(hash));
    return level.sort((a, b) =>
      rank(a.head.block) === rank(b.head.block) ? 0 : rank(b.head.block) - rank(a.head.block),
    )[0];
  }

  private mayFollow(block: Block, witnesses: readonly Witness[]): boolean {
    const { last } = this;
    if (last === undefined || block.number > last.number || block.hash === last.hash) return true;

    const others = witnesses.filter(({ head }) => this.contradicts(head.block));
    const isMost = (count: number): boolean => count > 1 && count > this.options.nodes / 2;
    if (others.some((witness) => witness.hasReported(last.hash)) || isMost(others.length)) return true;

    const now = this.options.nowMs();
    this.belowSinceMs ??= now;
    const below = now - this.belowSinceMs;
    if (witnesses.some((witness) => witness.hasReported(last.hash))) return below >= PATIENCE_MS;
    return isMost(witnesses.length) && below >= QUORUM_PATIENCE_MS;
  }

  /** Whether another block of that height was followed before. */
  private contradicts({ number, hash }: Block): boolean {
    const known = this.hashes.get(number);
    return known !== undefined && known !== hash;
  }

  private follow(block: Block): void {
    this.belowSinceMs = undefined;
    if (block.hash === this.last?.hash) return;
    this.last = block;
    for (const number of this.hashes.keys()) {
      if (number > block.number || number <= block.number - REMEMBERED) this.hashes.delete(number);
    }
    this.hashes.set(block.number, block.hash);
  }

  /**
   * A head is stale by the machine's clock, or when it is long since it came. Where two nodes or more have seen new
   * blocks come with the same delay by that clock, the clock is taken to be wrong by it, up to `MOST_SKEW`.
   */
  private whyStale({ block, seenMs }: NodeHead, witnesses: readonly Witness[]): string | undefined {
    const { maxLag, clock, nowMs } = this.options;
    if (maxLag === 0) return undefined;
    const waited = Math.floor((nowMs() - seenMs) / 1000);
    if (waited > maxLag) return `no new block came for ${waited} s after block ${block.number}`;
    const age = Math.floor(clock() - Number(block.timestamp) - skew(witnesses));
    return age > maxLag ? `block ${block.number} is ${age} s old` : undefined;
  }
}

/** Seconds that the machine's clock is ahead by: the median of what the nodes' last blocks say; 0 for less than two nodes. */
function skew(witnesses: readonly Witness[]): number {
  const delays = witnesses.flatMap(({ head }) => head.delay ?? []).sort((a, b) => a - b);
  const median = delays[Math.floor((delays.length - 1) / 2)];
  if (median === undefined || delays.length < 2) return 0;
  return Math.max(-MOST_SKEW, Math.min(MOST_SKEW, median));
}
