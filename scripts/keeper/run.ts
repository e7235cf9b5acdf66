import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import type { Logger } from "pino";

import { SpillwayError } from "../lib";
import { readBlock } from "./chain/block";
import { FailoverRpc } from "./chain/FailoverRpc";
import { HttpRpc } from "./chain/HttpRpc";
import type { Settings } from "./config";
import { InProcessCoordination } from "./coordination/Coordination";
import { mayPass } from "./exitCode";
import { Keeper } from "./keeper";
import { Metrics } from "./metrics/Metrics";
import { serveMetrics } from "./metrics/server";
import type { Signer } from "./sender/job";
import { openRelays } from "./sender/settings";
import { connect } from "./startup";
import { Store } from "./store/Store";

/** Without a block dealt with for this long, `/health` answers 503. */
const UNHEALTHY_AFTER_MS = 120_000;

/**
 * Runs the keeper until `signal`. Whatever a node does wrong after the start is logged, counted and tried again.
 * @throws SpillwayError where it can't start: `WRONG_CHAIN`, `MISSING_CONTRACT`, `BAD_CONFIG`, `RPC_UNREACHABLE`,
 * `PORT_IN_USE`; or where a signer does what it was not asked for: `WRONG_SIGNATURE`.
 */
export async function run(
  settings: Settings,
  signers: readonly Signer[],
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const metrics = new Metrics();
  const nodes = settings.rpc.map((url) => new HttpRpc(url, settings.rpcTimeout));
  const rpc = new FailoverRpc(nodes, (reason) => {
    metrics.failovers.inc();
    log.warn({ reason }, "going on to the next node");
  });
  const [signer, ...moreSigners] = signers;
  if (signer === undefined)
    throw new SpillwayError("BAD_KEY", "KEEPER_PRIVATE_KEYS: one key is needed, none is given.");
  const connected = await connect(settings, rpc, signer);
  const relays = openRelays(settings.relays, process.env, (reason) => log.warn({ reason }, "going on to the public"));
  const config = { ...connected, sender: { ...connected.sender, relays } };
  const store = new Store(settings.store, `${settings.chainId}:${settings.vault}:${signer.address}`);
  const coordination = new InProcessCoordination();
  const keeper = new Keeper({ rpc, signer, moreSigners, config, store, metrics, coordination, log });

  let lastGoodMs = Date.now();
  let server: Server | undefined;
  try {
    const isHealthy = (): boolean => Date.now() - lastGoodMs < UNHEALTHY_AFTER_MS;
    if (settings.metricsPort > 0) server = await serveMetrics(metrics, settings.metricsPort, isHealthy);
    log.info({ signer: signer.address, chainId: settings.chainId, dryRun: settings.dryRun }, "keeper runs");

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
        if (!mayPass(error)) throw error;
        metrics.errors.inc({ code: error.code });
        log.error({ code: error.code, message: error.message }, "a block could not be dealt with");
      }
      await sleep(settings.pollInterval, undefined, { signal }).catch(ignoreAbort);
    }
    await keeper.drain(Date.now() + settings.drainTimeout);
    keeper.save();
  } finally {
    server?.close();
    for (const node of nodes) node.close();
    store.close();
  }
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error) || error.name !== "AbortError") throw error;
}
