import { z } from "zod";

import type { ReceiptLog } from "../earned";

/** What a receipt says of one of our transactions. */
export interface Receipt {
  hash: string;
  block: number;
  isGood: boolean;
  /** Units of gas. */
  gasUsed: bigint;
  /** Wei paid for gas. */
  gasPaid: bigint;
  logs: readonly ReceiptLog[];
}

const quantity = z.string().regex(/^0x[0-9a-f]+$/i);
const receiptSchema = z.object({
  transactionHash: z.string(),
  blockNumber: quantity,
  status: quantity,
  gasUsed: quantity,
  effectiveGasPrice: quantity.default("0x0"),
  logs: z.array(z.object({ address: z.string(), topics: z.array(z.string()), data: z.string() })).default([]),
});

/** Undefined where there is none, or what the node gave is no receipt of that transaction. */
export function parseReceipt(hash: string, result: unknown): Receipt | undefined {
  const { data } = receiptSchema.safeParse(result);
  if (data?.transactionHash.toLowerCase() !== hash.toLowerCase()) return undefined;
  const gasUsed = BigInt(data.gasUsed);
  return {
    hash,
    block: Number(data.blockNumber),
    isGood: BigInt(data.status) === 1n,
    gasUsed,
    gasPaid: gasUsed * BigInt(data.effectiveGasPrice),
    logs: data.logs,
  };
}
