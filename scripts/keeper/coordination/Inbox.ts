import { performance } from "node:perf_hooks";

import { DelayedError, type Job, QueueEvents, WaitingError, Worker } from "bullmq";

import { keyOf } from "../jobs";
import { type Assignment, type QueuedAssignment, readAssignment } from "./assignment";
import { patientConnection } from "./redis";

/** A worker that doesn't renew its hold on a job for so long is taken for dead, ms. */
const LOCK = 4_000;
/** How often members look for jobs of dead ones, ms. */
const LOOK = 1_000;
/** A job outlives any number of its takers. */
const DEATHS = 1_000_000;
/** A job that a member declines goes to another after this, ms. */
const DECLINED_FOR = 100;
/** A member that hasn't seen the block of a job for so long leaves the job to others, ms. */
const LONGEST_WAIT = 3_000;
/** Closing waits no longer than this for a Redis that doesn't answer, ms. */
const LONGEST_CLOSE = 1_000;

/**
 * What becomes of a job that a member has: something came of it, so that there may be more of it to do at once; nothing is to be done;
 * or others may have it, all of them or those that haven't declined it.
 */
type Verdict = "ended" | "dropped" | "return" | "decline";

/** A job that this member has out of the queue. */
export interface Received {
  assignment: Assignment;
  /** Offered to the keeper, which did not claim it; `waiting` for the claim of a dead member to lapse. */
  state: "new" | "offered" | "waiting" | "claimed";
  /** By `performance.now()`. */
  since: number;
  decide: (verdict: Verdict) => void;
}

export interface InboxOptions {
  url: string;
  queue: string;
  prefix: string;
  member: string;
  /** The most jobs to have at once. */
  size: number;
  onJob: () => void;
  /** Called when a job of any member has ended. */
  onEnded: () => void;
  /** Whether all that could do a job are among those that declined it. */
  isDeclinedByAll: (declinedBy: readonly string[]) => boolean;
  onTrouble: (message: string) => void;
}

/** The jobs that this member has out of the fleet's queue. It has each until it is over, so that no other gets it. */
export class Inbox {
  private readonly received = new Map<string, Received>();
  private readonly worker: Worker<unknown, string>;
  private readonly events: QueueEvents;
  private running: Promise<void> | undefined;

  constructor(private readonly options: InboxOptions) {
    const { url, queue, prefix, size } = options;
    this.worker = new Worker<unknown, string>(queue, (job, lock) => this.receive(job, lock), {
      connection: patientConnection(url),
      prefix,
      concurrency: size,
      autorun: false,
      lockDuration: LOCK,
      stalledInterval: LOOK,
      maxStalledCount: DEATHS,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.worker.on("error", this.trouble);
    this.worker.on("failed", (_, error) => this.trouble(error));
    this.events = new QueueEvents(queue, { connection: patientConnection(url), prefix });
    this.events.on("error", this.trouble);
    this.events.on("completed", ({ returnvalue }) => {
      if (returnvalue === ("ended" satisfies Verdict)) options.onEnded();
    });
  }

  open(): void {
    this.running = this.worker.run().catch(this.trouble);
  }

  /** Stops taking jobs, or takes them again. */
  setActive(isActive: boolean): void {
    if (isActive === !this.worker.isPaused()) return;
    if (isActive) this.worker.resume();
    else void this.worker.pause(true).catch(this.trouble);
  }

  get(job: string): Received | undefined {
    return this.received.get(job);
  }

  entries(): [string, Received][] {
    return [...this.received];
  }

  /** Gives jobs that this member could not look at in time to others, or all that it has not claimed. */
  giveBack(all: boolean): void {
    const now = performance.now();
    for (const [, { state, since, decide }] of this.received) {
      if (all && state !== "claimed") decide("return");
      else if (state === "new" && now - since > LONGEST_WAIT) decide("decline");
    }
  }

  /** Gives up all jobs but those that are claimed, whose transactions may be under way, and ends. */
  async close(): Promise<void> {
    const closing = this.worker.close();
    for (const [, received] of this.received) received.decide(received.state === "claimed" ? "dropped" : "return");
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, LONGEST_CLOSE)));
    await Promise.race([closing.then(() => this.running).catch(() => undefined), tooLong]);
    clearTimeout(timer);
    await Promise.allSettled([this.worker.disconnect(), this.events.disconnect()]);
  }

  private readonly trouble = (error: unknown): void => {
    this.options.onTrouble(error instanceof Error ? error.message : String(error));
  };

  private async receive(queued: Job<unknown, string>, lock: string | undefined): Promise<string> {
    const { member, onJob, isDeclinedByAll, onTrouble } = this.options;
    const assignment = readAssignment(queued.data);
    if (assignment === undefined) {
      onTrouble(`job ${queued.id ?? ""} is none of this fleet's format; it is dropped`);
      return "bad";
    }
    const job = keyOf(assignment.decision);
    // this member's own lock on it lapsed; it is at it still
    this.received.get(job)?.decide("dropped");
    const verdict = await new Promise<Verdict>((decide) => {
      this.received.set(job, { assignment, state: "new", since: performance.now(), decide });
      onJob();
    });
    if (this.received.get(job)?.assignment === assignment) this.received.delete(job);

    if (verdict === "return") {
      await queued.moveToWait(lock);
      throw new WaitingError();
    }
    const declinedBy = [...new Set([...assignment.declinedBy, member])];
    if (verdict !== "decline" || isDeclinedByAll(declinedBy)) return verdict;
    await queued.updateData({ ...(queued.data as QueuedAssignment), declinedBy });
    await queued.moveToDelayed(Date.now() + DECLINED_FOR, lock);
    throw new DelayedError();
  }
}
