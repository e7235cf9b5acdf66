import { z } from "zod";

import { SpillwayError } from "../../lib";
import { type Rpc, toHex, unwrap } from "./rpc";

/** A block as the keeper needs it. */
export interface Block {
  number: number;
  hash: string;
  parentHash: string;
  /** Seconds. */
  timestamp: bigint;
  /** Wei. */
  baseFeePerGas: bigint;
}

const quantity = z.string().regex(/^0x[0-9a-f]+$/i);
const blockSchema = z.object({
  number: quantity,
  hash: z.string(),
  parentHash: z.string(),
  timestamp: quantity,
  baseFeePerGas: quantity.default("0x0"),
});

/** A block from what `eth_getBlockByNumber` answers. @throws SpillwayError `RPC_ERROR`. */
export function parseBlock(result: unknown): Block {
  const parsed = blockSchema.safeParse(result);
  if (!parsed.success)
    throw new SpillwayError("RPC_ERROR", `The node gave no block: ${JSON.stringify(result).slice(0, 80)}.`);
  const { number, hash, parentHash, timestamp, baseFeePerGas } = parsed.data;
  return {
    number: Number(number),
    hash,
    parentHash,
    timestamp: BigInt(timestamp),
    baseFeePerGas: BigInt(baseFeePerGas),
  };
}

/** Reads the block of that number, or the latest. @throws SpillwayError `RPC_ERROR`, `RPC_UNREACHABLE`. */
export async function readBlock(rpc: Rpc, number: number | "latest"): Promise<Block> {
  const tag = number === "latest" ? number : toHex(number);
  const [reply] = await rpc.batch([{ method: "eth_getBlockByNumber", params: [tag, false] }]);
  return parseBlock(unwrap(reply, `reading block ${tag}`));
}
