import { Database } from "node-sqlite3-wasm";

import type { Position } from "../book/position";
import type { Opportunity } from "../explain/opportunity";
import type { SenderStore } from "../sender/services";
import { GasTable } from "./GasTable";
import { LossTable } from "./LossTable";
import { OpportunityTable, type Since } from "./OpportunityTable";
import { PendingTable } from "./PendingTable";

/** Every position as of a block, and whose redemptions may wait. */
export interface Checkpoint {
  block: number;
  hash: string;
  positions: Position[];
  controllers: string[];
}

/** Raised whenever the tables change; a file of another version is begun anew. */
const VERSION = 3;

/** What the keeper keeps over a restart: its book, what its sender must remember, and what it missed. One SQLite file. */
export class Store implements SenderStore {
  readonly pending: PendingTable;
  readonly losses: LossTable;
  readonly gas: GasTable;
  private readonly database: Database;
  private readonly opportunityTable: OpportunityTable;

  /**
   * @param path A file, or `:memory:`.
   * @param scope Whose data this is, such as chain and vault; another scope's is thrown away.
   */
  constructor(path: string, scope: string) {
    this.database = new Database(path);
    const version = this.database.get("PRAGMA user_version") as { user_version: number };
    if (version.user_version !== VERSION) {
      this.database.exec(
        "DROP TABLE IF EXISTS meta; DROP TABLE IF EXISTS positions; DROP TABLE IF EXISTS missed; DROP TABLE IF EXISTS opportunities;",
      );
    }
    this.database.exec(`
      PRAGMA synchronous = NORMAL;
      PRAGMA user_version = ${VERSION};
      CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS positions (
        market TEXT, owner TEXT, collateral TEXT, debtShares TEXT, PRIMARY KEY (market, owner));
      CREATE TABLE IF NOT EXISTS requests (controller TEXT PRIMARY KEY);`);
    this.pending = new PendingTable(this.database);
    this.losses = new LossTable(this.database);
    this.gas = new GasTable(this.database);
    this.opportunityTable = new OpportunityTable({
      all: <T>(sql: string, values: (string | number | null)[] = []) => this.database.all(sql, values) as T[],
      run: (sql, values = []) => void this.database.run(sql, values),
      write: (body) => {
        this.transaction(body);
        return true;
      },
    });
    this.database.exec(this.opportunityTable.create);
    if (this.get("scope") !== scope) {
      this.database.exec("DELETE FROM meta; DELETE FROM positions; DELETE FROM requests; DELETE FROM opportunities;");
      for (const table of [this.pending, this.losses, this.gas]) table.clear();
      this.set("scope", scope);
    }
  }

  /** The last checkpoint, if there is one. */
  loadCheckpoint(): Checkpoint | undefined {
    const block = this.get("block");
    const hash = this.get("hash");
    if (block === undefined || hash === undefined) return undefined;
    const rows = this.database.all("SELECT * FROM positions ORDER BY market, owner") as Record<string, string>[];
    const requests = this.database.all("SELECT controller FROM requests ORDER BY rowid") as { controller: string }[];
    const controllers = requests.map(({ controller }) => controller);
    return { block: Number(block), hash, positions: rows.map(toPosition), controllers };
  }

  saveCheckpoint({ block, hash, positions, controllers }: Checkpoint): void {
    this.transaction(() => {
      this.database.exec("DELETE FROM positions; DELETE FROM requests;");
      for (const controller of controllers) this.database.run("INSERT INTO requests VALUES (?)", [controller]);
      const insert = this.database.prepare("INSERT INTO positions VALUES (?, ?, ?, ?)");
      try {
        for (const { market, owner, collateral, debtShares } of positions) {
          insert.run([market, owner, String(collateral), String(debtShares)]);
        }
      } finally {
        insert.finalize();
      }
      this.set("block", String(block));
      this.set("hash", hash);
    });
  }

  addOpportunities(opportunities: readonly Opportunity[]): void {
    this.opportunityTable.add(opportunities);
  }

  /** What others took, in the order of the chain; all of it without `since`. */
  opportunities(since?: Since): Opportunity[] {
    return this.opportunityTable.all(since);
  }

  close(): void {
    this.database.close();
  }

  private transaction(body: () => void): void {
    this.database.exec("BEGIN");
    try {
      body();
      this.database.exec("COMMIT");
    } catch (error) {
      this.database.exec("ROLLBACK");
      throw error;
    }
  }

  private get(name: string): string | undefined {
    const row = this.database.get("SELECT value FROM meta WHERE name = ?", [name]) as
      { value: string } | null | undefined;
    return row?.value;
  }

  private set(name: string, value: string): void {
    this.database.run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", [
      name,
      value,
    ]);
  }
}

function toPosition(row: Record<string, string>): Position {
  const { market = "", owner = "", collateral = "0", debtShares = "0" } = row;
  return { market, owner, collateral: BigInt(collateral), debtShares: BigInt(debtShares) };
}
