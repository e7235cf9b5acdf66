import { getAddress } from "ethers";

import { AddressTable } from "./AddressTable";
import type { Position } from "./position";
import { PositionHeap } from "./PositionHeap";

/** Two ratios in floating point this near to each other are compared exactly; an error of one is a thousand times less. */
const NEAR = 1e-12;

/** Positions above a bound, riskiest first, ties by owner. Holds for as long as the book isn't changed. */
export interface Hits {
  /** How many there are. */
  readonly count: number;
  /** The first of them. */
  first(most: number): Position[];
  /** The first of those at or below another, higher bound: those still solvent, for example. */
  firstUpTo(bound: Bound, most: number): Position[];
  /** Whether the owner's position is among them. */
  has(owner: string): boolean;
}

/** Debt shares for a unit of collateral, as a fraction. Both above 0. */
export interface Bound {
  debtShares: bigint;
  collateral: bigint;
}

/**
 * The positions of one market, in columns: some 120 bytes each. Their order is that of `debtShares / collateral`, which
 * neither the price nor interest changes, so only a change of the position itself moves it. Ratios are kept in floating
 * point to be compared fast, and compared exactly where they are too near to each other.
 */
export class MarketPositions {
  private readonly owners = new AddressTable();
  private readonly collateral: bigint[] = [];
  private readonly debtShares: bigint[] = [];
  private ratios = new Float64Array(16);
  private readonly heap = new PositionHeap((a, b) => this.isRiskier(a, b));
  /** Owners' checksummed addresses, as far as they were asked for. */
  private readonly names: (string | undefined)[] = [];
  /** Slots that have changed since the last {@link takeChanged}. */
  private readonly changed = new Set<number>();
  private held = 0;
  private sum = 0n;

  constructor(private readonly market: string) {}

  /** How many hold or owe anything. */
  get size(): number {
    return this.held;
  }

  /** The sum of all debt shares. */
  get totalDebtShares(): bigint {
    return this.sum;
  }

  /** Above every place that {@link slice} can begin at. */
  get places(): number {
    return this.owners.slots;
  }

  /** The owner's collateral and debt shares, 0 where it is not known. */
  get(owner: string): Pick<Position, "collateral" | "debtShares"> {
    const slot = this.owners.find(owner);
    return { collateral: this.collateralOf(slot ?? -1), debtShares: this.debtSharesOf(slot ?? -1) };
  }

  set(owner: string, collateral: bigint, debtShares: bigint): void {
    const slot = this.owners.add(owner);
    const wasFilled = this.isFilled(slot);
    this.sum += debtShares - this.debtSharesOf(slot);
    this.collateral[slot] = collateral;
    this.debtShares[slot] = debtShares;
    this.held += Number(this.isFilled(slot)) - Number(wasFilled);
    if (slot >= this.ratios.length) {
      const ratios = new Float64Array(this.ratios.length * 2);
      ratios.set(this.ratios);
      this.ratios = ratios;
    }
    this.ratios[slot] = Number(debtShares) / Number(collateral);
    if (debtShares > 0n) this.heap.set(slot);
    else this.heap.delete(slot);
    this.changed.add(slot);
  }

  /** Positions above a bound. O(log n + hits), and O(most · log most) for the first ones. */
  above(bound: Bound): Hits {
    const isAbove = this.test(bound);
    const positions = (slots: number[]): Position[] => slots.map((slot) => this.named(slot));
    return {
      count: this.heap.count(isAbove),
      first: (most) => positions(this.heap.first(most, isAbove)),
      firstUpTo: (upTo, most) => {
        const isBeyond = this.test(upTo);
        return positions(this.heap.first(most, isAbove, (slot) => !isBeyond(slot)));
      },
      has: (owner) => {
        const slot = this.owners.find(owner);
        return slot !== undefined && this.debtSharesOf(slot) > 0n && isAbove(slot);
      },
    };
  }

  /** The riskiest positions of all. */
  riskiest(most: number): Position[] {
    return this.heap.first(most, () => true).map((slot) => this.named(slot));
  }

  /** Up to `most` positions from a place on, owners in lower case, and the place to go on from. */
  slice(from: number, most: number): { positions: Position[]; next: number } {
    const positions: Position[] = [];
    let next = from;
    for (; next < this.owners.slots && positions.length < most; next++) {
      if (this.isFilled(next)) positions.push(this.at(next));
    }
    return { positions, next };
  }

  /**
   * What has changed since the last call, as it is now, owners in lower case; what holds and owes nothing is among it, and
   * forgotten. The positions are made as they are gone through, so that many don't hold up anything.
   * @param all All that there is instead of what has changed.
   */
  takeChanged(all: boolean): Iterable<Position> {
    const { market } = this;
    const changed = Int32Array.from(this.changed);
    this.changed.clear();
    const slots = all ? this.filled() : changed.slice();
    // whole columns are copied faster than a part of them is picked
    const [collateral, debtShares, owners] = [this.collateral.slice(), this.debtShares.slice(), this.owners.copy()];
    for (const slot of changed) if (!this.isFilled(slot)) this.forget(slot);
    return {
      *[Symbol.iterator]() {
        // neighbours are written together, which touches fewer pages of a file
        owners.sort(slots);
        for (const slot of slots) {
          const owner = owners.address(slot);
          yield { market, owner, collateral: collateral[slot] ?? 0n, debtShares: debtShares[slot] ?? 0n };
        }
      },
    };
  }

  private isFilled(slot: number): boolean {
    return this.collateralOf(slot) !== 0n || this.debtSharesOf(slot) !== 0n;
  }

  private filled(): Int32Array {
    const slots = new Int32Array(this.held);
    let next = 0;
    for (let slot = 0; slot < this.owners.slots; slot++) if (this.isFilled(slot)) slots[next++] = slot;
    return slots;
  }

  private forget(slot: number): void {
    this.owners.remove(slot);
    this.names[slot] = undefined;
  }

  private test({ debtShares, collateral }: Bound): (slot: number) => boolean {
    const bound = Number(debtShares) / Number(collateral);
    const [low, high] = [bound * (1 - NEAR), bound * (1 + NEAR)];
    return (slot) => {
      const ratio = this.ratios[slot] ?? 0;
      if (ratio > high) return true;
      return ratio >= low && this.debtSharesOf(slot) * collateral > this.collateralOf(slot) * debtShares;
    };
  }

  private isRiskier(a: number, b: number): boolean {
    const left = this.ratios[a] ?? 0;
    const right = this.ratios[b] ?? 0;
    if (left > right * (1 + NEAR)) return true;
    if (right > left * (1 + NEAR)) return false;
    const difference = this.debtSharesOf(a) * this.collateralOf(b) - this.debtSharesOf(b) * this.collateralOf(a);
    return difference === 0n ? this.owners.compare(a, b) < 0 : difference > 0n;
  }

  private at(slot: number): Position {
    const [collateral, debtShares] = [this.collateralOf(slot), this.debtSharesOf(slot)];
    return { market: this.market, owner: this.owners.address(slot), collateral, debtShares };
  }

  private named(slot: number): Position {
    const owner = (this.names[slot] ??= getAddress(this.owners.address(slot)));
    return { ...this.at(slot), owner };
  }

  private collateralOf(slot: number): bigint {
    return this.collateral[slot] ?? 0n;
  }

  private debtSharesOf(slot: number): bigint {
    return this.debtShares[slot] ?? 0n;
  }
}
