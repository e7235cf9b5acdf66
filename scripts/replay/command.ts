import { Command, CommanderError } from "commander";
import { SpillwayError } from "../lib";
import { engines } from "./engines";
import { KEEPERS, MATCHES } from "./model/choices";
import { choice, integer, number, seconds } from "./options";
import { runAll } from "./all";
import { showJobs } from "./jobProgress";
import { checkOutput, parseFormats, replayFiles, writeFolder, type Format } from "./output";
import { showProgress } from "./progress";
import { renderComparisonTable } from "./report/comparisonTable";
import { renderTable } from "./report/table";
import { runReplay, type ReplayOptions } from "./run";
import { scenarios } from "./scenarios";
import { sweep, sweepWorker } from "./sweep/cli";

interface Flags {
  scenario?: string;
  all?: true;
  engines?: string;
  bookToDepth: string;
  buffer: string;
  seed: string;
  match: string;
  keepers: string;
  rivals: string;
  step?: string;
  from: string;
  to?: string;
  prices?: string;
  fork?: string;
  block?: string;
  port?: string;
  out?: string;
  format: string;
  overwrite?: true;
  amplification: boolean;
  list?: true;
}

const program = new Command("replay")
  .description(
    "Replays a real crash against lending protocols with their keepers, on a local fork, and reports what they did to it.",
  )
  .option("--scenario <name>", "which crash (default: black-thursday; with --all several, with commas between)")
  .option("--all", "every scenario, or those of --scenario, with a page that compares them")
  .option(
    "--engines <names>",
    "which protocols, with commas between (default: spillway; with --all spillway,aave-v3,morpho-blue)",
  )
  .option(
    "--book-to-depth <ratio>",
    "the book's collateral over the collateral whose sale moves the pool by 1 %",
    "150",
  )
  .option("--buffer <share>", "the buffer's cash over the book's starting collateral value", "0.02")
  .option("--seed <number>", "the borrowers are drawn from it", "1")
  .option(
    "--match <what>",
    "what is the same for one borrower at every engine: the distance of its LTV from the engine's own lltv, or the ltv",
    "distance",
  )
  .option(
    "--keepers <policy>",
    "what Spillway's keeper does: profit, only what pays for itself, or service, at a loss too what the protocol needs",
    "profit",
  )
  .option(
    "--rivals <number>",
    "so many keepers more at each engine, strangers to the first, with the same code; the report says who earns what",
    "0",
  )
  .option("--step <duration>", "time from one step to the next (default: the scenario's, mostly 60s)")
  .option("--from <duration>", "where to begin, from the start of the prices", "0s")
  .option(
    "--to <duration>",
    "where to end, from the start of the prices (default: their end; with --all at the latest there)",
  )
  .option(
    "--prices <file>",
    "CSV of candles (timestamp,open,high,low,close; UTC seconds) in place of the scenario's prices",
  )
  .option("--fork <url>", "archive node to fork, with --block (default: a mainnet reconstructed locally)")
  .option("--block <number>", "block to fork at")
  .option(
    "--port <number>",
    "port of the first engine's chain on 127.0.0.1, each engine after it has the next (default: any free ones)",
  )
  .option("--out <folder>", "where the results go (default: out/replay; with --all out/all)")
  .option("--format <names>", "what is written: json, csv, html, with commas between", "json,csv,html")
  .option("--overwrite", "replace an earlier replay in that folder")
  .option("--no-amplification", "leave out the second run of each engine, without price impact")
  .option("--list", "name the scenarios and engines there are, and end")
  .addHelpText("after", "\nTwo commands more, each with its own --help: sweep, sweep-worker")
  .allowExcessArguments(false)
  .exitOverride();

/** `npm run replay -- ARGS`: says on the process' streams what became of it, and returns the exit code. */
export async function replayCommand(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    // commander has said what was wrong, or shown the help
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof SpillwayError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    return error.code === "INTERNAL" ? 1 : 2;
  }
}

