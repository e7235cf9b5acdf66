import Table from "cli-table3";

import { PRICE_SCALE } from "../../lib";
import type { Opportunity } from "./opportunity";

const NONE = "–";
const GWEI = 10n ** 9n;

/** A table for people: one line an opportunity, then how many there were for each reason. */
export function asTable(opportunities: readonly Opportunity[]): string {
  if (opportunities.length === 0) return "nothing was missed";
  const table = new Table({
    head: [
      "block",
      "time",
      "what",
      "market",
      "whose",
      "first seen",
      "why not",
      "winner",
      "price",
      "gas",
      "would have earned",
    ],
    style: { head: [], border: [] },
  });
  for (const one of opportunities) {
    table.push([
      String(one.block),
      time(one.takenAt),
      one.kind,
      short(one.market),
      short(one.owner),
      firstSeen(one),
      one.reason,
      short(one.taker),
      price(one),
      gas(one),
      one.wouldHaveEarned === undefined ? NONE : one.wouldHaveEarned.toLocaleString("en"),
    ]);
  }
  const reasons = new Map<string, number>();
  for (const { reason } of opportunities) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const sums = [...reasons].sort(([, a], [, b]) => b - a).map(([reason, count]) => `${count} ${reason}`);
  return `${table.toString()}\n${opportunities.length} missed: ${sums.join(", ")}`;
}

/** JSON for programs; amounts as texts, since they don't fit a number. What isn't known is null. */
export function asJson(opportunities: readonly Opportunity[]): string {
  const plain = opportunities.map((one) =>
    Object.fromEntries(
      Object.entries(one).map(([name, value]: [string, unknown]) => {
        if (typeof value !== "bigint") return [name, value ?? null];
        return [name, name.endsWith("At") ? Number(value) : value.toString()];
      }),
    ),
  );
  return JSON.stringify(plain, undefined, 2);
}

function time(seconds: bigint | undefined): string {
  return seconds === undefined ? NONE : new Date(Number(seconds) * 1000).toISOString().slice(0, 19) + "Z";
}

function short(address: string): string {
  return address === "" ? NONE : `${address.slice(0, 8)}…${address.slice(-4)}`;
}

function firstSeen({ block, takenAt, firstSeenBlock, firstSeenAt }: Opportunity): string {
  if (firstSeenBlock === undefined) return "never";
  const blocks = `${block - firstSeenBlock} blocks before`;
  return takenAt === undefined || firstSeenAt === undefined ? blocks : `${blocks}, ${takenAt - firstSeenAt} s`;
}

/** What was paid, as a multiple of the oracle's price, in basis points' precision. */
function price({ cost, amount, oraclePriceE36 }: Opportunity): string {
  if (amount === 0n || cost === 0n || oraclePriceE36 === undefined) return NONE;
  const bps = (cost * PRICE_SCALE * 10_000n) / (amount * oraclePriceE36);
  return `${decimal(bps, 10_000n, 4)} × oracle`;
}

function gas({ gasUsed, gasPrice, tip }: Opportunity): string {
  if (gasUsed === undefined || gasPrice === undefined) return NONE;
  const tipped = tip === undefined ? "" : `, tip ${decimal(tip, GWEI, 2)}`;
  return `${gasUsed.toLocaleString("en")} at ${decimal(gasPrice, GWEI, 2)} gwei${tipped}`;
}

function decimal(value: bigint, scale: bigint, digits: number): string {
  const parts = (value * 10n ** BigInt(digits)) / scale;
  const text = parts.toString().padStart(digits + 1, "0");
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
