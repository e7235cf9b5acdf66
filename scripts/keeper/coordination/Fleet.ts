import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { performance } from "node:perf_hooks";

import type { Logger } from "pino";
import { z } from "zod";

import { SpillwayError } from "../../lib";
import { keyOf } from "../jobs";
import type { Plan } from "../plan";
import type { Decision } from "../strategy/view";
import { assignmentsOf, queueId } from "./assignment";
import type { Coordination, Ending } from "./Coordination";
import { Inbox } from "./Inbox";
import { type Claim, Membership, type MemberReport, PACE, pairs, parseClaim } from "./Membership";
import { FleetRedis, fleetPrefix } from "./redis";
import { type FleetStatus, readStatus } from "./status";
import { before, waitBehind } from "./turns";

/** The most blocks for which a job that keeps failing is left alone. */
const LONGEST_REST = 32;
/** What came of jobs is kept so long, seconds. */
const KEEP = 86_400;
/** Transactions that another member left in the pool are waited for so many blocks. */
const PATIENCE = 2;
/** A member that can't do a job takes none for so long, ms; one whose node failed it, a little. */
const [UNABLE_FOR, FAILED_FOR] = [10_000, 2_000];

export interface FleetOptions {
  /** Address of the Redis; only its host is ever named. */
  url: string;
  chainId: number;
  vault: string;
  /** Fleets of one vault are told apart by name. */
  name: string;
  /** What this member is called; by default after its host. */
  member?: string | undefined;
  /** The accounts that this member sends from. */
  signers: readonly string[];
  /** The most jobs that this member has at once. */
  maxActions: number;
  report: () => Omit<MemberReport, "host" | "pid" | "signers">;
  /** Whether an account has transactions that wait to be mined, as this member's node sees it. */
  isBusy: (account: string) => Promise<boolean>;
  /** Called when there is something to do without a new block. */
  wake: () => void;
  log: Logger;
}

/**
 * A fleet of keepers. One of them, elected, puts each block's plan into a queue; each takes jobs from there and does them by its
 * own plan, on the state that its own nodes show. What stands in Redis says who does what, never what to send. Without a
 * Redis each acts for itself, in turns.
 */
export class Fleet implements Coordination {
  readonly member: string;
  private readonly membership: Membership;
  private readonly inbox: Inbox;
  private readonly held = new Map<string, Claim>();
  /** The block of the plan that was taken last. */
  private block = 0;
  /** The token and hash of the block whose plan was published last. */
  private published = "";
  /** While alone: the block since which a job is to be done, and the first block to act at. */
  private readonly waiting = new Map<string, number>();
  private aloneFrom = 0;
  private wasAlone = false;
  /** By `performance.now()`. */
  private unableUntil = 0;

  private constructor(
    private readonly redis: FleetRedis,
    private readonly options: FleetOptions,
  ) {
    const { log, signers, report } = options;
    this.member = options.member ?? `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`;
    this.membership = new Membership(redis, {
      id: this.member,
      report: () => ({ host: hostname(), pid: process.pid, signers: [...signers], ...report() }),
      held: () => this.held,
      onBeat: () => this.setIntake(),
      onChange: (change, error) => {
        const words = { member: this.member, ...(error && { code: error.code, reason: error.message }) };
        if (change === "alone") log.warn(words, "without the fleet: acting alone");
        else log.info(words, change === "back" ? "back in the fleet" : `watcher: ${change}`);
        options.wake();
      },
    });
    this.inbox = new Inbox({
      url: options.url,
      queue: redis.queue.name,
      prefix: redis.prefix,
      member: this.member,
      size: options.maxActions,
      onJob: options.wake,
      onEnded: () => {
        // the block's plan may have more of the same
        this.published = "";
        options.wake();
      },
      isDeclinedByAll: (declinedBy) => this.membership.liveMembers().every(({ id }) => declinedBy.includes(id)),
      onTrouble: (reason) => log.debug({ reason }, "fleet's queue"),
    });
  }

  /** Joins a fleet. @throws SpillwayError `BAD_CONFIG`, `REDIS_UNREACHABLE`, `REDIS_DENIED`, `FLEET_MISMATCH`. */
  static async join(options: FleetOptions): Promise<Fleet> {
    const { url, chainId, vault, name } = options;
    const redis = await FleetRedis.open(url, fleetPrefix(chainId, vault, name));
    const fleet = new Fleet(redis, options);
    try {
      await fleet.membership.join();
    } catch (error) {
      await fleet.inbox.close();
      await redis.close();
      throw error;
    }
    fleet.inbox.open();
    return fleet;
  }

