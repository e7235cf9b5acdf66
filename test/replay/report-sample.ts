import type {
  EngineResult,
  EngineSeries,
  KeeperResult,
  ReplayResult,
  ReplaySeries,
} from "../../scripts/replay/model/result";

const STEPS = 2160;
const START = Date.UTC(2020, 2, 12, 6) / 1000;

type Transactions = EngineResult["transactions"];
const transactions = (change: Partial<Transactions>): Transactions => ({
  ...{ liquidate: 0, open: 0, buy: 0, absorb: 0, buyInventory: 0, sync: 0, fulfil: 0, other: 0, reverted: 0 },
  ...change,
});

export const keeper = (change: Partial<KeeperResult> = {}): KeeperResult => ({
  ...{ profitPct: 0, won: 0, reverted: 0, revertedGas: 0, revertedGasCostPct: 0 },
  ...change,
});

export const figures = (change: Partial<EngineResult> = {}): EngineResult => ({
  excessDrawdownPct: 0.8437,
  maxDisplacementPct: 1.3312,
  amplification: 1.0721,
  liquidatedPct: 11.2468,
  positionsHitPct: 54.5,
  badDebtPct: 0,
  lenderLossPct: 0,
  borrowerLossPct: 0.4113,
  bufferPnlPct: 0.6829,
  peakInventoryPct: 7.9153,
  inventoryLeftPct: 2.1042,
  keeperProfitPct: 0.0532,
  perKeeper: [keeper({ profitPct: 0.0532, won: 1472, reverted: 3, revertedGas: 541_002, revertedGasCostPct: 0.0002 })],
  gasUsed: 182_334_551,
  gasCostPct: 0.0713,
  transactions: transactions({ open: 31, buy: 1204, absorb: 17, buyInventory: 212, sync: 8, reverted: 3 }),
  worstLtvPct: 93.4127,
  timeOverLimitMinutes: { p50: 318.2, p90: 1266, p100: 1889 },
  timeUnderwaterMinutes: 1623,
  steps: STEPS,
  wallSeconds: 214.37,
  stepsPerSecond: 10.08,
  stateRoot: `0x${"5a1c".repeat(16)}`,
  ...change,
});

const aave = figures({
  excessDrawdownPct: 7.3291,
  maxDisplacementPct: 8.9013,
  amplification: 1.8134,
  liquidatedPct: 31.0912,
  positionsHitPct: 66,
  badDebtPct: 1.2044,
  lenderLossPct: 1.2044,
  borrowerLossPct: 1.9178,
  bufferPnlPct: 0,
  peakInventoryPct: 0,
  inventoryLeftPct: 0,
  keeperProfitPct: 1.0247,
  gasUsed: 96_550_123,
  gasCostPct: 0.0311,
  transactions: transactions({ liquidate: 142 }),
  worstLtvPct: 101.02,
  timeOverLimitMinutes: { p50: 0.2, p90: 1.4, p100: 34 },
  timeUnderwaterMinutes: 34,
  stateRoot: `0x${"aa7e".repeat(16)}`,
});
const morpho = figures({
  ...aave,
  excessDrawdownPct: 4.1175,
  maxDisplacementPct: 5.2604,
  amplification: 1.3322,
  liquidatedPct: 28.4001,
  badDebtPct: 0.00421,
  lenderLossPct: 0.00421,
  gasUsed: 71_220_801,
  gasCostPct: 0.0204,
  transactions: transactions({ liquidate: 117, reverted: 1 }),
  stateRoot: `0x${"30f0".repeat(16)}`,
});
const none = figures({
  ...aave,
  excessDrawdownPct: 0,
  maxDisplacementPct: 0.05,
  amplification: null,
  liquidatedPct: 0,
  positionsHitPct: 0,
  badDebtPct: 3.9,
  lenderLossPct: 3.9,
  borrowerLossPct: 0,
  keeperProfitPct: 0,
  gasUsed: 0,
  gasCostPct: 0,
  transactions: transactions({}),
  timeUnderwaterMinutes: 1980,
  stateRoot: `0x${"0000".repeat(16)}`,
});

