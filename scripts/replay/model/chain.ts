import type { Interface } from "ethers";
import type { Rpc } from "../../lib";

/** A transaction to include; the node signs for any `from`. */
export interface TxRequest {
  from: string;
  to: string;
  data: string;
  value?: bigint;
  /** Gas limit; 3,000,000 when not given. */
  gas?: bigint;
}

export interface Log {
  address: string;
  topics: string[];
  data: string;
}

export interface Receipt {
  transactionHash: string;
  from: string;
  /** 1 when it went through, 0 when it reverted. */
  status: number;
  gasUsed: bigint;
  /** Wei. */
  effectiveGasPrice: bigint;
  contractAddress?: string | null | undefined;
  logs: Log[];
}

export interface MinedBlock {
  number: number;
  /** Seconds UTC of the chain. */
  timestamp: number;
  /** In the order of the block. */
  receipts: Receipt[];
  /** Those of the transactions that were queued, in their order; the others came from keepers by themselves. */
  queued: Receipt[];
}

/**
 * A node driven block by block: transactions are queued here with nonces counted here, and one call to {@link mine}
 * includes them, and whatever others sent to the node by themselves, in a block of a given time and base fee.
 *
 * Queued ones keep their order and go first: their maximal fee, by which the node orders, is far above all others'. Where
 * several keepers compete, what they sent is ordered as builders do: by the tip that is left after the base fee, equal ones by lot.
 */
export interface Chain {
  readonly rpc: Rpc;
  /** Timestamp of the last block, seconds UTC of the chain. */
  readonly timestamp: number;
  readonly blockNumber: number;

  /** Reads where the chain stands; call it once before anything else, and after others have mined. */
  start(): Promise<void>;
  /** Adds a transaction to the next block. */
  send(transaction: TxRequest): void;
  /**
   * Settles time and base fee (wei) of the next block before it is mined, so that those who look at the node now see
   * the gas price that they would pay.
   */
  prepare(timestamp: number, baseFee: bigint): Promise<void>;
  /** Mines what is queued and what others sent. Throws `INTERNAL` if a queued transaction is not in the block. */
  mine(timestamp: number, baseFee: bigint): Promise<MinedBlock>;
  /** Mines the queue a second after the last block, at a base fee of 1 gwei; throws `INTERNAL` if any of it reverted. For setting up. */
  settle(what: string): Promise<MinedBlock>;
  /** The calldata of every transaction of a block, by its hash. One call to the node. */
  calldata(block: number): Promise<ReadonlyMap<string, string>>;
  /** Reads from a contract at the latest block. Errors: `RPC_ERROR`, with the node's words. */
  read(to: string, abi: Interface, name: string, args?: readonly unknown[]): Promise<readonly unknown[]>;

  /** Sets how much of an ERC-20 an account has, in the token's units. */
  setTokenBalance(token: string, account: string, amount: bigint): Promise<void>;
  /** Sets how much ether an account has, in wei. */
  setBalance(account: string, wei: bigint): Promise<void>;
  /** Puts a contract at an address of our choice. */
  place(address: string, creationCode: string, sender: string): Promise<void>;
}
