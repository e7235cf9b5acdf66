import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import type { Finding } from "./finding";

const artifactSchema = z.object({ deployedBytecode: z.string() });
/** What stands for a library's address before it is linked. */
const LINK = /__\$[0-9a-f]{34}\$__/g;

/** Whether a contract's code is the one that this version of the project compiles to. */
export function checkBytecode(what: string, at: string, code: string, source: string): Finding {
  const file = join(
    __dirname,
    "../../../artifacts/contracts",
    `${source}.sol`,
    `${source.split("/").at(-1) ?? ""}.json`,
  );
  if (!existsSync(file)) {
    return { what, status: "skipped", detail: `${at}: nothing to compare with; run npm run compile` };
  }
  const { deployedBytecode } = artifactSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  if (isSame(code, deployedBytecode)) return { what, status: "ok", detail: `${at} is what this version compiles to` };
  return {
    ...{ what, status: "fail" },
    detail: `${at} is not what this version compiles to: check the address, or use the keeper of the contracts' version. (MISSING_CONTRACT)`,
  };
}

/** Equal but for immutables, which are zero in what was compiled, and libraries' addresses. */
function isSame(code: string, compiled: string): boolean {
  const expected = compiled.replace(LINK, "0".repeat(40)).toLowerCase();
  if (code.length !== expected.length) return false;
  const actual = code.toLowerCase();
  for (let i = 2; i < expected.length; i += 2) {
    const byte = expected.slice(i, i + 2);
    if (byte !== "00" && byte !== actual.slice(i, i + 2)) return false;
  }
  return true;
}
