import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Database } from "node-sqlite3-wasm";

import { SpillwayError } from "../../lib";

/** What SQLite keeps beside its file: changes that are under way, or not carried over yet. */
const BESIDE = ["-journal", "-wal"];
/** How often a copy is tried before one is taken for good in which a write was under way. */
const TRIES = 40;

/**
 * Reads a store that a keeper may be using: a copy of it, since opening the file itself would lock the keeper out.
 * @throws SpillwayError `BAD_STORE` where there is none, or it can't be read.
 */
export async function readCopy<T>(path: string, read: (database: Database) => T): Promise<T> {
  if (!existsSync(path)) {
    throw new SpillwayError(
      "BAD_STORE",
      `store: there is none at ${path}; give the keeper's, like --store keeper.sqlite.`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), "keeper-store-"));
  try {
    const copy = join(folder, "copy.sqlite");
    for (let tries = 0; tries < TRIES; tries++) {
      const before = stateOf(path);
      copyAll(path, copy);
      if (before === stateOf(path)) break;
      await sleep(50);
    }
    const database = new Database(copy);
    try {
      // a file that is written ahead needs no shared memory where nobody shares it
      database.exec("PRAGMA locking_mode = EXCLUSIVE");
      return read(database);
    } finally {
      database.close();
    }
  } catch (cause) {
    const { message } = cause as Error;
    throw new SpillwayError(
      "BAD_STORE",
      `store: ${path} can't be read as a keeper's store (${message}); give the keeper's, like --store keeper.sqlite.`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Changes whenever the file or what is beside it does. */
function stateOf(path: string): string {
  return ["", ...BESIDE]
    .map((suffix) => {
      const stat = statSync(path + suffix, { throwIfNoEntry: false });
      return stat === undefined ? "" : `${stat.size}:${stat.mtimeMs}`;
    })
    .join();
}

function copyAll(path: string, copy: string): void {
  for (const suffix of ["", ...BESIDE]) {
    rmSync(copy + suffix, { force: true });
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  }
}
