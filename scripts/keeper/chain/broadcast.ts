import { setTimeout as sleep } from "node:timers/promises";

import { SpillwayError } from "../../lib";
import { type Askable, noAnswer } from "./failover";
import type { Judged } from "./Node";
import type { RpcReply, RpcRequest } from "./rpc";

/** Once a node has answered, the others get this long to take what it did not. */
const GRACE_MS = 300;

/**
 * Gives transactions to all nodes at once, which is as good as to one: a transaction has one hash and one nonce. It is
 * taken where one node took it, and refused only where all did; the reason is that of the first node which had one.
 * @param nodes Those that do best first.
 * @throws SpillwayError `RPC_UNREACHABLE`, `WRONG_CHAIN`, where no node answered.
 */
export async function broadcast(requests: readonly RpcRequest[], nodes: readonly Askable[]): Promise<RpcReply[]> {
  const heard: (readonly Judged[] | undefined)[] = nodes.map(() => undefined);
  const failures: SpillwayError[] = [];
  const running = new Set<Promise<void>>();
  for (const [i, node] of nodes.entries()) {
    const asked = node
      .ask(requests)
      .then((judged) => void (heard[i] = judged))
      .catch((error: unknown) => {
        if (!(error instanceof SpillwayError)) throw error;
        failures.push(error);
      })
      .finally(() => running.delete(asked));
    running.add(asked);
  }

  const isTaken = (place: number): boolean => heard.some((judged) => took(judged?.[place]));
  const isDone = (): boolean => requests.every((_, place) => isTaken(place));
  const hasAnswer = (): boolean => heard.some((judged) => judged?.every(({ verdict }) => verdict === "answer"));
  while (running.size > 0 && !isDone() && !hasAnswer()) await Promise.race(running);
  if (running.size > 0 && !isDone()) {
    const timer = new AbortController();
    const late = sleep(GRACE_MS, "late", { signal: timer.signal }).catch(() => "late"); // nobody waits for it any more
    while (running.size > 0 && !isDone()) if ((await Promise.race([...running, late])) === "late") break;
    timer.abort();
  }

  return requests.map((_, place) => {
    const replies = heard.flatMap((judged) => judged?.[place] ?? []);
    const best =
      replies.find(took) ??
      replies.find(({ verdict }) => verdict === "answer") ??
      replies.find(({ reply }) => !reply.ok);
    if (best === undefined) throw noAnswer(failures);
    return best.reply;
  });
}

function took(judged: Judged | undefined): boolean {
  if (judged?.verdict !== "answer") return false;
  return judged.reply.ok || /already (known|imported)/i.test(judged.reply.error.message);
}
