import { Interface } from "ethers";

import { Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";

/** How a token's amounts are shown. */
export interface Token {
  symbol: string;
  decimals: number;
}

const tokenAbi = new Interface(["function symbol() view returns (string)", "function decimals() view returns (uint8)"]);
/** A token names itself as it likes; more than this nobody reads. */
const LONGEST_SYMBOL = 16;

/** How amounts of these tokens are shown. One that says nothing of itself is shown by its address, with 18 decimals. */
export async function readTokens(rpc: Rpc, block: number, addresses: readonly string[]): Promise<Map<string, Token>> {
  const reads = new Reads(block);
  const asked = addresses.map((address) => {
    const call = <T>(name: string, pick: (value: unknown) => T) =>
      reads.call({
        to: address,
        data: tokenAbi.encodeFunctionData(name),
        decode: (data) => pick(tokenAbi.decodeFunctionResult(name, data)[0]),
      });
    return { address, symbol: call("symbol", String), decimals: call("decimals", Number) };
  });
  await reads.send(rpc);
  return new Map(
    asked.map(({ address, symbol, decimals }): [string, Token] => {
      const name = symbol.valueOrNone()?.slice(0, LONGEST_SYMBOL);
      return [address, { symbol: name ?? address.slice(0, 8), decimals: decimals.valueOrNone() ?? 18 }];
    }),
  );
}
