import type { Logger } from "pino";

import type { Block } from "./chain/block";
import type { Coordination } from "./coordination/Coordination";
import type { Explainer } from "./explain/Explainer";
import { labelOf } from "./explain/reasons";
import { type Targets, jobOf, keyOf, routeOf } from "./jobs";
import type { Journal } from "./Journal";
import type { Metrics } from "./metrics/Metrics";
import type { Plan } from "./plan";
import type { Job, Outcome } from "./sender/job";
import type { SignerPool } from "./sender/SignerPool";
import type { Decision } from "./strategy/view";
import type { Outlet } from "./venues/Outlet";

/** A transaction that the node accepted. */
export interface Action {
  decision: Decision;
  nonce: number;
  hash: string;
}

/** What an executor works with. */
export interface ExecutorDeps {
  sender: SignerPool;
  coordination: Coordination;
  explainer: Explainer;
  journal: Journal;
  metrics: Metrics;
  log: Logger;
  targets: Targets;
  /** Where a market's collateral goes. */
  outletOf: (market: string) => Outlet | undefined;
  /** The most transactions in one block. */
  maxActions: number;
}

/** The most blocks for which a job that keeps failing is left alone. */
const LONGEST_REST = 32;
/** Refusals that are this keeper's own trouble: another may well be able to do the job. */
const UNABLE = /^(no-funds|budget)$|insufficient (funds|balance)/i;
/** Refusals that say nothing of the venues that were to be sold on. */
const NO_VENUES_FAULT = /^(gas|own|no-funds|budget|pending|node-lags|stopping)$/;

/** Carries plans out: claims what is to be done, sends it, and learns what became of it. */
export class Executor {
  /** Jobs that failed: how often in a row, and the block before which they aren't tried again. */
  private readonly resting = new Map<string, { failures: number; until: number }>();

  constructor(private readonly deps: ExecutorDeps) {}

  /**
   * Sends what of a plan is not under way, as far as it goes through and pays when it is simulated.
   * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`; what was claimed is let go of.
   */
  async execute(plan: Plan): Promise<Action[]> {
    const { block } = plan;
    const claimed = await this.claim(plan);
    const { sent, refused } = await this.send(claimed, block);
    for (const { job, reason } of refused) await this.giveUp(job, reason, claimed.get(job), block);
    return sent.flatMap(({ job, nonce, hash }) => {
      const decision = claimed.get(job);
      if (decision === undefined) return []; // a transaction of an earlier block, sent again
      this.judge(decision, true);
      this.deps.explainer.explainDecision(decision, "outrun");
      this.deps.journal.sent(decision, job, nonce, hash, block);
      this.deps.metrics.sent.inc({ kind: job.kind });
      this.deps.log.info({ block: block.number, job: job.key, nonce, hash }, "sent");
      return [{ decision, nonce, hash }];
    });
  }

  /** Sends nothing, and says what it would have. */
  stayIdle({ block, decisions }: Plan, reason: "node-lags" | "dry-run"): void {
    for (const decision of decisions) this.deps.explainer.explainDecision(decision, reason);
    const would = decisions.map(keyOf);
    if (would.length > 0) this.deps.log.info({ block: block.number, reason, would }, "idle");
  }

  /** Takes note of what became of transactions. */
  async settle(outcomes: readonly Outcome[], block: Block): Promise<void> {
    const { coordination, metrics, log } = this.deps;
    for (const { job, nonce, result, gasPaid } of outcomes) {
      const labels = { kind: job?.kind ?? "given-up", outcome: result };
      metrics.outcomes.inc(labels);
      metrics.gasPaid.inc(labels, Number(gasPaid));
      log.info({ block: block.number, job: job?.key, nonce, result, gasPaid: String(gasPaid) }, "outcome");
      if (job === undefined) continue;
      // what a reorganisation took out of the chain is under way again
      if (result === "unmined") await coordination.claim(job.key);
      else await coordination.release(job.key, { result, block: block.number });
      if (result === "mined") this.resting.delete(job.key);
      if (result === "reverted") this.rest(job, block);
    }
  }

  /** Claims what an earlier run left pending, so that nobody does it a second time. */
  async takeUp(jobs: readonly Job[]): Promise<void> {
    for (const { key } of jobs) await this.deps.coordination.claim(key);
  }

  private async claim({ block, decisions, weiPriceE36 }: Plan): Promise<Map<Job, Decision>> {
    const { sender, coordination, targets, outletOf, maxActions } = this.deps;
    const claimed = new Map<Job, Decision>();
    for (const decision of decisions) {
      if (claimed.size === maxActions) break;
      const key = keyOf(decision);
      const rested = (this.resting.get(key)?.until ?? 0) <= block.number;
      if (!rested || !(await coordination.claim(key))) continue;
      const route = await routeOf(decision, outletOf);
      if (route !== undefined) claimed.set(jobOf(decision, targets, weiPriceE36, route, sender.gas), decision);
      else await this.passOver(decision, block);
    }
    return claimed;
  }

  /** Without its venue it is decided anew at the next block. */
  private async passOver(decision: Decision, block: Block): Promise<void> {
    const { coordination, explainer, metrics, log } = this.deps;
    const [job, reason] = [keyOf(decision), "no-venue"];
    await coordination.release(job, { result: "refused", block: block.number });
    explainer.explainDecision(decision, reason);
    metrics.refused.inc({ kind: decision.kind, reason });
    log.info({ block: block.number, job, reason }, "not sent");
  }

  private judge(decision: Decision, wasSent: boolean): void {
    if ("sale" in decision) this.deps.outletOf(decision.market)?.judge(decision.sale.parts, wasSent);
  }

  private async send(claimed: ReadonlyMap<Job, Decision>, block: Block): ReturnType<SignerPool["send"]> {
    const { sender, coordination } = this.deps;
    try {
      return await sender.send([...claimed.keys()], block);
    } catch (error) {
      // those that were signed may have reached the node
      const pending = new Set(sender.pendingJobs.map(({ key }) => key));
      for (const { key } of claimed.keys()) if (!pending.has(key)) await coordination.release(key);
      throw error;
    }
  }

  private async giveUp(job: Job, reason: string, decision: Decision | undefined, block: Block): Promise<void> {
    const { coordination, explainer, metrics, log } = this.deps;
    if (reason !== "pending") {
      await coordination.release(job.key, { result: UNABLE.test(reason) ? "unable" : "refused", block: block.number });
      this.rest(job, block);
    }
    if (decision !== undefined) {
      explainer.explainDecision(decision, reason);
      if (!NO_VENUES_FAULT.test(reason)) this.judge(decision, false);
    }
    metrics.refused.inc({ kind: job.kind, reason: labelOf(reason) });
    log.info({ block: block.number, job: job.key, reason }, "not sent");
  }

  /** A job that keeps failing is tried after 1, 2, 4 … blocks, so that it can't crowd out the others. */
  private rest({ key }: Job, block: Block): void {
    const failures = (this.resting.get(key)?.failures ?? 0) + 1;
    this.resting.set(key, { failures, until: block.number + Math.min(LONGEST_REST, 2 ** (failures - 1)) });
  }
}
