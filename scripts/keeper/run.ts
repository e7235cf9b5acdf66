import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { Wallet } from "ethers";
import type { Logger } from "pino";

import { SpillwayError } from "../lib";
import { readBlock } from "./chain/block";
import { FailoverRpc } from "./chain/FailoverRpc";
import { HttpRpc } from "./chain/HttpRpc";
import type { Settings } from "./config";
import { InProcessCoordination } from "./coordination/Coordination";
import { Keeper } from "./keeper";
import { Metrics } from "./metrics/Metrics";
import { serveMetrics } from "./metrics/server";
import { connect } from "./startup";
import { SqliteStore } from "./store/SqliteStore";

/** Without a block dealt with for this long, `/health` answers 503. */
const UNHEALTHY_AFTER_MS = 120_000;

/**
 * Runs the keeper until `signal`. Whatever a node does wrong after the start is logged, counted and tried again.
 * @throws SpillwayError where it can't start: `WRONG_CHAIN`, `MISSING_CONTRACT`, `BAD_CONFIG`, `RPC_UNREACHABLE`,
 * `PORT_IN_USE`.
 */
export async function run(settings: Settings, privateKey: string, log: Logger, signal: AbortSignal): Promise<void> {
  const metrics = new Metrics();
  const nodes = settings.rpc.map((url) => new HttpRpc(url, settings.rpcTimeout));
  const rpc = new FailoverRpc(nodes, (reason) => {
    metrics.failovers.inc();
    log.warn({ reason }, "going on to the next node");
  });
  const wallet = new Wallet(privateKey);
  const config = await connect(settings, rpc, wallet);
  const scope = `${settings.chainId}:${settings.vault}:${wallet.address}`;
  const store = new SqliteStore(settings.store, scope, ({ code, message }) => log.error({ code }, message));
  const coordination = new InProcessCoordination();
  const keeper = new Keeper({ rpc, signer: wallet, config, store, metrics, coordination, log });

  let lastGoodMs = Date.now();
  let server: Server | undefined;
  try {
    const isHealthy = (): boolean => Date.now() - lastGoodMs < UNHEALTHY_AFTER_MS;
    if (settings.metricsPort > 0) server = await serveMetrics(metrics, settings.metricsPort, isHealthy);
    log.info({ signer: wallet.address, chainId: settings.chainId, dryRun: settings.dryRun }, "keeper runs");

    let lastHash: string | undefined;
    while (!signal.aborted) {
      try {
        const block = await readBlock(rpc, "latest");
        const lag = Math.floor(Date.now() / 1000) - Number(block.timestamp);
        const lags = settings.maxLag > 0 && lag > settings.maxLag;
        if (lags) rpc.leave(`its latest block, ${block.number}, is ${lag} s old`);
        if (block.hash !== lastHash) await keeper.onBlock(block, { observeOnly: lags });
        lastHash = block.hash;
        if (!lags) lastGoodMs = Date.now();
      } catch (error) {
        if (!(error instanceof SpillwayError) || !error.code.startsWith("RPC_")) throw error;
        metrics.errors.inc({ code: error.code });
        log.error({ code: error.code, message: error.message }, "a block could not be dealt with");
      }
      await sleep(settings.pollInterval, undefined, { signal }).catch(ignoreAbort);
    }
    await keeper.save();
  } finally {
    server?.close();
    for (const node of nodes) node.close();
    store.close();
  }
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error) || error.name !== "AbortError") throw error;
}