/** A made-up crash: how far it has gone at a step, 0 to 1, with a rebound and some noise. */
const crash = (i: number): number => {
  const hours = i / 60;
  const fall = 0.22 / (1 + Math.exp(-(hours - 5) * 1.4)) + 0.24 / (1 + Math.exp(-(hours - 19) * 1.1));
  const rebound = 0.09 / (1 + Math.exp(-(hours - 24) * 0.8));
  return fall - rebound + 0.006 * Math.sin(i / 17) + 0.004 * Math.sin(i / 5.3) + 0.002 * Math.sin(i * 1.7);
};

const wave = (i: number, hour: number, width: number): number => 1 / (1 + Math.exp(-(i / 60 - hour) / width));

function run(impact: number, sold: number, badDebt: number, width: number, buffered: boolean): EngineSeries {
  const steps = Array.from({ length: STEPS }, (_, i) => i);
  const outside = steps.map((i) => 195 * (1 - crash(i)));
  const hit = (i: number): number =>
    impact * (0.4 * Math.exp(-(((i / 60 - 6.5) / 1.5) ** 2)) + Math.exp(-(((i / 60 - 20.5) / 2) ** 2)));
  const pool = steps.map((i) => (outside[i] ?? 0) * (1 - hit(i) - 0.0008 * Math.sin(i * 2.1)));
  const active = (i: number): boolean => hit(i) > impact * 0.1 && buffered;
  return {
    time: steps.map((i) => START + 60 * i),
    outside,
    pool,
    feed: steps.map((i) => pool[Math.floor(i / 12) * 12] ?? 0),
    soldPct: steps.map((i) => sold * (0.35 * wave(i, 6, width) + 0.65 * wave(i, 20, width))),
    paceAllowancePct: steps.map((i) => (buffered ? 0.8 * (i / 60) : null)),
    positionsUnderwater: steps.map((i) =>
      Math.round((sold > 0 ? 14 : 60) * hit(i) * (sold > 0 ? 10 : 1) + (sold > 0 ? 0 : 80 * wave(i, 19, 2))),
    ),
    badDebtPct: steps.map((i) => badDebt * wave(i, 20.5, 0.3)).map((v) => (v < 1e-4 ? 0 : v)),
    bufferCashPct: steps.map((i) => (buffered ? 15 - 7.9 * wave(i, 20, 1.2) + 6 * wave(i, 30, 1.5) : null)),
    bufferInventoryPct: steps.map((i) => (buffered ? 8.2 * wave(i, 20, 1.2) - 6.1 * wave(i, 30, 1.5) : null)),
    auctionMultiple: steps.map((i) => (active(i) ? 1.03 - 0.045 * ((i % 90) / 90) : null)),
  };
}

/** Made-up figures in the shape of a real run of four engines, for tests of what shows them. */
export const sample = (): ReplayResult => ({
  scenario: "made-up-crash",
  seed: 1,
  parameters: {
    engines: ["spillway", "aave-v3", "morpho-blue", "none"],
    bookToDepth: 150,
    buffer: 0.02,
    match: "distance",
    keepers: "profit",
    rivals: 0,
    stepSeconds: 60,
    fromSeconds: 0,
    toSeconds: 60 * STEPS,
    prices: "scenario",
    fork: "reconstructed",
    positions: 200,
    feedDeviation: 0.005,
    halfLifeHours: 4,
    gasPriceGwei: [20, 400],
    lltv: 0.83,
  },
  versions: { spillway: "0.1.0", solc: "0.8.30", anvil: "1.7.1", "@morpho-org/morpho-blue": "1.0.0" },
  command:
    "npm run replay -- --scenario made-up-crash --engines spillway,aave-v3,morpho-blue,none --book-to-depth 150 --buffer 0.02 --seed 1 --out out/made-up-crash",
  engines: { none, "morpho-blue": morpho, "aave-v3": aave, spillway: figures() },
});

export const sampleSeries = (): ReplaySeries => ({
  spillway: run(0.012, 11.2468, 0, 1.6, true),
  "aave-v3": run(0.085, 31.0912, 1.2044, 0.35, false),
  "morpho-blue": run(0.05, 28.4001, 0.00421, 0.5, false),
  none: run(0, 0, 3.9, 1, false),
});
