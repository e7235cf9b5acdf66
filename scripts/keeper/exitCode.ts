import { type ErrorCode, SpillwayError } from "../lib";

/** What the command line ends with. */
export const EXIT = { ok: 0, bug: 1, mend: 2, tryAgain: 3 } as const;

const MAY_PASS: ReadonlySet<ErrorCode> = new Set([
  "RPC_UNREACHABLE",
  "RPC_ERROR",
  "REDIS_UNREACHABLE",
  "SIGNER_UNREACHABLE",
]);

/** Whether the same may go well if it is tried again, with nothing mended. */
export function mayPass(error: unknown): error is SpillwayError {
  return error instanceof SpillwayError && MAY_PASS.has(error.code);
}

/** 2 for what must be mended first, 3 for what may pass if tried again, 1 for bugs. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof SpillwayError) || error.code === "INTERNAL") return EXIT.bug;
  return mayPass(error) ? EXIT.tryAgain : EXIT.mend;
}

/** One line with a code for what is the operator's to mend; the whole stack of a bug. Neither follows `cause`, which may name a URL. */
export function explain(error: unknown): string {
  if (exitCodeOf(error) !== EXIT.bug && error instanceof SpillwayError) {
    return `error: ${error.message.replaceAll("\n", " ")} (${error.code})`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error: this is a bug of the keeper, please report it: ${stack} (INTERNAL)`;
}
