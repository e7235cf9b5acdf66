import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SpillwayError } from "../lib";
import { findEngine } from "./engines";
import { WorkerPool } from "./jobs";
import { checkOutput, json, replayFiles, writeFolder, type Format, type OwnNames } from "./output";
import { compare, type Comparison, type Outcome } from "./report/comparison";
import { renderComparisonCsv } from "./report/comparisonCsv";
import { renderComparison } from "./report/comparisonHtml";
import { checkFork, plan, runReplay, type ReplayOptions, type RunProgress } from "./run";
import { findScenario, scenarios } from "./scenarios";
import type { Scenario } from "./model/scenario";

/** What all replays are asked for; the same for each scenario, as far as it is long enough. */
export interface AllOptions extends Omit<ReplayOptions, "scenario" | "prices" | "port" | "onProgress" | "pool"> {
  /** Names; every scenario there is when empty. */
  scenarios: readonly string[];
  out: string;
  overwrite: boolean;
  formats: readonly Format[];
  /** The command that runs one scenario of it again. */
  commandOf: (scenario: string) => string;
  onProgress: (scenario: string, run: RunProgress) => void;
  onFailure: (scenario: string, code: string, message: string) => void;
}

/** Scenarios under way at a time. The second keeps the workers busy while the first waits for its last. */
const AT_ONCE = 2;

/**
 * Replays many scenarios with the same engines. The folder of each is written whole as soon as it is done; the comparison
 * when all are. A scenario that fails is told and left out. Errors, before anything is started or written: those of the options.
 */
export async function runAll(options: AllOptions): Promise<Comparison> {
  const { out, formats } = options;
  for (const name of options.engines) findEngine(name);
  const chosen = options.scenarios.length > 0 ? options.scenarios.map(findScenario) : scenarios;
  for (const scenario of chosen) checkWindow(scenario, options);
  if (options.fork) await checkFork(options.fork);
  checkOutput(out, options.overwrite, OWN);
  clear(out);
  mkdirSync(out, { recursive: true });

  const pool = new WorkerPool();
  const outcomes = new Map<Scenario, Outcome>();
  const waiting = [...chosen];
  const takeTurns = async (): Promise<void> => {
    for (let scenario = waiting.shift(); scenario; scenario = waiting.shift()) {
      outcomes.set(scenario, await outcomeOf(scenario, options, pool));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, chosen.length) }, takeTurns));

  const comparison = compare(
    options.command,
    chosen.flatMap((scenario) => outcomes.get(scenario) ?? []),
  );
  if (formats.includes("json")) put(out, "results.json", json(comparison));
  if (formats.includes("csv")) put(out, "results.csv", renderComparisonCsv(comparison));
  if (formats.includes("html")) put(out, "index.html", renderComparison(comparison, formats));
  return comparison;
}

const OWN: OwnNames = {
  files: ["results.json", "results.csv", "index.html"],
  folders: scenarios.map(({ name }) => name),
};

/** What the run of one scenario is told: the common window, cut off at the scenario's end. */
function windowOf(scenario: Scenario, { fromSeconds, toSeconds, stepSeconds }: AllOptions) {
  const to = toSeconds === undefined ? {} : { toSeconds: Math.min(toSeconds, scenario.end - scenario.start) };
  return { scenario: scenario.name, fromSeconds, ...to, ...(stepSeconds !== undefined && { stepSeconds }) };
}

function checkWindow(scenario: Scenario, options: AllOptions): void {
  try {
    plan(windowOf(scenario, options));
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    throw new SpillwayError(error.code, `${scenario.name}: ${error.message}`, { cause: error });
  }
}

async function outcomeOf(scenario: Scenario, options: AllOptions, pool: WorkerPool): Promise<Outcome> {
  const { name, title, real } = scenario;
  try {
    const replay = await runReplay({
      ...options,
      ...windowOf(scenario, options),
      command: options.commandOf(name),
      onProgress: (_done, _total, run) => {
        options.onProgress(name, run);
      },
      pool,
    });
    writeFolder(join(options.out, name), replayFiles(replay, options.formats));
    return { title, real, result: replay.result };
  } catch (error) {
    const code = error instanceof SpillwayError ? error.code : "INTERNAL";
    const message = error instanceof Error ? error.message : String(error);
    options.onFailure(name, code, message);
    return { title, real, scenario: name, error: { code, message } };
  }
}

/** Takes away what an earlier run left: a comparison must never stand beside figures that are not its own. */
function clear(folder: string): void {
  const path = resolve(folder);
  if (existsSync(path)) for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
}

/** Writes a file whole or not at all. */
function put(folder: string, name: string, text: string): void {
  const fresh = join(folder, `.${name}.new-${process.pid}`);
  writeFileSync(fresh, text);
  renameSync(fresh, join(folder, name));
}
