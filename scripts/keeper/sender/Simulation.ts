import { z } from "zod";

import { PRICE_SCALE } from "../../lib";
import type { Block } from "../chain/block";
import { revertReason } from "../chain/contracts";
import { type Rpc, type RpcReply, type RpcRequest, toHex } from "../chain/rpc";
import type { Job } from "./job";

/** A job, and the account that is to send it. */
export interface Call {
  from: string;
  job: Job;
}

/** What a simulation says of a job: what it takes and is worth, or why it would fail. */
export type Verdict = { gas: bigint; worth: bigint | undefined } | { reason: string };

/** A transaction's gas limit is this many times what it is expected to take: what isn't used isn't paid. */
export const LIMIT_TO_GAS = 2n;

const blocksSchema = z.array(
  z.object({
    calls: z.array(
      z.object({
        status: z.string(),
        returnData: z.string().default("0x"),
        error: z.object({ message: z.string(), data: z.string().nullish() }).nullish(),
      }),
    ),
  }),
);

/** What one call came to. `data` is what it returned, or reverted with. */
interface Ran {
  ok: boolean;
  data: string;
  message: string;
}

/**
 * Runs transactions on a block's state before they are sent. Where the node has `eth_simulateV1`, all of ours run in the
 * order in which they will be mined, so that one that closes another's way is seen; else each on its own.
 */
export class Simulation {
  private inOrder = true;

  constructor(private readonly rpc: Rpc) {}

  /**
   * @param before Transactions of ours that wait to be mined, in order, or were chosen for this block.
   * @param jobs Jobs in the order in which they are to be sent.
   * @param more A request that goes along, to spare a round trip.
   * @returns A verdict on each of `before` and `jobs`, and the reply to `more`.
   */
  async run(
    before: readonly Call[],
    jobs: readonly Call[],
    block: Block,
    more: RpcRequest,
  ): Promise<{ verdicts: Map<Job, Verdict>; reply: RpcReply | undefined }> {
    const all = [...before, ...jobs];
    const together = this.inOrder && all.length > 1;
    const [reply, ...replies] = await this.rpc.batch([
      more,
      ...(together ? [simulateV1(all, block)] : all.map((call) => ethCall(call, block))),
    ]);
    const verdicts = new Map<Job, Verdict>();
    const ordered = together ? this.ranInOrder(replies[0], all.length) : undefined;
    ordered?.forEach(({ ok, data }, i) => {
      const job = all[i]?.job;
      if (ok && job !== undefined) verdicts.set(job, verdictOn(job, data));
    });

    // what fails after the others, or could not be run so, says by itself why
    const rest = all.filter(({ job }) => !verdicts.has(job));
    const alone =
      together && rest.length > 0 ? await this.rpc.batch(rest.map((call) => ethCall(call, block))) : replies;
    rest.forEach(({ job }, i) => verdicts.set(job, judge(job, ranAlone(alone[i]), ordered !== undefined)));
    await this.estimate(rest, verdicts, block);
    return { verdicts, reply };
  }

  /** Only what fails without a contract's reason, as what runs out of gas does, is estimated: that takes a node many runs. */
  private async estimate(calls: readonly Call[], verdicts: Map<Job, Verdict>, block: Block): Promise<void> {
    const hungry = calls.filter(({ job }) => {
      const verdict = verdicts.get(job);
      return verdict !== undefined && "reason" in verdict && verdict.reason === OUT_OF_GAS;
    });
    if (hungry.length === 0) return;
    const replies = await this.rpc.batch(
      hungry.map(({ from, job: { to, data } }) => ({
        method: "eth_estimateGas",
        params: [{ from, to, data }, toHex(block.number)],
      })),
    );
    hungry.forEach(({ job }, i) => {
      const { ok, data, message } = ranAlone(replies[i]);
      verdicts.set(job, ok ? { gas: BigInt(data), worth: job.worth } : { reason: revertReason({ message, data }) });
    });
  }

  /** Undefined where the node has no such method, or did not run it. */
  private ranInOrder(reply: RpcReply | undefined, length: number): Ran[] | undefined {
    if (reply?.ok === false && isUnknownMethod(reply.error)) this.inOrder = false;
    const blocks = blocksSchema.safeParse(reply?.ok === true ? reply.result : undefined);
    const calls = blocks.data?.[0]?.calls;
    if (calls?.length !== length) return undefined;
    return calls.map(({ status, returnData, error }) => ({
      ok: BigInt(status) === 1n,
      data: error?.data ?? returnData,
      message: error?.message ?? "it reverts",
    }));
  }
}

/** Stands for a failure that an estimate has to explain. */
const OUT_OF_GAS = "it fails without a reason";

/** @param failedInOrder Whether it failed after the others, so that they are why if it goes through alone. */
function judge(job: Job, { ok, data, message }: Ran, failedInOrder: boolean): Verdict {
  if (ok) return failedInOrder ? { reason: "own" } : verdictOn(job, data);
  return { reason: data === "0x" ? OUT_OF_GAS : revertReason({ message, data }) };
}

function callOf({ from, job: { to, data, gas } }: Call): Record<string, string> {
  return { from, to, data, gas: toHex(gas * LIMIT_TO_GAS) };
}

function ethCall(call: Call, block: Block): RpcRequest {
  return { method: "eth_call", params: [callOf(call), toHex(block.number)] };
}

function simulateV1(calls: readonly Call[], block: Block): RpcRequest {
  return {
    method: "eth_simulateV1",
    params: [{ blockStateCalls: [{ calls: calls.map(callOf) }] }, toHex(block.number)],
  };
}

function ranAlone(reply: RpcReply | undefined): Ran {
  if (reply?.ok === false) return { ok: false, data: reply.error.data ?? "0x", message: reply.error.message };
  if (typeof reply?.result === "string") return { ok: true, data: reply.result, message: "" };
  return { ok: false, data: "0x", message: "the node did not answer" };
}

function isUnknownMethod({ code, message }: { code: number; message: string }): boolean {
  return code === -32_601 || /method.*(not (found|supported|available|exist)|does not exist|unknown)/i.test(message);
}

/** A call that goes through is worth by what it returns more or less than was decided on. */
function verdictOn(job: Job, returned: string): Verdict {
  const { gas, worth, gain } = job;
  if (gain === undefined) return { gas, worth };
  const word = returned.slice(2 + 64 * gain.word, 2 + 64 * (gain.word + 1));
  if (word.length !== 64) return { gas, worth };
  const earned = BigInt(`0x${word}`) - gain.keep;
  return { gas, worth: gain.weiPriceE36 === 0n ? worth : (earned * PRICE_SCALE) / gain.weiPriceE36 };
}
