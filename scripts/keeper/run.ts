import type { Logger } from "pino";

import { SpillwayError } from "../lib";
import { Bell } from "./Bell";
import { watchHeads } from "./chain/heads";
import { NodePool } from "./chain/NodePool";
import { type Rpc, unwrapHex } from "./chain/rpc";
import type { Head } from "./chain/Tip";
import type { Settings } from "./config";
import { type Dashboard, serveDashboard } from "./dashboard/server";
import { LivePage } from "./dashboard/LivePage";
import { InProcessCoordination } from "./coordination/Coordination";
import { Fleet } from "./coordination/Fleet";
import { mayPass } from "./exitCode";
import { type HealthReason, isReady, reasonsOf } from "./health";
import { Keeper } from "./keeper";
import { Metrics } from "./metrics/Metrics";
import type { Signer } from "./sender/job";
import { openRelays } from "./sender/settings";
import { connect } from "./startup";
import { SqliteStore } from "./store/SqliteStore";

/** When it is said that the keeper can't act. */
const HEALTH_LIMITS = { stalledMs: 120_000, leastBalanceWei: 10n ** 16n };
/** Without a head to act on for this long it is not ready, which is more than a node's hiccup takes. */
const HEADLESS_AFTER_MS = 10_000;
/** A loop that has not turned for this long is dead. */
const DEAD_AFTER_MS = 180_000;
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
  const [signer, ...moreSigners] = signers;
  if (signer === undefined) throw new SpillwayError("BAD_KEY", "KEEPER_PRIVATE_KEY: one key is needed, none is given.");
  const metrics = new Metrics();
  const rpc = openNodes(settings, metrics, log);
  let fleet: Fleet | undefined;
  let store: SqliteStore | undefined;
  let dashboard: Dashboard | undefined;
  try {
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
    if (settings.redis !== undefined) {
      fleet = await Fleet.join({
        ...{ url: settings.redis, chainId: settings.chainId, vault: settings.vault, name: settings.fleet },
        ...{ member: settings.member, signers: signers.map(({ address }) => address) },
        ...{ maxActions: settings.maxActions, report, log },
        isBusy: (account) => isBusy(rpc, account),
        wake: () => bell.ring(),
      });
    }
    const scope = `${settings.chainId}:${settings.vault}:${signer.address}`;
    store = new SqliteStore(settings.store, scope, ({ code, message }) => log.error({ code }, message));
    const coordination = fleet ?? new InProcessCoordination();
    const keeper = new Keeper({ rpc, signer, moreSigners, config, store, metrics, coordination, log });

    let lastGoodMs: number | undefined;
    let lastTurnMs = Date.now();
    let headlessMs: number | undefined; // since when
    let head: Head["status"] = "ok";
    const kept = store;
    const health = (): { ready: boolean; reasons: HealthReason[] } => {
      const now = Date.now();
      const isHeadless = now - (headlessMs ?? Infinity) >= HEADLESS_AFTER_MS;
      const facts = {
        sinceBlockMs: lastGoodMs === undefined ? undefined : now - lastGoodMs,
        head: isHeadless ? head : "ok",
        signers: keeper.signers(),
        bookDiffers: keeper.audited.differs,
        storeFailure: kept.trouble,
        redisLost: fleet?.role === "alone",
      };
      const reasons = reasonsOf(facts, HEALTH_LIMITS);
      return { ready: isReady(reasons, signers.length), reasons };
    };
    let page: LivePage | undefined;
    if (settings.metricsPort > 0) {
      const alive = (): boolean => Date.now() - lastTurnMs < DEAD_AFTER_MS;
      dashboard = await serveDashboard(settings.metricsPort, { registry: metrics.registry, health, alive });
      const { chainId, vault, dryRun } = settings;
      const { buffer } = config.addresses;
      page = new LivePage({ dashboard, keeper, rpc, store, metrics, log, fleet, chainId, vault, buffer, dryRun });
    }
    log.info({ signer: signer.address, chainId: settings.chainId, dryRun: settings.dryRun }, "keeper runs");

    let lastHash: string | undefined;
    for await (const { block, status, why, isRung } of watchHeads(rpc, settings.pollInterval, bell, signal)) {
      metrics.setNodes(rpc.nodes(), status);
      metrics.setFleet(fleet);
      metrics.setHealth(health());
      if (status !== head) log[status === "ok" ? "info" : "warn"]({ status, why, block: block?.number }, "head");
      head = status;
      lastTurnMs = Date.now();
      headlessMs = status === "ok" ? undefined : (headlessMs ?? Date.now());
      if (block === undefined || status === "behind") continue; // nothing can be read as of the last block
      try {
        const isNew = block.hash !== lastHash;
        if (isNew) await keeper.onBlock(block, { observeOnly: status === "stale" });
        else if (isRung) await keeper.resume(block);
        lastHash = block.hash;
        lastFitMs = status === "ok" ? Date.now() : Number.NEGATIVE_INFINITY;
        if (status === "ok") lastGoodMs = lastFitMs;
        seen.head = block.number;
        seen.lagSeconds = Math.max(0, Math.floor(Date.now() / 1000) - Number(block.timestamp));
        seen.positions = keeper.bookSize;
        seen.pending = keeper.pendingCount;
        if (isNew) await page?.show(block, health());
      } catch (error) {
        if (!mayPass(error)) throw error;
        metrics.errors.inc({ code: error.code });
        log.error({ code: error.code, message: error.message }, "a block could not be dealt with");
      }
    }
    await keeper.drain(Date.now() + settings.drainTimeout);
    await keeper.save();
  } finally {
    await dashboard?.close();
    await fleet?.close();
    rpc.close();
    store?.close();
  }
}

function openNodes(settings: Settings, metrics: Metrics, log: Logger): NodePool {
  return new NodePool(settings.rpc, {
    chainId: settings.chainId,
    timeoutMs: settings.rpcTimeout,
    maxLag: settings.maxLag,
    onRole: (node, before) => {
      if (before === "primary") metrics.failovers.inc();
      const level = node.trouble !== "" ? "warn" : node.role === "behind" || before === "unknown" ? "info" : "debug";
      log[level]({ node: node.host, before, now: node.role, why: node.trouble }, "node");
    },
  });
}

/** Whether an account's transactions wait to be mined, as the node sees its pool. */
async function isBusy(rpc: Rpc, account: string): Promise<boolean> {
  const replies = await rpc.batch(
    ["latest", "pending"].map((tag) => ({ method: "eth_getTransactionCount", params: [account, tag] })),
  );
  const [mined, queued] = replies.map((reply) => Number(unwrapHex(reply, "counting a member's transactions")));
  return (queued ?? 0) > (mined ?? 0);
}
