import { BPS, INDEX_SCALE, PRICE_SCALE } from "../../lib";
import { type Bound, type Hits, MarketPositions } from "./MarketPositions";
import type { Position } from "./position";

export type { Hits } from "./MarketPositions";

/** For how many blocks back a reorg can be undone without reading everything again. */
export const UNDO_BLOCKS = 128;

/** What one event changes of one position. */
export interface PositionChange {
  market: string;
  /** In any case. */
  owner: string;
  /** Added to its collateral; negative when it fell. */
  collateral?: bigint;
  /** Added to its debt shares; negative when they fell. */
  debtShares?: bigint;
}

/** Where the book's reader goes on: a market, and a place in it. */
export interface Cursor {
  market: number;
  place: number;
}

const NOTHING: Hits = { count: 0, first: () => [], firstUpTo: () => [], has: () => false };

/** Every position of a vault, ordered by the price at which it becomes liquidatable. Undoes the last blocks on a reorg. */
export class Book {
  private readonly markets = new Map<string, MarketPositions>();
  /** Per block, the positions that it changed as they were before it. */
  private readonly undo = new Map<number, Map<string, Position>>();
  /** Whether the last checkpoint's positions have nothing to do with these. */
  private isNew = true;

  /** How many positions hold or owe anything. */
  get size(): number {
    let size = 0;
    for (const positions of this.markets.values()) size += positions.size;
    return size;
  }

  /**
   * Applies one event of block `block`. Blocks come in rising order.
   * @param undoable False for one that no reorg can undo any more.
   */
  apply(change: PositionChange, block: number, undoable = true): void {
    const { market, owner } = change;
    const before = this.position(market, owner);
    if (undoable) this.remember(before, block);
    const collateral = before.collateral + (change.collateral ?? 0n);
    const debtShares = before.debtShares + (change.debtShares ?? 0n);
    this.market(market).set(owner, collateral, debtShares);
  }

  /** Puts a position right that was found to be wrong at `block`. */
  correct(position: Position, block: number): void {
    const { market, owner } = position;
    this.remember(this.position(market, owner), block);
    this.market(market).set(owner, position.collateral, position.debtShares);
  }

  /** The position, empty if it is not known. */
  position(market: string, owner: string): Position {
    const known = this.markets.get(market)?.get(owner);
    return { market, owner, collateral: known?.collateral ?? 0n, debtShares: known?.debtShares ?? 0n };
  }

  /** Positions above `lltvBps` at this price, riskiest first, ties by owner. O(log n + hits). */
  unhealthy(market: string, indexE27: bigint, priceE36: bigint, lltvBps: bigint): Hits {
    return this.markets.get(market)?.above(boundAt(indexE27, priceE36, lltvBps)) ?? NOTHING;
  }

  /** The positions of a market that become liquidatable first. */
  riskiest(market: string, most: number): Position[] {
    return this.markets.get(market)?.riskiest(most) ?? [];
  }

  /** The sum of a market's debt shares, to be held against what the vault says it is. */
  debtShares(market: string): bigint {
    return this.markets.get(market)?.totalDebtShares ?? 0n;
  }

  /**
   * Takes back all blocks after `block`.
   * @returns False when that is further back than the book remembers; it must then be built anew.
   */
  undoTo(block: number, head: number): boolean {
    if (head - block >= UNDO_BLOCKS) return false;
    const later = [...this.undo.keys()].filter((number) => number > block).sort((a, b) => b - a);
    for (const number of later) {
      for (const { market, owner, collateral, debtShares } of this.undo.get(number)?.values() ?? []) {
        this.market(market).set(owner, collateral, debtShares);
      }
      this.undo.delete(number);
    }
    return true;
  }

  /**
   * Up to `most` positions from a cursor on, and the cursor to go on from, undefined at the end. Owners in lower case. What
   * comes and goes in between may be left out or given twice.
   */
  slice({ market, place }: Cursor, most: number): { positions: Position[]; next: Cursor | undefined } {
    const markets = [...this.markets.values()];
    const positions: Position[] = [];
    let at = { market, place };
    for (;;) {
      const current = markets[at.market];
      if (current === undefined) return { positions, next: undefined };
      const slice = current.slice(at.place, most - positions.length);
      positions.push(...slice.positions);
      at = slice.next < current.places ? { ...at, place: slice.next } : { market: at.market + 1, place: 0 };
      if (positions.length === most) return { positions, next: at.market < markets.length ? at : undefined };
    }
  }

  /**
   * What has changed since the last call, for a checkpoint. Made as it is gone through; what the book does meanwhile doesn't
   * touch it.
   */
  takeChanges(): { whole: boolean; count: number; positions: Iterable<Position> } {
    const whole = this.isNew;
    this.isNew = false;
    const changed = [...this.markets.values()].map((positions) => positions.takeChanged(whole));
    return {
      whole,
      count: this.size,
      positions: {
        *[Symbol.iterator]() {
          for (const positions of changed) yield* positions;
        },
      },
    };
  }

  /** What was taken last came to nothing: all is to be written again. */
  giveBack(): void {
    this.isNew = true;
  }

  /** Fills an empty book from a checkpoint, a part at a time; `loaded` ends it. */
  load(positions: Iterable<Position>): void {
    for (const { market, owner, collateral, debtShares } of positions) {
      this.market(market).set(owner, collateral, debtShares);
    }
  }

  /** All of the checkpoint was loaded: from here on only what changes is new. */
  loaded(): void {
    this.isNew = false;
    this.takeChanges();
  }

  clear(): void {
    this.markets.clear();
    this.undo.clear();
    this.isNew = true;
  }

  private remember(before: Position, block: number): void {
    let changed = this.undo.get(block);
    if (changed === undefined) {
      this.undo.set(block, (changed = new Map<string, Position>()));
      for (const old of this.undo.keys()) {
        if (old > block - UNDO_BLOCKS) break;
        this.undo.delete(old);
      }
    }
    const key = `${before.market}:${before.owner.toLowerCase()}`;
    if (!changed.has(key)) changed.set(key, before);
  }

  private market(market: string): MarketPositions {
    let positions = this.markets.get(market);
    if (positions === undefined) this.markets.set(market, (positions = new MarketPositions(market)));
    return positions;
  }
}

/** The debt shares for a unit of collateral at which a position's LTV is `ltvBps`. */
export function boundAt(indexE27: bigint, priceE36: bigint, ltvBps: bigint): Bound {
  return { debtShares: priceE36 * ltvBps * INDEX_SCALE, collateral: indexE27 * PRICE_SCALE * BPS };
}
