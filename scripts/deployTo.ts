import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { computeAddress, id, toQuantity } from "ethers";
import { z } from "zod";

import { checkParameters, type NetworkParameters } from "../deploy/parameters";
import { endWithUs, Rpc, SpillwayError } from "./lib";

/** Anybody knows these keys, so that every chain of our own gets the same addresses. */
const [DEPLOYER_KEY, GOVERNOR_KEY] = [id("spillway deployer"), id("spillway governor")];

/** Who holds the roles after `deployTo`; a node that impersonates can send from them. */
export const TEST_ACCOUNTS = {
  deployer: computeAddress(DEPLOYER_KEY),
  governor: computeAddress(GOVERNOR_KEY),
  guardian: computeAddress(id("spillway guardian")),
} as const;

const ROOT = join(__dirname, "..");
const exported = z.object({ contracts: z.record(z.string(), z.object({ address: z.string() })) });

/**
 * Runs all deploy scripts against an anvil, in a process of its own, and returns the address of each deployment by its name,
 * such as `Vault` or `ChainlinkOracle_ETH`. Blocks are mined as transactions come, a second apart, whatever the clock says;
 * afterwards the node mines as it did before. On the same chain state addresses and blocks are always the same.
 * Errors: `BAD_CONFIG`, `WRONG_CHAIN` when the parameters are for another chain, `RPC_UNREACHABLE`, `RPC_ERROR`, `INTERNAL` with
 * the scripts' own words.
 */
export async function deployTo(rpcUrl: string, parameters: NetworkParameters): Promise<Record<string, string>> {
  checkParameters(parameters);
  const rpc = new Rpc(rpcUrl);
  try {
    const chainId = Number(await rpc.text("eth_chainId"));
    if (chainId !== parameters.chainId) {
      throw new SpillwayError("WRONG_CHAIN", `the parameters are for chain ${parameters.chainId}, not for ${chainId}`);
    }
    for (const sender of [TEST_ACCOUNTS.deployer, TEST_ACCOUNTS.governor]) {
      await rpc.call("anvil_setBalance", sender, toQuantity(10n ** 24n));
    }
    const automines = z.boolean().parse(await rpc.call("anvil_getAutomine"));
    await rpc.call("anvil_setBlockTimestampInterval", 1);
    if (!automines) await rpc.call("evm_setAutomine", true);
    try {
      return await runScripts(rpcUrl, parameters);
    } finally {
      await rpc.call("anvil_removeBlockTimestampInterval");
      if (!automines) await rpc.call("evm_setAutomine", false);
    }
  } finally {
    rpc.close();
  }
}

async function runScripts(rpcUrl: string, parameters: NetworkParameters): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "spillway-deploy-"));
  try {
    const [input, output] = [join(folder, "parameters.json"), join(folder, "deployments.json")];
    await writeFile(input, JSON.stringify(parameters));
    await hardhatDeploy(output, {
      RPC_URL: rpcUrl,
      PARAMETERS: input,
      DEPLOYER_KEY,
      GOVERNOR_KEY,
      GOVERNOR: TEST_ACCOUNTS.governor,
      GUARDIAN: TEST_ACCOUNTS.guardian,
    });
    const { contracts } = exported.parse(JSON.parse(await readFile(output, "utf8")));
    return Object.fromEntries(Object.entries(contracts).map(([name, { address }]) => [name, address]));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The address of a contract that {@link deployTo} deployed. @throws SpillwayError `INTERNAL` where it did not. */
export function addressIn(deployed: Readonly<Record<string, string>>, name: string): string {
  const address = deployed[name];
  if (address === undefined) throw new SpillwayError("INTERNAL", `the deploy scripts made no ${name}`);
  return address;
}

function hardhatDeploy(output: string, variables: Readonly<Record<string, string>>): Promise<void> {
  const cli = join(ROOT, "node_modules/hardhat/internal/cli/cli.js");
  const args = [cli, "deploy", "--network", "fork", "--no-compile", "--export", output];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    endWithUs(child);
    let words = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (words += text));
    }
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new SpillwayError("INTERNAL", `the deploy scripts failed: ${words.trim()}`));
    });
  });
}
