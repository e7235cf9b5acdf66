// A keeper in a process of its own, so that nothing but it is measured: reads the book, writes a checkpoint, says how that went.
// Arguments: the node's URL, the deployment as JSON, the store's file.
import { monitorEventLoopDelay } from "node:perf_hooks";

import { HttpRpc, readBlock, SqliteStore } from "../../keeper";
import { keeperOf } from "./keeper";
import type { Deployment } from "./world";

/** How often the loop is looked at, milliseconds. */
const RESOLUTION = 1;

async function main(): Promise<void> {
  const [url = "", deployment = "", file = ""] = process.argv.slice(2);
  const store = new SqliteStore(file, "bench");
  const rpc = new HttpRpc(url, 60_000);
  const keeper = keeperOf(url, JSON.parse(deployment) as Deployment, store);
  await keeper.onBlock(await readBlock(rpc, "latest"), { observeOnly: true });
  say({ ready: true });
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION });
  loop.enable();
  await new Promise((resolve) => setTimeout(resolve, 20));
  loop.reset();
  const started = performance.now();
  await keeper.save();
  const seconds = (performance.now() - started) / 1_000;
  loop.disable();
  say({
    checkpointSeconds: seconds,
    longestMs: loop.max / 1e6 - RESOLUTION,
    memoryMb: process.resourceUsage().maxRSS / 1024,
  });
  rpc.close();
  store.close();
  process.exit(0);
}

function say(figures: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
