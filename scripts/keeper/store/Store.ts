import { Database } from "node-sqlite3-wasm";

import type { Position } from "../book/position";

/** Every position as of a block. */
export interface Checkpoint {
  block: number;
  hash: string;
  positions: Position[];
}

/** A fill or take-over that somebody else made, and why the keeper did not. Amounts in smallest units. */
export interface MissedAuction {
  block: number;
  market: string;
  owner: string;
  kind: "buy" | "absorb" | "buyInventory";
  taker: string;
  amount: bigint;
  cost: bigint;
  reason: string;
}

/** What the keeper keeps over a restart: its book, its nonce floor, and what it missed. One SQLite file. */
export class Store {
  private readonly database: Database;

  /**
   * @param path A file, or `:memory:`.
   * @param scope Whose data this is, such as chain and vault; another scope's is thrown away.
   */
  constructor(path: string, scope: string) {
    this.database = new Database(path);
    this.database.exec(`
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS positions (
        market TEXT, owner TEXT, collateral TEXT, debtShares TEXT, riskAt TEXT, bountyAt TEXT,
        startedAt TEXT, premiumWad TEXT, PRIMARY KEY (market, owner));
      CREATE TABLE IF NOT EXISTS missed (
        block INTEGER, market TEXT, owner TEXT, kind TEXT, taker TEXT, amount TEXT, cost TEXT, reason TEXT);`);
    if (this.get("scope") !== scope) {
      this.database.exec("DELETE FROM meta; DELETE FROM positions; DELETE FROM missed;");
      this.set("scope", scope);
    }
  }

  /** The last checkpoint, if there is one. */
  loadCheckpoint(): Checkpoint | undefined {
    const block = this.get("block");
    const hash = this.get("hash");
    if (block === undefined || hash === undefined) return undefined;
    const rows = this.database.all("SELECT * FROM positions ORDER BY market, owner") as Record<string, string | null>[];
    return { block: Number(block), hash, positions: rows.map(toPosition) };
  }

  saveCheckpoint({ block, hash, positions }: Checkpoint): void {
    this.database.exec("BEGIN");
    try {
      this.database.exec("DELETE FROM positions");
      const insert = this.database.prepare("INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
      try {
        for (const p of positions) insert.run(toRow(p));
      } finally {
        insert.finalize();
      }
      this.set("block", String(block));
      this.set("hash", hash);
      this.database.exec("COMMIT");
    } catch (error) {
      this.database.exec("ROLLBACK");
      throw error;
    }
  }

  /** The lowest nonce that may still be used; a node that lags behind is not believed below it. */
  get nonceFloor(): number {
    return Number(this.get("nonceFloor") ?? 0);
  }

  set nonceFloor(nonce: number) {
    this.set("nonceFloor", String(nonce));
  }

  addMissed(missed: MissedAuction): void {
    const { block, market, owner, kind, taker, amount, cost, reason } = missed;
    this.database.run("INSERT INTO missed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [
      block,
      market,
      owner,
      kind,
      taker,
      String(amount),
      String(cost),
      reason,
    ]);
  }

  /** Everything missed, oldest first. */
  missed(): MissedAuction[] {
    const rows = this.database.all("SELECT * FROM missed ORDER BY rowid") as unknown as (Omit<
      MissedAuction,
      "amount" | "cost"
    > & { amount: string; cost: string })[];
    return rows.map((row) => ({ ...row, amount: BigInt(row.amount), cost: BigInt(row.cost) }));
  }

  close(): void {
    this.database.close();
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

function toRow({ market, owner, collateral, debtShares, riskAt, bountyAt, auction }: Position): (string | null)[] {
  const numbers = [collateral, debtShares, riskAt, bountyAt].map(String);
  const { startedAt, premiumWad } = auction ?? {};
  return [market, owner, ...numbers, ...[startedAt, premiumWad].map((n) => n?.toString() ?? null)];
}

function toPosition(row: Record<string, string | null>): Position {
  const text = (name: string): string => row[name] ?? "";
  const number = (name: string): bigint => BigInt(row[name] ?? 0);
  const position = {
    market: text("market"),
    owner: text("owner"),
    collateral: number("collateral"),
    debtShares: number("debtShares"),
    riskAt: number("riskAt"),
    bountyAt: number("bountyAt"),
  };
  if (row["startedAt"] === null) return position;
  const auction = {
    startedAt: number("startedAt"),
    premiumWad: number("premiumWad"),
  };
  return { ...position, auction };
}
