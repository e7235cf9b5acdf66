import type { Block } from "../chain/block";
import { isUnderpaid } from "./fees";
import type { Mark, Pending, PendingStore } from "./pending";

/** After so many blocks a transaction that was mined is not undone any more, and its record goes. */
const FINAL_BLOCKS = 64;
/** A mark is set anew after so many blocks, though the nonce is the same. */
const MARK_BLOCKS = 32;

/**
 * One account's nonces: which transaction waits with each, which were mined but may be undone, and which are free.
 * Whatever changes is in the store before the node hears of it.
 */
export class PendingQueue {
  private readonly records = new Map<number, Pending>();
  private next = 0;
  private mark: Mark | undefined;

  constructor(
    private readonly account: string,
    private readonly store: PendingStore,
  ) {}

  /** The next nonce by the chain's count. */
  get nonce(): number {
    return this.next;
  }

  /** What waits to be mined, by nonce. */
  get waiting(): Pending[] {
    return this.all().filter(({ settled }) => settled === undefined);
  }

  /** What waits, and what was mined and may be undone, by nonce. */
  all(): Pending[] {
    return [...this.records.values()].sort((a, b) => a.nonce - b.nonce);
  }

  at(nonce: number): Pending | undefined {
    return this.records.get(nonce);
  }

  /** Takes up what an earlier run left. */
  load(): void {
    for (const pending of this.store.load(this.account)) this.records.set(pending.nonce, pending);
    this.mark = this.store.marks(this.account)?.last;
  }

  /** Adds or replaces, on disk as well. */
  put(...pending: readonly Pending[]): void {
    if (pending.length === 0) return;
    this.store.save(this.account, pending);
    for (const one of pending) this.records.set(one.nonce, one);
  }

  forget(nonces: readonly number[]): void {
    if (nonces.length === 0) return;
    this.store.remove(this.account, nonces);
    for (const nonce of nonces) this.records.delete(nonce);
  }

  /** Takes the chain's count. */
  count(nonce: number): void {
    this.next = nonce;
  }

  /** Marks where the account stands on this chain, and lets go of what is final. */
  note(block: Block): void {
    const { mark, next } = this;
    if (mark?.nonce !== next || block.number >= mark.block + MARK_BLOCKS || block.number < mark.block) {
      this.mark = { nonce: next, block: block.number, hash: block.hash };
      this.store.setMark(this.account, this.mark);
    }
    const final = this.all().filter(({ settled }) => (settled?.block ?? block.number) + FINAL_BLOCKS < block.number);
    this.forget(final.map(({ nonce }) => nonce));
  }

  /** On another chain than an earlier run's: only what follows on the chain's count without a gap can be of use. */
  startAnew(nonce: number): void {
    this.store.clearMarks(this.account);
    this.mark = undefined;
    let free = nonce;
    while (this.records.has(free)) free++;
    this.forget([...this.records.keys()].filter((one) => one < nonce || one > free));
  }

  /** The lowest nonces that nothing waits with, one for each transaction to be made. */
  freeNonces(many: number): number[] {
    const free: number[] = [];
    for (let nonce = this.next; free.length < many; nonce++) {
      if (!this.records.has(nonce)) free.push(nonce);
    }
    return free;
  }

  /** Nonces that nothing waits with although something waits behind them. */
  gaps(): number[] {
    const highest = this.waiting.at(-1)?.nonce ?? 0;
    const gaps: number[] = [];
    for (let nonce = this.next; nonce < highest; nonce++) if (!this.records.has(nonce)) gaps.push(nonce);
    return gaps;
  }

  /**
   * What has waited too long and by its own fault: the next to be mined, or one whose fee the base fee has outgrown. The
   * others only wait for the one before.
   */
  stuck(block: Block, stuckBlocks: number): Pending[] {
    return this.waiting.filter(
      ({ nonce, sentAt, fees }) =>
        block.number - sentAt >= stuckBlocks && (nonce === this.next || isUnderpaid(fees, block.baseFeePerGas)),
    );
  }
}
