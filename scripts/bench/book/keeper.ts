import { id, Wallet } from "ethers";
import { pino } from "pino";

import {
  HttpRpc,
  InProcessCoordination,
  Keeper,
  type KeeperConfig,
  Metrics,
  type Signer,
  type SqliteStore,
} from "../../keeper";
import type { Deployment } from "./world";

const wallet = new Wallet(id("book bench keeper"));

/** The keeper of the bench, which also works at a loss: it is to sign something at every block. */
export function keeperOf(url: string, deployment: Deployment, store: SqliteStore, signer: Signer = wallet): Keeper {
  const log = pino({ level: process.env["KEEPER_LOG"] ?? "silent" }, pino.destination(2));
  const rpc = new HttpRpc(url, 60_000);
  const config = configOf(deployment);
  return new Keeper({
    rpc,
    signer,
    config,
    store,
    log,
    metrics: new Metrics(),
    coordination: new InProcessCoordination(),
  });
}

export function signerWith(onSigned: () => void): Signer {
  return {
    address: wallet.address,
    signTransaction: async (transaction) => {
      const signed = await wallet.signTransaction(transaction);
      onSigned();
      return signed;
    },
  };
}

function configOf({ collateral, pool, fromBlock, ...addresses }: Deployment): KeeperConfig {
  return {
    addresses,
    pools: new Map([[collateral, pool]]),
    ...{ fromBlock, logChunk: 10_000, maxActions: 16, checkBlocks: 100, auditPositions: 500, dryRun: false },
    weiPrice: { market: collateral },
    policy: { minProfit: 0n, maxOrders: 12, workAtLoss: true, maxLossBps: 10_000n, buyInventory: true },
    sender: { chainId: 1, limits: { priorityFee: 10n ** 9n, maxFeePerGas: 10n ** 14n }, stuckBlocks: 1_000 },
    profitReceiver: wallet.address,
  };
}
