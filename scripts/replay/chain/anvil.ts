import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { end, endWithUs, Rpc, SpillwayError } from "../../lib";

/** A running anvil on 127.0.0.1. */
export interface Anvil {
  readonly url: string;
  readonly rpc: Rpc;
  stop(): Promise<void>;
}

export interface AnvilOptions {
  /** Any free port when not given. */
  port?: number;
  /** Seconds UTC of the genesis block; not with `fork`. */
  timestamp?: number;
  fork?: { url: string; block?: number };
  /** Whether transactions keep the order in which they come; else those with the highest maximal fee go first. */
  inOrder?: boolean;
}

/**
 * What every anvil of a replay has in common: it mines when told to, keeps no history on disk, has no accounts of its own, and runs the EVM version that the contracts are compiled for.
 */
const COMMON = [
  ...["--host", "127.0.0.1", "--no-mining", "--accounts", "0", "--hardfork", "cancun"],
  ...["--prune-history", "8", "--gas-limit", "200000000", "--silent"],
];

/**
 * Starts the pinned anvil and waits until it answers. Errors: `PORT_IN_USE`; `RPC_UNREACHABLE` when it ends at once,
 * with its own words.
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  const port = await usablePort(options.port);
  // by fees it orders by the maximal fee, not by the tip that is left of it; chain/builder.ts orders by that
  const order = options.inOrder ? "fifo" : "fees";
  const args = [...COMMON, "--order", order, "--port", port.toString()];
  if (options.timestamp !== undefined) args.push("--timestamp", options.timestamp.toString(), "--chain-id", "1");
  if (options.fork) {
    args.push("--fork-url", options.fork.url, "--no-storage-caching");
    if (options.fork.block !== undefined) args.push("--fork-block-number", options.fork.block.toString());
  }
  // a session of its own: Ctrl-C reaches this process only, which then ends the child in its own order
  const child = spawn(anvilPath(), args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  endWithUs(child);
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
  child.on("error", (error) => (words += error.message));
  const url = `http://127.0.0.1:${port.toString()}`;
  const rpc = new Rpc(url);
  const stop = async (): Promise<void> => {
    rpc.close();
    await end(child);
  };
  await answers(rpc, child, () => words, stop);
  return { url, rpc, stop };
}

async function answers(rpc: Rpc, child: ChildProcess, words: () => string, stop: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      await rpc.call("eth_chainId");
      return;
    } catch (cause) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined || Date.now() > deadline) {
        await stop();
        const lines = words().trim().split("\n");
        const why = lines.find((line) => /^error/i.test(line)) ?? lines.at(-1);
        throw new SpillwayError("RPC_UNREACHABLE", `anvil did not start: ${why ? why : "no answer in 30 s"}`, {
          cause,
        });
      }
    }
    await sleep(20);
  }
}

/** The binary inside anvil's platform package: its own launcher would put a process between us and it. */
function anvilPath(): string {
  const machine = process.arch === "x64" ? "amd64" : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${machine}`;
  const program = process.platform === "win32" ? "anvil.exe" : "anvil";
  try {
    const path = join(dirname(require.resolve(`${name}/package.json`)), "bin", program);
    if (existsSync(path)) return path;
  } catch (cause) {
    throw new SpillwayError("INTERNAL", `${name} is not installed; run npm install on this machine`, { cause });
  }
  throw new SpillwayError("INTERNAL", `${name} has no binary; run npm install on this machine again`);
}

/** The port asked for, if nobody listens there, or any free one. */
function usablePort(port: number | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (cause) => {
      reject(
        new SpillwayError(
          "PORT_IN_USE",
          `port ${(port ?? 0).toString()} of 127.0.0.1 is in use; choose another --port`,
          {
            cause,
          },
        ),
      );
    });
    probe.listen(port ?? 0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === "object" && address ? address.port : (port ?? 0));
      });
    });
  });
}
