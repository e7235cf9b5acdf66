import { SpillwayError } from "../../lib";

export interface RpcRequest {
  method: string;
  params: readonly unknown[];
  /** Whether a result is one that can be used, where its asker can tell; one that isn't is asked for elsewhere. */
  accepts?: (result: unknown) => boolean;
}

/** An error that the node answered with; `data` is what a call reverted with, where the node tells. */
export interface RpcFailure {
  code: number;
  message: string;
  data?: string | undefined;
}

export type RpcReply = { ok: true; result: unknown } | { ok: false; error: RpcFailure };

/** A JSON-RPC node. */
export interface Rpc {
  /**
   * Sends all requests in one round trip; the replies are in the order of the requests.
   * @throws SpillwayError `RPC_UNREACHABLE` when there is no answer at all.
   */
  batch(requests: readonly RpcRequest[]): Promise<RpcReply[]>;
}

/** A reply's result. @throws SpillwayError `RPC_ERROR` where the node answered with an error. */
export function unwrap(reply: RpcReply | undefined, what: string): unknown {
  if (reply === undefined) throw new SpillwayError("RPC_ERROR", `The node gave no answer to ${what}.`);
  if (!reply.ok) throw new SpillwayError("RPC_ERROR", `${what} failed: ${reply.error.message}`);
  return reply.result;
}

/** A reply that must be a hex string. @throws SpillwayError `RPC_ERROR`. */
export function unwrapHex(reply: RpcReply | undefined, what: string): string {
  const result = unwrap(reply, what);
  if (typeof result !== "string" || !result.startsWith("0x")) {
    throw new SpillwayError("RPC_ERROR", `${what} should have answered in hex but did with ${JSON.stringify(result)}.`);
  }
  return result;
}

export function toHex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

export function ethCall(to: string, data: string, block: number): RpcRequest {
  return { method: "eth_call", params: [{ to, data }, toHex(block)] };
}
