import type { Position } from "./position";

/** The block that a checkpoint is of, and whose redemptions may wait then. */
export interface CheckpointHead {
  block: number;
  hash: string;
  controllers: string[];
}

/** What a new checkpoint changes of the one before. */
export interface CheckpointChange extends CheckpointHead {
  /** True where `positions` are all that there are; the checkpoint before counts for nothing then. */
  whole: boolean;
  /** How many positions there are in all. */
  count: number;
  /** Those that have changed, as of the block; those that hold and owe nothing are gone. Owners in lower case. */
  positions: Iterable<Position>;
}

/** Where checkpoints of the book are kept. What is read is one of them, whole, whatever happened while one was written. */
export interface Checkpoints {
  /** The last checkpoint's block, if there is one. */
  loadCheckpoint(): CheckpointHead | undefined;
  /**
   * Gives out the last checkpoint's positions, a few at a time.
   * @returns False where they are not what was written; none of them counts then.
   */
  loadPositions(take: (positions: readonly Position[]) => void): Promise<boolean>;
  /** Writes a few positions at a time. @returns False where that was not possible; the last checkpoint still counts. */
  saveCheckpoint(change: CheckpointChange): Promise<boolean>;
}
