import { SingleBar } from "cli-progress";

/** Shows how far something is, counted in `unit`, on standard error: a bar on a terminal, elsewhere a line for each tenth. */
export function showProgress(unit = "steps"): { update: (done: number, total: number) => void; stop: () => void } {
  if (process.stderr.isTTY) {
    const bar = new SingleBar({
      format: `{bar} {percentage} % | {value} of {total} ${unit} | {eta_formatted} left`,
      stream: process.stderr,
    });
    let started = false;
    return {
      update: (done, total) => {
        if (!started) bar.start(total, 0);
        started = true;
        bar.update(done);
      },
      stop: () => {
        bar.stop();
      },
    };
  }
  let tenths = 0;
  return {
    update: (done, total) => {
      const now = Math.floor((10 * done) / total);
      if (now > tenths) process.stderr.write(`${now * 10} % of ${total} ${unit}\n`);
      tenths = now;
    },
    stop: () => undefined,
  };
}
