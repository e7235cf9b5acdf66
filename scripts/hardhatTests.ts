// `npm run test:contracts` and `npm run test:scripts`: one half each of what `hardhat test` runs, to be run beside each other. `npm run test:keeper`:
// all tests of the keeper, with those under faults that take longer than everybody wants to wait.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Tests of what runs outside the chain; all others are of contracts. */
const OF_SCRIPTS = ["deploy", "keeper", "mutation", "replay", "scripts"];

const [part] = process.argv.slice(2);
if (part !== "contracts" && part !== "scripts" && part !== "keeper")
  throw new Error(`which part? contracts, scripts or keeper, not ${part ?? "nothing"}`);

function isAskedFor(name: string): boolean {
  const folder = name.split("/")[0] ?? "";
  return part === "keeper" ? folder === part : OF_SCRIPTS.includes(folder) === (part === "scripts");
}

const files = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .filter(isAskedFor)
  .map((name) => join("test", name))
  .sort();
const env = part === "keeper" ? { ...process.env, KEEPER_TESTS: "full" } : process.env;
const { status, error } = spawnSync("hardhat", ["test", ...files], { stdio: "inherit", env });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
