// A made-up history of checkpoints, of which every one is known without having lived through those before.
import type { CheckpointChange } from "../../../scripts/keeper/book/checkpoint";
import type { Position } from "../../../scripts/keeper/book/position";

const MARKETS = ["0x00000000000000000000000000000000000000aa", "0x00000000000000000000000000000000000000bb"];
const POSITIONS = 300;

/** A number that looks random, from two. */
function mix(a: number, b: number): number {
  return Math.imul(Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b), 0xc2b2ae35) >>> 8;
}

function changes(position: number, chapter: number): boolean {
  return mix(position, chapter) % 3 === 0;
}

/** A position as of a chapter; every fifth change empties it. */
function at(position: number, chapter: number): Position {
  let last = chapter;
  while (last > 0 && !changes(position, last)) last--;
  const empty = last === 0 || mix(position, last) % 15 === 0;
  return {
    market: MARKETS[position % 2]!,
    owner: `0x${(0x1000 + mix(position, 0)).toString(16).padStart(32, "0")}${position.toString(16).padStart(8, "0")}`,
    collateral: empty ? 0n : BigInt(1_000 * last + position),
    debtShares: empty ? 0n : BigInt(last) ** 5n,
  };
}

const all = Array.from({ length: POSITIONS }, (_, position) => position);

/** Every position that there is as of a chapter, in the store's order. */
export function positionsAt(chapter: number): Position[] {
  return all
    .map((position) => at(position, chapter))
    .filter(({ collateral }) => collateral > 0n)
    .sort((a, b) => (a.market + a.owner < b.market + b.owner ? -1 : 1));
}

export function controllersAt(chapter: number): string[] {
  return [`controller ${chapter % 4}`];
}

/** The checkpoint that makes a chapter of the one before; of any, for every seventh. */
export function checkpointOf(chapter: number, whole = chapter % 7 === 0): CheckpointChange {
  const positions = whole
    ? positionsAt(chapter)
    : all.filter((position) => changes(position, chapter)).map((position) => at(position, chapter));
  const head = { block: chapter, hash: `0x${chapter}`, controllers: controllersAt(chapter) };
  return { ...head, whole, count: positionsAt(chapter).length, positions };
}
