import { readFileSync } from "node:fs";

import { z } from "zod";

import { type Mutant } from "./mutant";

export const REASONS = "test/mutation/survivors.json";

/**
 * Why a mutant survives, keyed by its text and not its line, so that an edit elsewhere leaves it in place. `equivalent`: no
 * input tells it from the original, but by its gas; not counted. `accepted`: a test is not worth it; counted as survived.
 */
const reason = z.strictObject({
  file: z.string(),
  within: z.string(),
  before: z.string(),
  after: z.string(),
  kind: z.enum(["equivalent", "accepted"]),
  why: z.string(),
});
export type Reason = z.infer<typeof reason>;

const key = ({ file, within, before, after }: Pick<Reason, "file" | "within" | "before" | "after">): string =>
  JSON.stringify([file, within, before, after]);

export function readReasons(path = REASONS): Reason[] {
  return z.array(reason).parse(JSON.parse(readFileSync(path, "utf8")));
}

export function reasonFor(mutant: Mutant, reasons: Reason[]): Reason | undefined {
  return reasons.find((candidate) => key(candidate) === key(mutant));
}

/** Reasons for what no longer is a mutant. */
export function staleReasons(mutants: Mutant[], reasons: Reason[]): Reason[] {
  const keys = new Set(mutants.map(key));
  return reasons.filter((candidate) => !keys.has(key(candidate)));
}
