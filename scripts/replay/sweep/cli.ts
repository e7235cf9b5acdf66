import { Command } from "commander";
import { KEEPERS } from "../model/choices";
import { choice, integer, number, seconds } from "../options";
import { showProgress } from "../progress";
import { describeParameters } from "../model/overrides";
import { parseAxis, type SweepOptions } from "./plan";
import { workQueue } from "./queue";
import { renderFrontier } from "./report/table";
import { runSweep } from "./sweep";

interface Flags {
  scenario: string;
  vary: string[];
  bookToDepth: string;
  buffer: string;
  keepers: string;
  seeds: string;
  step?: string;
  from: string;
  to?: string;
  redis?: string;
  out: string;
}

const sweepProgram = new Command("replay sweep")
  .description(
    "Runs Spillway through crashes once for each choice of parameters, and finds the choices that are worth having.",
  )
  .option("--scenario <names>", "which crashes, with commas between", "black-thursday")
  .option(
    "--vary <name=values>",
    "what to vary, as in pace=1,3,6; once for each name",
    (one: string, all: string[]) => [...all, one],
    [],
  )
  .option("--book-to-depth <ratio>", "where it is not varied", "150")
  .option("--buffer <share>", "where it is not varied", "0.02")
  .option("--keepers <policy>", "profit or service, where it is not varied", "profit")
  .option("--seeds <number>", "borrowers are drawn so many times, from the seeds 1, 2, …", "1")
  .option("--step <duration>", "time from one step to the next (default: the scenario's own)")
  .option("--from <duration>", "where to begin, from the start of the prices", "0s")
  .option("--to <duration>", "where to end, from the start of the prices (default: their end)")
  .option("--redis <url>", "hand the runs to sweep-workers through this Redis (default: run them here)")
  .option("--out <folder>", "where everything goes; a sweep that was interrupted goes on there", "out/sweep")
  .addHelpText("after", `\nWhat can be varied:\n${describeParameters()}`)
  .allowExcessArguments(false)
  .exitOverride();

/** `replay sweep …`. Errors: as `runSweep`, and commander's. */
export async function sweep(args: readonly string[]): Promise<void> {
  const flags = sweepProgram.parse(args, { from: "user" }).opts<Flags>();
  const options: SweepOptions = {
    scenarios: flags.scenario.split(",").map((name) => name.trim()),
    axes: flags.vary.map(parseAxis),
    bookToDepth: number(flags.bookToDepth, "--book-to-depth", 1, 100_000),
    buffer: number(flags.buffer, "--buffer", 0, 10),
    keepers: choice(flags.keepers, "--keepers", KEEPERS),
    seeds: integer(flags.seeds, "--seeds", 1, 1000),
    ...(flags.step !== undefined && {
      stepSeconds: integer(seconds(flags.step, "--step").toString(), "--step", 12, 3600),
    }),
    fromSeconds: seconds(flags.from, "--from"),
    ...(flags.to !== undefined && { toSeconds: seconds(flags.to, "--to") }),
  };
  const progress = showProgress("runs");
  try {
    const result = await runSweep(options, {
      out: flags.out,
      ...(flags.redis !== undefined && { redis: flags.redis }),
      command: command(flags),
      onProgress: (done, total, kept) => {
        if (done === kept && kept > 0) process.stderr.write(`${kept} of ${total} runs are done already\n`);
        progress.update(done, total);
      },
    });
    progress.stop();
    process.stdout.write(`${renderFrontier(result)}${flags.out}/index.html\n`);
  } finally {
    progress.stop();
  }
}

const workerProgram = new Command("replay sweep-worker")
  .description("Runs what sweeps with the same code hand out through a Redis, until it is ended.")
  .requiredOption("--redis <url>", "such as redis://127.0.0.1:6379")
  .allowExcessArguments(false)
  .exitOverride();

/** `replay sweep-worker …`; goes on until the process ends. Errors: as `workQueue`, and commander's. */
export async function sweepWorker(args: readonly string[]): Promise<void> {
  const { redis } = workerProgram.parse(args, { from: "user" }).opts<{ redis: string }>();
  await workQueue(redis, (line) => process.stdout.write(`${line}\n`));
}

/** The command that does the same again; where the runs are done doesn't matter, and a Redis' address may hold a password. */
function command({ vary, ...flags }: Flags): string {
  const words = Object.entries({ ...flags, redis: undefined }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${value}`],
  );
  return `npm run replay -- sweep ${[...words, ...vary.map((one) => `--vary ${one}`)].join(" ")}`;
}
