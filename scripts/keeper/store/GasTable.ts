import type { Database } from "node-sqlite3-wasm";

import type { GasStore } from "../sender/GasLearner";

/** By how much each kind's gas constants are off. */
export class GasTable implements GasStore {
  constructor(private readonly database: Database) {
    database.exec("CREATE TABLE IF NOT EXISTS gasFactors (kind TEXT PRIMARY KEY, factor TEXT NOT NULL);");
  }

  load(): Map<string, bigint> {
    const rows = this.database.all("SELECT kind, factor FROM gasFactors") as { kind: string; factor: string }[];
    return new Map(rows.map(({ kind, factor }) => [kind, BigInt(factor)]));
  }

  save(kind: string, factor: bigint): void {
    this.database.run("INSERT OR REPLACE INTO gasFactors VALUES (?, ?)", [kind, String(factor)]);
  }

  clear(): void {
    this.database.exec("DELETE FROM gasFactors;");
  }
}
