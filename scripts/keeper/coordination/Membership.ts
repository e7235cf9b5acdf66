import { setTimeout as sleep } from "node:timers/promises";
import { performance } from "node:perf_hooks";

import { z } from "zod";

import { SpillwayError } from "../../lib";
import { FLEETS, type FleetRedis, FORMAT } from "./redis";

/** What a member says of itself. */
const reportSchema = z.object({
  host: z.string(),
  pid: z.number(),
  signers: z.array(z.string()),
  /** The block last dealt with. */
  head: z.number(),
  /** Age of that block when it was dealt with, seconds. */
  lagSeconds: z.number(),
  /** Positions in the book. */
  positions: z.number(),
  /** Transactions sent and not mined. */
  pending: z.number(),
  /** Whether it may watch and take jobs: its node answers and does not lag. */
  isFit: z.boolean(),
});
export type MemberReport = z.infer<typeof reportSchema>;

/** Who has a job, since which block. */
const claimSchema = z.object({ member: z.string(), signers: z.array(z.string()), block: z.number() });
export type Claim = z.infer<typeof claimSchema>;

export interface Member extends MemberReport {
  id: string;
  /** Since it was last heard of. */
  seenMsAgo: number;
}

/** A fleet as its Redis showed it at a time. */
export interface Beat {
  lease: { holder: string; token: number; leftMs: number } | undefined;
  members: Member[];
  /** By job. */
  taken: Map<string, Claim>;
}

/** Times in ms. A dead watcher is replaced within a lease, a beat and a settling. */
export const PACE = {
  beat: 1_000,
  lease: 5_000,
  /** A member that was not heard of for so long is taken for dead. */
  live: 5_000,
  /** What came of a job, or a dead member's claim, holds others off no longer than this, whatever the chain's height. */
  fence: 30_000,
  /** A member that was not heard of for so long is forgotten. */
  forget: 600_000,
  /** A Redis that is gone for so long leaves each member alone. */
  alone: 2_500,
  /** A new watcher, or a member that is back, lets so long pass, so that all have said what they hold. */
  settling: 1_500,
} as const;

/** A watcher that is so many blocks behind another member resigns. */
const BEHIND = 2;

export interface MembershipOptions {
  id: string;
  report: () => MemberReport;
  /** The jobs that this member holds. */
  held: () => ReadonlyMap<string, Claim>;
  /** Called after each beat that was answered or not. */
  onBeat: () => void;
  /** Called when this member becomes the watcher, ends being it, loses the Redis, or is back. */
  onChange: (change: "elected" | "resigned" | "alone" | "back", error?: SpillwayError) => void;
}

/** A member's place in its fleet: it says every second that it is there, and stands for watcher. */
export class Membership {
  private last: Beat = { lease: undefined, members: [], taken: new Map() };
  private heardAt = performance.now();
  private backAt = Number.NEGATIVE_INFINITY;
  private leaseUntil = Number.NEGATIVE_INFINITY;
  private electedAt = Number.NEGATIVE_INFINITY;
  private myToken = 0;
  private wasElected = false;
  private wasAlone = false;
  private readonly stop = new AbortController();
  private beating: Promise<void> | undefined;

  constructor(
    private readonly redis: FleetRedis,
    private readonly options: MembershipOptions,
  ) {}

  /** Joins. @throws SpillwayError `REDIS_UNREACHABLE`, `REDIS_DENIED`, `FLEET_MISMATCH`. */
  async join(): Promise<void> {
    await this.beat();
    this.beating = this.keepBeating();
  }

  async leave(): Promise<void> {
    this.stop.abort();
    await this.beating;
    const keys = [this.redis.key("lease"), this.redis.key("members"), this.redis.key("seen")];
    // without a Redis the others find out by themselves
    await this.redis.run("spillwayLeave", keys, [this.options.id]).catch(() => undefined);
  }

  /** The fleet as it was last heard of. */
  get fleet(): Beat {
    return this.last;
  }

  /** The fencing token while this member is the watcher and may publish; undefined else. */
  get token(): number | undefined {
    const now = performance.now();
    return now < this.leaseUntil && now - this.electedAt >= PACE.settling && !this.isAlone ? this.myToken : undefined;
  }

  /** Whether this member acts for itself: the Redis is gone, or was until just now. */
  get isAlone(): boolean {
    const now = performance.now();
    return now - this.heardAt > PACE.alone || now - this.backAt < PACE.settling;
  }

