// Goes on with a store's history from the last checkpoint and kills itself in the middle of a write.
// Arguments: the file, the bytes to write until then, and the last chapter that is known to be kept.
import fs from "node:fs";

import type { Position } from "../../../scripts/keeper/book/position";
import { SqliteStore } from "../../../scripts/keeper/store/SqliteStore";
import { checkpointOf, controllersAt, positionsAt } from "./chapters";

const [, , file = "", bytes = "", known = ""] = process.argv;
const text = (positions: readonly Position[]): string =>
  JSON.stringify(positions, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));

async function main(): Promise<void> {
  const notices: string[] = [];
  const store = new SqliteStore(file, "test", ({ message }) => notices.push(message));
  const checkpoint = store.loadCheckpoint();
  const chapter = checkpoint?.block ?? 0;
  const positions: Position[] = [];
  const good = checkpoint === undefined || (await store.loadPositions((some) => positions.push(...some)));
  if (!good || notices.length > 0) throw new Error(`the store is not good: ${notices.join()}`);
  if (chapter < Number(known)) throw new Error(`chapter ${known} was lost: the last one is ${chapter}`);
  if (text(positions) !== text(positionsAt(chapter))) throw new Error(`chapter ${chapter} is not what was written`);
  if (chapter > 0 && checkpoint?.controllers.join() !== controllersAt(chapter).join()) throw new Error("controllers");
  const nonce = store.pending.marks("0xsigner")?.last.nonce ?? 0;
  if (nonce !== chapter && nonce !== chapter + 1) throw new Error("the mark of the nonce was lost");

  killAfter(Number(bytes));
  for (let next = chapter + 1; ; next++) {
    store.pending.setMark("0xsigner", { nonce: next, block: 1, hash: "0x1" });
    if (!(await store.saveCheckpoint(checkpointOf(next)))) throw new Error("a checkpoint was not written");
    plainWrite(1, `${next}\n`);
  }
}

const plainWrite = fs.writeSync;

/** Every byte of a file counts; the last one is written, and the rest of its write is not. */
function killAfter(limit: number): void {
  let left = limit;
  const write = (fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number => {
    const part = Math.min(length, left);
    left -= part;
    const written = plainWrite(fd, buffer, offset, part, position);
    if (part < length) process.kill(process.pid, "SIGKILL");
    return written;
  };
  fs.writeSync = write as typeof fs.writeSync;
}

// Mocha loads this file too, with the tests
if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
}
