import { z } from "zod";

import type { RpcReply, RpcRequest } from "./rpc";

const errorSchema = z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() });
const batchSchema = z.array(
  z.object({ id: z.number(), result: z.unknown().optional(), error: errorSchema.optional() }),
);
const refusalSchema = z.object({ error: z.object({ message: z.string() }) });

/** A batch as it is sent; its requests' ids count up from `firstId`. */
export function encodeBatch(requests: readonly RpcRequest[], firstId: number): string {
  return JSON.stringify(requests.map(({ method, params }, i) => ({ jsonrpc: "2.0", id: firstId + i, method, params })));
}

/**
 * The replies in the order of the requests.
 * @param answer What the node answered, parsed as JSON.
 * @returns Or what was wrong with the answer, in words that go on from "No answer from the node: ".
 */
export function decodeBatch(answer: unknown, requests: readonly RpcRequest[], firstId: number): RpcReply[] | string {
  const answers = batchSchema.safeParse(answer);
  if (!answers.success) {
    const refusal = refusalSchema.safeParse(answer);
    return refusal.success
      ? `it refused the batch (${refusal.data.error.message})`
      : "it did not answer as a JSON-RPC batch";
  }
  const byId = new Map(answers.data.map((one) => [one.id, one]));
  const replies: RpcReply[] = [];
  for (const [i, { method }] of requests.entries()) {
    const one = byId.get(firstId + i);
    if (one === undefined || (one.error === undefined && one.result === undefined))
      return `it left ${method} unanswered`;
    if (one.error === undefined) replies.push({ ok: true, result: one.result });
    else {
      const { code, message, data } = one.error;
      replies.push({ ok: false, error: { code, message, data: typeof data === "string" ? data : undefined } });
    }
  }
  return replies;
}

/** Undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
