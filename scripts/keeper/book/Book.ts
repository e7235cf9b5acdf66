import { BPS, INDEX_SCALE, PRICE_SCALE } from "../../lib";
import type { Position } from "./position";
import { PositionHeap } from "./PositionHeap";

/** For how many blocks back a reorg can be undone without reading everything again. */
export const UNDO_BLOCKS = 128;

/** What one event changes of one position. */
export interface PositionChange {
  market: string;
  owner: string;
  /** Added to its collateral; negative when it fell. */
  collateral?: bigint;
  /** Added to its debt shares; negative when they fell. */
  debtShares?: bigint;
}

interface MarketBook {
  heap: PositionHeap;
  positions: Map<string, Position>;
  debtShares: bigint;
}

/** Every position of a vault, ordered by the price at which it becomes liquidatable. Undoes the last blocks on a reorg. */
export class Book {
  private readonly markets = new Map<string, MarketBook>();
  /** Per block, the positions that it changed as they were before it. */
  private readonly undo = new Map<number, Map<string, Position>>();

  /** How many positions hold or owe anything. */
  get size(): number {
    let size = 0;
    for (const { positions } of this.markets.values()) size += positions.size;
    return size;
  }

  /** Applies one event of block `block`. Blocks come in rising order. */
  apply(change: PositionChange, block: number): Position {
    const before = this.position(change.market, change.owner);
    const after = {
      ...before,
      collateral: before.collateral + (change.collateral ?? 0n),
      debtShares: before.debtShares + (change.debtShares ?? 0n),
    };
    let changed = this.undo.get(block);
    if (changed === undefined) {
      this.undo.set(block, (changed = new Map<string, Position>()));
      for (const old of this.undo.keys()) if (old <= block - UNDO_BLOCKS) this.undo.delete(old);
    }
    const key = `${change.market}:${change.owner}`;
    if (!changed.has(key)) changed.set(key, before);
    this.put(after, before);
    return after;
  }

  /** The position, empty if it is not known. */
  position(market: string, owner: string): Position {
    return this.markets.get(market)?.positions.get(owner) ?? { market, owner, collateral: 0n, debtShares: 0n };
  }

  /** Positions above `lltvBps` at this price, riskiest first, ties by owner. O(log n + hits), and the hits' sorting. */
  unhealthy(market: string, indexE27: bigint, priceE36: bigint, lltvBps: bigint): Position[] {
    const perShare = indexE27 * PRICE_SCALE * BPS;
    const perCollateral = priceE36 * lltvBps * INDEX_SCALE;
    const hits = this.markets
      .get(market)
      ?.heap.fromTop(({ debtShares, collateral }) => debtShares * perShare > collateral * perCollateral);
    return (hits ?? []).sort(byRisk);
  }

  /** The sum of a market's debt shares, to be held against what the vault says it is. */
  debtShares(market: string): bigint {
    return this.markets.get(market)?.debtShares ?? 0n;
  }

  /**
   * Takes back all blocks after `block`.
   * @returns False when that is further back than the book remembers; it must then be built anew.
   */
  undoTo(block: number, head: number): boolean {
    if (head - block >= UNDO_BLOCKS) return false;
    const later = [...this.undo.keys()].filter((number) => number > block).sort((a, b) => b - a);
    for (const number of later) {
      for (const before of this.undo.get(number)?.values() ?? []) {
        this.put(before, this.position(before.market, before.owner));
      }
      this.undo.delete(number);
    }
    return true;
  }

  /** All positions, for a checkpoint and to be held against the vault's. */
  positions(): Position[] {
    return [...this.markets.values()].flatMap(({ positions }) => [...positions.values()]);
  }

  /** Fills an empty book from a checkpoint. */
  load(positions: Iterable<Position>): void {
    for (const position of positions) this.put(position, this.position(position.market, position.owner));
  }

  clear(): void {
    this.markets.clear();
    this.undo.clear();
  }

  private put(position: Position, before: Position): void {
    let market = this.markets.get(position.market);
    if (market === undefined) {
      market = { heap: new PositionHeap(), positions: new Map(), debtShares: 0n };
      this.markets.set(position.market, market);
    }
    market.debtShares += position.debtShares - before.debtShares;
    if (position.debtShares > 0n) market.heap.set(position);
    else market.heap.delete(position.owner);
    if (position.collateral === 0n && position.debtShares === 0n) {
      market.positions.delete(position.owner);
    } else {
      market.positions.set(position.owner, position);
    }
  }
}

function byRisk(a: Position, b: Position): number {
  const left = a.debtShares * b.collateral;
  const right = b.debtShares * a.collateral;
  if (left !== right) return left > right ? -1 : 1;
  return a.owner < b.owner ? -1 : 1;
}