  /** Whether the Redis answered lately. */
  get isHeard(): boolean {
    return performance.now() - this.heardAt <= PACE.alone;
  }

  /** Members that were alive when the fleet was last heard of, and can act. */
  liveMembers(): Member[] {
    return this.last.members.filter(({ seenMsAgo, isFit }) => isFit && seenMsAgo < PACE.live);
  }

  private async keepBeating(): Promise<void> {
    let failure: SpillwayError | undefined;
    while (true) {
      await sleep(PACE.beat, undefined, { signal: this.stop.signal }).catch(() => undefined);
      if (this.stop.signal.aborted) return;
      try {
        await this.beat();
      } catch (error) {
        if (!(error instanceof SpillwayError)) throw error;
        failure = error;
      }
      this.tellChanges(failure);
      this.options.onBeat();
    }
  }

  private async beat(): Promise<void> {
    const { id, report, held } = this.options;
    const askedAt = performance.now();
    const mine = report();
    const wants = mine.isFit && !this.isBehind(mine) && !this.isAlone;
    const keys = ["version", "lease", "fence", "members", "seen", "taken"].map((name) => this.redis.key(name));
    const holds = [...held()].flatMap(([job, claim]) => [job, JSON.stringify(claim)]);
    const reply = await this.redis.run(
      "spillwayBeat",
      [...keys, FLEETS],
      [FORMAT, this.redis.prefix, id, JSON.stringify(mine), wants ? 1 : 0, PACE.lease, PACE.forget, ...holds],
    );
    this.last = parseBeat(reply);
    const wasGone = askedAt - this.heardAt > PACE.alone;
    this.heardAt = performance.now();
    if (wasGone) this.backAt = this.heardAt;

    const { lease } = this.last;
    if (lease?.holder !== id || !wants) {
      this.leaseUntil = Number.NEGATIVE_INFINITY;
      return;
    }
    if (lease.token !== this.myToken || this.leaseUntil === Number.NEGATIVE_INFINITY) this.electedAt = this.heardAt;
    this.myToken = lease.token;
    // counted from before the request, so that this member never believes in a lease that is over
    this.leaseUntil = askedAt + PACE.lease;
  }

  private isBehind({ head }: MemberReport): boolean {
    const others = this.liveMembers().filter((member) => member.id !== this.options.id);
    return others.some((member) => member.head - head >= BEHIND);
  }

  private tellChanges(failure: SpillwayError | undefined): void {
    const { onChange } = this.options;
    const [isElected, isAlone] = [this.token !== undefined, this.isAlone];
    if (isAlone !== this.wasAlone) onChange(isAlone ? "alone" : "back", isAlone ? failure : undefined);
    if (isElected !== this.wasElected) onChange(isElected ? "elected" : "resigned");
    this.wasAlone = isAlone;
    this.wasElected = isElected;
  }
}

const beatSchema = z.tuple([
  z.coerce.number(),
  z.string(),
  z.coerce.number(),
  z.coerce.number(),
  z.array(z.string()),
  z.array(z.string()),
  z.array(z.string()),
]);

function parseBeat(reply: unknown): Beat {
  const [now, holder, token, leftMs, members, seen, taken] = beatSchema.parse(reply);
  return {
    lease: holder === "" ? undefined : { holder, token, leftMs },
    members: parseMembers(now, pairs(members), new Map(pairs(seen))),
    taken: parseTaken(pairs(taken)),
  };
}

/** Members by id; what can't be read is left out. */
export function parseMembers(
  now: number,
  reports: Iterable<readonly [string, string]>,
  seen: ReadonlyMap<string, string>,
): Member[] {
  const members: Member[] = [];
  for (const [id, text] of reports) {
    const report = parseJson(reportSchema, text);
    const at = Number(seen.get(id) ?? 0);
    if (report !== undefined) members.push({ id, ...report, seenMsAgo: Math.max(0, now - at) });
  }
  return members.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Claims by job; what can't be read is left out. */
export function parseTaken(claims: Iterable<readonly [string, string]>): Map<string, Claim> {
  const taken = new Map<string, Claim>();
  for (const [job, text] of claims) {
    const claim = parseClaim(text);
    if (claim !== undefined) taken.set(job, claim);
  }
  return taken;
}

export function parseClaim(text: string): Claim | undefined {
  return parseJson(claimSchema, text);
}

function parseJson<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // whatever it is, no member of this format wrote it
  }
}

/** A flat list of names and values, as Redis gives a hash, in pairs. */
export function pairs(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] ?? "", flat[2 * i + 1] ?? ""]);
}
