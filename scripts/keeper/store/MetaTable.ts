import type { Disk } from "./Disk";
import type { Table } from "./Table";

/** Single values by their name. */
export class MetaTable implements Table {
  readonly names = ["meta"];
  readonly create = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)";

  constructor(private readonly disk: Disk) {}

  get(name: string): string | undefined {
    return this.disk.all<{ value: string }>("SELECT value FROM meta WHERE name = ?", [name])[0]?.value;
  }

  /** Only inside the disk's `write`. */
  set(name: string, value: string): void {
    this.disk.run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", [
      name,
      value,
    ]);
  }
}
