import type { Loss, LossStore } from "../sender/LossBudget";
import type { Disk } from "./Disk";
import type { Table } from "./Table";

/** Gas lost in the last hour. */
export class LossTable implements LossStore, Table {
  readonly names = ["losses"];
  readonly create = "CREATE TABLE IF NOT EXISTS losses (at INTEGER NOT NULL, kind TEXT NOT NULL, wei TEXT NOT NULL)";

  constructor(private readonly disk: Disk) {}

  load(): Loss[] {
    const rows = this.disk.all<{ at: number; kind: string; wei: string }>(
      "SELECT at, kind, wei FROM losses ORDER BY at, rowid",
    );
    return rows.map(({ at, kind, wei }) => ({ at: BigInt(at), kind, wei: BigInt(wei) }));
  }

  add({ at, kind, wei }: Loss): void {
    this.disk.write(() => this.disk.run("INSERT INTO losses VALUES (?, ?, ?)", [Number(at), kind, String(wei)]));
  }

  forget(at: bigint): void {
    this.disk.write(() => this.disk.run("DELETE FROM losses WHERE at < ?", [Number(at)]));
  }
}
