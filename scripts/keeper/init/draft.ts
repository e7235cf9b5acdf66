import { Interface, ZeroAddress } from "ethers";

import { SpillwayError } from "../../lib";
import { readAuctionHouse, readOracle, readVault } from "../chain/contracts";
import { Reads } from "../chain/Reads";
import { type Rpc, toHex, unwrapHex } from "../chain/rpc";
import type { Deployment } from "./deployment";

const guardAbi = new Interface(["function pool() view returns (address)"]);

/**
 * Settings for a deployment, of what its record and the chain tell: contracts, each market's pool, how gas is priced, and the
 * block to read the book from.
 * @throws SpillwayError `WRONG_CHAIN`, `MISSING_CONTRACT`, `RPC_UNREACHABLE`, `RPC_ERROR`.
 */
export async function draftSettings(rpc: Rpc, deployment: Deployment): Promise<Record<string, unknown>> {
  const { chainId, vault, flashLiquidator } = deployment;
  const [id, height, code] = await rpc.batch([
    { method: "eth_chainId", params: [] },
    { method: "eth_blockNumber", params: [] },
    { method: "eth_getCode", params: [vault, "latest"] },
  ]);
  const actual = Number(unwrapHex(id, "reading the chain id"));
  if (actual !== chainId) {
    throw new SpillwayError(
      "WRONG_CHAIN",
      `rpc: the node is on chain ${actual}, the deployment on ${chainId}; give a node of that chain.`,
    );
  }
  if (unwrapHex(code, "reading the vault's code") === "0x") {
    throw new SpillwayError(
      "MISSING_CONTRACT",
      `deployment: there is no vault at ${vault} on chain ${chainId}; is the record of this chain?`,
    );
  }
  const head = Number(unwrapHex(height, "reading the block number"));
  const reads = new Reads(head);
  const markets = reads.call(readVault.markets(vault));
  const auctionHouse = reads.call(readVault.auctionHouse(vault));
  await reads.send(rpc);
  const collaterals = markets.value();

  const more = new Reads(head);
  const pay = more.call(readAuctionHouse.payParameters(auctionHouse.value()));
  const guards = collaterals.map((collateral) => more.call(readVault.market(vault, collateral)));
  await more.send(rpc);
  const pools = new Reads(head);
  const poolOf = guards.map((market) =>
    pools.call({
      to: market.value().borrowOracle,
      data: guardAbi.encodeFunctionData("pool"),
      decode: (data) => guardAbi.decodeFunctionResult("pool", data)[0] as string,
    }),
  );
  await pools.send(rpc);
  const { wrappedNative, nativeOracle } = pay.value();
  return {
    chainId,
    vault,
    flashLiquidator,
    // the pool that the market's guard watches; a market without one is left to the operator
    pools: Object.fromEntries(
      collaterals.flatMap((collateral, i) => {
        const pool = poolOf[i]?.valueOrNone();
        return pool === undefined ? [] : [[collateral, pool] as const];
      }),
    ),
    fromBlock: deployment.fromBlock ?? (await firstBlockOf(rpc, vault, head)),
    ...(collaterals.includes(wrappedNative)
      ? { nativeMarket: wrappedNative }
      : { weiPriceE36: await nativePrice(rpc, nativeOracle, head) }),
  };
}

/** The block in which a contract was deployed, by halving; 0 where the node doesn't keep old state. */
async function firstBlockOf(rpc: Rpc, contract: string, head: number): Promise<number> {
  let [low, high] = [0, head];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [code] = await rpc.batch([{ method: "eth_getCode", params: [contract, toHex(middle)] }]);
    if (code?.ok !== true) return 0;
    if (code.result === "0x") low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What a wei is worth by the house's oracle. @throws SpillwayError `BAD_CONFIG` where the house has none. */
async function nativePrice(rpc: Rpc, oracle: string, head: number): Promise<string> {
  if (oracle === ZeroAddress) {
    throw new SpillwayError(
      "BAD_CONFIG",
      "deployment: it neither has a market of the chain's own coin nor prices it; write the config by hand, with weiPriceE36.",
    );
  }
  const reads = new Reads(head);
  const price = reads.call(readOracle.priceE36(oracle));
  await reads.send(rpc);
  return price.value().toString();
}
