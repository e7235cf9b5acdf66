import { type Interface, type LogDescription, type Result } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../../lib";
import { auctionHouseAbi, bufferAbi, vaultAbi } from "../chain/contracts";
import { type RpcRequest, toHex } from "../chain/rpc";
import type { PositionChange } from "./Book";

/** What one log means to the keeper. */
export type KeeperEvent = Place &
  (
    | { kind: "position"; change: PositionChange }
    | Taken
    | { kind: "redeemRequested"; controller: string }
    | { kind: "marketSet"; market: string }
    | { kind: "paySet" }
  );

/** Where a log was. */
interface Place {
  block: number;
  transaction: string;
}

/** Work that somebody did. */
export interface Taken {
  kind: "open" | "buy" | "absorb" | "buyInventory" | "fulfil";
  /** Empty for a request, which is of no market. */
  market: string;
  /** Whose position or request; the buyer for inventory. */
  owner: string;
  taker: string;
  /** Collateral that it moved, or was paid for an `open`; shares of a request. */
  amount: bigint;
  /** Loan asset. */
  cost: bigint;
}

const logSchema = z.array(
  z.object({
    address: z.string(),
    topics: z.array(z.string()),
    data: z.string(),
    blockNumber: z.string(),
    transactionHash: z.string(),
  }),
);

type Make = (args: Result, place: Place) => KeeperEvent;

const str = (args: Result, name: string): string => args.getValue(name) as string;
const num = (args: Result, name: string): bigint => args.getValue(name) as bigint;

function position(change: (args: Result) => Omit<PositionChange, "market" | "owner">): Make {
  return (args, place) => {
    const market = str(args, "collateral");
    return { kind: "position", ...place, change: { market, owner: str(args, "owner"), ...change(args) } };
  };
}

function taken(kind: Taken["kind"], owner: string, taker: string, amount: string, cost?: string): Make {
  return (args, place) => ({
    ...{ kind, ...place, market: str(args, "collateral"), owner: str(args, owner), taker: str(args, taker) },
    ...{ amount: num(args, amount), cost: cost === undefined ? 0n : num(args, cost) },
  });
}

const marketSet: Make = (args, place) => ({ kind: "marketSet", ...place, market: str(args, "collateral") });

const makers: [Interface, Record<string, Make>][] = [
  [
    vaultAbi,
    {
      CollateralSupplied: position((a) => ({ collateral: num(a, "amount") })),
      CollateralWithdrawn: position((a) => ({ collateral: -num(a, "amount") })),
      Borrowed: position((a) => ({ debtShares: num(a, "debtShares") })),
      Repaid: position((a) => ({ debtShares: -num(a, "debtShares") })),
      Settled: position((a) => ({ collateral: -num(a, "amount"), debtShares: -num(a, "debtShares") })),
      WrittenOff: position((a) => ({ debtShares: -num(a, "debtShares") })),
      Paid: position((a) => ({ collateral: -num(a, "amount") })),
      MarketSet: marketSet,
    },
  ],
  [
    auctionHouseAbi,
    {
      LaneOpened: taken("open", "owner", "keeper", "pay"),
      Bought: taken("buy", "owner", "buyer", "amount", "cost"),
      Absorbed: taken("absorb", "owner", "keeper", "amount", "cost"),
      LaneSet: marketSet,
      PaySet: (_, place) => ({ kind: "paySet", ...place }),
    },
  ],
  [
    bufferAbi,
    {
      InventorySold: taken("buyInventory", "buyer", "buyer", "amount", "cost"),
      InventoryParametersSet: marketSet,
      RedeemRequest: (a, place) => ({ kind: "redeemRequested", ...place, controller: str(a, "controller") }),
      RedeemFulfilled: (a, place) => ({
        ...{ kind: "fulfil", ...place, market: "", owner: str(a, "controller"), taker: str(a, "keeper") },
        ...{ amount: num(a, "shares"), cost: num(a, "assets") },
      }),
    },
  ],
];

const byTopic = new Map<string, { abi: Interface; make: Make }>();
for (const [abi, makes] of makers) {
  for (const [name, make] of Object.entries(makes)) {
    const topic = abi.getEvent(name)?.topicHash;
    if (topic === undefined) throw new SpillwayError("INTERNAL", `The contracts have no event ${name}.`);
    byTopic.set(topic, { abi, make });
  }
}
const topics = [...byTopic.keys()];

/** Asks for all logs of these contracts that the keeper understands. Block numbers are inclusive. */
export function logsRequest(addresses: readonly string[], fromBlock: number, toBlock: number): RpcRequest {
  const filter = { address: addresses, fromBlock: toHex(fromBlock), toBlock: toHex(toBlock), topics: [topics] };
  return { method: "eth_getLogs", params: [filter] };
}

/** The events in what `eth_getLogs` answered, in the order of the chain. @throws SpillwayError `RPC_ERROR`. */
export function parseLogs(result: unknown): KeeperEvent[] {
  const logs = logSchema.safeParse(result);
  if (!logs.success) throw new SpillwayError("RPC_ERROR", "The node did not answer eth_getLogs with a list of logs.");
  return logs.data.flatMap((log) => {
    const found = byTopic.get(log.topics[0] ?? "");
    const parsed: LogDescription | null | undefined = found?.abi.parseLog(log);
    if (found === undefined || parsed === null || parsed === undefined) return [];
    return [found.make(parsed.args, { block: Number(log.blockNumber), transaction: log.transactionHash })];
  });
}
