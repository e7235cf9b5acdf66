import { max, min } from "../../lib";

/** Tells what transactions really take. */
export interface GasUnits {
  /** What a transaction of that kind is expected to take, units, where the constants say `constant`. */
  gasUnits(kind: string, constant: bigint): bigint;
}

/** Keeps what was learnt over a restart: by kind, in parts of {@link ONE}. */
export interface GasStore {
  load(): Map<string, bigint>;
  save(kind: string, factor: bigint): void;
}

/** A factor of 1. */
export const ONE = 1_000_000n;
const LEAST = ONE / 2n;
const MOST = ONE * 2n;
/** Each receipt moves the factor by one part in so many of what it is off by. */
const WEIGHT = 8n;

/** Learns from receipts by how much each kind's constants are off. Nothing but receipts moves it. */
export class GasLearner implements GasUnits {
  private readonly factors: Map<string, bigint>;

  constructor(private readonly store: GasStore) {
    this.factors = store.load();
  }

  gasUnits(kind: string, constant: bigint): bigint {
    return (constant * this.factorOf(kind)) / ONE;
  }

  /** @param used Units by the receipt of a transaction that went through. */
  learn(kind: string, constant: bigint, used: bigint): void {
    if (constant === 0n) return;
    const factor = this.factorOf(kind);
    const seen = max(LEAST, min(MOST, (used * ONE) / constant));
    const learnt = factor + (seen - factor) / WEIGHT;
    if (learnt === factor) return;
    this.factors.set(kind, learnt);
    this.store.save(kind, learnt);
  }

  private factorOf(kind: string): bigint {
    return this.factors.get(kind) ?? ONE;
  }
}
