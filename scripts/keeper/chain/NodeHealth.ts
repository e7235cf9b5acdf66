/** How many of the last latencies count. */
const WINDOW = 64;
/** How long a failure weighs: it has lost two thirds of its weight after this. */
const MEMORY_MS = 60_000;
/** A node that takes this long gets half the score of one that takes no time. */
const HALF_SCORE_MS = 250;

/** How well a node has done lately. */
export class NodeHealth {
  /** Since the start. */
  errors = 0;
  private readonly latenciesMs: number[] = [];
  private next = 0;
  /** Failures, as of `weighedMs`; each weighs less as time goes on. */
  private weight = 0;
  private weighedMs = 0;

  answered(latencyMs: number): void {
    this.latenciesMs[this.next] = latencyMs;
    this.next = (this.next + 1) % WINDOW;
  }

  failed(): void {
    this.errors++;
    this.weight = this.weightNow() + 1;
    this.weighedMs = performance.now();
  }

  /** The latency that `share` of the last requests kept below; undefined before there were enough of them to say. */
  latencyMs(share: number, least = 1): number | undefined {
    if (this.latenciesMs.length < least) return undefined;
    const sorted = [...this.latenciesMs].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }

  /** 100 for a node that didn't fail lately and takes no time; half of it for one failure just now. */
  get score(): number {
    return 100 / (1 + this.weightNow()) / (1 + (this.latencyMs(0.5) ?? 0) / HALF_SCORE_MS);
  }

  private weightNow(): number {
    return this.weight * Math.exp((this.weighedMs - performance.now()) / MEMORY_MS);
  }
}
