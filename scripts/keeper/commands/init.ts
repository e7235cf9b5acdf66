import { existsSync, renameSync, writeFileSync } from "node:fs";

import { Command } from "commander";

import { SpillwayError } from "../../lib";
import { HttpRpc } from "../chain/HttpRpc";
import { environmentName, parseSettings } from "../config";
import { readDeployment } from "../init/deployment";
import { draftSettings } from "../init/draft";

/** Milliseconds to wait for a node. */
const TIMEOUT = 10_000;

export function initCommand(): Command {
  const command = new Command("init")
    .description("Writes a config file for a deployment. Holds no key: see docs/keeper.md, Keys.")
    .requiredOption("--deployment <file>", "what hardhat-deploy exported, or a folder of deployments/")
    .option("--rpc <url...>", `nodes of the chain (also ${environmentName("rpc")})`)
    .option("--out <file>", "where to write it", "keeper.json")
    .option("--force", "overwrite what is there");
  return command.action(async () => {
    const { deployment, rpc, out, force } = command.opts<{
      deployment: string;
      rpc?: string[];
      out: string;
      force?: true;
    }>();
    const nodes = rpc ?? (process.env[environmentName("rpc")] ?? "").split(",").filter((url) => url !== "");
    const [first] = nodes;
    if (first === undefined) {
      throw new SpillwayError(
        "BAD_CONFIG",
        "rpc: is missing; give a node of the chain, like --rpc http://127.0.0.1:8545.",
      );
    }
    if (!URL.canParse(first) || !/^https?:$/.test(new URL(first).protocol)) {
      throw new SpillwayError("BAD_CONFIG", "rpc: the first node is not an http(s) URL, like http://127.0.0.1:8545.");
    }
    if (existsSync(out) && force !== true) {
      throw new SpillwayError(
        "BAD_CONFIG",
        `out: ${out} is there already; give another --out, or --force to overwrite it.`,
      );
    }
    const node = new HttpRpc(first, TIMEOUT);
    try {
      const settings = { rpc: nodes, ...(await draftSettings(node, readDeployment(deployment))) };
      parseSettings(settings, {});
      write(out, `${JSON.stringify(settings, undefined, 2)}\n`);
    } finally {
      node.close();
    }
    console.log(
      `wrote ${out}; now give the keeper a key (docs/keeper.md, Keys) and run: npm run keeper -- check --config ${out}`,
    );
  });
}

/** All of it or nothing: a config that is cut short would be refused at the next start. */
function write(path: string, text: string): void {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, path);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new SpillwayError("BAD_CONFIG", `out: ${path} can't be written (${why}); give another --out.`, { cause });
  }
}
