/** When a price feed speaks: see `feed` of a scenario. */
export interface FeedRules {
  deviationPct: number;
  heartbeatSeconds: number;
  delaySeconds: number;
}

/**
 * Watches the market price once a step and says what is to be published when. What is seen at one step is on chain at
 * the first step `delaySeconds` later, and never at the step at which it was seen.
 */
export class FeedRule {
  private readonly due: { price: number; at: number }[] = [];
  private seen: number;
  private seenAt: number;

  constructor(
    private readonly rules: FeedRules,
    price: number,
    time: number,
  ) {
    this.seen = price;
    this.seenAt = time;
  }

  /** The price to publish at this step, if any is due; of several the latest. `extraDelay` in seconds. */
  step(time: number, market: number, extraDelay: number): number | undefined {
    let published: number | undefined;
    while (this.due[0] && this.due[0].at <= time) published = this.due.shift()?.price;
    const moved = Math.abs(market / this.seen - 1) * 100 >= this.rules.deviationPct;
    if (moved || time - this.seenAt >= this.rules.heartbeatSeconds) {
      const after = this.due.at(-1)?.at ?? 0;
      this.due.push({ price: market, at: Math.max(time + this.rules.delaySeconds + extraDelay, after) });
      this.seen = market;
      this.seenAt = time;
    }
    return published;
  }
}
