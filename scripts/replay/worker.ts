// Runs one job for `jobs.ts` and ends.
import { SpillwayError } from "../lib";
import { reconstructMainnet } from "./chain/reconstruct";
import { runEngine } from "./engineRun";
import { findEngine } from "./engines";
import type { Job, WorkerMessage } from "./jobs";

function tell(message: WorkerMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

async function run({ engine, options }: Job): Promise<void> {
  let last = Promise.resolve();
  const onStep = (): void => {
    last = tell({ kind: "step" });
  };
  try {
    const mainnet = options.fork ? undefined : await reconstructMainnet(options.start - 86_400);
    try {
      const fork = options.fork ?? { url: mainnet?.url ?? "" };
      const result = await runEngine(findEngine(engine), { ...options, fork, onStep });
      await last;
      await tell({ kind: "done", run: result });
    } finally {
      await mainnet?.stop();
    }
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const code = error instanceof SpillwayError ? error.code : "INTERNAL";
    await tell({ kind: "failed", code, message, ...(stack !== undefined && { stack }) });
  }
  process.disconnect();
}

// without whom we work there is nothing to do; ends the chain too
process.on("disconnect", () => process.exit(0));
process.once("message", (job: Job) => {
  void run(job);
});
