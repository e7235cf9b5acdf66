import type { Checkpoints } from "../book/checkpoint";
import type { Opportunity } from "../explain/opportunity";
import type { SenderStore } from "../sender/services";
import type { Since } from "./OpportunityTable";

/**
 * What the keeper keeps over a restart: its book, what its sender must remember, and what others took. Nothing here throws because the
 * disk is full or broken: the keeper works on without, and `trouble` says so.
 */
export interface Store extends Checkpoints, SenderStore {
  /** Why what was written last is not safe; undefined while all is well. */
  readonly trouble: string | undefined;
  addOpportunities(opportunities: readonly Opportunity[]): void;
  /** What others took, in the order of the chain; all of it without `since`. */
  opportunities(since?: Since): Opportunity[];
  close(): void;
}
