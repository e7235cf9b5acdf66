import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

import { end, endWithUs } from "../children";
import { type Answer, type Task } from "./worker";

/** A mutant that has no verdict by then hangs. */
const LIMIT_MS = 300_000;
/** The compiler's memory grows; after so many tasks a worker is replaced. */
const TASKS_PER_WORKER = 200;

/** Hands the tasks to `jobs` processes and each answer to `onAnswer`; undefined for one that hung or whose process died. */
export async function runAll<T extends Task>(
  tasks: T[],
  jobs: number,
  onAnswer: (task: T, answer: Answer | undefined) => void,
): Promise<void> {
  const waiting = tasks.values();
  const work = async (): Promise<void> => {
    let child: ChildProcess | undefined;
    let count = 0;
    for (const task of waiting) {
      child ??= start();
      const answer = await ask(child, task);
      if (answer === undefined || ++count % TASKS_PER_WORKER === 0) {
        await end(child);
        child = undefined;
      }
      onAnswer(task, answer);
    }
    if (child !== undefined) await end(child);
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

function start(): ChildProcess {
  const child = fork(join(__dirname, "worker.ts"), { execArgv: process.execArgv });
  endWithUs(child);
  return child;
}

function ask(child: ChildProcess, task: Task): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const finish = (answer: Answer | undefined): void => {
      clearTimeout(timer);
      child.removeAllListeners("message");
      child.off("exit", onExit);
      resolve(answer);
    };
    const onExit = (): void => {
      finish(undefined);
    };
    const timer = setTimeout(onExit, LIMIT_MS);
    child.once("exit", onExit);
    child.once("message", (answer: Answer) => {
      finish(answer);
    });
    child.send(task);
  });
}
