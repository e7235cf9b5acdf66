import type { GasStore } from "../sender/GasLearner";
import type { Disk } from "./Disk";
import type { Table } from "./Table";

/** By how much each kind's gas constants are off. */
export class GasTable implements GasStore, Table {
  readonly names = ["gasFactors"];
  readonly create = "CREATE TABLE IF NOT EXISTS gasFactors (kind TEXT PRIMARY KEY, factor TEXT NOT NULL)";

  constructor(private readonly disk: Disk) {}

  load(): Map<string, bigint> {
    const rows = this.disk.all<{ kind: string; factor: string }>("SELECT kind, factor FROM gasFactors");
    return new Map(rows.map(({ kind, factor }) => [kind, BigInt(factor)]));
  }

  save(kind: string, factor: bigint): void {
    this.disk.write(() => this.disk.run("INSERT OR REPLACE INTO gasFactors VALUES (?, ?)", [kind, String(factor)]));
  }
}
