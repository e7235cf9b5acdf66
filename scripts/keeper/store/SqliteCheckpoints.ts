import { setImmediate } from "node:timers/promises";

import { SQLite3Error } from "node-sqlite3-wasm";
import { z } from "zod";

import type { CheckpointChange, CheckpointHead, Checkpoints } from "../book/checkpoint";
import type { Position } from "../book/position";
import { inSlices } from "../book/slices";
import type { Disk } from "./Disk";
import type { MetaTable } from "./MetaTable";
import { type Committed, type PositionTable, checksum } from "./PositionTable";
import type { RequestTable } from "./RequestTable";

/** Positions written, or read, before others have a turn: some 5 ms. */
const AT_ONCE = 128;
const READ_AT_ONCE = 2_000;

const headSchema = z.object({
  block: z.number(),
  hash: z.string(),
  generation: z.number(),
  base: z.number(),
  count: z.number(),
});
type Head = z.output<typeof headSchema>;

/**
 * Checkpoints in three tables. What changed since the last one is written a few positions at a time, each few a transaction;
 * the head, in one more, makes them count. So whenever the process ends, the old checkpoint or the new one is there, whole.
 */
export class SqliteCheckpoints implements Checkpoints {
  private head: Head | undefined;
  /** Of the checkpoint that was written last, whether or not it came to count. */
  private generation = 0;

  /** @param discard Begins the store anew: what is in it is not what was written. */
  constructor(
    private readonly disk: Disk,
    private readonly meta: MetaTable,
    private readonly positions: PositionTable,
    private readonly requests: RequestTable,
    private readonly discard: (why: string) => void,
  ) {
    try {
      this.head = this.readHead();
      this.generation = this.head?.generation ?? 0;
      this.positions.clean(this.committed);
    } catch (error) {
      this.startAgain(error);
    }
  }

  loadCheckpoint(): CheckpointHead | undefined {
    const { head } = this;
    return head && { block: head.block, hash: head.hash, controllers: this.requests.all() };
  }

  async loadPositions(take: (positions: readonly Position[]) => void): Promise<boolean> {
    try {
      let count = 0;
      let after: { market: string; owner: string } | undefined = { market: "", owner: "" };
      while (after !== undefined) {
        const page = this.positions.page(after, READ_AT_ONCE, this.committed);
        take(page.positions);
        count += page.positions.length;
        after = page.last;
        await setImmediate();
      }
      if (count === this.head?.count) return true;
      throw new RangeError(`${count} positions instead of ${this.head?.count ?? 0}`);
    } catch (error) {
      this.startAgain(error);
      return false;
    }
  }

  async saveCheckpoint({ block, hash, controllers, whole, count, positions }: CheckpointChange): Promise<boolean> {
    const generation = ++this.generation;
    const { base, generation: committed } = this.committed;
    const gone: Position[] = [];
    const written = { all: true };
    await inSlices(positions, AT_ONCE, (slice) => {
      written.all &&= this.disk.write(() => {
        for (const position of slice) this.positions.put(position, generation, committed);
      });
      gone.push(...slice.filter(({ collateral, debtShares }) => collateral === 0n && debtShares === 0n));
    });
    if (!written.all) return false;

    const head = { block, hash, generation, base: whole ? generation : base, count };
    const good = this.disk.write(() => {
      this.requests.replace(controllers);
      this.meta.set("checkpoint", JSON.stringify(head));
      this.meta.set("checkpointSum", String(checksum(JSON.stringify(head))));
    });
    if (!good) return false;
    this.head = head;
    this.requests.kept(controllers);
    await this.tidy(gone, whole ? generation : undefined);
    return true;
  }

  /** Removes what no longer counts; what is left by a kill is harmless, and removed at the next start. */
  private async tidy(gone: readonly Position[], base: number | undefined): Promise<void> {
    await inSlices(gone, AT_ONCE, (slice) => {
      this.disk.write(() => {
        for (const position of slice) this.positions.remove(position);
      });
    });
    let more = base !== undefined;
    while (more) {
      const good = this.disk.write(() => (more = this.positions.removeOlder(base ?? 0, AT_ONCE)));
      more &&= good;
      await setImmediate();
    }
  }

  /** What is in the store is not what was written. */
  private startAgain(error: unknown): void {
    if (!(error instanceof RangeError || error instanceof SQLite3Error)) throw error;
    this.discard(error.message);
    this.head = undefined;
    this.generation = 0;
    this.requests.kept(undefined);
  }

  private get committed(): Committed {
    return { generation: this.head?.generation ?? 0, base: this.head?.base ?? 1 };
  }

  private readHead(): Head | undefined {
    const text = this.meta.get("checkpoint");
    if (text === undefined) return undefined;
    if (String(checksum(text)) !== this.meta.get("checkpointSum")) throw new RangeError("the checkpoint was changed");
    return headSchema.parse(JSON.parse(text));
  }
}
