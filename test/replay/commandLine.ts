import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { replayCommand } from "../../scripts/replay/command";

const CLI = join(__dirname, "../../scripts/replay/cli.ts");

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A process and what it has said so far. */
export interface Running {
  child: ChildProcess;
  stdout: string;
  stderr: string;
  ended: Promise<Ended>;
}

/** `npm run replay -- ARGS`, without npm between, so that signals reach it. */
export const start = (args: readonly string[]): Running =>
  watch(spawn(process.execPath, ["--import", "tsx", CLI, ...args], { stdio: ["ignore", "pipe", "pipe"] }));

export function watch(child: ChildProcess): Running {
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject).on("close", (code) => {
      resolve({ code, stdout: running.stdout, stderr: running.stderr });
    });
  });
  const running = { child, stdout: "", stderr: "", ended };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (running.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (running.stderr += text));
  return running;
}

/** The same in this process: to load the program takes seconds, to refuse an input none. One at a time. */
export async function runHere(args: readonly string[]): Promise<Ended> {
  const text = { stdout: "", stderr: "" };
  const streams = ["stdout", "stderr"] as const;
  const writes = streams.map((name) => process[name].write.bind(process[name]));
  for (const name of streams) {
    process[name].write = (chunk: string | Uint8Array) => {
      text[name] += chunk.toString();
      return true;
    };
  }
  try {
    return { code: await replayCommand(args), ...text };
  } finally {
    streams.forEach((name, i) => (process[name].write = writes[i]!));
  }
}

/** A process' children, theirs, and so on: each engine runs in a process of its own with a chain of its own. */
export function descendantsOf(pid: number): number[] {
  const list = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).stdout.trim().split("\n");
  const pairs = list.map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.flatMap(([child, its]) => (child !== undefined && its === parent ? [child, ...below(child)] : []));
  return below(pid);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
