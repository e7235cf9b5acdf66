/** Sees to it that of all keepers of one operator only one does a job. */
export interface Coordination {
  /** True when the job is now the caller's; false when somebody is at it. */
  claim(job: string): Promise<boolean>;
  /** Lets go of a job, done or not. */
  release(job: string): Promise<void>;
}

/** For a keeper on its own: it only has to keep out of its own way. */
export class InProcessCoordination implements Coordination {
  private readonly claimed = new Set<string>();

  async claim(job: string): Promise<boolean> {
    if (this.claimed.has(job)) return false;
    this.claimed.add(job);
    return true;
  }

  async release(job: string): Promise<void> {
    this.claimed.delete(job);
  }
}
