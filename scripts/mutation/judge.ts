import { replaceBytecode } from "./artifacts";
import { bytecodeOf, sourceOf } from "./compiler";
import { type Failure, freshChain, runTests } from "./mochaRun";
import { apply, type Mutant } from "./mutant";
import { type Stage, targets, testFiles } from "./targets";
import { type Verdict } from "./verdict";

/** Titles of the tests that killed mutants of a function, the latest first: the likeliest to kill its next one. */
const killers = new Map<string, string[]>();
const TRIED_FIRST = 4;

/** Puts one mutant through the stages of its file. */
export async function judge(mutant: Mutant): Promise<Verdict> {
  const startedAt = Date.now();
  const done = (verdict: Omit<Verdict, "seconds">): Verdict => ({
    ...verdict,
    seconds: Math.round((Date.now() - startedAt) / 100) / 10,
  });
  const stages = targets[mutant.file] ?? [];
  const changed = { [mutant.file]: apply(sourceOf(mutant.file), mutant) };

  for (const { contracts, tests } of stages) {
    const bytecode = bytecodeOf(contracts, changed, { optimized: false });
    if (bytecode === undefined) return done({ status: "stillborn" });
    replaceBytecode(bytecode);
    await freshChain();
    const failure = await firstFailure(`${mutant.file} ${mutant.within}`, testFiles(tests));
    if (failure !== undefined) {
      const { file, title, timedOut } = failure;
      return done({ status: timedOut ? "timeout" : "killed", killer: { file, title } });
    }
  }
  return done({ status: isEquivalent(stages, changed) ? "equivalent" : "survived" });
}

async function firstFailure(place: string, files: string[]): Promise<Failure | undefined> {
  const known = killers.get(place) ?? [];
  const likely = known.length === 0 ? undefined : await runTests(files, known.slice(0, TRIED_FIRST));
  const { failure } = likely?.failure ? likely : await runTests(files);
  if (failure !== undefined) {
    killers.set(place, [failure.title, ...known.filter((title) => title !== failure.title)]);
  }
  return failure;
}

const originals = new Map<string, string>();

/** Whether the optimizer makes of every contract what it makes of the original. */
function isEquivalent(stages: Stage[], changed: Record<string, string>): boolean {
  return stages.every(({ contracts }) => {
    const key = contracts.join();
    const original = originals.get(key) ?? JSON.stringify(bytecodeOf(contracts, {}, { optimized: true }));
    originals.set(key, original);
    return JSON.stringify(bytecodeOf(contracts, changed, { optimized: true })) === original;
  });
}

/** Throws if a test that reaches `files` fails without any mutation: its failing would say nothing. */
export async function baseline(files: string[]): Promise<void> {
  const stages = files.flatMap((file) => targets[file] ?? []);
  const contracts = [...new Set(stages.flatMap((stage) => stage.contracts))];
  const bytecode = bytecodeOf(contracts, {}, { optimized: false });
  if (bytecode === undefined) throw new Error(`${contracts.join(", ")}: does not compile`);
  replaceBytecode(bytecode);
  await freshChain();
  const { failure, count } = await runTests([...new Set(testFiles(stages.flatMap(({ tests }) => tests)))]);
  if (failure !== undefined) throw new Error(`${failure.title} fails without any mutation: ${failure.message}`);
  if (count === 0) throw new Error(`${files.join(", ")}: no tests`);
}
