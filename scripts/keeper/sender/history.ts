import { z } from "zod";

import { type RpcReply, type RpcRequest, toHex } from "../chain/rpc";
import type { Mark } from "./pending";

/**
 * How the chain stands to the one of an earlier run: `same`; `behind`, the node hasn't got as far, or the chain went
 * back; `other`, it has other blocks, as a dev chain that was restarted, or a reorganised one.
 */
export type History = "same" | "behind" | "other";

const blockSchema = z.object({ hash: z.string() });

/** Asks for the blocks of an account's first and last mark. */
export function historyRequests({ first, last }: { first: Mark; last: Mark }): RpcRequest[] {
  return [first, last].map(({ block }) => ({ method: "eth_getBlockByNumber", params: [toHex(block), false] }));
}

/** @param replies Those to {@link historyRequests}. */
export function historyOf(
  { first, last }: { first: Mark; last: Mark },
  replies: readonly (RpcReply | undefined)[],
  head: number,
): History {
  const [atFirst, atLast] = replies.map((reply) =>
    reply?.ok === true ? blockSchema.safeParse(reply.result).data?.hash : undefined,
  );
  if (atFirst !== undefined && atFirst !== first.hash) return "other";
  if (atLast !== undefined) return atLast === last.hash ? "same" : "other";
  // a node that prunes old blocks still has those of which it is ahead
  return head < last.block ? "behind" : "same";
}
