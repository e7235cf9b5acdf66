import { type ConnectionOptions, Queue } from "bullmq";

import { SpillwayError } from "../../lib";
import type { QueuedAssignment } from "./assignment";
import { SCRIPTS } from "./scripts";

/** Raised whenever what stands in Redis changes; fleets of two versions keep apart. */
export const FORMAT = "1";
/** The set of all fleets that use a Redis. */
export const FLEETS = "spillway:fleets";
/** A Redis that doesn't answer within this is taken for gone, ms. */
const TIMEOUT = 1_000;
/** The longest pause between two tries to connect again, ms. */
const LONGEST_RETRY = 500;
const QUEUE = "jobs";

/** A fleet is known by its chain, its vault and its name: others share nothing with it. */
export function fleetPrefix(chainId: number, vault: string, name: string): string {
  return `spillway:${chainId}:${vault}:${name}`;
}

/** Checks a Redis' address. It may hold a password: only its host is ever named. @throws SpillwayError `BAD_CONFIG`. */
export function redisHost(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || parsed.host === "") {
    throw new SpillwayError("BAD_CONFIG", "redis: is not the address of a Redis, such as redis://127.0.0.1:6379.");
  }
  return parsed.host;
}

/** How the worker connects, whose calls wait for jobs and so have no time limit. */
export function patientConnection(url: string): ConnectionOptions {
  return { url, maxRetriesPerRequest: null, retryStrategy };
}

/** What went wrong with a Redis, in one line. */
export function redisError(host: string, cause: unknown): SpillwayError {
  if (cause instanceof SpillwayError) return cause;
  const why = cause instanceof Error && cause.message !== "" ? cause.message.split("\n")[0] : "no answer";
  const version = /FLEETVERSION (\S+)/.exec(String(why))?.[1];
  if (version !== undefined) {
    return new SpillwayError(
      "FLEET_MISMATCH",
      `redis: a fleet of format ${version} runs at ${host}, this keeper has format ${FORMAT}; give it another name by fleet.`,
      { cause },
    );
  }
  if (/NOAUTH|WRONGPASS|NOPERM|invalid password/i.test(String(why))) {
    return new SpillwayError(
      "REDIS_DENIED",
      `redis: ${host} refuses: ${why ?? ""}; check user, password, and that the user may use all commands on spillway:*.`,
      { cause },
    );
  }
  return new SpillwayError("REDIS_UNREACHABLE", `redis: no Redis at ${host}: ${why ?? ""}; check redis.`, { cause });
}

/** A fleet's connection for what must be answered at once: the queue, and the scripts. */
export class FleetRedis {
  private constructor(
    readonly prefix: string,
    readonly host: string,
    readonly queue: Queue<QueuedAssignment, string>,
  ) {}

  /** @throws SpillwayError `BAD_CONFIG`, `REDIS_UNREACHABLE`, `REDIS_DENIED`. */
  static async open(url: string, prefix: string): Promise<FleetRedis> {
    const host = redisHost(url);
    let isOpen = false;
    const connection: ConnectionOptions = {
      url,
      connectTimeout: 2 * TIMEOUT,
      commandTimeout: TIMEOUT,
      maxRetriesPerRequest: 1,
      enableOfflineQueue: false,
      // the first connection has one try, a lost one is tried for again
      retryStrategy: (tries) => (isOpen ? retryStrategy(tries) : null),
    };
    const queue = new Queue<QueuedAssignment, string>(QUEUE, {
      connection,
      prefix,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    try {
      await new Promise((resolve, reject) => {
        queue.once("error", reject);
        queue.waitUntilReady().then(resolve, reject);
      });
      const client = await queue.client;
      for (const [name, script] of Object.entries(SCRIPTS)) client.defineCommand(name, script);
      isOpen = true;
    } catch (cause) {
      queue.on("error", () => undefined);
      await queue.disconnect().catch(() => undefined);
      throw redisError(host, cause);
    }
    // every call's own failure is dealt with where it is made
    queue.removeAllListeners("error").on("error", () => undefined);
    return new FleetRedis(prefix, host, queue);
  }

  /** The name of one of the fleet's keys. */
  key(name: string): string {
    return `${this.prefix}:${name}`;
  }

  /** @throws SpillwayError `REDIS_UNREACHABLE`, `REDIS_DENIED`, `FLEET_MISMATCH`. */
  async run(
    script: keyof typeof SCRIPTS,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.ask(async () => {
      const client = await this.queue.client;
      return client.runCommand(script, [...keys, ...args]) as Promise<unknown>;
    });
  }

  /** Asks the Redis something, and says in one line what went wrong. */
  async ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw redisError(this.host, error);
    }
  }

  async close(): Promise<void> {
    await this.queue.disconnect().catch(() => undefined);
  }
}

function retryStrategy(tries: number): number {
  return Math.min(tries * 50, LONGEST_RETRY);
}
