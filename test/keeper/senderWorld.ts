import { Wallet, id, parseEther } from "ethers";

import { type Block, readBlock } from "../../scripts/keeper/chain/block";
import { HttpRpc } from "../../scripts/keeper/chain/HttpRpc";
import { Reads } from "../../scripts/keeper/chain/Reads";
import { type Rpc, type RpcReply, type RpcRequest, toHex, unwrap } from "../../scripts/keeper/chain/rpc";
import type { Job, Outcome } from "../../scripts/keeper/sender/job";
import { SpillwayError } from "../../scripts/lib";
import { type Anvil, startAnvil } from "../../scripts/replay/chain/anvil";

export const GWEI = 10n ** 9n;
export const limits = { priorityFee: GWEI, maxFeePerGas: 500n * GWEI };
export const wallet = new Wallet(id("a sender's key for tests"));
export const rival = new Wallet(id("a rival's key for tests"));
const someone = new Wallet(id("somebody else")).address;

/** Reverts: PUSH0 PUSH0 REVERT. */
export const REVERTS = "0x5f5ffd";
/** Goes through once, then reverts with 0x12345678. */
export const ONCE = "0x5f54600a5760015f55005b63123456785f526004601cfd";
/** Goes through once a block. */
export const ONCE_A_BLOCK = "0x435f5414600b57435f55005b5f5ffd";

export const job = (key: string, changes: Partial<Job> = {}): Job => ({
  ...{ key, kind: "test", to: someone, data: "0x", gas: 21_000n, worth: undefined },
  ...changes,
});

/** A node with faults that a test switches on. */
export class FaultyRpc implements Rpc {
  /** So many sends are acknowledged without reaching the pool. */
  swallow = 0;
  /** No batch with a send gets through. */
  dies = false;
  /** Replaces replies, by method. */
  readonly lies = new Map<string, (reply: RpcReply) => RpcReply>();
  /** Raw transactions that were sent. */
  readonly raws: string[] = [];

  constructor(private readonly node: Rpc) {}

  async batch(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    const isSend = ({ method }: RpcRequest): boolean => method === "eth_sendRawTransaction";
    if (this.dies && requests.some(isSend)) throw new SpillwayError("RPC_UNREACHABLE", "The node died.");
    this.raws.push(...requests.filter(isSend).map(({ params }) => String(params[0])));
    const swallowed = requests.filter((request) => isSend(request) && this.swallow-- > 0);
    const replies = await this.node.batch(requests.filter((request) => !swallowed.includes(request)));
    return requests.map((request) => {
      const reply: RpcReply = swallowed.includes(request) ? { ok: true, result: "0x" } : replies.shift()!;
      return this.lies.get(request.method)?.(reply) ?? reply;
    });
  }
}

/** An anvil that mines when told to. */
export async function startChain() {
  const anvil: Anvil = await startAnvil({ timestamp: 1_700_000_000 });
  const node = new HttpRpc(anvil.url, 5_000);
  const call = async (method: string, ...params: unknown[]): Promise<unknown> =>
    unwrap((await node.batch([{ method, params }]))[0], method);
  const latest = (): Promise<Block> => readBlock(node, "latest");
  let contracts = 0x10_00_00;
  return {
    node,
    call,
    latest,
    stop: () => anvil.stop(),
    mine: async (baseFee?: bigint) => {
      if (baseFee !== undefined) await call("anvil_setNextBlockBaseFeePerGas", toHex(baseFee));
      await call("evm_mine");
    },
    fund: (address: string, ether = "1000") => call("anvil_setBalance", address, toHex(parseEther(ether))),
    count: async (address = wallet.address) => Number(await call("eth_getTransactionCount", address, "latest")),
    /** Puts code at a new address. */
    place: async (code: string): Promise<string> => {
      const at = `0x${(contracts++).toString(16).padStart(40, "0")}`;
      await call("anvil_setCode", at, code);
      return at;
    },
    /** Pool transactions of an account, by nonce. */
    pool: async (address = wallet.address) => {
      const content = (await call("txpool_content")) as Record<
        "pending" | "queued",
        Record<string, Record<string, { hash: string; maxFeePerGas: string; maxPriorityFeePerGas: string }>>
      >;
      return [content.pending, content.queued].flatMap((part) =>
        Object.entries(part)
          .filter(([from]) => from.toLowerCase() === address.toLowerCase())
          .flatMap(([, byNonce]) => Object.entries(byNonce).map(([nonce, one]) => ({ ...one, nonce: Number(nonce) }))),
      );
    },
    outcomes: async (sender: { read(reads: Reads): () => Outcome[] }, rpc: Rpc = node): Promise<Outcome[]> => {
      const reads = new Reads((await latest()).number);
      const done = sender.read(reads);
      await reads.send(rpc);
      return done();
    },
  };
}
