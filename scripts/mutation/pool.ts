import { type ChildProcess, fork } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { end, endWithUs } from "../lib";
import { PATIENCE } from "./patience";
import { type Answer, type Task } from "./worker";

/** A mutant that has no verdict by then hangs. */
const LIMIT_MS = 300_000 * PATIENCE;
/** A mutant whose worker takes more memory than this hangs as well. */
const MOST_BYTES = 6e9;
/** The compiler's memory grows; after so many tasks a worker is replaced. */
const TASKS_PER_WORKER = 200;

/** Hands the tasks to `jobs` processes and each answer to `onAnswer`; "hung" for one that gave none in time. The first error ends all. */
export async function runAll<T extends Task>(
  tasks: T[],
  jobs: number,
  onAnswer: (task: T, answer: Answer | "hung") => void,
): Promise<void> {
  const waiting = tasks.values();
  let failed = false;
  const work = async (): Promise<void> => {
    let child: ChildProcess | undefined;
    let count = 0;
    try {
      for (const task of waiting) {
        if (failed) break;
        child ??= start();
        const answer = await ask(child, task);
        if (runsOn(answer) || ++count % TASKS_PER_WORKER === 0) {
          await end(child);
          child = undefined;
        }
        onAnswer(task, answer);
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      if (child !== undefined) await end(child);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

/** Whether what the worker did last may still be at it: a test that took too long is not ended by that. */
const runsOn = (answer: Answer | "hung"): boolean =>
  answer === "hung" || ("verdict" in answer && answer.verdict.status === "timeout");

function start(): ChildProcess {
  const child = fork(join(__dirname, "worker.ts"), { execArgv: process.execArgv });
  endWithUs(child);
  return child;
}

/** Rejects when the process dies of something else than the mutant: that says nothing about it. */
function ask(child: ChildProcess, task: Task): Promise<Answer | "hung"> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      clearInterval(watch);
      child.removeAllListeners("message");
      child.off("exit", onExit);
    };
    const onExit = (code: number | null): void => {
      settle();
      reject(new Error(`a worker died (exit code ${code ?? "none"}) at ${JSON.stringify(task)}`));
    };
    const timer = setTimeout(() => {
      settle();
      resolve("hung");
    }, LIMIT_MS);
    // one that calls itself without end fills the memory within seconds, and keeps the worker too busy to see it
    const watch = setInterval(() => {
      if (residentBytes(child) < MOST_BYTES) return;
      settle();
      resolve("hung");
    }, 200);
    child.once("exit", onExit);
    child.once("message", (answer: Answer) => {
      settle();
      resolve(answer);
    });
    child.send(task);
  });
}

/** What a process holds in memory; 0 where there is no /proc to ask. */
function residentBytes({ pid }: ChildProcess): number {
  const path = `/proc/${pid}/statm`;
  if (pid === undefined || !existsSync(path)) return 0;
  return Number(readFileSync(path, "utf8").split(" ")[1]) * 4096;
}
