import type { Disk } from "./Disk";
import type { MissedWork } from "./Store";
import type { Table } from "./Table";

type Row = Omit<MissedWork, "amount" | "cost"> & { amount: string; cost: string };

/** Work that others did. */
export class MissedTable implements Table {
  readonly name = "missed";
  readonly create = `CREATE TABLE IF NOT EXISTS missed (
    block INTEGER, market TEXT, owner TEXT, kind TEXT, taker TEXT, amount TEXT, cost TEXT, reason TEXT)`;

  constructor(private readonly disk: Disk) {}

  add({ block, market, owner, kind, taker, amount, cost, reason }: MissedWork): void {
    const row = [block, market, owner, kind, taker, String(amount), String(cost), reason];
    this.disk.write(() => this.disk.run("INSERT INTO missed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row));
  }

  /** Oldest first. */
  all(): MissedWork[] {
    const rows = this.disk.all<Row>("SELECT * FROM missed ORDER BY rowid");
    return rows.map((row) => ({ ...row, amount: BigInt(row.amount), cost: BigInt(row.cost) }));
  }
}
