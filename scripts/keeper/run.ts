import type { Server } from "node:http";
import type { Logger } from "pino";

import { SpillwayError } from "../lib";
import { Bell } from "./Bell";
import { readBlock } from "./chain/block";
import { FailoverRpc } from "./chain/FailoverRpc";
import { HttpRpc } from "./chain/HttpRpc";
import { type Rpc, unwrapHex } from "./chain/rpc";
import type { Settings } from "./config";
import { InProcessCoordination } from "./coordination/Coordination";
import { Fleet } from "./coordination/Fleet";
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
/** A member of a fleet leaves the work to others when it has not seen the chain for so long, or for so many polls. */
const UNFIT_AFTER = { ms: 5_000, polls: 3 };

/**
 * Runs the keeper until `signal`. Whatever a node does wrong after the start is logged, counted and tried again.
 * @throws SpillwayError where it can't start: `WRONG_CHAIN`, `MISSING_CONTRACT`, `BAD_CONFIG`, `RPC_UNREACHABLE`,
 * `PORT_IN_USE`, `REDIS_UNREACHABLE`, `REDIS_DENIED`, `FLEET_MISMATCH`; or where a signer does what it was not asked
 * for: `WRONG_SIGNATURE`.
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
  const bell = new Bell();
  // what a fleet is told of this keeper
  const seen = { head: 0, lagSeconds: 0, positions: 0, pending: 0 };
  let lastFitMs = Number.NEGATIVE_INFINITY;
  const unfitAfterMs = Math.max(UNFIT_AFTER.ms, UNFIT_AFTER.polls * settings.pollInterval);
  const report = (): typeof seen & { isFit: boolean } => {
    return { ...seen, isFit: !settings.dryRun && Date.now() - lastFitMs < unfitAfterMs };
  };
  const { redis } = settings;
  const accounts = signers.map(({ address }) => address);
  const fleet =
    redis === undefined
      ? undefined
      : await Fleet.join({
          ...{ url: redis, chainId: settings.chainId, vault: settings.vault, name: settings.fleet },
          ...{ member: settings.member, signers: accounts, maxActions: settings.maxActions, report, log },
          isBusy: (account) => isBusy(rpc, account),
          wake: () => bell.ring(),
        });

  let lastGoodMs = Date.now();
  let server: Server | undefined;
  let store: Store | undefined;
  try {
    store = new Store(settings.store, `${settings.chainId}:${settings.vault}:${signer.address}`);
    const coordination = fleet ?? new InProcessCoordination();
    const keeper = new Keeper({ rpc, signer, moreSigners, config, store, metrics, coordination, log });
    const isHealthy = (): boolean => Date.now() - lastGoodMs < UNHEALTHY_AFTER_MS;
    if (settings.metricsPort > 0) server = await serveMetrics(metrics, settings.metricsPort, isHealthy);
    log.info({ signer: signer.address, chainId: settings.chainId, dryRun: settings.dryRun }, "keeper runs");

    let lastHash: string | undefined;
    let isRung = false;
    while (!signal.aborted) {
      try {
        const block = await readBlock(rpc, "latest");
        const lag = Math.floor(Date.now() / 1000) - Number(block.timestamp);
        const lags = settings.maxLag > 0 && lag > settings.maxLag;
        if (lags) rpc.leave(`its latest block, ${block.number}, is ${lag} s old`);
        if (block.hash !== lastHash) await keeper.onBlock(block, { observeOnly: lags });
        else if (isRung) await keeper.resume(block);
        lastHash = block.hash;
        if (!lags) lastGoodMs = Date.now();
        lastFitMs = lags ? Number.NEGATIVE_INFINITY : lastGoodMs;
        seen.head = block.number;
        seen.lagSeconds = Math.max(0, lag);
        seen.positions = keeper.bookSize;
        seen.pending = keeper.pendingCount;
      } catch (error) {
        if (!mayPass(error)) throw error;
        metrics.errors.inc({ code: error.code });
        log.error({ code: error.code, message: error.message }, "a block could not be dealt with");
      }
      metrics.fleetMembers.set(fleet?.size ?? 0);
      metrics.fleetWatcher.set(fleet?.role === "watcher" ? 1 : 0);
      metrics.fleetAlone.set(fleet?.role === "alone" ? 1 : 0);
      isRung = await bell.wait(settings.pollInterval, signal);
    }
    await keeper.drain(Date.now() + settings.drainTimeout);
    keeper.save();
  } finally {
    server?.close();
    await fleet?.close();
    for (const node of nodes) node.close();
    store?.close();
  }
}

/** Whether an account's transactions wait to be mined, as the node sees its pool. */
async function isBusy(rpc: Rpc, account: string): Promise<boolean> {
  const replies = await rpc.batch(
    ["latest", "pending"].map((tag) => ({ method: "eth_getTransactionCount", params: [account, tag] })),
  );
  const [mined, queued] = replies.map((reply) => Number(unwrapHex(reply, "counting a member's transactions")));
  return (queued ?? 0) > (mined ?? 0);
}