async function run(args: readonly string[]): Promise<number> {
  const [subcommand, ...rest] = args;
  if (subcommand === "sweep" || subcommand === "sweep-worker") {
    await (subcommand === "sweep" ? sweep(rest) : sweepWorker(rest));
    return 0;
  }
  const flags = program.parse(args, { from: "user" }).opts<Flags>();
  if (flags.list) {
    const titles = scenarios.map(({ name, title }) => `  ${name.padEnd(20)} ${title}`);
    process.stdout.write(
      `scenarios\n${titles.join("\n")}\nengines\n${[...engines.keys()].map((name) => `  ${name}`).join("\n")}\n`,
    );
    return 0;
  }
  const names = list(flags.engines ?? (flags.all ? PEERS : "spillway"));
  if (new Set(names).size !== names.length) throw new SpillwayError("BAD_INPUT", "--engines names one engine twice");
  if ((flags.fork === undefined) !== (flags.block === undefined)) {
    throw new SpillwayError("BAD_INPUT", "--fork and --block go together: a fork without its block can't be run again");
  }
  const out = flags.out ?? (flags.all ? "out/all" : "out/replay");
  const formats = parseFormats(flags.format);
  const shared = {
    engines: names,
    bookToDepth: number(flags.bookToDepth, "--book-to-depth", 1, 100_000),
    buffer: number(flags.buffer, "--buffer", 0, 10),
    seed: integer(flags.seed, "--seed", 0, 2 ** 32 - 1),
    match: choice(flags.match, "--match", MATCHES),
    keepers: choice(flags.keepers, "--keepers", KEEPERS),
    rivals: integer(flags.rivals, "--rivals", 0, 15),
    ...(flags.step !== undefined && {
      stepSeconds: integer(seconds(flags.step, "--step").toString(), "--step", 12, 3600),
    }),
    fromSeconds: seconds(flags.from, "--from"),
    ...(flags.to !== undefined && { toSeconds: seconds(flags.to, "--to") }),
    ...(flags.fork !== undefined && {
      fork: { url: flags.fork, block: integer(flags.block ?? "", "--block", 0, Number.MAX_SAFE_INTEGER) },
    }),
    amplification: flags.amplification,
  };
  if (flags.all) return replayAll(flags, shared, out, formats);

  const scenario = flags.scenario ?? "black-thursday";
  const progress = showProgress();
  const options = {
    ...shared,
    scenario,
    ...(flags.prices !== undefined && { prices: flags.prices }),
    ...(flags.port !== undefined && { port: integer(flags.port, "--port", 1, 65_535) }),
    command: command({ ...flags, scenario, engines: names.join(","), out }),
    onProgress: progress.update,
  };
  checkOutput(out, flags.overwrite ?? false);
  try {
    const replay = await runReplay(options);
    progress.stop();
    writeFolder(out, replayFiles(replay, formats));
    process.stdout.write(`${renderTable(replay.result)}\n${written(out, formats)}\n`);
    return 0;
  } finally {
    progress.stop();
  }
}

const PEERS = "spillway,aave-v3,morpho-blue";

async function replayAll(
  flags: Flags,
  shared: Omit<ReplayOptions, "scenario" | "command" | "onProgress">,
  out: string,
  formats: readonly Format[],
): Promise<number> {
  for (const option of ["prices", "port"] as const) {
    if (flags[option] !== undefined)
      throw new SpillwayError("BAD_INPUT", `--${option} is for one scenario, not for --all`);
  }
  const chosen = flags.scenario === undefined ? [] : list(flags.scenario);
  if (new Set(chosen).size !== chosen.length) {
    throw new SpillwayError("BAD_INPUT", "--scenario names one scenario twice");
  }
  const engineNames = shared.engines.join(",");
  const jobs = showJobs();
  try {
    const comparison = await runAll({
      ...{ ...shared, scenarios: chosen, out, overwrite: flags.overwrite ?? false, formats },
      command: command({ ...flags, engines: engineNames, out }),
      commandOf: (scenario) =>
        command({ ...flags, all: undefined, scenario, engines: engineNames, out: `${out}/${scenario}` }),
      onProgress: jobs.update,
      onFailure: (scenario, code, message) => {
        jobs.say(`${scenario} failed: ${code}: ${message}`);
      },
    });
    jobs.stop();
    process.stdout.write(`${renderComparisonTable(comparison)}\n${written(out, formats)}\n`);
    return comparison.outcomes.some((outcome) => "error" in outcome) ? 1 : 0;
  } finally {
    jobs.stop();
  }
}

/** Where to look. */
function written(out: string, formats: readonly Format[]): string {
  return formats.includes("html") ? `${out}/index.html` : out;
}

function list(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

/** The command that does the same again; an archive node's URL may hold a key and stays out. */
function command(flags: Partial<Record<keyof Flags, string | boolean | undefined>>): string {
  const words = Object.entries({
    ...flags,
    fork: flags.fork && "URL",
    port: undefined,
    overwrite: undefined,
    amplification: undefined,
  })
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => {
      const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return value === true ? option : `${option} ${String(value)}`;
    });
  if (!flags.amplification) words.push("--no-amplification");
  return `npm run replay -- ${words.join(" ")}`;
}
