import { gunzipSync, gzipSync } from "node:zlib";
import { z } from "zod";
import type { Rpc } from "../../lib";
import { startAnvil } from "./anvil";

const dump = z.looseObject({ accounts: z.record(z.string(), z.unknown()) });
const header = z.object({ stateRoot: z.string() });

/**
 * The Merkle root of every account and slot that a run has touched. A forked anvil has no state root, as it doesn't know the
 * rest of the state; so the accounts that it holds are loaded into an empty chain, and that chain's root is taken.
 */
export async function stateRoot(rpc: Rpc): Promise<string> {
  const packed = await rpc.text("anvil_dumpState");
  const { accounts } = dump.parse(JSON.parse(gunzipSync(Buffer.from(packed.slice(2), "hex")).toString()));
  const state = {
    accounts,
    block: null,
    best_block_number: null,
    blocks: [],
    transactions: [],
    historical_states: null,
  };
  const empty = await startAnvil({ timestamp: 1 });
  try {
    await empty.rpc.call("anvil_loadState", `0x${gzipSync(JSON.stringify(state)).toString("hex")}`);
    await empty.rpc.call("evm_mine");
    return header.parse(await empty.rpc.call("eth_getBlockByNumber", "latest", false)).stateRoot;
  } finally {
    await empty.stop();
  }
}
