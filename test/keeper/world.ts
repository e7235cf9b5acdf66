import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { setBalance, time } from "@nomicfoundation/hardhat-network-helpers";
import { Wallet, ZeroAddress, id, parseEther } from "ethers";
import hre from "hardhat";
import { pino } from "pino";

import { type Block, parseBlock } from "../../scripts/keeper/chain/block";
import { type Rpc, type RpcReply, type RpcRequest } from "../../scripts/keeper/chain/rpc";
import { InProcessCoordination } from "../../scripts/keeper/coordination/Coordination";
import type { Action } from "../../scripts/keeper/execute";
import { Keeper, type KeeperConfig } from "../../scripts/keeper/keeper";
import { SpillwayError } from "../../scripts/lib";
import { Metrics } from "../../scripts/keeper/metrics/Metrics";
import { SqliteStore } from "../../scripts/keeper/store/SqliteStore";

/** Hardhat's own node as the keeper sees a node; counts the round trips. */
export class HardhatRpc implements Rpc {
  roundTrips = 0;
  /** Methods that are answered with an error from now on. */
  readonly broken = new Set<string>();
  /** Batches for which this is true get no answer. */
  dropped: (requests: readonly RpcRequest[]) => boolean = () => false;

  async batch(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    this.roundTrips++;
    if (this.dropped(requests)) throw new SpillwayError("RPC_UNREACHABLE", "The batch was dropped.");
    const replies: RpcReply[] = [];
    for (const { method, params } of requests) replies.push(await this.one(method, params));
    return replies;
  }

  private async one(method: string, params: readonly unknown[]): Promise<RpcReply> {
    if (this.broken.has(method)) return { ok: false, error: { code: -32000, message: `${method} is broken` } };
    try {
      return { ok: true, result: await hre.network.provider.send(method, [...params]) };
    } catch (error) {
      const { message, code, data } = error as Error & { code?: number; data?: unknown };
      const revert = (data as { data?: unknown } | undefined)?.data ?? data;
      return { ok: false, error: { code: code ?? -1, message, data: typeof revert === "string" ? revert : undefined } };
    }
  }
}

/** The latest block of Hardhat's own node. */
export async function latestBlock(): Promise<Block> {
  return parseBlock(await hre.network.provider.send("eth_getBlockByNumber", ["latest", false]));
}

/** Serves JSON-RPC batches over HTTP on a free port of the loopback. */
export async function serve(rpc: Rpc): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part: Buffer) => (text += part.toString()));
    request.on("end", () => {
      const calls = JSON.parse(text) as (RpcRequest & { id: number })[];
      void rpc.batch(calls).then((replies) => {
        const answers = replies.map((reply, i) => ({
          jsonrpc: "2.0",
          id: calls[i]?.id,
          ...(reply.ok ? { result: reply.result } : { error: reply.error }),
        }));
        response.end(JSON.stringify(answers));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

export const signer = new Wallet(id("a keeper's key for tests"));

/** What a keeper of a market of `test/contracts/periphery/fixture.ts` needs; gas is priced at 3,000 USDC for an ether. */
export function configOf(
  addresses: KeeperConfig["addresses"],
  collateral: string,
  pool: string,
  changes: Partial<KeeperConfig["policy"]> = {},
): KeeperConfig {
  return {
    addresses,
    pools: new Map(pool === ZeroAddress ? [] : [[collateral, pool]]),
    fromBlock: 0,
    logChunk: 10_000,
    weiPrice: { market: collateral },
    policy: {
      minProfit: 0n,
      maxOrders: 12,
      workAtLoss: false,
      maxLossBps: 50n,
      buyInventory: true,
      ...changes,
    },
    sender: {
      chainId: 31_337,
      limits: { priorityFee: 10n ** 9n, maxFeePerGas: 10_000n * 10n ** 9n },
      stuckBlocks: 3,
    },
    profitReceiver: signer.address,
    maxActions: 16,
    checkBlocks: 1,
    auditPositions: 0,
    dryRun: false,
  };
}

/** A keeper on Hardhat's node, driven block by block. */
export async function runKeeper(config: KeeperConfig, store = new SqliteStore(":memory:", "test")) {
  await setBalance(signer.address, parseEther("100"));
  const rpc = new HardhatRpc();
  const metrics = new Metrics();
  const log = pino({ level: process.env["KEEPER_LOG"] ?? "silent" });
  const deps = { rpc, signer, config, store, metrics, coordination: new InProcessCoordination(), log };
  const keeper = new Keeper(deps);

  /** Lets the keeper see the latest block, then mines what it sent `seconds` later. */
  const step = async (seconds = 12): Promise<Action[]> => {
    const { provider } = hre.network;
    await provider.send("evm_setAutomine", [false]);
    try {
      const actions = await keeper.onBlock(await latestBlock());
      await time.increase(seconds);
      return actions;
    } finally {
      await provider.send("evm_setAutomine", [true]);
    }
  };
  const metric = async (name: string): Promise<number> => {
    const found = await metrics.registry.getSingleMetric(name)?.get();
    return found?.values.reduce((sum, { value }) => sum + value, 0) ?? Number.NaN;
  };
  return { keeper, rpc, metrics, store, step, latest: latestBlock, metric };
}
