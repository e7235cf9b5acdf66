import { MultiBar, type SingleBar } from "cli-progress";
import type { RunProgress } from "./run";

/** A line for each job on standard error: a bar on a terminal, elsewhere one when it has begun, for each quarter, and its end. */
export function showJobs(): {
  update: (scenario: string, run: RunProgress) => void;
  say: (text: string) => void;
  stop: () => void;
} {
  const nameOf = (scenario: string, { engine, impact }: RunProgress): string =>
    `${scenario}, ${engine}${impact ? "" : ", no price impact"}`;
  if (process.stderr.isTTY) {
    const bars = new MultiBar({
      format: "{bar} {percentage} % | {name}",
      stream: process.stderr,
      clearOnComplete: false,
    });
    const shown = new Map<string, SingleBar>();
    return {
      update: (scenario, run) => {
        const name = nameOf(scenario, run);
        const bar = shown.get(name) ?? bars.create(run.steps, 0, { name });
        shown.set(name, bar);
        bar.update(run.done);
      },
      say: (text) => {
        bars.log(`${text}\n`);
      },
      stop: () => {
        bars.stop();
      },
    };
  }
  return {
    update: (scenario, run) => {
      const { done, steps } = run;
      const quarter = Math.floor((4 * done) / steps);
      if (done > 1 && quarter === Math.floor((4 * (done - 1)) / steps)) return;
      process.stderr.write(
        `${nameOf(scenario, run)}: ${done === steps ? "done" : `${quarter * 25} %`} of ${steps} steps\n`,
      );
    },
    say: (text) => {
      process.stderr.write(`${text}\n`);
    },
    stop: () => undefined,
  };
}
