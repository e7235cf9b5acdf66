import type { Position } from "./position";

/** True when `a` becomes liquidatable at a higher price than `b`: it owes more debt shares per collateral. */
function isRiskier(a: Position, b: Position): boolean {
  return a.debtShares * b.collateral > b.debtShares * a.collateral;
}

/**
 * Positions of one market, riskiest on top. The order is that of `debtShares / collateral`, which neither the price nor
 * interest changes, so only a change of the position itself moves it. A binary heap that knows where each owner sits.
 */
export class PositionHeap {
  private readonly items: Position[] = [];
  private readonly places = new Map<string, number>();

  get size(): number {
    return this.items.length;
  }

  /** Adds the position of its owner or replaces it. O(log n). */
  set(position: Position): void {
    const place = this.places.get(position.owner);
    if (place === undefined) {
      this.put(this.items.length, position);
      this.rise(this.items.length - 1);
    } else {
      this.put(place, position);
      this.sink(this.rise(place));
    }
  }

  /** O(log n). Does nothing when the owner is not here. */
  delete(owner: string): void {
    const place = this.places.get(owner);
    if (place === undefined) return;
    const last = this.items.pop();
    this.places.delete(owner);
    if (last === undefined || last.owner === owner) return;
    this.put(place, last);
    this.sink(this.rise(place));
  }

  /**
   * All positions for which `hit` is true, in no particular order. O(hits).
   * @param hit Once false for a position, it is false for all that are less risky.
   */
  fromTop(hit: (position: Position) => boolean): Position[] {
    const hits: Position[] = [];
    const open = [0];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      const item = this.items[place];
      if (item === undefined || !hit(item)) continue;
      hits.push(item);
      open.push(2 * place + 1, 2 * place + 2);
    }
    return hits;
  }

  private put(place: number, position: Position): void {
    this.items[place] = position;
    this.places.set(position.owner, place);
  }

  private rise(from: number): number {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.swapIfRiskier(place, parent)) break;
      place = parent;
    }
    return place;
  }

  private sink(from: number): void {
    for (let place = from; ;) {
      const left = this.items[2 * place + 1];
      const right = this.items[2 * place + 2];
      if (left === undefined) return;
      const child = 2 * place + (right !== undefined && isRiskier(right, left) ? 2 : 1);
      if (!this.swapIfRiskier(child, place)) return;
      place = child;
    }
  }

  private swapIfRiskier(below: number, above: number): boolean {
    const a = this.items[below];
    const b = this.items[above];
    if (a === undefined || b === undefined || !isRiskier(a, b)) return false;
    this.put(above, a);
    this.put(below, b);
    return true;
  }
}
