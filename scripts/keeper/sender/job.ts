/** Signs for one account. */
export interface Signer {
  readonly address: string;
  /** The signed transaction in hex, ready to be sent. */
  signTransaction(transaction: {
    type: 2;
    chainId: number;
    nonce: number;
    to: string;
    data: string;
    value: bigint;
    gasLimit: bigint;
    maxFeePerGas: bigint;
    maxPriorityFeePerGas: bigint;
  }): Promise<string>;
}

/** A transaction to be made. Plain data: it is kept over a restart. */
export interface Job {
  /** Names the job; no two with the same key are pending at once. */
  key: string;
  kind: string;
  /** The account that has to send it; undefined where any may. */
  from?: string | undefined;
  to: string;
  data: string;
  /** Units of gas that it is expected to take. */
  gas: bigint;
  /** Units by the strategy's constants, where `gas` is what was learnt from receipts. */
  constantGas?: bigint | undefined;
  /** Wei that it may cost at most; undefined where only the fee limits and the loss budget bound it. */
  worth: bigint | undefined;
  /** Wei that it is paid, where that is less than `worth`: the rest is a loss that the operator accepts. */
  paid?: bigint | undefined;
  /** Where the call returns what it gains, from which a simulation says what the job is worth now. */
  gain?: Gain | undefined;
}

/** What a call returns as its gain. */
export interface Gain {
  /** Place of the returned word that says the gain, in loan asset. */
  word: number;
  /** Loan asset of the gain that the operator keeps, whatever gas costs. */
  keep: bigint;
  /** Loan asset for a wei, scaled by 1e36. */
  weiPriceE36: bigint;
}

export interface Sent {
  job: Job;
  nonce: number;
  hash: string;
}

/**
 * A job that was not sent, and why: the name of the error that it would revert with, what the node said, or one of
 * {@link RefusalReason}.
 */
export interface Refused {
  job: Job;
  reason: string;
}

/**
 * Reasons of the sender's own: `gas`, it is worth less than it costs; `own`, a transaction of ours that goes first
 * closes its way; `no-funds`, the signer has too little ether; `budget`, too much gas was lost on its kind; `pending`,
 * the same job is under way; `node-lags`, the node is behind the chain that was seen; `stopping`.
 */
export type RefusalReason = "gas" | "own" | "no-funds" | "budget" | "pending" | "node-lags" | "stopping";

/**
 * What became of a nonce. `lost` is one that another transaction took; `unmined` one whose transaction a reorganisation
 * took out of the chain, so that it is pending again.
 */
export interface Outcome {
  /** Undefined where it was given up, or belongs to no job of ours. */
  job: Job | undefined;
  nonce: number;
  result: "mined" | "reverted" | "lost" | "unmined";
  /** Wei paid for gas. */
  gasPaid: bigint;
  /** Units of gas. */
  gasUsed: bigint;
}
