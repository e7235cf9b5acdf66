import { z } from "zod";

import { max } from "../../lib";
import type { RpcReply, RpcRequest } from "../chain/rpc";

const historySchema = z.object({ reward: z.array(z.array(z.string())).nullish() });

/** Blocks that are looked back on. */
const BLOCKS = 5;
/** A bid that neither won nor lost for so many blocks comes down as well. */
const QUIET_BLOCKS = 25;
/** Percentiles, by gas, of the tips in a block: the usual one, and what those at its top paid. */
const PERCENTILES = [50, 90];

/**
 * The tip that wins: what is usual in the last blocks, and after a loss to a rival more than was paid at the top of them.
 * Each win brings it down by an eighth, so that a rival who has gone is not outbid for ever, and so do {@link QUIET_BLOCKS}
 * without a win or a loss: what is decided counts the tip as a cost, and one above all that can be earned would never be
 * brought down by a win. Tips in wei for a unit of gas.
 */
export class TipMarket {
  private usual = 0n;
  private bid = 0n;
  private losing = false;
  private block = 0;
  private movedAt = 0;

  get tip(): bigint {
    return max(this.usual, this.bid);
  }

  /** Time passes, in blocks. */
  pass(block: number): void {
    this.block = block;
    if (block - this.movedAt >= QUIET_BLOCKS) this.lower();
  }

  request(): RpcRequest {
    return { method: "eth_feeHistory", params: [`0x${BLOCKS.toString(16)}`, "latest", PERCENTILES] };
  }

  /** Takes what the node answered; one that has no history changes nothing. */
  note(reply: RpcReply | undefined): void {
    const history = historySchema.safeParse(reply?.ok === true ? reply.result : undefined);
    const rewards = history.data?.reward ?? [];
    const usual = rewards.map(([half = "0x0"]) => BigInt(half)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.usual = usual[Math.floor(usual.length / 2)] ?? this.usual;
    if (!this.losing) return;
    this.losing = false;
    const top = max(0n, ...rewards.map(([, high = "0x0"]) => BigInt(high)));
    this.bid = max((this.bid * 5n) / 4n, (top * 9n) / 8n + 1n);
  }

  /** A transaction of ours reverted: somebody was first. @param paid Its tip. */
  lost(paid: bigint): void {
    this.bid = max(this.bid, paid);
    this.losing = true;
    this.movedAt = this.block;
  }

  won(): void {
    this.lower();
  }

  private lower(): void {
    this.bid -= this.bid / 8n;
    this.movedAt = this.block;
  }
}
