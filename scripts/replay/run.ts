import { reconstructMainnet } from "./chain/reconstruct";
import { ownVersion, packageVersion } from "./chain/artifacts";
import { Rpc, SpillwayError } from "../lib";
import type { EngineRun } from "./engineRun";
import { findEngine, sharedLltv } from "./engines";
import { item } from "./item";
import { runJobs, type WorkerPool } from "./jobs";
import { candlePoints, pricePath, scenarioPoints, type PricePoint } from "./market/path";
import { readPrices } from "./market/prices";
import type { Keepers, Match } from "./model/choices";
import type { EngineResult, ReplayParameters, ReplayResult, ReplaySeries } from "./model/result";
import { findScenario } from "./scenarios";
import type { Scenario } from "./model/scenario";

/** What a replay is asked for; `cli.ts` says what each is. */
export interface ReplayOptions {
  scenario: string;
  engines: readonly string[];
  bookToDepth: number;
  /** Buffer's cash over the book's starting collateral value. */
  buffer: number;
  seed: number;
  match: Match;
  keepers: Keepers;
  /** Keepers more at each engine; none when not given. */
  rivals?: number;
  /** The scenario's own when not given. */
  stepSeconds?: number;
  /** Offsets from the start, seconds; the end of the data when `to` is not given. */
  fromSeconds: number;
  toSeconds?: number;
  /** A CSV file of candles in place of the scenario's own path. */
  prices?: string;
  fork?: { url: string; block: number };
  /** Port of the first engine's forked chain; each engine after it has the next. */
  port?: number;
  /** Whether to run each engine again without price impact, for `amplification`. */
  amplification: boolean;
  /** The command that runs it again. */
  command: string;
  /** Steps done of all, and which run the last one was of. */
  onProgress: (done: number, total: number, run: RunProgress) => void;
  /** Workers to share with other replays. */
  pool?: WorkerPool;
}

/** How far one engine's run is. */
export interface RunProgress {
  engine: string;
  /** False for the run without price impact. */
  impact: boolean;
  done: number;
  steps: number;
}

export interface Replay {
  result: ReplayResult;
  series: ReplaySeries;
}

/**
 * Replays one crash with every engine asked for. The runs without price impact go on beside the measured ones.
 * Errors: those of the options, before anything is started; `RPC_UNREACHABLE`, `RPC_ERROR`, `PORT_IN_USE`, `MISSING_CONTRACT`.
 */
export async function runReplay(options: ReplayOptions): Promise<Replay> {
  for (const name of options.engines) findEngine(name);
  const { scenario, start, end, stepSeconds, paths } = plan(options);
  if (options.fork) await checkFork(options.fork);

  const steps = item(paths, 0).length;
  const reruns = options.amplification ? options.engines.filter((name) => name !== "none") : [];
  const total = steps * (options.engines.length + reruns.length);
  const runsOf = [
    ...options.engines.map((engine) => ({ engine, impact: true, done: 0, steps })),
    ...reruns.map((engine) => ({ engine, impact: false, done: 0, steps })),
  ];
  let done = 0;
  const onStep = (job: number): void => {
    const run = item(runsOf, job);
    run.done++;
    options.onProgress(++done, total, run);
  };

  const reconstructed = options.fork ? undefined : await reconstructMainnet(start - 86_400);
  try {
    const fork = reconstructed ? { url: reconstructed.url } : options.fork;
    if (!fork) throw new SpillwayError("INTERNAL", "there is nothing to fork");
    const shared = {
      ...{ scenario, start, paths, fork, stepSeconds, seed: options.seed },
      ...{ bookToDepth: options.bookToDepth, buffer: options.buffer, keepers: options.keepers },
      rivals: options.rivals ?? 0,
      ...(options.match === "ltv" && { sharedLltv: scenario.collaterals.map(({ asset }) => sharedLltv(asset)) }),
      startPrices: paths.map((path) => item(path, 0)),
    };
    const runs = await runJobs(
      [
        ...options.engines.map((engine, index) => {
          const port = options.port === undefined ? {} : { port: options.port + index };
          return { engine, options: { ...shared, impact: true, ...port } };
        }),
        ...reruns.map((engine) => ({ engine, options: { ...shared, impact: false } })),
      ],
      onStep,
      options.pool,
    );
    const named = (names: readonly string[], from: number): Map<string, EngineRun> =>
      new Map(names.map((name, index) => [name, item(runs, from + index)]));
    const measured = named(options.engines, 0);
    const without = named(reruns, options.engines.length);
    return collect(options, { scenario, start, end, stepSeconds }, measured, without);
  } finally {
    await reconstructed?.stop();
  }
}

interface Plan {
  scenario: Scenario;
  /** Seconds UTC of the first step, and of the first that is not run any more. */
  start: number;
  end: number;
  stepSeconds: number;
  /** Outside price per market and step. */
  paths: number[][];
}

