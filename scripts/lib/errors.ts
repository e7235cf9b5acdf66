/** What went wrong, for programs to branch on; the message is for people. */
export type ErrorCode =
  | "BAD_INPUT"
  | "BAD_CONFIG"
  | "UNKNOWN_SCENARIO"
  | "UNKNOWN_ENGINE"
  | "BAD_PRICES"
  | "RPC_UNREACHABLE"
  | "RPC_ERROR"
  | "REDIS_UNREACHABLE"
  | "BAD_KEY"
  | "SIGNER_UNREACHABLE"
  | "WRONG_SIGNATURE"
  | "BAD_STORE"
  | "REDIS_DENIED"
  | "FLEET_MISMATCH"
  | "WRONG_CHAIN"
  | "MISSING_CONTRACT"
  | "VENUE_ERROR"
  | "PORT_IN_USE"
  | "STORE_IN_USE"
  | "OUT_NOT_EMPTY"
  | "INTERNAL";

/** The one error class of the TypeScript side. `message` says in one line what was wrong and what to do about it. */
export class SpillwayError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "SpillwayError";
  }
}
