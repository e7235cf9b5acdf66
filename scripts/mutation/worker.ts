// A process of its own that judges one mutant after the other, with Hardhat and the compiler loaded once.
import { baseline, judge } from "./judge";
import { type Mutant } from "./mutant";
import { type Verdict } from "./verdict";

export type Task = { baseline: string[] } | { mutant: Mutant };
export type Answer = { held: true } | { verdict: Verdict } | { error: string };

async function answer(task: Task): Promise<Answer> {
  if ("mutant" in task) return { verdict: await judge(task.mutant) };
  await baseline(task.baseline);
  return { held: true };
}

process.on("message", (task: Task) => {
  answer(task).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());