  async close(): Promise<void> {
    await this.inbox.close();
    await this.membership.leave();
    await this.redis.close();
  }

  /** What this member is now. */
  get role(): "watcher" | "executor" | "alone" {
    if (this.membership.isAlone) return "alone";
    return this.membership.token === undefined ? "executor" : "watcher";
  }

  /** Members that are alive and can act, this one among them. */
  get size(): number {
    return this.membership.liveMembers().length;
  }

  /** The fleet as its Redis shows it. @throws SpillwayError `REDIS_UNREACHABLE`, `REDIS_DENIED`. */
  status(): Promise<FleetStatus> {
    return readStatus(this.redis);
  }

  async publish(plan: Plan): Promise<void> {
    const { token } = this.membership;
    const round = `${token ?? ""}:${plan.block.hash}`;
    if (token === undefined || this.published === round) return;
    try {
      await this.fillQueue(plan, token);
      this.published = round;
    } catch (error) {
      this.note(error, "a plan was not published");
    }
  }

  async take(plan: Plan): Promise<Plan> {
    this.block = plan.block.number;
    this.setIntake();
    const wanted = new Set(plan.decisions.map(keyOf));
    const assigned = this.sortInbox(wanted);
    const due = await this.dueAlone(plan.decisions);
    const isMine = (job: string): boolean => assigned.has(job) || due.has(job) || this.held.has(job);
    return { ...plan, decisions: plan.decisions.filter((decision) => isMine(keyOf(decision))) };
  }

  /** Claims a job in Redis, or for itself where there is none. */
  async claim(job: string): Promise<boolean> {
    const received = this.inbox.get(job);
    if (this.held.has(job)) {
      if (received !== undefined) received.state = "claimed"; // given to it again after a flush
      return false;
    }
    const claim = { member: this.member, signers: [...this.options.signers], block: this.block };
    // written before it is asked for, so that no beat in between takes it back
    this.held.set(job, claim);
    const answer = await this.ask(job, claim, received?.assignment.token ?? 0);
    if (answer === "ok") {
      if (received !== undefined) received.state = "claimed";
      return true;
    }
    this.held.delete(job);
    if (received === undefined) return false;
    if (answer === "left" || answer === "gone") received.state = "waiting";
    else received.decide("dropped");
    return false;
  }

  async release(job: string, ending?: Ending): Promise<void> {
    this.held.delete(job);
    const isUnable = ending === undefined || ending.result === "unable";
    if (isUnable) this.unableUntil = performance.now() + (ending === undefined ? FAILED_FOR : UNABLE_FOR);
    this.setIntake();
    await this.record(job, ending);
    this.inbox.get(job)?.decide(isUnable ? "return" : ending.result === "refused" ? "dropped" : "ended");
  }

  /** Tells the fleet that a job is over. Where that fails, a later beat tells that this member has it no more. */
  private async record(job: string, ending: Ending | undefined): Promise<void> {
    if (!this.membership.isHeard) return;
    const keys = ["taken", "settled", "rest", "counts"].map((name) => this.redis.key(name));
    const args = [job, this.member, ending?.result ?? "", ending?.block ?? 0, LONGEST_REST, KEEP];
    try {
      await this.redis.run("spillwayRelease", keys, args);
    } catch (error) {
      this.note(error, "the end of a job was not recorded");
    }
  }

  /** Takes jobs only while this member can do them. */
  private setIntake(): void {
    const isFit = this.options.report().isFit && performance.now() >= this.unableUntil;
    this.inbox.setActive(isFit);
    this.inbox.giveBack(!isFit);
  }

  /** Puts a plan's jobs into the queue, brings up to date those that nobody has taken, and drops what is not to be done any more. */
  private async fillQueue(plan: Plan, token: number): Promise<void> {
    const { queue } = this.redis;
    const reply = await this.redis.run(
      "spillwayOutlook",
      [this.redis.key("lease"), this.redis.key("rest")],
      [token, this.member],
    );
    const [holds, flat] = z.tuple([z.number(), z.array(z.string())]).parse(reply);
    if (holds !== 1) return;
    const rests = new Map(pairs(flat).map(([job, rest]) => [job, Number(rest.split(" ")[1])]));
    const assignments = assignmentsOf(plan, token);
    for (const [job, until] of rests) if (until > plan.block.number) assignments.delete(job);

    await this.redis.ask(async () => {
      const byId = new Map([...assignments].map(([job, data]) => [queueId(job), data]));
      for (const waiting of await queue.getJobs(["waiting", "delayed", "paused"])) {
        const data = byId.get(waiting.id ?? "");
        // a member may take it in this moment; what it does is its own plan's business
        if (data === undefined) await waiting.remove().catch(() => undefined);
        else await waiting.updateData(data).catch(() => undefined);
      }
      if (byId.size === 0) return;
      // one that is there already stays as it is
      await queue.addBulk([...byId].map(([jobId, data]) => ({ name: data.decision.kind, data, opts: { jobId } })));
    });
  }

