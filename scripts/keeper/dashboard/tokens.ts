import { Interface } from "ethers";

import { readBuffer, readVault } from "../chain/contracts";
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

/** What the page shows amounts in: the loan asset, and each market's collateral. A token that says nothing shows its address. */
export async function readTokens(
  rpc: Rpc,
  block: number,
  vault: string,
): Promise<{ asset: Token; of: ReadonlyMap<string, Token> }> {
  const first = new Reads(block);
  const asset = first.call(readVault.asset(vault));
  const markets = first.call(readVault.markets(vault));
  await first.send(rpc);
  const reads = new Reads(block);
  const asked = [asset.value(), ...markets.value()].map((token) => {
    const call = <T>(name: string, pick: (value: unknown) => T) =>
      reads.call({
        to: token,
        data: tokenAbi.encodeFunctionData(name),
        decode: (data) => pick(tokenAbi.decodeFunctionResult(name, data)[0]),
      });
    return { token, symbol: call("symbol", String), decimals: call("decimals", Number) };
  });
  await reads.send(rpc);
  const tokens = asked.map(({ token, symbol, decimals }): [string, Token] => {
    const name = symbol.valueOrNone()?.slice(0, LONGEST_SYMBOL);
    return [token, { symbol: name ?? token.slice(0, 8), decimals: decimals.valueOrNone() ?? 18 }];
  });
  return { asset: tokens[0]?.[1] ?? { symbol: "", decimals: 18 }, of: new Map(tokens.slice(1)) };
}

/** The buffer's cash in loan asset. Undefined where it can't be read. */
export async function readBufferCash(rpc: Rpc, block: number, buffer: string): Promise<bigint | undefined> {
  const reads = new Reads(block);
  const cash = reads.call(readBuffer.cash(buffer));
  await reads.send(rpc);
  return cash.valueOrNone();
}
