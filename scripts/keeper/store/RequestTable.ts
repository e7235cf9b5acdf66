import type { Disk } from "./Disk";
import type { Table } from "./Table";

/** Whose redemptions may wait, as of the last checkpoint, in their order. */
export class RequestTable implements Table {
  readonly names = ["requests"];
  readonly create = "CREATE TABLE IF NOT EXISTS requests (controller TEXT PRIMARY KEY)";
  private last: string | undefined;

  constructor(private readonly disk: Disk) {}

  all(): string[] {
    return this.disk
      .all<{ controller: string }>("SELECT controller FROM requests ORDER BY rowid")
      .map(({ controller }) => controller);
  }

  /** Only inside the disk's `write`. */
  replace(controllers: readonly string[]): void {
    const now = controllers.join();
    if (now === this.last) return;
    this.last = undefined;
    this.disk.exec("DELETE FROM requests");
    for (const controller of controllers) this.disk.run("INSERT INTO requests VALUES (?)", [controller]);
  }

  /** What was replaced last has come to stay, or is not known any more. */
  kept(controllers: readonly string[] | undefined): void {
    this.last = controllers?.join();
  }
}
