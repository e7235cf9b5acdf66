import { UNDO_BLOCKS } from "./Book";

/** What is known of a controller's request. */
interface Known {
  /** Block in which it last changed. */
  block: number;
  /** When its cooldown ends, seconds; 0 while that was not read. */
  readyAt: bigint;
}

/** Whose redemptions from the buffer may wait for fulfilment. */
export class Requests {
  private readonly known = new Map<string, Known>();

  /** A request changed at `block`, or a checkpoint knows of one. */
  add(controller: string, block: number): void {
    // at the end, behind those that wait for longer
    this.known.delete(controller);
    this.known.set(controller, { block, readyAt: 0n });
  }

  /** Up to `most` controllers whose cooldown is over, or not known; the next ones in turn. */
  due(now: bigint, most: number): string[] {
    const due = [...this.known].filter(([, { readyAt }]) => readyAt <= now).slice(0, most);
    for (const [controller, known] of due) {
      this.known.delete(controller);
      this.known.set(controller, known);
    }
    return due.map(([controller]) => controller);
  }

  /** What was read of a request at block `head`. One without shares is forgotten once no reorganisation can bring it back. */
  note(controller: string, shares: bigint, readyAt: bigint, head: number): void {
    const known = this.known.get(controller);
    if (known === undefined) return;
    if (shares === 0n && head - known.block >= UNDO_BLOCKS) this.known.delete(controller);
    else known.readyAt = readyAt;
  }

  /** After a reorganisation nothing that was read counts. */
  recheck(): void {
    for (const known of this.known.values()) known.readyAt = 0n;
  }

  controllers(): string[] {
    return [...this.known.keys()];
  }

  clear(): void {
    this.known.clear();
  }
}
