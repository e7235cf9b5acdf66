import { z } from "zod";

import { auctionHouseAbi, bufferAbi } from "../chain/contracts";
import { Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";

/** What the winner's transaction cost it, and on what terms it was done. */
export interface Receipt {
  gasUsed: bigint;
  /** Wei for a unit. */
  gasPrice: bigint;
  /** By kind and owner, see {@link termsKey}. */
  terms: ReadonlyMap<string, Terms>;
}

/** What an event says besides who and how much. */
export interface Terms {
  /** The oracle's price, scaled by 1e36. */
  priceE36: bigint | undefined;
  /** What the protocol paid the keeper: collateral, loan asset for a fulfilment. */
  pay: bigint | undefined;
}

const receiptSchema = z.object({
  gasUsed: z.string(),
  effectiveGasPrice: z.string(),
  logs: z.array(z.object({ address: z.string(), topics: z.array(z.string()), data: z.string() })),
});

/** Reads the receipts of these transactions; what a node doesn't have, or answers in another shape, is left out. */
export async function readReceipts(rpc: Rpc, hashes: Iterable<string>): Promise<Map<string, Receipt>> {
  const reads = new Reads(0);
  const asked = [...new Set(hashes)].map((hash) => ({
    hash,
    answer: reads.request({ method: "eth_getTransactionReceipt", params: [hash] }, parse),
  }));
  await reads.send(rpc);
  const found = new Map<string, Receipt>();
  for (const { hash, answer } of asked) {
    const receipt = answer.valueOrNone();
    if (receipt !== undefined) found.set(hash, receipt);
  }
  return found;
}

/** Names what was done, for {@link Receipt.terms}. */
export function termsKey(kind: string, owner: string): string {
  return `${kind}:${owner}`;
}

const KINDS = [
  [auctionHouseAbi, "LaneOpened", "open", "owner"],
  [auctionHouseAbi, "Bought", "buy", "owner"],
  [auctionHouseAbi, "Absorbed", "absorb", "owner"],
  [bufferAbi, "InventorySold", "buyInventory", "buyer"],
  [bufferAbi, "RedeemFulfilled", "fulfil", "controller"],
] as const;

function parse(result: unknown): Receipt | undefined {
  const { success, data } = receiptSchema.safeParse(result);
  if (!success) return undefined;
  const terms = new Map<string, Terms>();
  for (const log of data.logs) {
    for (const [abi, event, kind, owner] of KINDS) {
      const parsed = abi.parseLog(log);
      if (parsed?.name !== event) continue;
      const { pay, priceE36 } = parsed.args.toObject() as Partial<Record<"pay" | "priceE36", bigint>>;
      terms.set(termsKey(kind, parsed.args.getValue(owner) as string), { pay, priceE36 });
    }
  }
  return { gasUsed: BigInt(data.gasUsed), gasPrice: BigInt(data.effectiveGasPrice), terms };
}
