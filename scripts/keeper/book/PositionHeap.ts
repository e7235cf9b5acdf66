/** Where an item that is not in the heap has its place. */
const NOWHERE = -1;

/**
 * A binary heap of small numbers that knows where each of them sits, first in order on top.
 * @param comesFirst True where the first is to be nearer to the top. A total order.
 */
export class PositionHeap {
  private items = new Int32Array(16);
  private places = new Int32Array(16).fill(NOWHERE);
  private length = 0;

  constructor(private readonly comesFirst: (a: number, b: number) => boolean) {}

  get size(): number {
    return this.length;
  }

  /** Adds the item, or puts it where it belongs after its order has changed. O(log n). */
  set(item: number): void {
    if (item >= this.places.length) this.places = grown(this.places, item);
    let place = this.placeOf(item);
    if (place === NOWHERE) {
      place = this.length++;
      if (place >= this.items.length) this.items = grown(this.items, place);
    }
    this.put(place, item);
    this.sink(this.rise(place));
  }

  /** O(log n). Does nothing when the item is not here. */
  delete(item: number): void {
    const place = this.placeOf(item);
    if (place === NOWHERE) return;
    const last = this.at(--this.length);
    this.places[item] = NOWHERE;
    if (last === item) return;
    this.put(place, last);
    this.sink(this.rise(place));
  }

  /** How many items `holds` is true for. O(that many). @param holds False for all below an item that it is false for. */
  count(holds: (item: number) => boolean): number {
    let count = 0;
    this.walk(holds, () => count++);
    return count;
  }

  /**
   * The first items that `holds` is true for, in order: O(most · log most), whatever the heap holds.
   * @param holds False for all below an item that it is false for.
   * @param passes Where given, items on top for which it is false are left out; true for all below one that it is true for.
   */
  first(most: number, holds: (item: number) => boolean, passes?: (item: number) => boolean): number[] {
    const frontier = new Frontier((a, b) => this.comesFirst(this.at(a), this.at(b)));
    if (passes === undefined) this.enter(frontier, 0, holds);
    else
      this.walk(
        (item) => !passes(item) && holds(item),
        (place) => {
          for (const child of [2 * place + 1, 2 * place + 2]) {
            if (child < this.length && passes(this.at(child))) this.enter(frontier, child, holds);
          }
        },
      );
    if (passes !== undefined && this.length > 0 && passes(this.at(0))) this.enter(frontier, 0, holds);
    const found: number[] = [];
    for (let place = frontier.pop(); place !== undefined && found.length < most; place = frontier.pop()) {
      found.push(this.at(place));
      this.enter(frontier, 2 * place + 1, holds);
      this.enter(frontier, 2 * place + 2, holds);
    }
    return found;
  }

  private enter(frontier: Frontier, place: number, holds: (item: number) => boolean): void {
    if (place < this.length && holds(this.at(place))) frontier.push(place);
  }

  private walk(holds: (item: number) => boolean, visit: (place: number) => void): void {
    const open = [0];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (place >= this.length || !holds(this.at(place))) continue;
      visit(place);
      open.push(2 * place + 1, 2 * place + 2);
    }
  }

  private at(place: number): number {
    return this.items[place] ?? NOWHERE;
  }

  private placeOf(item: number): number {
    return this.places[item] ?? NOWHERE;
  }

  private put(place: number, item: number): void {
    this.items[place] = item;
    this.places[item] = place;
  }

  private rise(from: number): number {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.swapIfFirst(place, parent)) break;
      place = parent;
    }
    return place;
  }

  private sink(from: number): void {
    for (let place = from; ;) {
      const left = 2 * place + 1;
      if (left >= this.length) return;
      const right = left + 1;
      const child = right < this.length && this.comesFirst(this.at(right), this.at(left)) ? right : left;
      if (!this.swapIfFirst(child, place)) return;
      place = child;
    }
  }

  private swapIfFirst(below: number, above: number): boolean {
    const [a, b] = [this.at(below), this.at(above)];
    if (!this.comesFirst(a, b)) return false;
    this.put(above, a);
    this.put(below, b);
    return true;
  }
}

/** The places that a search may go on to, the next one on top. */
class Frontier {
  private readonly places: number[] = [];

  constructor(private readonly comesFirst: (a: number, b: number) => boolean) {}

  push(place: number): void {
    const { places } = this;
    let at = places.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = places[parent] ?? NOWHERE;
      if (!this.comesFirst(place, above)) break;
      places[at] = above;
      at = parent;
    }
    places[at] = place;
  }

  pop(): number | undefined {
    const { places } = this;
    const top = places[0];
    const last = places.pop();
    if (last === undefined || places.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= places.length) break;
      const right = places[child + 1];
      if (right !== undefined && this.comesFirst(right, places[child] ?? NOWHERE)) child++;
      const below = places[child] ?? NOWHERE;
      if (!this.comesFirst(below, last)) break;
      places[at] = below;
      at = child;
    }
    places[at] = last;
    return top;
  }
}

function grown(from: Int32Array, index: number): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.max(from.length * 2, index + 1)).fill(NOWHERE);
  more.set(from);
  return more;
}
