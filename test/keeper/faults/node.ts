// The chain that fault tests run on: an anvil that mines when a test says so, and that forgets nothing.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { end, endWithUs, foundryBinary, Rpc } from "../../../scripts/lib";

const ARGS = [
  ...["--host", "127.0.0.1", "--no-mining", "--order", "fees", "--accounts", "0", "--hardfork", "cancun"],
  ...["--gas-limit", "200000000", "--silent"],
];

/** A running anvil. */
export interface Node {
  readonly url: string;
  readonly rpc: Rpc;
  stop(): Promise<void>;
}

/** A port of the loopback on which nobody listens now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}

/** Starts an anvil on the chain that a state file holds, or on an empty one. */
export async function startNode(stateFile: string | undefined, chainId = 1): Promise<Node> {
  const at = await freePort();
  const args = [...ARGS, "--port", String(at), "--chain-id", String(chainId)];
  if (stateFile !== undefined) args.push("--load-state", stateFile);
  const child = spawn(foundryBinary("anvil"), args, { stdio: ["ignore", "ignore", "pipe"] });
  endWithUs(child);
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
  const url = `http://127.0.0.1:${at}`;
  const rpc = new Rpc(url);
  await untilUp(rpc, child, () => words);
  await rpc.call("anvil_autoImpersonateAccount", true);
  // its clock says now; the chain's is behind
  const { timestamp } = (await rpc.call("eth_getBlockByNumber", "latest", false)) as { timestamp: string };
  await rpc.call("evm_setTime", Number(timestamp));
  const stop = async (): Promise<void> => {
    rpc.close();
    await end(child);
  };
  return { url, rpc, stop };
}

async function untilUp(rpc: Rpc, child: ChildProcess, words: () => string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const failure: unknown = await rpc.call("eth_chainId").then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`anvil did not start: ${words()}`, { cause: failure });
    await sleep(20);
  }
}
