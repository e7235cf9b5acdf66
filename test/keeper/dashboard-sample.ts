import type { Snapshot } from "../../scripts/keeper/dashboard/snapshot";

export const OWNER = "0x1111111111111111111111111111111111111111";

/** A state with something in every table. */
export function sampleSnapshot(changes: Partial<Snapshot> = {}): Snapshot {
  const block = changes.block ?? 21_000_000;
  return {
    at: 1_700_000_000_000,
    chainId: 31_337,
    block,
    blockTime: 1_700_000_000,
    vault: "0x2222222222222222222222222222222222222222",
    asset: "USDC",
    dryRun: false,
    ready: true,
    reasons: [],
    lanes: [
      {
        market: "0x3333333333333333333333333333333333333333",
        name: "WETH",
        price: 2345.67,
        isOpen: true,
        diverged: false,
        pace: 12.5,
        premiumPct: 0.42,
        headPct: -1.25,
        unhealthy: 3,
        debt: 1_234_567.5,
        lltvPct: 83,
      },
    ],
    positions: [
      {
        market: "0x3333333333333333333333333333333333333333",
        name: "WETH",
        owner: OWNER,
        collateral: 10,
        debt: 20_000,
        ltvPct: 85.26,
        distancePct: -2.72,
      },
    ],
    actions: [
      {
        block,
        kind: "buy",
        name: "WETH",
        hash: `0x${"ab".repeat(32)}`,
        nonce: 7,
        expected: 12.5,
        result: "mined",
        earned: 11.25,
        gas: 3.5,
      },
    ],
    missed: [{ block, kind: "absorb", name: "WETH", owner: OWNER, taker: OWNER, reason: "gas" }],
    profit: [{ kind: "buy", count: 2, earned: 22.5, gas: 7 }],
    buffer: { cash: 50_000, inventory: [{ name: "WETH", amount: 1.5, value: 3518.5 }] },
    nodes: [
      { host: "127.0.0.1:8545", role: "reads", head: block, ageSeconds: 3, latencyMs: 12, errors: 0, score: 0.98 },
    ],
    signers: [{ address: OWNER, nonce: 8, pending: 1, balance: 1.25, waitingBlocks: 0 }],
    fleet: [
      { id: "a", host: "one", role: "watcher", signer: OWNER, head: block, lagBlocks: 0, jobs: 1, seenSecondsAgo: 1 },
    ],
    series: Array.from({ length: 20 }, (_, i) => ({
      time: 1_700_000_000 - (20 - i) * 12,
      profit: i / 2,
      unhealthy: i % 4,
    })),
    ...changes,
  };
}
