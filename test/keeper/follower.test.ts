import { expect } from "chai";
import { getAddress, id, toBeHex } from "ethers";

import type { CheckpointChange, CheckpointHead, Checkpoints } from "../../scripts/keeper/book/checkpoint";
import type { KeeperEvent } from "../../scripts/keeper/book/events";
import { Follower } from "../../scripts/keeper/book/Follower";
import type { Position } from "../../scripts/keeper/book/position";
import type { Block } from "../../scripts/keeper/chain/block";
import { auctionHouseAbi, vaultAbi } from "../../scripts/keeper/chain/contracts";
import { Reads } from "../../scripts/keeper/chain/Reads";
import type { Rpc, RpcReply, RpcRequest } from "../../scripts/keeper/chain/rpc";

const MARKET = getAddress(toBeHex(0xaa, 20));
const address = (number: number): string => getAddress(toBeHex(number, 20));

interface Log {
  block: number;
  topics: string[];
  data: string;
}

function supplied(block: number, owner: number, amount: bigint): Log {
  return { block, ...vaultAbi.encodeEventLog("CollateralSupplied", [MARKET, address(owner), address(1), amount]) };
}

/** A chain of numbered blocks and logs; a fork's blocks have other hashes from where it begins. */
class FakeChain implements Rpc {
  readonly ranges: [number, number][] = [];
  /** More logs than this are refused, as public nodes do. */
  mostLogs = Number.POSITIVE_INFINITY;
  forkedAt = Number.POSITIVE_INFINITY;
  constructor(public logs: Log[]) {}

  block(number: number): Block {
    const hash = (of: number): string => id(`${of}${of >= this.forkedAt ? " forked" : ""}`);
    return { number, hash: hash(number), parentHash: hash(number - 1), timestamp: BigInt(number), baseFeePerGas: 1n };
  }

  async batch(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    return requests.map(({ method, params }): RpcReply => {
      if (method !== "eth_getLogs") {
        const { timestamp, number, ...block } = this.block(Number(params[0]));
        const rest = { number: toBeHex(number), timestamp: toBeHex(timestamp), baseFeePerGas: "0x1" };
        return { ok: true, result: { ...block, ...rest } };
      }
      const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
      this.ranges.push([Number(fromBlock), Number(toBlock)]);
      const found = this.logs.filter(({ block }) => block >= Number(fromBlock) && block <= Number(toBlock));
      if (found.length > this.mostLogs) {
        return { ok: false, error: { code: -32005, message: "query returned more than 10000 results" } };
      }
      const result = found.map(({ block, ...log }, i) => ({
        ...log,
        ...{ blockNumber: toBeHex(block), transactionHash: id(String(i)), address: MARKET },
      }));
      return { ok: true, result };
    });
  }
}

async function follow(chain: FakeChain, follower: Follower, number: number): Promise<KeeperEvent[]> {
  const block = chain.block(number);
  await follower.undoReorg(block);
  await follower.catchUp(block);
  const reads = new Reads(number);
  const events = follower.read(reads, block);
  await reads.send(chain);
  return events();
}

/** Checkpoints in memory, of which the writing takes as long as a test wants. */
class Kept implements Checkpoints {
  head: CheckpointHead | undefined;
  positions: Position[] = [];
  works = true;
  gate = Promise.resolve();
  writes = 0;

  loadCheckpoint(): CheckpointHead | undefined {
    return this.head;
  }

  async loadPositions(take: (positions: readonly Position[]) => void): Promise<boolean> {
    take(this.positions.slice(0, 1));
    if (!this.works) return false;
    take(this.positions.slice(1));
    return true;
  }

  async saveCheckpoint({ positions, whole, ...head }: CheckpointChange): Promise<boolean> {
    this.writes++;
    await this.gate;
    if (!this.works) return false;
    const changed = [...positions];
    const owners = new Set(changed.map(({ owner }) => owner));
    this.positions = [...(whole ? [] : this.positions.filter(({ owner }) => !owners.has(owner))), ...changed];
    this.head = { block: head.block, hash: head.hash, controllers: head.controllers };
    return true;
  }
}

const logs = Array.from({ length: 3_000 }, (_, i) => supplied(10 + i * 3, 100 + (i % 500), BigInt(i + 1)));
const watched = { vault: address(1), auctionHouse: address(2), buffer: address(3), fromBlock: 0, logChunk: 4_000 };
const sumOf = (follower: Follower): bigint => {
  const { positions } = follower.book.slice({ market: 0, place: 0 }, 10_000);
  return positions.reduce((sum, { collateral }) => sum + collateral, 0n);
};
const whole = logs.reduce((sum, _, i) => sum + BigInt(i + 1), 0n);

