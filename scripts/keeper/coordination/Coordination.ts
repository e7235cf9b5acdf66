import type { Plan } from "../plan";

/** How a job ended, and the block whose state shows it. `unable`: this keeper can't do it now, another may. */
export interface Ending {
  result: "mined" | "reverted" | "lost" | "refused" | "unable";
  block: number;
}

/**
 * Sees to it that of all keepers of one operator only one does a job. A keeper publishes each block's plan, takes its
 * share of it, claims each job before it sends it, and releases the job once it is done or given up.
 */
export interface Coordination {
  /** Gives a block's plan to those who carry it out. Does nothing where that is another keeper's part. */
  publish(plan: Plan): Promise<void>;
  /**
   * Picks what this keeper is to carry out of its own plan, now.
   * @returns The plan with the decisions that are this keeper's to claim, or claimed by it, in the same order.
   */
  take(plan: Plan): Promise<Plan>;
  /** True when the job is now the caller's; false when somebody is at it. */
  claim(job: string): Promise<boolean>;
  /** Lets go of a job. @param ending Left out where nothing came of it. */
  release(job: string, ending?: Ending): Promise<void>;
}

/** For a keeper on its own: it carries out its plan at once, and only has to keep out of its own way. */
export class InProcessCoordination implements Coordination {
  private readonly claimed = new Set<string>();

  async publish(): Promise<void> {
    // its own plan needs no publishing
  }

  async take(plan: Plan): Promise<Plan> {
    return plan;
  }

  async claim(job: string): Promise<boolean> {
    if (this.claimed.has(job)) return false;
    this.claimed.add(job);
    return true;
  }

  async release(job: string): Promise<void> {
    this.claimed.delete(job);
  }
}
