import { SpillwayError } from "../../lib";
import type { Since } from "../store/OpportunityTable";

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * From when on: a block (`21000000`), a time (`2026-11-24T12:00Z`), or so long ago (`90m`, `1h`, `2d`).
 * @param nowMs The clock, milliseconds.
 * @throws SpillwayError `BAD_INPUT`.
 */
export function parseSince(text: string, nowMs: number): Since {
  if (/^\d+$/.test(text)) return { block: Number(text) };
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) {
    return { time: Math.floor(nowMs / 1000) - Number(count) * (SECONDS[unit] ?? 0) };
  }
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new SpillwayError(
      "BAD_INPUT",
      `since: "${text}" is no block, time or duration; for example --since 1h, --since 2026-11-24T12:00Z, --since 21000000.`,
    );
  }
  return { time: Math.floor(time / 1000) };
}
