import { type Interface, type LogDescription, type Result } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../../errors";
import { auctionHouseAbi, bufferAbi, vaultAbi } from "../chain/contracts";
import { type RpcRequest, toHex } from "../chain/rpc";
import type { PositionChange } from "./Book";

/** What one log means to the keeper. */
export type KeeperEvent = { block: number; transaction: string; market: string } & (
  | { kind: "position"; change: PositionChange }
  | { kind: "bought"; owner: string; buyer: string; amount: bigint; cost: bigint }
  | { kind: "absorbed"; owner: string; keeper: string; amount: bigint; cost: bigint }
  | { kind: "inventorySold"; buyer: string; amount: bigint; cost: bigint }
  | { kind: "parameters" }
);

const logSchema = z.array(
  z.object({
    address: z.string(),
    topics: z.array(z.string()),
    data: z.string(),
    blockNumber: z.string(),
    transactionHash: z.string(),
  }),
);

/** Where a log was. */
interface Place {
  block: number;
  transaction: string;
}
type Make = (args: Result, place: Place) => KeeperEvent;

const str = (args: Result, name: string): string => args.getValue(name) as string;
const num = (args: Result, name: string): bigint => args.getValue(name) as bigint;

function position(change: (args: Result) => Omit<PositionChange, "market" | "owner">): Make {
  return (args, place) => {
    const market = str(args, "collateral");
    return { kind: "position", ...place, market, change: { market, owner: str(args, "owner"), ...change(args) } };
  };
}

const parameters: Make = (args, place) => ({ kind: "parameters", ...place, market: str(args, "collateral") });

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
      MarketSet: parameters,
    },
  ],
  [
    auctionHouseAbi,
    {
      AuctionStarted: position(() => ({ auction: "started" })),
      AuctionEnded: position(() => ({ auction: "ended" })),
      Bought: (a, place) => ({
        kind: "bought",
        ...place,
        market: str(a, "collateral"),
        owner: str(a, "owner"),
        buyer: str(a, "buyer"),
        amount: num(a, "amount"),
        cost: num(a, "cost"),
      }),
      Absorbed: (a, place) => ({
        kind: "absorbed",
        ...place,
        market: str(a, "collateral"),
        owner: str(a, "owner"),
        keeper: str(a, "keeper"),
        amount: num(a, "amount"),
        cost: num(a, "cost"),
      }),
      LaneSet: parameters,
    },
  ],
  [
    bufferAbi,
    {
      InventorySold: (a, place) => ({
        kind: "inventorySold",
        ...place,
        market: str(a, "collateral"),
        buyer: str(a, "buyer"),
        amount: num(a, "amount"),
        cost: num(a, "cost"),
      }),
      InventoryParametersSet: parameters,
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
