/**
 * What became of a mutant. Stillborn (doesn't compile) and equivalent (the optimizer makes the same bytecode of it) don't
 * count; a timeout counts as killed.
 */
export type Status = "killed" | "timeout" | "survived" | "stillborn" | "equivalent";

export interface Verdict {
  status: Status;
  /** The test that failed. */
  killer?: { file: string; title: string };
  seconds: number;
}
