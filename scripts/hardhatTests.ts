// `npm run test:contracts` and `npm run test:scripts`: one half each of what `hardhat test` runs, to be run beside each other.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Tests of what runs outside the chain; all others are of contracts. */
const OF_SCRIPTS = ["deploy", "keeper", "mutation", "replay", "scripts"];

const [half] = process.argv.slice(2);
if (half !== "contracts" && half !== "scripts")
  throw new Error(`which half? contracts or scripts, not ${half ?? "nothing"}`);
const files = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .filter((name) => OF_SCRIPTS.includes(name.split("/")[0] ?? "") === (half === "scripts"))
  .map((name) => join("test", name))
  .sort();
const { status, error } = spawnSync("hardhat", ["test", ...files], { stdio: "inherit" });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
