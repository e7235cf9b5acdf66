import { type Interface, getAddress } from "ethers";

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

interface Log {
  topics: readonly string[];
  data: string;
  blockNumber: string;
  transactionHash: string;
}

/** Reads one word of a log: 64 hex digits. */
type Word = (log: Log) => string;
type Make = (log: Log, place: Place) => KeeperEvent;
/** Finds where an event has its parameters. */
type Find = (name: string) => Word;

const number = (word: Word, log: Log): bigint => BigInt(`0x${word(log)}`);
const address = (word: Word, log: Log): string => getAddress(lower(word, log));
const lower = (word: Word, log: Log): string => `0x${word(log).slice(24)}`.toLowerCase();

/** Markets are few: each is checksummed once. */
const checksummed = new Map<string, string>();
function market(word: Word, log: Log): string {
  const plain = lower(word, log);
  let known = checksummed.get(plain);
  if (known === undefined) checksummed.set(plain, (known = getAddress(plain)));
  return known;
}

/** A change of a position: what is added to or taken off its collateral and its debt shares. */
function position(collateral: string, debtShares: string): (find: Find) => Make {
  const signed = (find: Find, field: string): ((log: Log) => bigint) | undefined => {
    if (field === "") return undefined;
    const word = find(field.slice(1));
    return field.startsWith("-") ? (log) => -number(word, log) : (log) => number(word, log);
  };
  return (find) => {
    const [of, owner] = [find("collateral"), find("owner")];
    const [held, owed] = [signed(find, collateral), signed(find, debtShares)];
    return (log, place) => {
      // not checksummed: there may be hundreds of thousands
      const change: PositionChange = { market: market(of, log), owner: lower(owner, log) };
      if (held !== undefined) change.collateral = held(log);
      if (owed !== undefined) change.debtShares = owed(log);
      return { kind: "position", ...place, change };
    };
  };
}

function taken(kind: Taken["kind"], owner: string, taker: string, amount: string, cost?: string): (find: Find) => Make {
  return (find) => {
    const of = kind === "fulfil" ? undefined : find("collateral");
    const words = { owner: find(owner), taker: find(taker), amount: find(amount) };
    const paid = cost === undefined ? undefined : find(cost);
    return (log, place) => ({
      ...{ kind, ...place, market: of === undefined ? "" : market(of, log) },
      ...{ owner: address(words.owner, log), taker: address(words.taker, log), amount: number(words.amount, log) },
      cost: paid === undefined ? 0n : number(paid, log),
    });
  };
}

const marketSet = (find: Find): Make => {
  const of = find("collateral");
  return (log, place) => ({ kind: "marketSet", ...place, market: market(of, log) });
};

const makers: [Interface, Record<string, (find: Find) => Make>][] = [
  [
    vaultAbi,
    {
      CollateralSupplied: position("+amount", ""),
      CollateralWithdrawn: position("-amount", ""),
      Borrowed: position("", "+debtShares"),
      Repaid: position("", "-debtShares"),
      Settled: position("-amount", "-debtShares"),
      WrittenOff: position("", "-debtShares"),
      Paid: position("-amount", ""),
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
      PaySet: () => (_, place) => ({ kind: "paySet", ...place }),
    },
  ],
  [
    bufferAbi,
    {
      InventorySold: taken("buyInventory", "buyer", "buyer", "amount", "cost"),
      InventoryParametersSet: marketSet,
      RedeemRequest: (find) => {
        const controller = find("controller");
        return (log, place) => ({ kind: "redeemRequested", ...place, controller: address(controller, log) });
      },
      RedeemFulfilled: taken("fulfil", "controller", "keeper", "shares", "assets"),
    },
  ],
];

/** How to read each event, by its first topic: ethers' `parseLog` takes a hundred times as long. */
const readers = new Map<string, { topics: number; make: Make }>();
for (const [abi, makes] of makers) {
  for (const [name, make] of Object.entries(makes)) {
    const event = abi.getEvent(name);
    if (event === null) throw new SpillwayError("INTERNAL", `The contracts have no event ${name}.`);
    const indexed = event.inputs.filter((input) => input.indexed === true);
    const others = event.inputs.filter((input) => input.indexed !== true);
    const find: Find = (field) => {
      const topic = indexed.findIndex((input) => input.name === field);
      if (topic >= 0) return (log) => wordAt(log.topics[topic + 1], 0);
      const place = others.findIndex((input) => input.name === field);
      if (place < 0) throw new SpillwayError("INTERNAL", `The event ${name} has no ${field}.`);
      // what is read stands ahead of anything that takes more than a word
      if (others.slice(0, place + 1).some(({ baseType }) => baseType === "tuple" || baseType === "array")) {
        throw new SpillwayError("INTERNAL", `The event ${name} has ${field} behind a struct.`);
      }
      return (log) => wordAt(log.data, place);
    };
    readers.set(event.topicHash, { topics: indexed.length + 1, make: make(find) });
  }
}
const topics = [...readers.keys()];

/** Asks for all logs of these contracts that the keeper understands. Block numbers are inclusive. */
export function logsRequest(addresses: readonly string[], fromBlock: number, toBlock: number): RpcRequest {
  const filter = { address: addresses, fromBlock: toHex(fromBlock), toBlock: toHex(toBlock), topics: [topics] };
  return { method: "eth_getLogs", params: [filter] };
}

/** The events in what `eth_getLogs` answered, in the order of the chain. @throws SpillwayError `RPC_ERROR`. */
export function parseLogs(result: unknown): KeeperEvent[] {
  return listOfLogs(result).flatMap((log) => parseLog(log) ?? []);
}

/** What `eth_getLogs` answered, not looked into. @throws SpillwayError `RPC_ERROR`. */
export function listOfLogs(result: unknown): readonly unknown[] {
  if (!Array.isArray(result)) throw noLogs();
  return result;
}

/** One event; undefined for one that the keeper doesn't need. @throws SpillwayError `RPC_ERROR`. */
export function parseLog(log: unknown): KeeperEvent | undefined {
  if (!isLog(log)) throw noLogs();
  const reader = readers.get(log.topics[0] ?? "");
  if (reader === undefined) return undefined;
  if (log.topics.length !== reader.topics) throw noLogs();
  return reader.make(log, { block: Number(log.blockNumber), transaction: log.transactionHash });
}

function isLog(value: unknown): value is Log {
  if (typeof value !== "object" || value === null) return false;
  const { topics, data, blockNumber, transactionHash } = value as Partial<Record<keyof Log, unknown>>;
  return (
    Array.isArray(topics) &&
    topics.every((topic) => typeof topic === "string") &&
    typeof data === "string" &&
    typeof blockNumber === "string" &&
    typeof transactionHash === "string"
  );
}

/** 64 hex digits of a topic or of data. */
function wordAt(text: string | undefined, place: number): string {
  const word = text?.slice(2 + 64 * place, 66 + 64 * place) ?? "";
  if (!/^[0-9a-f]{64}$/i.test(word)) throw noLogs();
  return word;
}

function noLogs(): SpillwayError {
  return new SpillwayError("RPC_ERROR", "The node did not answer eth_getLogs with a list of logs.");
}
