import type { Position } from "../book/position";
import type { Disk } from "./Disk";
import type { Table } from "./Table";

/** Which checkpoint counts: rows of up to `generation`, and none older than `base`. */
export interface Committed {
  generation: number;
  base: number;
}

interface Row {
  market: string;
  owner: string;
  generation: number;
  value: string;
  oldGeneration: number;
  oldValue: string;
}

/**
 * Positions as of the last checkpoint, and beside them what the next one will say of them: a row keeps a position's value
 * and the one before. A checkpoint's rows are written a few at a time and all come to count when its generation does.
 */
export class PositionTable implements Table {
  readonly names = ["positions"];
  readonly create = `CREATE TABLE IF NOT EXISTS positions (
    market TEXT, owner TEXT, generation INTEGER, value TEXT, oldGeneration INTEGER, oldValue TEXT,
    PRIMARY KEY (market, owner)) WITHOUT ROWID`;

  constructor(private readonly disk: Disk) {}

  /**
   * Takes back what a checkpoint that never came to count has written, and removes what no longer counts.
   * @throws A `RangeError` for a row that is not what was written.
   */
  clean({ generation, base }: Committed): void {
    const begun = this.disk.all<Row>("SELECT * FROM positions WHERE generation > ?", [generation]);
    for (const row of begun) positionOf(row, row.generation, row.value);
    this.disk.write(() => {
      this.disk.run("DELETE FROM positions WHERE generation > ? AND (oldGeneration = 0 OR oldGeneration < ?)", [
        generation,
        base,
      ]);
      this.disk.run(
        `UPDATE positions SET generation = oldGeneration, value = oldValue, oldGeneration = 0, oldValue = ''
         WHERE generation > ?`,
        [generation],
      );
      this.disk.run("DELETE FROM positions WHERE generation < ?", [base]);
    });
  }

  /** Notes a position of the checkpoint that is being written. Only inside the disk's `write`. */
  put(position: Position, generation: number, committed: number): void {
    const { market, owner } = position;
    this.disk.run(
      `INSERT INTO positions VALUES (?1, ?2, ?3, ?4, 0, '') ON CONFLICT (market, owner) DO UPDATE SET
         oldGeneration = iif(generation <= ?5, generation, oldGeneration),
         oldValue = iif(generation <= ?5, value, oldValue),
         generation = ?3, value = ?4`,
      [market, owner, generation, valueOf(position, generation), committed],
    );
  }

  /** Removes a position that holds and owes nothing. Only inside the disk's `write`, and only once its generation counts. */
  remove({ market, owner }: Position): void {
    this.disk.run("DELETE FROM positions WHERE market = ? AND owner = ?", [market, owner]);
  }

  /** Removes up to `most` rows older than `base`. Only inside the disk's `write`. @returns Whether there may be more. */
  removeOlder(base: number, most: number): boolean {
    const rows = this.disk.all<Pick<Row, "market" | "owner">>(
      "SELECT market, owner FROM positions WHERE generation < ? LIMIT ?",
      [base, most],
    );
    for (const { market, owner } of rows) {
      this.disk.run("DELETE FROM positions WHERE market = ? AND owner = ?", [market, owner]);
    }
    return rows.length === most;
  }

  /**
   * The next positions of the last checkpoint behind a row, and the row to go on from.
   * @throws A `RangeError` for a row that is not what was written.
   */
  page(
    after: { market: string; owner: string },
    most: number,
    { generation, base }: Committed,
  ): { positions: Position[]; last: { market: string; owner: string } | undefined } {
    const rows = this.disk.all<Row>(
      "SELECT * FROM positions WHERE (market, owner) > (?, ?) ORDER BY market, owner LIMIT ?",
      [after.market, after.owner, most],
    );
    const positions: Position[] = [];
    for (const row of rows) {
      const counts = row.generation <= generation;
      const [of, value] = counts ? [row.generation, row.value] : [row.oldGeneration, row.oldValue];
      if (of < base || of === 0) continue;
      const position = positionOf(row, of, value);
      if (position.collateral !== 0n || position.debtShares !== 0n) positions.push(position);
    }
    return { positions, last: rows.length === most ? rows.at(-1) : undefined };
  }
}

function valueOf({ market, owner, collateral, debtShares }: Position, generation: number): string {
  const amounts = `${collateral} ${debtShares}`;
  return `${amounts} ${checksum(`${market} ${owner} ${generation} ${amounts}`)}`;
}

function positionOf({ market, owner }: Pick<Row, "market" | "owner">, generation: number, value: string): Position {
  const [collateral, debtShares] = value.split(" ");
  if (!/^\d+ \d+ /.test(value)) throw new RangeError(`the position of ${owner} is not one`);
  const position = { market, owner, collateral: BigInt(collateral ?? 0), debtShares: BigInt(debtShares ?? 0) };
  if (valueOf(position, generation) !== value) throw new RangeError(`the position of ${owner} was changed`);
  return position;
}

/** FNV-1a, 32 bits: a changed bit never goes unnoticed. */
export function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
