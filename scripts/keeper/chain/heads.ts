import type { NodePool } from "./NodePool";
import type { Head } from "./Tip";

/** Looks for the head again and again, as soon as a node tells of a new one and at the latest after `intervalMs`. */
export async function* watchHeads(
  pool: NodePool,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<Head, undefined> {
  while (!signal.aborted) {
    yield await pool.head();
    await pool.newHead(intervalMs, signal);
  }
  return undefined;
}
