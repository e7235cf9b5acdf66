import type { Server } from "node:http";

import { Wallet } from "ethers";
import type { Logger } from "pino";

import { SpillwayError } from "../lib";
import { watchHeads } from "./chain/heads";
import { NodePool } from "./chain/NodePool";
import type { Head } from "./chain/Tip";
import type { Settings } from "./config";
import { InProcessCoordination } from "./coordination/Coordination";
import { Keeper } from "./keeper";
import { Metrics } from "./metrics/Metrics";
import { serveMetrics } from "./metrics/server";
import { connect } from "./startup";
import { Store } from "./store/Store";

/** Without a block dealt with for this long, `/health` answers 503 … */
const UNHEALTHY_AFTER_MS = 120_000;
/** … and when there is no head to act on for this long, which is more than a node's hiccup takes. */
const HEADLESS_AFTER_MS = 10_000;

/**
 * Runs the keeper until `signal`. Whatever a node does wrong after the start is logged, counted and tried again.
 * @throws SpillwayError where it can't start: `WRONG_CHAIN`, `MISSING_CONTRACT`, `BAD_CONFIG`, `RPC_UNREACHABLE`,
 * `PORT_IN_USE`.
 */
export async function run(settings: Settings, privateKey: string, log: Logger, signal: AbortSignal): Promise<void> {
  const metrics = new Metrics();
  const rpc = new NodePool(settings.rpc, {
    chainId: settings.chainId,
    timeoutMs: settings.rpcTimeout,
    maxLag: settings.maxLag,
    onRole: (node, before) => {
      if (before === "primary") metrics.failovers.inc();
      const level = node.trouble !== "" ? "warn" : node.role === "behind" || before === "unknown" ? "info" : "debug";
      log[level]({ node: node.host, before, now: node.role, why: node.trouble }, "node");
    },
  });
  const wallet = new Wallet(privateKey);
  let store: Store | undefined;
  let server: Server | undefined;
  try {
    const config = await connect(settings, rpc, wallet);
    store = new Store(settings.store, `${settings.chainId}:${settings.vault}:${wallet.address}`);
    const coordination = new InProcessCoordination();
    const keeper = new Keeper({ rpc, signer: wallet, config, store, metrics, coordination, log });

    let lastGoodMs = Date.now();
    let headlessMs: number | undefined; // since when
    const isHealthy = (): boolean =>
      Date.now() - lastGoodMs < UNHEALTHY_AFTER_MS && Date.now() - (headlessMs ?? Infinity) < HEADLESS_AFTER_MS;
    if (settings.metricsPort > 0) server = await serveMetrics(metrics, settings.metricsPort, isHealthy);
    log.info({ signer: wallet.address, chainId: settings.chainId, dryRun: settings.dryRun }, "keeper runs");

    let lastHash: string | undefined;
    let lastStatus: Head["status"] = "ok";
    for await (const { block, status, why } of watchHeads(rpc, settings.pollInterval, signal)) {
      metrics.setNodes(rpc.nodes(), status);
      if (status !== lastStatus) log[status === "ok" ? "info" : "warn"]({ status, why, block: block?.number }, "head");
      lastStatus = status;
      headlessMs = status === "ok" ? undefined : (headlessMs ?? Date.now());
      if (block === undefined || status === "behind") continue; // nothing can be read as of the last block
      try {
        if (block.hash !== lastHash) await keeper.onBlock(block, { observeOnly: status === "stale" });
        lastHash = block.hash;
        if (status === "ok") lastGoodMs = Date.now();
      } catch (error) {
        if (!(error instanceof SpillwayError) || !error.code.startsWith("RPC_")) throw error;
        metrics.errors.inc({ code: error.code });
        log.error({ code: error.code, message: error.message }, "a block could not be dealt with");
      }
    }
    keeper.save();
  } finally {
    server?.close();
    rpc.close();
    store?.close();
  }
}
