import { SpillwayError } from "../../lib";
import type { Rpc, RpcReply, RpcRequest } from "./rpc";

/** Several nodes of one chain: stays with one for as long as it answers, then goes on to the next. */
export class FailoverRpc implements Rpc {
  private current = 0;

  /** @param onFailover Told why a node was left. */
  constructor(
    private readonly nodes: readonly Rpc[],
    private readonly onFailover: (reason: string) => void,
  ) {}

  async batch(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    let last = new SpillwayError("RPC_UNREACHABLE", "No node is configured; give at least one --rpc.");
    for (const _ of this.nodes) {
      const node = this.nodes[this.current];
      if (node === undefined) break;
      try {
        return await node.batch(requests);
      } catch (error) {
        if (!(error instanceof SpillwayError) || error.code !== "RPC_UNREACHABLE") throw error;
        last = error;
        this.leave(error.message);
      }
    }
    throw last;
  }

  /** Goes on to the next node, for a reason of the caller's: one that answers but lags behind, for example. */
  leave(reason: string): void {
    if (this.nodes.length > 1) this.onFailover(reason);
    this.current = (this.current + 1) % this.nodes.length;
  }
}
