import {
  linkSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";

import { z } from "zod";

import { SpillwayError } from "../../lib";

/** Every so often an owner shows that it lives, for those who can't see its process. */
const HEARTBEAT_MS = 10_000;
/** An owner elsewhere that has not shown it for so long is dead. */
const DEAD_AFTER_MS = 60_000;

const ownerSchema = z.object({ pid: z.number(), startedAt: z.string(), place: z.string() });
type OwnerInfo = z.output<typeof ownerSchema>;

/**
 * Holds a file for this process, by `FILE.owner`: its process and when that was started, so that an owner that was killed is
 * told from one that lives, and from another process that has got its number. One on another machine, or in another
 * container, is told by the heartbeat.
 */
export class Owner {
  private readonly lock: string;
  private readonly self: string;
  private readonly heartbeat: NodeJS.Timeout;

  /** @throws SpillwayError `STORE_IN_USE`, `BAD_CONFIG`. */
  constructor(private readonly path: string) {
    this.lock = `${path}.owner`;
    this.self = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) ?? "", place: place() });
    this.take();
    // the library's own lock outlives a kill; who owns the file may remove it
    rmSync(`${path}.lock`, { recursive: true, force: true });
    this.heartbeat = setInterval(() => this.beat(), HEARTBEAT_MS).unref();
  }

  release(): void {
    clearInterval(this.heartbeat);
    if (attempted(() => readFileSync(this.lock, "utf8")) === this.self) rmSync(this.lock, { force: true });
  }

  private take(): void {
    for (let attempt = 0; attempt < 3; attempt++) {
      if (this.link()) return;
      const before = attempted(() => readFileSync(this.lock, "utf8"));
      if (before === undefined) continue; // released just now
      const info = parse(before);
      if (info !== undefined && this.lives(info)) throw this.inUse(info.pid);
      this.moveAway(before);
    }
    throw this.inUse(0);
  }

  /** Removes the lock of a dead owner, unless another process was first to. */
  private moveAway(dead: string): void {
    const aside = `${this.lock}.${process.pid}`;
    if (!attempted(() => (renameSync(this.lock, aside), true))) return;
    if (readFileSync(aside, "utf8") !== dead) attempted(() => linkSync(aside, this.lock));
    unlinkSync(aside);
  }

  /** Puts the lock there whole or not at all. @returns False where there is one. */
  private link(): boolean {
    const own = `${this.lock}.${process.pid}.new`;
    try {
      writeFileSync(own, this.self);
      linkSync(own, this.lock);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      const why = error instanceof Error ? error.message : String(error);
      throw new SpillwayError(
        "BAD_CONFIG",
        `store: ${this.path} can't be used (${why}); give a file in a folder that can be written, such as keeper.sqlite.`,
        { cause: error },
      );
    } finally {
      rmSync(own, { force: true });
    }
  }

  private lives(info: OwnerInfo): boolean {
    if (info.place === place()) return startOf(info.pid) === info.startedAt;
    const seenMs = attempted(() => statSync(this.lock).mtimeMs) ?? 0;
    return Date.now() - seenMs < DEAD_AFTER_MS;
  }

  private beat(): void {
    const now = new Date();
    // a full or lost disk is the store's to report
    attempted(() => utimesSync(this.lock, now, now));
  }

  private inUse(pid: number): SpillwayError {
    const message = `another keeper (pid ${pid}) uses ${this.path}; stop it or give --store another file.`;
    return new SpillwayError("STORE_IN_USE", message);
  }
}

/** Where processes are told apart by their numbers: this boot of this machine, and this container. */
function place(): string {
  const boot = attempted(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  return [hostname(), boot, attempted(() => readlinkSync("/proc/self/ns/pid"))].join(" ");
}

/** What tells a process from any other of the same number; undefined where there is none that runs. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return undefined;
  }
  const stat = attempted(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (stat === undefined) return "running";
  // the name may hold spaces and brackets; after it come the state, and as the 20th field when it was started
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}

function parse(text: string): OwnerInfo | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Undefined where the file system refuses. */
function attempted<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
