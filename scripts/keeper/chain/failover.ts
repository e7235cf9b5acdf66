import { setTimeout as sleep } from "node:timers/promises";

import { SpillwayError } from "../../lib";
import type { Judged } from "./Node";
import type { RpcReply, RpcRequest } from "./rpc";

/** A node that can be asked. */
export interface Askable {
  ask(requests: readonly RpcRequest[]): Promise<Judged[]>;
  /** After this long without an answer, the next node is asked too. Undefined for never. */
  hedgeMs: number | undefined;
}

type Tried = { node: Askable; asked: readonly number[] } & ({ judged: Judged[] } | { error: unknown });

/**
 * Asks one node after the other until every request has an answer. What one node answered isn't asked for again; what it
 * refused, or answered with garbage, is. A slow node's successor is asked as well, and the first answer counts.
 * @returns The answers; what no node had one for has the last error a node gave.
 * @throws SpillwayError `RPC_UNREACHABLE`, or `WRONG_CHAIN` where all nodes are on another chain.
 */
export async function askInTurn(requests: readonly RpcRequest[], nodes: readonly Askable[]): Promise<RpcReply[]> {
  const answers = new Map<number, RpcReply>();
  const errors = new Map<number, RpcReply>();
  const failures: SpillwayError[] = [];
  const running = new Map<Askable, Promise<Tried>>();
  let next = 0;

  for (;;) {
    const node = nodes[next];
    if (node !== undefined) {
      next++;
      running.set(node, tryAt(node, requests, unanswered(requests, answers)));
    }
    if (running.size === 0) break;

    const tried = await firstOf(running.values(), next < nodes.length ? nodes[next - 1]?.hedgeMs : undefined);
    if (tried === undefined) continue; // slow
    running.delete(tried.node);
    if ("error" in tried) {
      if (!(tried.error instanceof SpillwayError)) throw tried.error;
      failures.push(tried.error);
    } else {
      tried.judged.forEach(({ reply, verdict }, i) => {
        const place = tried.asked[i] ?? -1;
        if (verdict !== "answer") errors.set(place, reply);
        else if (!answers.has(place)) answers.set(place, reply);
      });
    }
    if (answers.size === requests.length) break;
  }

  return requests.map((_, i) => {
    const reply = answers.get(i) ?? errors.get(i);
    if (reply === undefined) throw noAnswer(failures);
    return reply;
  });
}

/** One error for all nodes' trouble. */
export function noAnswer(failures: readonly SpillwayError[]): SpillwayError {
  const [first] = failures;
  if (first === undefined)
    return new SpillwayError("RPC_UNREACHABLE", "No node can be asked; give at least one --rpc.");
  if (failures.length === 1 || failures.every(({ code }) => code === "WRONG_CHAIN")) return first;
  const words = [...new Set(failures.map(({ message }) => message))].join(" ");
  return new SpillwayError("RPC_UNREACHABLE", words, { cause: first });
}

async function tryAt(node: Askable, requests: readonly RpcRequest[], asked: readonly number[]): Promise<Tried> {
  try {
    return { node, asked, judged: await node.ask(asked.flatMap((i) => requests[i] ?? [])) };
  } catch (error) {
    return { node, asked, error };
  }
}

function unanswered(requests: readonly RpcRequest[], answers: ReadonlyMap<number, RpcReply>): number[] {
  return [...requests.keys()].filter((i) => !answers.has(i));
}

/** The first to be done; undefined where none is in time. */
async function firstOf<T>(running: Iterable<Promise<T>>, withinMs: number | undefined): Promise<T | undefined> {
  if (withinMs === undefined) return Promise.race(running);
  const timer = new AbortController();
  const late = sleep(withinMs, undefined, { signal: timer.signal }).catch(() => undefined); // nobody waits for it any more
  try {
    return await Promise.race([...running, late]);
  } finally {
    timer.abort();
  }
}
