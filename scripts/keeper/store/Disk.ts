import { existsSync, renameSync } from "node:fs";

import { Database, SQLite3Error, type BindValues, type Statement } from "node-sqlite3-wasm";

import { SpillwayError } from "../../lib";
import { Owner } from "./Owner";

/** Something that an operator should know of the store, once. */
export interface Notice {
  code: "STORE_CORRUPT" | "STORE_FAILS";
  message: string;
}

/** A file that SQLite can't make sense of. */
const CORRUPT = /malformed|not a database/i;
/** What a disk does: nothing that the keeper could mend, and no reason to stop. */
const OF_DISK = /malformed|not a database|full|I\/O|readonly|unable to open|locked/i;
const NO_ROOM = /full|I\/O/i;

/**
 * One SQLite file that one process owns. Written ahead (`-wal`), since a kill at any byte leaves what was committed before:
 * the library's rollback journal would not be played back. Every write is a transaction of its own or part of one.
 *
 * A disk that fails doesn't throw: `write` says false, and `trouble` why, until a write succeeds again.
 */
export class Disk {
  private database: Database;
  private readonly owner: Owner | undefined;
  private problem: string | undefined;
  /** True once nothing is kept on disk any more. */
  private lost = false;
  private readonly statements = new Map<string, Statement>();

  /**
   * @param path A file, or `:memory:`.
   * @param version Of the tables; a file of another is begun anew.
   * @param notify Told of what an operator should know.
   * @throws SpillwayError `STORE_IN_USE`, `BAD_CONFIG`.
   */
  constructor(
    private readonly path: string,
    private readonly version: number,
    private readonly notify: (notice: Notice) => void,
  ) {
    this.owner = path === ":memory:" ? undefined : new Owner(path);
    try {
      this.database = this.openFile();
    } catch (error) {
      this.owner?.release();
      throw error;
    }
  }

  get trouble(): string | undefined {
    return this.problem;
  }

  /** All rows of a query. */
  all<T>(sql: string, values: BindValues = []): T[] {
    return this.database.all(sql, values) as T[];
  }

  /** Carries out a statement. Only inside {@link write}. */
  run(sql: string, values: BindValues = []): void {
    let statement = this.statements.get(sql);
    if (statement === undefined) this.statements.set(sql, (statement = this.database.prepare(sql)));
    statement.run(values);
  }

  /** Carries out statements without values. Only inside {@link write}. */
  exec(sql: string): void {
    this.database.exec(sql);
  }

  /**
   * Writes all that `body` writes, or nothing. Synchronous, so that no two are ever mixed.
   * @returns False where the disk did not take it.
   */
  write(body: () => void): boolean {
    if (!this.database.isOpen) return false; // a slow checkpoint outlived the keeper
    try {
      this.database.exec("BEGIN IMMEDIATE");
      try {
        body();
        this.database.exec("COMMIT");
      } catch (error) {
        if (this.database.inTransaction) this.database.exec("ROLLBACK");
        throw error;
      }
    } catch (error) {
      if (!(error instanceof SQLite3Error) || !OF_DISK.test(error.message)) throw error;
      this.fails(error.message);
      return false;
    }
    if (!this.lost) this.problem = undefined;
    return true;
  }

  /** The file is not what was written to it: puts it aside and begins a new one. */
  discard(why: string): void {
    this.shut();
    this.putAside(why);
    this.database = this.openFile();
  }

  /** There is no room for as much as the tables: goes on in memory. */
  keepInMemory(): void {
    this.lost = true;
    this.shut();
    this.database = new Database(":memory:");
  }

  close(): void {
    this.shut();
    this.owner?.release();
  }

  private openFile(): Database {
    try {
      return this.openSound();
    } catch (error) {
      if (!(error instanceof SQLite3Error)) throw error;
      if (NO_ROOM.test(error.message)) {
        this.fails(error.message);
        this.lost = true;
        return new Database(":memory:");
      }
      if (!CORRUPT.test(error.message)) throw this.unusable(error);
      this.putAside(error.message);
      try {
        return this.openSound();
      } catch (again) {
        throw again instanceof SQLite3Error ? this.unusable(again) : again;
      }
    }
  }

  private openSound(): Database {
    const database = new Database(this.path);
    try {
      database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
      // the log is moved into the file a megabyte at a time, which holds nothing up
      database.exec("PRAGMA wal_autocheckpoint = 256");
      const found = database.get("PRAGMA quick_check(1)") as { quick_check: string };
      if (found.quick_check !== "ok") throw new SQLite3Error(`malformed: ${found.quick_check}`);
      const { user_version: version } = database.get("PRAGMA user_version") as { user_version: number };
      if (version !== this.version) {
        const tables = database.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
        for (const { name } of tables as { name: string }[]) database.exec(`DROP TABLE "${name}"`);
        database.exec(`PRAGMA user_version = ${this.version}`);
      }
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private shut(): void {
    for (const statement of this.statements.values()) statement.finalize();
    this.statements.clear();
    this.database.close();
  }

  private putAside(why: string): void {
    let number = 1;
    while (existsSync(`${this.path}.corrupt-${number}`)) number++;
    const kept = `${this.path}.corrupt-${number}`;
    for (const suffix of ["", "-wal", "-journal"]) {
      if (existsSync(this.path + suffix)) renameSync(this.path + suffix, kept + suffix);
    }
    const message = `${this.path} can't be read (${why}): kept as ${kept}; the book is read again from the chain.`;
    this.notify({ code: "STORE_CORRUPT", message });
  }

  private fails(why: string): void {
    if (this.problem === undefined) {
      const message = `${this.path} can't be written (${why}): working on without it; make room or mend the disk.`;
      this.notify({ code: "STORE_FAILS", message });
    }
    this.problem = why;
  }

  private unusable(cause: SQLite3Error): SpillwayError {
    const message = `store: ${this.path} can't be used (${cause.message}); give a file in a folder that can be written, such as keeper.sqlite.`;
    return new SpillwayError("BAD_CONFIG", message, { cause });
  }
}
