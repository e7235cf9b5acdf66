import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

import { sourceOf } from "./compiler";
import { type Mutant } from "./mutant";
import { targets, testFiles } from "./targets";
import { type Verdict } from "./verdict";

export const RESULTS = "out/mutation/results.jsonl";

interface Row extends Verdict {
  id: string;
  evidence: string;
}

/**
 * Hash of the text that a verdict rests on: of the contracts, and of the tests that held. A killed mutant stays killed as
 * long as the test file that killed it stays as it is.
 */
function evidence({ file }: Mutant, { status, killer }: Verdict): string {
  const stages = targets[file] ?? [];
  const contracts = stages.flatMap((stage) => stage.contracts.map((name) => name.split(":")[0] ?? ""));
  const survives = status === "survived" || (status === "timeout" && killer === undefined);
  const tests = survives
    ? stages.flatMap((stage) => testFiles(stage.tests))
    : killer === undefined
      ? []
      : [killer.file];
  const paths = [...new Set([file, ...contracts, ...tests])];
  // a test file that is gone is no evidence
  if (!paths.every((path) => existsSync(path))) return "";
  const hash = createHash("sha256");
  for (const path of paths) hash.update(sourceOf(path));
  return hash.digest("hex").slice(0, 16);
}

/** The latest verdict on each mutant, by id, whether it still holds or not. */
function latest(): Map<string, Row> {
  if (!existsSync(RESULTS)) return new Map();
  const rows = readFileSync(RESULTS, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
  return new Map(rows.map((row) => [row.id, row]));
}

/** Verdicts of earlier runs that still hold, by id. */
export function readResults(mutants: Mutant[]): Map<string, Verdict> {
  const rows = latest();
  return new Map(
    mutants.flatMap((mutant) => {
      const row = rows.get(mutant.id);
      return row === undefined || row.evidence !== evidence(mutant, row) ? [] : [[mutant.id, row] as const];
    }),
  );
}

/** Ids of what survived when it was last judged. */
export function lastSurvivors(): Set<string> {
  return new Set([...latest().values()].filter(({ status }) => status === "survived").map(({ id }) => id));
}

export function addResult(mutant: Mutant, verdict: Verdict): void {
  mkdirSync(dirname(RESULTS), { recursive: true });
  const row: Row = { id: mutant.id, evidence: evidence(mutant, verdict), ...verdict };
  appendFileSync(RESULTS, `${JSON.stringify(row)}\n`);
}
