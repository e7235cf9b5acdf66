import type { Mark, Pending, PendingStore } from "../sender/pending";
import type { Disk } from "./Disk";
import type { Table } from "./Table";

/** Columns whose values are numbers, for {@link toPending}. */
interface Row {
  nonce: number;
  job: string | null;
  gas: string;
  maxFee: string;
  tip: string;
  raw: string;
  hashes: string;
  firstAt: number;
  sentAt: number;
  bumps: number;
  privateUntil: number | null;
  result: string | null;
  settledAt: number | null;
}

/** Each account's transactions until they are final, and where it stood on which chain. */
export class PendingTable implements PendingStore, Table {
  readonly names = ["pending", "marks"];
  readonly create = `
      CREATE TABLE IF NOT EXISTS pending (
        account TEXT, nonce INTEGER, job TEXT, gas TEXT NOT NULL, maxFee TEXT NOT NULL, tip TEXT NOT NULL,
        raw TEXT NOT NULL, hashes TEXT NOT NULL, firstAt INTEGER NOT NULL, sentAt INTEGER NOT NULL,
        bumps INTEGER NOT NULL, privateUntil INTEGER, result TEXT, settledAt INTEGER, PRIMARY KEY (account, nonce));
      CREATE TABLE IF NOT EXISTS marks (
        account TEXT, place TEXT, nonce INTEGER NOT NULL, block INTEGER NOT NULL, hash TEXT NOT NULL,
        PRIMARY KEY (account, place));`;

  constructor(private readonly disk: Disk) {}

  load(account: string): Pending[] {
    return this.disk.all<Row>("SELECT * FROM pending WHERE account = ? ORDER BY nonce", [account]).map(toPending);
  }

  save(account: string, pending: readonly Pending[]): void {
    this.disk.write(() => {
      for (const one of pending) {
        this.disk.run("INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
          ...[account, one.nonce, one.job === undefined ? null : toJson(one.job), String(one.gas)],
          ...[String(one.fees.maxFeePerGas), String(one.fees.maxPriorityFeePerGas), one.raw, one.hashes.join(" ")],
          ...[one.firstAt, one.sentAt, one.bumps, one.privateUntil ?? null],
          ...[one.settled?.result ?? null, one.settled?.block ?? null],
        ]);
      }
    });
  }

  remove(account: string, nonces: readonly number[]): void {
    this.disk.write(() => {
      for (const nonce of nonces) {
        this.disk.run("DELETE FROM pending WHERE account = ? AND nonce = ?", [account, nonce]);
      }
    });
  }

  marks(account: string): { first: Mark; last: Mark } | undefined {
    const rows = this.disk.all<Mark & { place: string }>(
      "SELECT place, nonce, block, hash FROM marks WHERE account = ?",
      [account],
    );
    const at = (wanted: string): Mark | undefined => {
      const row = rows.find(({ place }) => place === wanted);
      return row && { nonce: row.nonce, block: row.block, hash: row.hash };
    };
    const [first, last] = [at("first"), at("last")];
    return first === undefined || last === undefined ? undefined : { first, last };
  }

  setMark(account: string, { nonce, block, hash }: Mark): void {
    this.disk.write(() => {
      this.disk.run("INSERT OR IGNORE INTO marks VALUES (?, 'first', ?, ?, ?)", [account, nonce, block, hash]);
      this.disk.run("INSERT OR REPLACE INTO marks VALUES (?, 'last', ?, ?, ?)", [account, nonce, block, hash]);
    });
  }

  clearMarks(account: string): void {
    this.disk.write(() => this.disk.run("DELETE FROM marks WHERE account = ?", [account]));
  }
}

function toPending(row: Row): Pending {
  return {
    nonce: row.nonce,
    job: row.job === null ? undefined : (fromJson(row.job) as Pending["job"]),
    gas: BigInt(row.gas),
    fees: { maxFeePerGas: BigInt(row.maxFee), maxPriorityFeePerGas: BigInt(row.tip) },
    raw: row.raw,
    hashes: row.hashes.split(" ").filter((hash) => hash !== ""),
    firstAt: row.firstAt,
    sentAt: row.sentAt,
    bumps: row.bumps,
    privateUntil: row.privateUntil ?? undefined,
    settled:
      row.result === null || row.settledAt === null
        ? undefined
        : { result: row.result as NonNullable<Pending["settled"]>["result"], block: row.settledAt },
  };
}

/** JSON has no bigints: they are kept as text with an `n` behind. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner));
}

function fromJson(text: string): unknown {
  return JSON.parse(text, (_, inner: unknown) =>
    typeof inner === "string" && /^-?\d+n$/.test(inner) ? BigInt(inner.slice(0, -1)) : inner,
  );
}
