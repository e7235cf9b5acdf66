import type { Opportunity } from "../explain/opportunity";
import type { Table } from "./Table";

/** What the table needs of a database. */
export interface Rows {
  all<T>(sql: string, values?: (string | number | null)[]): T[];
  run(sql: string, values?: (string | number | null)[]): void;
  /** Writes all that `body` writes, or nothing. */
  write(body: () => void): boolean;
}

/** From which on: a block, or a time in seconds. */
export type Since = { block: number } | { time: number };

type Row = Record<keyof Opportunity, string | number | null>;

/** As they stand in the table. `bigint`s are texts there but for times, which are sought by. */
const COLUMNS = [
  ...(["block", "transaction_", "kind", "market", "owner", "taker", "amount", "cost", "takenAt"] as const),
  ...(["firstSeenBlock", "firstSeenAt", "reason", "oraclePriceE36", "gasUsed", "gasPrice", "tip"] as const),
  "wouldHaveEarned",
] as const;

/** What others did. What was unmined and mined again replaces what it was before. */
export class OpportunityTable implements Table {
  readonly names = ["opportunities"];
  readonly create = `CREATE TABLE IF NOT EXISTS opportunities (
    block INTEGER, transaction_ TEXT, kind TEXT, market TEXT, owner TEXT, taker TEXT, amount TEXT, cost TEXT,
    takenAt INTEGER, firstSeenBlock INTEGER, firstSeenAt INTEGER, reason TEXT, oraclePriceE36 TEXT, gasUsed TEXT,
    gasPrice TEXT, tip TEXT, wouldHaveEarned TEXT, PRIMARY KEY (transaction_, kind, market, owner))`;

  constructor(private readonly rows: Rows) {}

  add(opportunities: readonly Opportunity[]): void {
    const places = COLUMNS.map(() => "?").join(", ");
    this.rows.write(() => {
      for (const one of opportunities) {
        this.rows.run(`INSERT OR REPLACE INTO opportunities (${COLUMNS.join(", ")}) VALUES (${places})`, toRow(one));
      }
    });
  }

  /** In the order of the chain; all of them without `since`. */
  all(since: Since = { block: 0 }): Opportunity[] {
    const [column, from] = "block" in since ? ["block", since.block] : ["takenAt", since.time];
    const select = `SELECT *, transaction_ AS "transaction" FROM opportunities WHERE ${column} >= ? ORDER BY block, rowid`;
    return this.rows.all<Row>(select, [from]).map(fromRow);
  }
}

function toRow(one: Opportunity): (string | number | null)[] {
  return COLUMNS.map((column) => {
    const value = one[column === "transaction_" ? "transaction" : column];
    if (value === undefined) return null;
    if (column === "takenAt" || column === "firstSeenAt") return Number(value);
    return typeof value === "bigint" ? value.toString() : value;
  });
}

function fromRow(row: Row): Opportunity {
  const whole = (name: keyof Opportunity): bigint | undefined => {
    const value = row[name];
    return value === null ? undefined : BigInt(value);
  };
  return {
    block: Number(row.block),
    transaction: String(row.transaction),
    kind: row.kind as Opportunity["kind"],
    market: String(row.market),
    owner: String(row.owner),
    taker: String(row.taker),
    amount: whole("amount") ?? 0n,
    cost: whole("cost") ?? 0n,
    takenAt: whole("takenAt"),
    firstSeenBlock: row.firstSeenBlock === null ? undefined : Number(row.firstSeenBlock),
    firstSeenAt: whole("firstSeenAt"),
    reason: String(row.reason),
    oraclePriceE36: whole("oraclePriceE36"),
    gasUsed: whole("gasUsed"),
    gasPrice: whole("gasPrice"),
    tip: whole("tip"),
    wouldHaveEarned: whole("wouldHaveEarned"),
  };
}
