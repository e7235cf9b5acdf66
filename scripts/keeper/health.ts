/** Why a keeper is not ready to act. `code` is for programs and alerts, `text` says what to do. */
export interface HealthReason {
  code:
    | "stalled"
    | "no-node"
    | "stale-head"
    | "node-behind"
    | "stuck-nonce"
    | "foreign-nonce"
    | "low-balance"
    | "book-differs"
    | "store-failed"
    | "redis-lost";
  text: string;
  /** Whose account it is about, where it is about one. */
  signer?: string;
}

/** What readiness rests on. */
export interface HealthFacts {
  /** Milliseconds since a block was dealt with to its end; undefined before the first one. */
  sinceBlockMs: number | undefined;
  /** The head among the nodes: `stale` is older than `maxLag`, `behind` below what was seen before. */
  head: "ok" | "stale" | "behind" | "none";
  signers: readonly SignerFacts[];
  /** Whether the last audit found the book to differ from the chain. */
  bookDiffers: boolean;
  /** Why the store can't be written; undefined where it can. */
  storeFailure: string | undefined;
  /** Whether the fleet's Redis is out of reach, so that this member acts alone; false for a keeper on its own. */
  redisLost: boolean;
}

/** One account that sends. */
export interface SignerFacts {
  address: string;
  /** Undefined until it was read. */
  balanceWei: bigint | undefined;
  /** What keeps it from sending, as the sender sees it. */
  trouble: "no-funds" | "stuck" | "foreign" | "node-lags" | undefined;
}

/** When readiness ends. */
export interface HealthLimits {
  /** Without a block dealt with for this long the keeper has stalled, milliseconds. */
  stalledMs: number;
  /** A signer with less can't send, wei. */
  leastBalanceWei: bigint;
}

/** Everything that keeps a keeper from acting, worst first; empty when it is ready. Pure. */
export function reasonsOf(facts: HealthFacts, limits: HealthLimits): HealthReason[] {
  const reasons: HealthReason[] = [];
  const add = (code: HealthReason["code"], text: string, signer?: string): number =>
    reasons.push({ code, text, ...(signer !== undefined && { signer }) });
  if (facts.head === "none") add("no-node", "no node answers; check rpc");
  if (facts.sinceBlockMs === undefined) add("stalled", "no block was dealt with yet");
  else if (facts.sinceBlockMs > limits.stalledMs) {
    add("stalled", `no block was dealt with for ${Math.floor(facts.sinceBlockMs / 1000)} s; see the log`);
  }
  if (facts.head === "stale")
    add("stale-head", "the newest block is older than maxLag; the nodes lag or the chain stands");
  if (facts.head === "behind") add("node-behind", "every node that answers is behind a block that was seen before");
  if (facts.bookDiffers) add("book-differs", "the book differs from the chain and is read anew");
  for (const { address, balanceWei, trouble } of facts.signers) {
    if (trouble === "stuck") {
      add("stuck-nonce", `${address} has a nonce that is not mined; raise maxFeePerGas, or see the log`, address);
    }
    if (trouble === "foreign") {
      add("foreign-nonce", `${address} is used by another program; give this keeper a key of its own`, address);
    }
    if (trouble === "no-funds" || (balanceWei ?? limits.leastBalanceWei) < limits.leastBalanceWei) {
      add("low-balance", `${address} has too little ether for gas; top it up`, address);
    }
  }
  if (facts.storeFailure !== undefined) add("store-failed", `the store can't be written: ${facts.storeFailure}`);
  if (facts.redisLost) add("redis-lost", "Redis is out of reach; this member acts alone");
  return reasons;
}

/** Reasons that leave a keeper able to act: they are shown, and alerts name them, but `/readyz` stays 200. */
const BEARABLE: ReadonlySet<HealthReason["code"]> = new Set(["store-failed", "redis-lost", "foreign-nonce"]);

/** Whether a keeper with these reasons can still act. One of several signers that can send is enough. */
export function isReady(reasons: readonly HealthReason[], signers: number): boolean {
  const broken = new Set<string>();
  for (const { code, signer } of reasons) {
    if (BEARABLE.has(code)) continue;
    if (signer === undefined) return false;
    broken.add(signer);
  }
  return broken.size < Math.max(1, signers);
}
