import { z } from "zod";

import { SpillwayError } from "../../lib";
import { type Member, pairs, parseMembers, parseTaken, PACE } from "./Membership";
import { FLEETS, FleetRedis } from "./redis";

export interface MemberStatus extends Member {
  role: "watcher" | "executor" | "observer" | "gone";
}

/** Who is in a fleet and what it is at. */
export interface FleetStatus {
  /** `spillway:CHAIN:VAULT:NAME`. */
  fleet: string;
  /** The host of its Redis. */
  redis: string;
  lease: { holder: string; token: number; leftMs: number } | undefined;
  members: MemberStatus[];
  jobs: {
    waiting: number;
    active: number;
    /** Mined, since the Redis was last flushed; and so on. */
    done: number;
    /** Reverted on the chain, or outrun. */
    failed: number;
    /** Not sent, because they would have failed or not paid. */
    refused: number;
    /** Jobs that dead members had. */
    takenOver: number;
  };
  /** Claims, by job. */
  underWay: { job: string; member: string; block: number }[];
}

const snapshotSchema = z.tuple([
  z.coerce.number(),
  z.string(),
  z.number(),
  z.array(z.string()),
  z.array(z.string()),
  z.array(z.string()),
  z.array(z.string()),
]);

/** Reads a fleet's status. @throws SpillwayError `REDIS_UNREACHABLE`, `REDIS_DENIED`. */
export async function readStatus(redis: FleetRedis): Promise<FleetStatus> {
  const keys = ["lease", "members", "seen", "taken", "counts"].map((name) => redis.key(name));
  const [reply, queued] = await Promise.all([
    redis.run("spillwayStatus", keys, []),
    redis.ask(() => redis.queue.getJobCounts("waiting", "delayed", "paused", "active")),
  ]);
  const [now, lease, leftMs, members, seen, taken, endings] = snapshotSchema.parse(reply);
  const [, token, holder] = /^(\d+) (.*)$/.exec(lease) ?? [];
  const counts = new Map(pairs(endings).map(([name, count]) => [name, Number(count)]));
  const count = (name: string): number => counts.get(name) ?? 0;
  return {
    fleet: redis.prefix,
    redis: redis.host,
    lease: holder === undefined ? undefined : { holder, token: Number(token), leftMs },
    members: parseMembers(now, pairs(members), new Map(pairs(seen))).map((member) => ({
      ...member,
      role: roleOf(member, holder),
    })),
    jobs: {
      waiting: (queued["waiting"] ?? 0) + (queued["delayed"] ?? 0) + (queued["paused"] ?? 0),
      active: queued["active"] ?? 0,
      done: count("mined"),
      failed: count("reverted") + count("lost"),
      refused: count("refused"),
      takenOver: count("takenOver"),
    },
    underWay: [...parseTaken(pairs(taken))].map(([job, { member, block }]) => ({ job, member, block })),
  };
}

/**
 * Reads the status of every fleet that uses a Redis.
 * @param name Only fleets of that name.
 * @throws SpillwayError `BAD_CONFIG`, `REDIS_UNREACHABLE`, `REDIS_DENIED`; `FLEET_MISMATCH` where there is none.
 */
export async function readFleets(url: string, name?: string): Promise<FleetStatus[]> {
  const first = await FleetRedis.open(url, "spillway");
  let fleets: string[];
  try {
    fleets = await first.ask(async () => (await first.queue.client).smembers(FLEETS));
  } finally {
    await first.close();
  }
  const wanted = fleets.filter((fleet) => name === undefined || fleet.endsWith(`:${name}`)).sort();
  if (wanted.length === 0) {
    const there = fleets.length === 0 ? "there is none" : `there are ${fleets.sort().join(", ")}`;
    throw new SpillwayError(
      "FLEET_MISMATCH",
      `fleet: none ${name ?? ""} at ${first.host}; ${there}.`.replace("  ", " "),
    );
  }
  const statuses: FleetStatus[] = [];
  for (const fleet of wanted) {
    const redis = await FleetRedis.open(url, fleet);
    try {
      statuses.push(await readStatus(redis));
    } finally {
      await redis.close();
    }
  }
  return statuses;
}

function roleOf({ id, seenMsAgo, isFit }: Member, holder: string | undefined): MemberStatus["role"] {
  if (seenMsAgo >= PACE.live) return "gone";
  if (id === holder) return "watcher";
  return isFit ? "executor" : "observer";
}
