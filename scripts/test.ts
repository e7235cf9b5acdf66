// `npm test`: runs every suite, whatever the ones before it did, and ends with one line, `N passed, N failed`.
import { spawn } from "node:child_process";

import { countTests, type Counts } from "./testCounts";

const SUITES = ["lint", "test:contracts", "test:forge"];

/** Runs one npm script, shows its output as it comes, and resolves to what it printed and its exit code (1 if killed). */
function run(script: string): Promise<{ output: string; exitCode: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", ["run", "--silent", script], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      process.stdout.write(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => process.stderr.write(text));
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ output, exitCode: code ?? 1 });
    });
  });
}

async function main(): Promise<void> {
  const total: Counts = { passed: 0, failed: 0 };
  for (const script of SUITES) {
    console.log(`\n=== ${script}`);
    const startedAt = Date.now();
    const { output, exitCode } = await run(script);
    const { passed, failed } = countTests(script, output, exitCode);
    console.log(
      `=== ${script}: ${passed} passed, ${failed} failed in ${Math.round((Date.now() - startedAt) / 1000)} s`,
    );
    total.passed += passed;
    total.failed += failed;
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  if (total.failed > 0) process.exitCode = 1;
}

void main();
