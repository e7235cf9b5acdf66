import Table from "cli-table3";

import { EXIT, mayPass } from "../exitCode";
import { SpillwayError } from "../../lib";

/** What a check found of one thing. */
export interface Finding {
  what: string;
  /** `warn`: the keeper can work, but should be looked after. `skipped`: could not be told. */
  status: "ok" | "warn" | "fail" | "skipped";
  /** What was found, or what to do. */
  detail: string;
  /** True for a failure that may pass by itself. */
  mayPass?: boolean;
}

/** A failure as a finding; bugs are thrown on. */
export function failed(what: string, error: unknown): Finding {
  if (!(error instanceof SpillwayError) || error.code === "INTERNAL") throw error;
  return { what, status: "fail", detail: `${error.message} (${error.code})`, mayPass: mayPass(error) };
}

/** What the command line ends with: 3 where all that failed may pass by itself. */
export function exitCodeFor(findings: readonly Finding[]): number {
  const failures = findings.filter(({ status }) => status === "fail");
  if (failures.length === 0) return EXIT.ok;
  return failures.every((one) => one.mayPass === true) ? EXIT.tryAgain : EXIT.mend;
}

export function asTable(findings: readonly Finding[]): string {
  const table = new Table({
    head: ["check", "", "found"],
    style: { head: [], border: [] },
    colWidths: [34, 9, 90],
    wordWrap: true,
  });
  for (const { what, status, detail } of findings) table.push([what, status, detail]);
  const count = (status: Finding["status"]): number => findings.filter((one) => one.status === status).length;
  return `${table.toString()}\n${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failed, ${count("skipped")} skipped`;
}
