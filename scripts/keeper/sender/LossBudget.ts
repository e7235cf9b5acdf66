import { max, min } from "../../lib";

/** The most gas that may be lost, wei: paid for what reverted or was given up, or beyond what a transaction earned. */
export interface LossLimits {
  /** In one transaction that nobody pays for. */
  perTransaction?: bigint | undefined;
  /** In an hour, in all. */
  perHour?: bigint | undefined;
  /** In an hour, by kind of job. */
  perKind?: Readonly<Record<string, bigint>> | undefined;
}

/** Gas that was lost. */
export interface Loss {
  /** Seconds. */
  at: bigint;
  kind: string;
  wei: bigint;
}

/** Keeps losses over a restart. */
export interface LossStore {
  load(): Loss[];
  add(loss: Loss): void;
  /** Forgets all before `at`, seconds. */
  forget(at: bigint): void;
}

/** Seconds. */
const HOUR = 3600n;

/** Bounds what may be lost. Time is the blocks'. */
export class LossBudget {
  private losses: Loss[];

  constructor(
    private readonly limits: LossLimits,
    private readonly store: LossStore,
  ) {
    this.losses = store.load();
  }

  /** @param now Seconds. */
  add(kind: string, wei: bigint, now: bigint): void {
    if (wei === 0n) return;
    const loss = { at: now, kind, wei };
    this.losses.push(loss);
    this.store.add(loss);
  }

  /**
   * What a transaction that nobody pays for may cost, wei; undefined for no bound.
   * @param now Seconds.
   */
  left(kind: string, now: bigint): bigint | undefined {
    const bounds = [this.limits.perTransaction, this.leftOfHour(kind, now)].filter((bound) => bound !== undefined);
    const [first, ...others] = bounds;
    return first === undefined ? undefined : min(first, ...others);
  }

  /** Whether so much was lost that nothing more of that kind is to be sent. @param now Seconds. */
  isUsedUp(kind: string, now: bigint): boolean {
    return this.leftOfHour(kind, now) === 0n;
  }

  private leftOfHour(kind: string, now: bigint): bigint | undefined {
    const { perHour, perKind } = this.limits;
    this.forget(now);
    const left = (limit: bigint | undefined, of: readonly Loss[]): bigint[] =>
      limit === undefined ? [] : [max(0n, limit - of.reduce((sum, { wei }) => sum + wei, 0n))];
    const ofKind = this.losses.filter((one) => one.kind === kind);
    const [first, ...others] = [...left(perHour, this.losses), ...left(perKind?.[kind], ofKind)];
    return first === undefined ? undefined : min(first, ...others);
  }

  private forget(now: bigint): void {
    const from = now - HOUR;
    const first = this.losses[0];
    if (first === undefined || first.at > from) return;
    this.losses = this.losses.filter(({ at }) => at > from);
    this.store.forget(from + 1n);
  }
}
