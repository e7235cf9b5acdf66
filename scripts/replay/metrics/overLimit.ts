import type { Percentiles } from "../model/result";

/** Where a position stood for a while. LTVs are shares. */
export interface Standing {
  position: number;
  /** Whole tokens of the loan asset. */
  debt: number;
  ltv: number;
  lltv: number;
  seconds: number;
}

/** How far and for how long positions are above their lltv. Statistics only: plain numbers. */
export class OverLimit {
  private highest = 0;
  /** Of each position that was ever above: its debt when it first was, and the seconds for which it was in all. */
  private readonly above = new Map<number, { debt: number; seconds: number }>();

  /** Highest LTV of any position, a share. */
  get worstLtv(): number {
    return this.highest;
  }

  take({ position, debt, ltv, lltv, seconds }: Standing): void {
    this.highest = Math.max(this.highest, ltv);
    if (ltv <= lltv) return;
    const known = this.above.get(position);
    if (known) known.seconds += seconds;
    else this.above.set(position, { debt, seconds });
  }

  /** Minutes above the lltv of the positions that ever were, weighted by debt. */
  minutes(): Percentiles {
    const rising = [...this.above.values()].sort((a, b) => a.seconds - b.seconds);
    const total = rising.reduce((sum, { debt }) => sum + debt, 0);
    const at = (share: number): number => {
      let passed = 0;
      // a hair less, so that a sum's rounding skips no position
      const found = rising.find(({ debt }) => (passed += debt) >= total * share * (1 - 1e-12));
      return (found?.seconds ?? 0) / 60;
    };
    return { p50: at(0.5), p90: at(0.9), p100: at(1) };
  }
}
