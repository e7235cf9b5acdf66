/** How many tests of a run held and how many did not. */
export interface Counts {
  passed: number;
  failed: number;
}

/**
 * Reads the counts from what a test runner printed: mocha's `12 passing`, `1 failing`, or forge's `12 tests passed, 1 failed`.
 * A lint run is one test. A run that ended badly, or that ran no test, without saying that one failed counts as one failure.
 */
export function countTests(script: string, output: string, exitCode: number): Counts {
  const counts =
    script === "lint" ? { passed: exitCode === 0 ? 1 : 0, failed: 0 } : (forgeCounts(output) ?? mochaCounts(output));
  if (counts.failed === 0 && (exitCode !== 0 || counts.passed === 0)) return { ...counts, failed: 1 };
  return counts;
}

/** How many tests mocha left out: those that need a program that isn't there. */
export function countSkipped(output: string): number {
  return Number([...output.matchAll(/^ {2}(\d+) pending$/gm)].at(-1)?.[1] ?? 0);
}

/** At most so many lines of a run's end are worth reading again. */
const LAST_LINES = 60;

/** What a runner printed of its failures: all that mocha lists after its counts, forge's failing tests, else the end of the output. */
export function failuresIn(output: string): string {
  const mocha = /^ {2}\d+ failing$/m.exec(output);
  if (mocha) return output.slice(mocha.index).replace(/^[|·].*\n/gm, "");
  const forge = output.split("\n").filter((line) => /^\[FAIL/.test(line));
  return (forge.length > 0 ? forge : output.trimEnd().split("\n").slice(-LAST_LINES)).join("\n");
}

function forgeCounts(output: string): Counts | undefined {
  const summary = [...output.matchAll(/^Ran \d+ test suites? in .*: (\d+) tests passed, (\d+) failed/gm)].at(-1);
  return summary && { passed: Number(summary[1]), failed: Number(summary[2]) };
}

function mochaCounts(output: string): Counts {
  const passing = [...output.matchAll(/^ {2}(\d+) passing \(/gm)].at(-1);
  const failing = [...output.matchAll(/^ {2}(\d+) failing$/gm)].at(-1);
  return { passed: Number(passing?.[1] ?? 0), failed: Number(failing?.[1] ?? 0) };
}
