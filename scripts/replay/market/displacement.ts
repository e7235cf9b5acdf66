/**
 * What forced sales have done to the outside price: a distance in logarithms that fades with a half-life. This is the
 * loop under test: the share of a sale's move that stays is in the price that the feed reports next.
 */
export class Displacement {
  private log = 0;

  constructor(private readonly options: { persistentShare: number; halfLifeSeconds: number }) {}

  /** What the outside price is multiplied with. */
  get factor(): number {
    return Math.exp(this.log);
  }

  /** Lets time pass. */
  fade(seconds: number): void {
    this.log *= 2 ** (-seconds / this.options.halfLifeSeconds);
  }

  /** Takes in that forced sales moved the pool from one price to another. */
  add(before: number, after: number): void {
    this.log += this.options.persistentShare * Math.log(after / before);
  }
}
