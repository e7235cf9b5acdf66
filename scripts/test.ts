// `npm test`: runs every suite, whatever the others did, says again at the end what failed, and ends with one line, `N passed, N failed`.
import { spawn } from "node:child_process";

import { countSkipped, countTests, failuresIn, type Counts } from "./testCounts";

/** What runs beside each other. The output of the first is shown as it comes, that of the second a suite at a time. */
const LANES = [["lint", "test:contracts", "test:forge"], ["test:scripts"]];

interface SuiteRun extends Counts {
  script: string;
  failures: string;
}

async function run(script: string, live: boolean): Promise<SuiteRun> {
  const startedAt = Date.now();
  if (live) console.log(`\n=== ${script}`);
  const { output, exitCode } = await outputOf(script, live);
  const counts = countTests(script, output, exitCode);
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  if (!live) console.log(`\n=== ${script}\n${output}`);
  const skipped = countSkipped(output);
  const left = skipped === 0 ? "" : `, ${skipped} skipped for want of a program`;
  console.log(`=== ${script}: ${counts.passed} passed, ${counts.failed} failed${left} in ${seconds} s`);
  return { script, ...counts, failures: counts.failed === 0 ? "" : failuresIn(output) };
}

/** What a script printed, to either stream, and its exit code (1 if killed). */
function outputOf(script: string, live: boolean): Promise<{ output: string; exitCode: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", ["run", "--silent", script], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (live) process.stdout.write(text);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ output, exitCode: code ?? 1 });
    });
  });
}

async function main(): Promise<void> {
  // once, before two runs could do it at the same time; where it fails each of them says so
  await outputOf("compile", true);
  const lanes = LANES.map(async (scripts, lane) => {
    const runs: SuiteRun[] = [];
    for (const script of scripts) runs.push(await run(script, lane === 0));
    return runs;
  });
  const runs = (await Promise.all(lanes)).flat();
  for (const { script, failures } of runs)
    if (failures !== "") console.log(`\n=== what failed in ${script}\n${failures}`);
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  const failed = sum(runs.map((one) => one.failed));
  console.log(`\n${sum(runs.map((one) => one.passed))} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

void main();
