import type { Fragment, FunctionFragment } from "ethers";
import { AuctionHouse__factory, FlashLiquidator__factory, LiquidityBuffer__factory } from "../../../typechain-types";
import { abi } from "../chain/chain";
import type { TransactionKind } from "../model/result";

/** What a function is for, by its name. */
const KINDS: ReadonlyMap<string, TransactionKind> = new Map([
  ["open", "open"],
  ["buy", "buy"],
  ["buyMany", "buy"],
  ["liquidate", "buy"],
  ["absorb", "absorb"],
  ["absorbMany", "absorb"],
  ["buyInventory", "buyInventory"],
  ["liquidateInventory", "buyInventory"],
  ["sync", "sync"],
  ["fulfil", "fulfil"],
]);
/** A transaction of several calls is of the first of these that is among them. */
const RANK: readonly TransactionKind[] = ["buy", "absorb", "buyInventory", "open", "fulfil", "sync", "other"];

const multicallAbi = abi(["function multicall(bytes[] calls)"]);
const names = new Map(
  [
    AuctionHouse__factory.createInterface(),
    LiquidityBuffer__factory.createInterface(),
    FlashLiquidator__factory.createInterface(),
    multicallAbi,
  ].flatMap((one) => one.fragments.filter(isFunction).map(({ selector, name }) => [selector, name] as const)),
);

/** What a transaction of Spillway's keepers does, by the function that it calls. */
export function kindOf(calldata: string): TransactionKind {
  const name = names.get(calldata.slice(0, 10)) ?? "";
  if (name !== "multicall") return KINDS.get(name) ?? "other";
  const [calls] = multicallAbi.decodeFunctionData(name, calldata) as unknown as [readonly string[]];
  const kinds = calls.map(kindOf);
  return RANK.find((kind) => kinds.includes(kind)) ?? "other";
}

function isFunction(fragment: Fragment): fragment is FunctionFragment {
  return fragment.type === "function";
}