  /** Offers what the queue gave to this member and its own plan has too; gives back what it has not. */
  private sortInbox(wanted: ReadonlySet<string>): Set<string> {
    const offered = new Set<string>();
    for (const [job, received] of this.inbox.entries()) {
      const { state, assignment } = received;
      if (state === "claimed" || assignment.block > this.block) continue;
      if (!wanted.has(job)) {
        this.options.log.debug({ job, block: this.block, decision: assignment.decision.kind }, "not in the own plan");
        received.decide("decline");
      } else if (state === "offered") {
        received.decide("decline"); // the keeper lets it rest
      } else {
        received.state = "offered";
        offered.add(job);
      }
    }
    return offered;
  }

  /** Without a fleet: the jobs whose turn it is. */
  private async dueAlone(decisions: readonly Decision[]): Promise<Set<string>> {
    const due = new Set<string>();
    const { isAlone } = this.membership;
    // what others sent until now shows in the next block
    if (isAlone && !this.wasAlone) this.aloneFrom = this.block + 1;
    this.wasAlone = isAlone;
    if (!isAlone) {
      this.waiting.clear();
      return due;
    }
    const jobs = decisions.map(keyOf);
    for (const job of this.waiting.keys()) if (!jobs.includes(job)) this.waiting.delete(job);
    const members = this.membership.liveMembers();
    for (const job of jobs) {
      const since = this.waiting.get(job) ?? Math.max(this.block, this.aloneFrom);
      this.waiting.set(job, since);
      const first = before(
        job,
        this.member,
        members.map(({ id }) => id),
      );
      const turn = since + waitBehind(first.length);
      if (this.block < turn || this.held.has(job)) continue;
      const holder = this.membership.fleet.taken.get(job)?.signers ?? [];
      const others = members.filter(({ id }) => first.includes(id)).flatMap(({ signers }) => signers);
      if (this.block < turn + PATIENCE && (await this.areBusy([...holder, ...others]))) continue;
      due.add(job);
    }
    return due;
  }

  /** @returns "ok", why not, or "gone" where no Redis answers a member that is not alone. */
  private async ask(job: string, claim: Claim, token: number): Promise<string> {
    const { isAlone, isHeard } = this.membership;
    // a Redis that doesn't answer would only cost time
    if (!isHeard) return "ok";
    try {
      const [answer, left, age] = await this.askRedis(job, claim, token, false);
      if (answer !== "left") return answer;
      const dead = parseClaim(left ?? "");
      if (dead !== undefined && Number(age) < PACE.fence) {
        // what it may have sent shows in a later block, or waits in the pool
        if (claim.block <= dead.block) return answer;
        if (claim.block <= dead.block + PATIENCE && (await this.areBusy(dead.signers))) return answer;
      }
      this.options.log.info({ job, block: claim.block, from: dead?.member }, "a job of a dead member");
      const [final] = await this.askRedis(job, claim, token, true);
      return final;
    } catch (error) {
      this.note(error, "a job was not claimed");
      return isAlone ? "ok" : "gone";
    }
  }

  private async askRedis(
    job: string,
    claim: Claim,
    token: number,
    takesOver: boolean,
  ): Promise<[string, string?, string?]> {
    const reply = await this.redis.run(
      "spillwayClaim",
      ["fence", "taken", "seen", "settled", "counts"].map((name) => this.redis.key(name)),
      [job, JSON.stringify(claim), this.member, claim.block, token, PACE.live, PACE.fence, takesOver ? 1 : 0],
    );
    const [answer = "", left, age] = z.array(z.string()).parse(reply);
    return [answer, left, age];
  }

  private async areBusy(accounts: readonly string[]): Promise<boolean> {
    const own = this.options.signers;
    const others = accounts.filter((account) => !own.includes(account));
    const busy = await Promise.all(others.map((account) => this.options.isBusy(account)));
    return busy.includes(true);
  }

  private note(error: unknown, what: string): void {
    if (!(error instanceof SpillwayError)) throw error;
    this.options.log.warn({ code: error.code, reason: error.message }, what);
  }
}