describe("Follower", () => {
  it("reads a long past in chunks that follow one another, longer where there is little", async () => {
    const chain = new FakeChain(logs);
    const follower = new Follower(chain, watched);
    expect(await follow(chain, follower, 10_000)).to.deep.equal([]); // the past is no news
    expect(sumOf(follower)).to.equal(whole);
    let next = 0;
    for (const [from, to] of chain.ranges) {
      expect(from).to.equal(next);
      expect(to - from).to.be.lessThan(watched.logChunk);
      next = to + 1;
    }
    expect(next).to.equal(10_001);
    expect(chain.ranges.length).to.be.lessThan(8);
  });

  it("asks for less where a node refuses, down to a block, and then gives up", async () => {
    const chain = new FakeChain(logs);
    chain.mostLogs = 20;
    const follower = new Follower(chain, watched);
    await follow(chain, follower, 3_000);
    expect(sumOf(follower)).to.equal(
      logs.filter(({ block }) => block <= 3_000).reduce((sum, _, i) => sum + BigInt(i + 1), 0n),
    );
    chain.mostLogs = -1;
    let error: unknown;
    await follow(chain, follower, 4_000).catch((thrown: unknown) => (error = thrown));
    expect(error).to.include({ code: "RPC_ERROR" });
  });

  it("applies a chunk whole or not at all, and goes on from there", async () => {
    const bad = { ...supplied(500, 7, 1n), data: "0x12" };
    const chain = new FakeChain([...logs, bad].sort((a, b) => a.block - b.block));
    const follower = new Follower(chain, watched);
    let error: unknown;
    await follow(chain, follower, 10_000).catch((thrown: unknown) => (error = thrown));
    expect(error).to.include({ code: "RPC_ERROR" });
    expect(sumOf(follower)).to.equal(0n);
    chain.logs = logs;
    await follow(chain, follower, 10_000);
    expect(sumOf(follower)).to.equal(whole);
  });

  it("tells what others did while it was behind, once", async () => {
    const chain = new FakeChain([]);
    const follower = new Follower(chain, watched);
    await follow(chain, follower, 100);
    const values = [MARKET, address(5), address(6), 1n, 2n, 3n, 4n];
    const opened = (block: number): Log => ({ block, ...auctionHouseAbi.encodeEventLog("LaneOpened", values) });
    chain.logs = [opened(150), opened(299)];
    const events = await follow(chain, follower, 300);
    expect(events.map(({ kind, block }) => [kind, block])).to.deep.equal([
      ["open", 150],
      ["open", 299],
    ]);
    expect(await follow(chain, follower, 301)).to.deep.equal([]);
  });

  it("takes back what a fork of up to 128 blocks undoes, and begins anew for a longer one", async () => {
    for (const depth of [3, 100, 200]) {
      const chain = new FakeChain(logs);
      const follower = new Follower(chain, watched);
      for (let number = 1_000; number <= 1_300; number++) await follow(chain, follower, number);
      chain.forkedAt = 1_300 - depth + 1;
      chain.logs = logs.filter(({ block }) => block < chain.forkedAt);
      const expected = chain.logs.reduce((sum, _, i) => sum + BigInt(i + 1), 0n);
      const before = chain.ranges.length;
      await follow(chain, follower, 1_301);
      expect(sumOf(follower), String(depth)).to.equal(expected);
      expect(chain.ranges[before]![0]).to.equal(depth > 128 ? 0 : 1_301 - depth);
    }
  });

  it("writes only what has changed, one checkpoint at a time, all of it after a failure", async () => {
    const chain = new FakeChain(logs);
    const kept = new Kept();
    const follower = new Follower(chain, watched);
    await follow(chain, follower, 10_000);
    await follower.saveNow(kept);
    expect(kept.positions.length).to.equal(500);
    let open: () => void = () => undefined;
    kept.gate = new Promise((resolve) => (open = resolve));
    follower.save(kept);
    follower.save(kept); // the first one is not through yet
    expect(kept.writes).to.equal(2);
    open();
    chain.logs = [...logs, supplied(10_001, 100, 5n)];
    await follow(chain, follower, 10_001);
    kept.works = false;
    await follower.saveNow(kept);
    kept.works = true;
    kept.positions = [];
    await follower.saveNow(kept);
    expect(kept.positions.length).to.equal(500);

    const second = new Follower(chain, { ...watched, fromBlock: 1_000_000 }); // can't read the past
    expect(await second.restore(kept, chain.block(10_001))).to.equal(10_001);
    expect(sumOf(second)).to.equal(whole + 5n);
    await second.saveNow(kept);
    expect(kept.positions.length).to.equal(500); // nothing was new, and all is still there

    kept.works = false;
    const third = new Follower(chain, watched);
    expect(await third.restore(kept, chain.block(10_001))).to.equal(undefined);
    expect(sumOf(third)).to.equal(0n);
  });
});
