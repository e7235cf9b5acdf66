import { type ChildProcess } from "node:child_process";

const running = new Map<ChildProcess, NodeJS.Signals>();
let watching = false;

/**
 * Sees to it that the child ends with this process, however this process ends (short of SIGKILL).
 * @param by SIGTERM for one that has children of its own to end.
 */
export function endWithUs(child: ChildProcess, by: "SIGKILL" | "SIGTERM" = "SIGKILL"): void {
  running.set(child, by);
  child.once("exit", () => running.delete(child));
  if (watching) return;
  watching = true;
  process.once("exit", killAll);
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.once(signal, () => process.exit(code));
  }
}

/** Ends one child and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

function killAll(): void {
  for (const [child, signal] of running) child.kill(signal);
}
