import { Interface, toBeHex, type InterfaceAbi } from "ethers";
import { z } from "zod";
import { type Rpc, type RpcCall, SpillwayError } from "../../lib";
import { emptyPool, type Lot } from "./builder";
import { placeContract } from "./place";
import type { Chain, MinedBlock, TxRequest } from "../model/chain";

const hexNumber = z.string().transform(Number);
const hexBigint = z.string().transform(BigInt);
const receiptShape = z.object({
  transactionHash: z.string(),
  from: z.string(),
  status: hexNumber,
  gasUsed: hexBigint,
  effectiveGasPrice: hexBigint,
  contractAddress: z.string().nullish(),
  logs: z.array(z.object({ address: z.string(), topics: z.array(z.string()), data: z.string() })),
});

const blockShape = z.object({ transactions: z.array(z.object({ hash: z.string(), input: z.string() })) });

const DEFAULT_GAS = 3_000_000n;
const MAX_FEE = 10n ** 15n;

/** Drives one node over JSON-RPC. */
export class NodeChain implements Chain {
  private readonly queue: TxRequest[] = [];
  private readonly nonces = new Map<string, number>();
  private pending: { timestamp: number; baseFee: bigint } | undefined;
  private block = 0;
  private time = 0;

  /** @param lot Orders what others sent as a builder does, on a node that keeps the order in which transactions come. */
  constructor(
    readonly rpc: Rpc,
    private readonly lot?: Lot,
  ) {}

  async start(): Promise<void> {
    await this.rpc.call("anvil_autoImpersonateAccount", true);
    const head = await this.rpc.call("eth_getBlockByNumber", "latest", false);
    const { number, timestamp } = z.object({ number: hexNumber, timestamp: hexNumber }).parse(head);
    this.block = number;
    this.time = timestamp;
  }

  get timestamp(): number {
    return this.time;
  }

  get blockNumber(): number {
    return this.block;
  }

  send(transaction: TxRequest): void {
    this.queue.push(transaction);
  }

  async prepare(timestamp: number, baseFee: bigint): Promise<void> {
    await this.rpc.batch(this.preparation(timestamp, baseFee));
  }

  async mine(timestamp: number, baseFee: bigint): Promise<MinedBlock> {
    const calls = this.preparation(timestamp, baseFee);
    const unknown = [...new Set(this.queue.map((tx) => tx.from))].filter((from) => !this.nonces.has(from));
    const counts = await this.rpc.batch(unknown.map((from) => ["eth_getTransactionCount", [from, "latest"]]));
    unknown.forEach((from, index) => this.nonces.set(from, hexNumber.parse(counts[index])));
    this.queue.forEach((tx, index) => {
      const nonce = this.nonces.get(tx.from) ?? 0;
      this.nonces.set(tx.from, nonce + 1);
      const fees = {
        maxFeePerGas: toBeHex(MAX_FEE),
        maxPriorityFeePerGas: quantity(BigInt(this.queue.length - index)),
      };
      const amounts = { value: quantity(tx.value ?? 0n), gas: quantity(tx.gas ?? DEFAULT_GAS), nonce: quantity(nonce) };
      calls.push(["eth_sendTransaction", [{ from: tx.from, to: tx.to, data: tx.data, ...amounts, ...fees }]]);
    });
    const first = calls.length - this.queue.length;
    this.queue.length = 0;
    const last = calls.length;
    if (this.lot) calls.push(...(await emptyPool(this.rpc, baseFee, this.block + 1, this.lot)));
    const hashes = (await this.rpc.batch(calls)).slice(first, last);
    await this.rpc.call("evm_mine");
    this.block += 1;
    this.time = timestamp;
    this.pending = undefined;
    const answer = await this.rpc.call("eth_getBlockReceipts", quantity(this.block));
    const receipts = z.array(receiptShape).parse(answer);
    const queued = hashes.map((hash) => {
      const receipt = receipts.find((one) => one.transactionHash === hash);
      if (!receipt) throw new SpillwayError("INTERNAL", `block ${this.block} was mined without a transaction of ours`);
      return receipt;
    });
    return { number: this.block, timestamp, receipts, queued };
  }

  async settle(what: string): Promise<MinedBlock> {
    const block = await this.mine(this.time + 1, 10n ** 9n);
    if (block.queued.some((receipt) => receipt.status !== 1)) {
      throw new SpillwayError("INTERNAL", `setting up the chain failed at: ${what}`);
    }
    return block;
  }

  async calldata(block: number): Promise<ReadonlyMap<string, string>> {
    const answer = blockShape.parse(await this.rpc.call("eth_getBlockByNumber", quantity(block), true));
    return new Map(answer.transactions.map(({ hash, input }) => [hash, input]));
  }

  async read(to: string, abi: Interface, name: string, args: readonly unknown[] = []): Promise<readonly unknown[]> {
    const data = abi.encodeFunctionData(name, args);
    return abi.decodeFunctionResult(name, await this.rpc.text("eth_call", { to, data }, "latest"));
  }

  async setTokenBalance(token: string, account: string, amount: bigint): Promise<void> {
    await this.rpc.call("anvil_dealERC20", account, token, toBeHex(amount));
  }

  async setBalance(account: string, wei: bigint): Promise<void> {
    await this.rpc.call("anvil_setBalance", account, toBeHex(wei));
  }

  async place(address: string, creationCode: string, sender: string): Promise<void> {
    await placeContract(this.rpc, address, creationCode, sender, this.time + 1);
    this.nonces.delete(sender);
    this.block += 1;
    this.time += 1;
  }

  private preparation(timestamp: number, baseFee: bigint): RpcCall[] {
    if (this.pending?.timestamp === timestamp && this.pending.baseFee === baseFee) return [];
    if (timestamp <= this.time)
      throw new SpillwayError("INTERNAL", `block time ${timestamp} is not after ${this.time}`);
    this.pending = { timestamp, baseFee };
    return [
      ["evm_setNextBlockTimestamp", [quantity(timestamp)]],
      ["anvil_setNextBlockBaseFeePerGas", [quantity(baseFee)]],
    ];
  }
}

/** An ABI from human-readable lines or JSON. */
export function abi(lines: InterfaceAbi): Interface {
  return new Interface(lines);
}

function quantity(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
