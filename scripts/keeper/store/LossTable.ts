import type { Database } from "node-sqlite3-wasm";

import type { Loss, LossStore } from "../sender/LossBudget";

/** Gas lost in the last hour. */
export class LossTable implements LossStore {
  constructor(private readonly database: Database) {
    database.exec("CREATE TABLE IF NOT EXISTS losses (at INTEGER NOT NULL, kind TEXT NOT NULL, wei TEXT NOT NULL);");
  }

  load(): Loss[] {
    const rows = this.database.all("SELECT at, kind, wei FROM losses ORDER BY at, rowid") as {
      at: number;
      kind: string;
      wei: string;
    }[];
    return rows.map(({ at, kind, wei }) => ({ at: BigInt(at), kind, wei: BigInt(wei) }));
  }

  add({ at, kind, wei }: Loss): void {
    this.database.run("INSERT INTO losses VALUES (?, ?, ?)", [Number(at), kind, String(wei)]);
  }

  forget(at: bigint): void {
    this.database.run("DELETE FROM losses WHERE at < ?", [Number(at)]);
  }

  clear(): void {
    this.database.exec("DELETE FROM losses;");
  }
}