/**
 * The window and the price path of a run. Prices from a file that overlap with the scenario are run where both have
 * something; others from their own first row, with the scenario's gas and events moved along.
 */
export function plan(
  options: Pick<ReplayOptions, "scenario" | "stepSeconds" | "fromSeconds" | "toSeconds" | "prices">,
): Plan {
  let scenario = findScenario(options.scenario);
  const stepSeconds = options.stepSeconds ?? scenario.stepSeconds;
  let points: PricePoint[][];
  if (options.prices === undefined) {
    points = scenario.collaterals.map((collateral) => scenarioPoints(scenario, collateral));
  } else {
    if (scenario.collaterals.length > 1) {
      throw new SpillwayError("BAD_INPUT", `--prices has one price; ${scenario.name} has several collaterals`);
    }
    const candles = readPrices(options.prices);
    const first = item(candles, 0).time;
    const last = item(candles, -1).time + item(candles, -1).time - item(candles, -2).time;
    const overlaps = first < scenario.end && last > scenario.start;
    const [start, end] = overlaps ? [Math.max(first, scenario.start), Math.min(last, scenario.end)] : [first, last];
    // the steps and the joined candles share one grid
    const used = candles.filter((candle) => candle.time >= start && candle.time < end);
    scenario = { ...scenario, start, end };
    points = [candlePoints(used.length > 1 ? used : candles, stepSeconds)];
  }
  const start = scenario.start + options.fromSeconds;
  const length = scenario.end - scenario.start;
  const to = options.toSeconds ?? length;
  if (options.fromSeconds >= to) throw new SpillwayError("BAD_INPUT", "--from must be before --to");
  if (to > length) {
    throw new SpillwayError("BAD_INPUT", `--to is after the end of the prices, ${length / 3600} h after their start`);
  }
  const end = scenario.start + to;
  return { scenario, start, end, stepSeconds, paths: points.map((one) => pricePath(one, start, end, stepSeconds)) };
}

/** Throws `BAD_INPUT` where the node has no such block, `RPC_UNREACHABLE` where there is no node. */
export async function checkFork({ url, block }: { url: string; block: number }): Promise<void> {
  const rpc = new Rpc(url);
  try {
    const found = await rpc.call("eth_getBlockByNumber", `0x${block.toString(16)}`, false);
    if (found === null) throw new SpillwayError("BAD_INPUT", `${new URL(url).host} has no block ${block}`);
  } finally {
    rpc.close();
  }
}

function collect(
  options: ReplayOptions,
  { scenario, start, end, stepSeconds }: Omit<Plan, "paths">,
  runs: ReadonlyMap<string, EngineRun>,
  without: ReadonlyMap<string, EngineRun>,
): Replay {
  const engines: Record<string, EngineResult> = {};
  const series: ReplaySeries = {};
  const versions: Record<string, string> = {
    spillway: ownVersion(),
    anvil: packageVersion("@foundry-rs/anvil"),
    solc: packageVersion("solc"),
    "@uniswap/v3-core": packageVersion("@uniswap/v3-core"),
    "@uniswap/v3-periphery": packageVersion("@uniswap/v3-periphery"),
  };
  for (const [name, run] of runs) {
    const calm = without.get(name)?.figures.liquidatedPct ?? 0;
    engines[name] = {
      ...run.figures,
      amplification: calm > 0 ? run.figures.liquidatedPct / calm : null,
      wallSeconds: run.wallSeconds,
      stepsPerSecond: run.figures.steps / run.wallSeconds,
      stateRoot: run.stateRoot,
    };
    series[name] = run.series;
    Object.assign(versions, run.versions);
  }
  const parameters: ReplayParameters = {
    engines: [...options.engines],
    bookToDepth: options.bookToDepth,
    buffer: options.buffer,
    match: options.match,
    keepers: options.keepers,
    rivals: options.rivals ?? 0,
    stepSeconds,
    fromSeconds: start - scenario.start,
    toSeconds: end - scenario.start,
    prices: options.prices === undefined ? "scenario" : "file",
    fork: options.fork ?? "reconstructed",
    ...scenarioParameters(scenario),
  };
  const { seed, command } = options;
  return { result: { scenario: scenario.name, seed, parameters, versions, command, engines }, series };
}

/** Every figure of the scenario but its long lists, as `borrowers.distance.mean`. */
function scenarioParameters(scenario: Scenario): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) flat[path] = value;
    else if (!Array.isArray(value))
      for (const [key, inner] of Object.entries(value)) walk(inner, path ? `${path}.${key}` : key);
    else if (value.length <= 2 && value.every((inner) => typeof inner !== "object")) flat[path] = value;
  };
  const { collaterals, ...rest } = scenario;
  walk(rest, "");
  for (const { asset, source, weight } of collaterals) walk({ source, weight }, asset);
  return flat;
}
