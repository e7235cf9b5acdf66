import { expect } from "chai";
import { type Interface, type ParamType, getAddress, hexlify, id, toBeHex } from "ethers";

import { type KeeperEvent, listOfLogs, parseLog, parseLogs } from "../../scripts/keeper/book/events";
import { auctionHouseAbi, bufferAbi, vaultAbi } from "../../scripts/keeper/chain/contracts";

/** A value of a type that depends on its place, so that no two parameters of an event are equal. */
function valueOf(type: ParamType, seed: string): unknown {
  const random = BigInt(id(seed));
  if (type.baseType === "tuple") return type.components!.map((one, i) => valueOf(one, `${seed}.${i}`));
  if (type.baseType === "address") return getAddress(toBeHex(random >> 96n, 20));
  if (type.baseType === "bool") return random % 2n === 0n;
  if (type.baseType === "bytes32") return toBeHex(random, 32);
  if (type.baseType === "bytes") return hexlify(Buffer.from(seed));
  if (type.baseType === "string") return seed;
  const bits = /^uint(\d+)$/.exec(type.baseType)?.[1];
  if (bits === undefined) throw new Error(`no values of ${type.baseType}`);
  return random >> BigInt(256 - Number(bits));
}

/** What the keeper is to make of an event, by ethers' reading of it. */
const meanings: Record<string, (a: Record<string, never>) => Record<string, unknown>> = {
  CollateralSupplied: (a) => position(a, { collateral: a["amount"]! }),
  CollateralWithdrawn: (a) => position(a, { collateral: -a["amount"]! }),
  Borrowed: (a) => position(a, { debtShares: a["debtShares"]! }),
  Repaid: (a) => position(a, { debtShares: -a["debtShares"]! }),
  Settled: (a) => position(a, { collateral: minus(a["amount"]!), debtShares: minus(a["debtShares"]!) }),
  WrittenOff: (a) => position(a, { debtShares: minus(a["debtShares"]!) }),
  Paid: (a) => position(a, { collateral: minus(a["amount"]!) }),
  MarketSet: (a) => ({ kind: "marketSet", market: a["collateral"] }),
  LaneSet: (a) => ({ kind: "marketSet", market: a["collateral"] }),
  InventoryParametersSet: (a) => ({ kind: "marketSet", market: a["collateral"] }),
  PaySet: () => ({ kind: "paySet" }),
  LaneOpened: (a) => taken("open", a["collateral"], a["owner"], a["keeper"], a["pay"], 0n),
  Bought: (a) => taken("buy", a["collateral"], a["owner"], a["buyer"], a["amount"], a["cost"]),
  Absorbed: (a) => taken("absorb", a["collateral"], a["owner"], a["keeper"], a["amount"], a["cost"]),
  InventorySold: (a) => taken("buyInventory", a["collateral"], a["buyer"], a["buyer"], a["amount"], a["cost"]),
  RedeemFulfilled: (a) => taken("fulfil", "", a["controller"], a["keeper"], a["shares"], a["assets"]),
  RedeemRequest: (a) => ({ kind: "redeemRequested", controller: a["controller"] }),
};

const minus = (value: bigint): bigint => -value;

function position(a: Record<string, unknown>, change: Record<string, unknown>): Record<string, unknown> {
  const owner = (a["owner"] as string).toLowerCase();
  return { kind: "position", change: { market: a["collateral"], owner, ...change } };
}

function taken(kind: string, market: unknown, owner: unknown, taker: unknown, amount: unknown, cost: unknown) {
  return { kind, market, owner, taker, amount, cost };
}

const place = { blockNumber: "0x1f4", transactionHash: id("a transaction") };

describe("events", () => {
  const seen = new Set<string>();
  for (const [contract, abi] of Object.entries<Interface>({ vaultAbi, auctionHouseAbi, bufferAbi })) {
    abi.forEachEvent((event) => {
      it(`reads ${event.name} of ${contract} as ethers does`, () => {
        for (let round = 0; round < 20; round++) {
          const values = event.inputs.map((input, i) => valueOf(input, `${event.name} ${i} ${round}`));
          const log = { ...abi.encodeEventLog(event, values), ...place };
          const args = abi.parseLog(log)!.args.toObject() as Record<string, never>;
          const meaning = meanings[event.name]?.(args);
          if (meaning !== undefined) seen.add(event.name);
          const expected = meaning && { block: 500, transaction: place.transactionHash, ...meaning };
          expect(parseLog(log)).to.deep.equal(expected);
          expect(parseLogs([log])).to.deep.equal(expected === undefined ? [] : [expected]);
        }
      });
    });
  }

  it("are all there", () => {
    expect([...seen].sort()).to.deep.equal(Object.keys(meanings).sort());
  });

  it("that are not logs are refused", () => {
    const values = [getAddress(toBeHex(1n, 20)), getAddress(toBeHex(2n, 20)), getAddress(toBeHex(3n, 20)), 5n];
    const good = { ...vaultAbi.encodeEventLog("CollateralSupplied", values), ...place };
    const bad: unknown[] = [
      null,
      5,
      {},
      { ...good, topics: "0x" },
      { ...good, topics: good.topics.slice(0, 2) },
      { ...good, topics: good.topics.with(1, "0x12") },
      { ...good, data: "0x" },
      { ...good, data: good.data.slice(0, -2) },
      { ...good, data: `0x${"g".repeat(64)}` },
      { ...good, blockNumber: 5 },
    ];
    for (const log of bad)
      expect(
        codeOf(() => parseLog(log)),
        JSON.stringify(log),
      ).to.equal("RPC_ERROR");
    for (const list of [null, {}, "0x"]) expect(codeOf(() => listOfLogs(list))).to.equal("RPC_ERROR");
  });
});

function codeOf(act: () => KeeperEvent | readonly unknown[] | undefined): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
