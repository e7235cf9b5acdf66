import { spawn } from "node:child_process";

/** How a process ended, and what it printed. */
export interface End {
  code: number | null;
  out: string;
  err: string;
}

/** Hardhat's first account's key; anybody knows it. */
export const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/**
 * Runs the keeper's command line as a process of its own.
 * @param options.until Ends it by SIGTERM as soon as its output says so.
 */
export function keeper(
  args: readonly string[],
  env: Readonly<Record<string, string>> = { KEEPER_PRIVATE_KEY: KEY },
  { until, node = [] }: { until?: (out: string) => boolean; node?: string[] } = {},
): Promise<End> {
  const child = spawn(process.execPath, [...node, "--import", "tsx", "scripts/keeper/cli.ts", ...args], {
    env: { PATH: process.env["PATH"], ...env },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
    if (until?.(out) === true) child.kill("SIGTERM");
  });
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, out, err }));
  });
}
