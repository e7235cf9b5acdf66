import type { Bell } from "../Bell";
import type { NodePool } from "./NodePool";
import type { Head } from "./Tip";

/**
 * Looks for the head again and again: as soon as a node tells of a new one, when the bell is rung, and at the latest
 * after `intervalMs`. `isRung` says whether it was rung.
 */
export async function* watchHeads(
  pool: NodePool,
  intervalMs: number,
  bell: Bell,
  signal: AbortSignal,
): AsyncGenerator<Head & { isRung: boolean }, undefined> {
  let isRung = false;
  while (!signal.aborted) {
    yield { ...(await pool.head()), isRung };
    const waited = new AbortController();
    const ended = AbortSignal.any([signal, waited.signal]);
    const rung = bell.wait(intervalMs, ended);
    await Promise.race([pool.newHead(intervalMs, ended), rung]);
    waited.abort();
    isRung = await rung;
  }
  return undefined;
}
