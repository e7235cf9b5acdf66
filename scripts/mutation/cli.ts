import { Command } from "commander";

import { seededRandom } from "../replay/random";
import { integer } from "../replay/options";
import { showProgress } from "../replay/progress";
import { parse, sourceOf } from "./compiler";
import { mutate } from "./mutate";
import { type Mutant } from "./mutant";
import { runAll } from "./pool";
import { type Reason, readReasons, reasonFor, staleReasons } from "./reasons";
import { addResult, lastSurvivors, readResults } from "./results";
import { summarize } from "./summary";
import { targets } from "./targets";

interface Flags {
  file?: string;
  sample?: string;
  seed: string;
  jobs: string;
  list?: true;
  survivors?: true;
}

const program = new Command("mutation")
  .description("Changes the contracts in small ways, one at a time, and counts how many changes the tests notice.")
  .option("--file <text>", "only mutants whose id contains this, for example Vault.sol or Vault.sol:120:")
  .option("--sample <number>", "so many of them, drawn by --seed")
  .option("--seed <number>", "of the sample", "1")
  .option("--jobs <number>", "processes at a time", "2")
  .option(
    "--survivors",
    "only those that survived when they were last judged and have no reason, as after tests were written for them",
  )
  .option("--list", "print the mutants and end")
  .allowExcessArguments(false);

async function main(): Promise<void> {
  const flags = program.parse().opts<Flags>();
  const all = allMutants();
  const reasons = readReasons();
  const wanted = flags.survivors ? openSurvivors(all, reasons) : all;
  const named = wanted.filter(({ id }) => id.includes(flags.file ?? ""));
  const chosen = flags.sample === undefined ? named : sample(named, flags.sample, flags.seed);
  if (chosen.length === 0)
    throw new Error(`no ${flags.survivors ? "survivor" : "mutant"}'s id contains "${flags.file ?? ""}"`);
  if (flags.list) {
    for (const { id, before, after } of chosen) console.log(`${id}\n  ${before}\n  ${after}`);
    return;
  }

  const verdicts = readResults(chosen);
  const open = chosen.filter(({ id }) => !verdicts.has(id));
  const jobs = integer(flags.jobs, "--jobs", 1, 64);
  if (open.length > 0) await checkTests([...new Set(open.map(({ file }) => file))]);
  const progress = showProgress("mutants");
  let done = 0;
  try {
    await runAll(
      open.map((mutant) => ({ mutant })),
      jobs,
      ({ mutant }, answer) => {
        if (answer !== "hung" && !("verdict" in answer)) throw new Error(`${mutant.id}: ${JSON.stringify(answer)}`);
        const verdict = answer === "hung" ? { status: "timeout" as const, seconds: 0 } : answer.verdict;
        verdicts.set(mutant.id, verdict);
        addResult(mutant, verdict);
        progress.update(++done, open.length);
      },
    );
  } finally {
    progress.stop();
  }

  const judged = all
    .filter((mutant) => chosen.includes(mutant))
    .flatMap((mutant) => {
      const verdict = verdicts.get(mutant.id);
      return verdict === undefined ? [] : [{ mutant, verdict }];
    });
  console.log(summarize(judged, reasons));
  for (const { file, before } of staleReasons(all, reasons)) console.log(`\nstale reason: ${file}: ${before}`);
}

function openSurvivors(mutants: Mutant[], reasons: Reason[]): Mutant[] {
  const survived = lastSurvivors();
  return mutants.filter((mutant) => survived.has(mutant.id) && reasonFor(mutant, reasons) === undefined);
}

function allMutants(): Mutant[] {
  const trees = parse(Object.fromEntries(Object.keys(targets).map((file) => [file, sourceOf(file)])));
  return Object.entries(trees).flatMap(([file, tree]) => mutate(file, sourceOf(file), tree));
}

/** The same seed draws the same mutants in the same order, so that a larger sample begins with a smaller one. */
function sample(mutants: Mutant[], size: string, seed: string): Mutant[] {
  const random = seededRandom(integer(seed, "--seed", 0, 2 ** 32 - 1), "mutants");
  const drawn = mutants.map((mutant) => ({ mutant, at: random.uniform() })).sort((a, b) => a.at - b.at);
  return drawn.slice(0, integer(size, "--sample", 1, 1e6)).map(({ mutant }) => mutant);
}

/** The tests have to hold before one that fails says anything. */
async function checkTests(files: string[]): Promise<void> {
  await runAll([{ baseline: files }], 1, (_, answer) => {
    if (answer === "hung") throw new Error("the tests gave no answer in time");
    if ("error" in answer) throw new Error(answer.error);
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
