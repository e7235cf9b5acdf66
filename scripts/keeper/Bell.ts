/** Lets one loop wait for a time, or until it is rung. */
export class Bell {
  private isRung = false;
  private answer: (() => void) | undefined;

  /** Ends the wait; without one, the next wait ends at once. */
  ring(): void {
    this.isRung = true;
    this.answer?.();
  }

  /** @returns True where it was rung since the last wait. */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.isRung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, ms);
        this.answer = done;
        signal.addEventListener("abort", done);
        function done(): void {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        }
      });
    }
    const wasRung = this.isRung;
    this.isRung = false;
    this.answer = undefined;
    return wasRung;
  }
}
