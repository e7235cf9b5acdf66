import { seededRandom, type Random } from "../../scripts/replay/random";

const STEPS = 2n ** 32n;

/** A seeded stream of the draws that the action sequences need. */
export class Draws {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed, "model");
  }

  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean {
    return this.random.uniform() * 100 < percent;
  }

  between(low: bigint, high: bigint): bigint {
    return low + ((high - low + 1n) * BigInt(Math.floor(this.random.uniform() * Number(STEPS)))) / STEPS;
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random.uniform() * values.length)]!;
  }

  /** Any part of a whole; often all of it, sometimes next to nothing or more than there is. */
  part(whole: bigint): bigint {
    return this.pick([
      whole,
      whole / 2n,
      this.between(0n, whole),
      this.between(0n, whole),
      this.between(0n, 3n),
      whole + this.between(0n, whole / 10n + 1n),
    ]);
  }
}
