import type { Checkpoints } from "../book/checkpoint";
import type { Taken } from "../book/events";

/** Work that somebody else did, and why the keeper did not. Amounts in smallest units. */
export interface MissedWork extends Taken {
  block: number;
  reason: string;
}

/**
 * What the keeper keeps over a restart: its book, its nonce floor, and what it missed. Nothing here throws because the disk
 * is full or broken: the keeper works on without, and `trouble` says so.
 */
export interface Store extends Checkpoints {
  /** Why what was written last is not safe; undefined while all is well. */
  readonly trouble: string | undefined;
  /** The lowest nonce that may still be used; a node that lags behind is not believed below it. */
  nonceFloor: number;
  addMissed(missed: MissedWork): void;
  /** Everything missed, oldest first. */
  missed(): MissedWork[];
  close(): void;
}
