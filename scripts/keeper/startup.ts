import { ZeroAddress } from "ethers";

import { SpillwayError } from "../lib";
import { readFlashLiquidator, readVault } from "./chain/contracts";
import { Reads } from "./chain/Reads";
import { type Rpc, unwrapHex } from "./chain/rpc";
import type { Settings } from "./config";
import type { KeeperConfig } from "./keeper";
import type { Signer } from "./sender/job";
import { lossLimitsOf } from "./sender/settings";

/**
 * Checks the settings against the chain and makes the keeper's config of them.
 * @throws SpillwayError `WRONG_CHAIN`, `MISSING_CONTRACT`, `BAD_CONFIG`, `RPC_UNREACHABLE`; names the setting.
 */
export async function connect(settings: Settings, rpc: Rpc, signer: Pick<Signer, "address">): Promise<KeeperConfig> {
  const { vault, flashLiquidator } = settings;
  const pools = Object.entries(settings.pools);
  const venues = Object.entries(settings.venues);
  const contracts: [string, string][] = [
    ["vault", vault],
    ["flashLiquidator", flashLiquidator],
    ...pools.map(([collateral, pool]): [string, string] => [`pools.${collateral}`, pool]),
    ...venues.flatMap(([collateral, choices]) =>
      choices.flatMap((choice, i) => choice.contracts.map((at): [string, string] => [`venues.${collateral}.${i}`, at])),
    ),
  ];
  const [chainId, height, ...codes] = await rpc.batch([
    { method: "eth_chainId", params: [] },
    { method: "eth_blockNumber", params: [] },
    ...contracts.map(([, at]) => ({ method: "eth_getCode", params: [at, "latest"] })),
  ]);
  const actual = Number(unwrapHex(chainId, "reading the chain id"));
  if (actual !== settings.chainId) {
    throw new SpillwayError(
      "WRONG_CHAIN",
      `chainId: the node is on chain ${actual}, the settings say ${settings.chainId}; check rpc and chainId.`,
    );
  }
  contracts.forEach(([name, at], i) => {
    if (unwrapHex(codes[i], `reading the code at ${at}`) !== "0x") return;
    throw new SpillwayError("MISSING_CONTRACT", `${name}: there is no contract at ${at} on chain ${actual}.`);
  });

  const reads = new Reads(Number(unwrapHex(height, "reading the block number")));
  const auctionHouse = reads.call(readVault.auctionHouse(vault));
  const buffer = reads.call(readVault.buffer(vault));
  const markets = reads.call(readVault.markets(vault));
  const liquidatorsVault = reads.call(readFlashLiquidator.vault(flashLiquidator));
  await reads.send(rpc);
  const collaterals = markets.valueOrNone();
  const house = auctionHouse.valueOrNone() ?? ZeroAddress;
  if (collaterals === undefined || house === ZeroAddress) {
    throw new SpillwayError("MISSING_CONTRACT", `vault: ${vault} is not a vault with an auction house.`);
  }
  if (liquidatorsVault.valueOrNone() !== vault) {
    throw new SpillwayError(
      "MISSING_CONTRACT",
      `flashLiquidator: ${flashLiquidator} does not belong to vault ${vault}.`,
    );
  }
  const native = settings.nativeMarket;
  const named = [
    ["nativeMarket", native] as const,
    ...pools.map(([collateral]) => ["pools", collateral] as const),
    ...venues.map(([collateral]) => ["venues", collateral] as const),
  ];
  for (const [name, collateral] of named) {
    if (collateral === undefined || collaterals.includes(collateral)) continue;
    throw new SpillwayError("BAD_CONFIG", `${name}: ${collateral} is not a market of the vault.`);
  }

  return {
    addresses: { vault, auctionHouse: house, buffer: buffer.value(), flashLiquidator },
    pools: new Map(pools),
    venues: new Map(venues),
    capital: settings.capital,
    fromBlock: settings.fromBlock,
    logChunk: settings.logChunk,
    weiPrice: native === undefined ? { fixedE36: settings.weiPriceE36 ?? 0n } : { market: native },
    policy: {
      minProfit: settings.minProfit,
      maxOrders: settings.maxOrders,
      workAtLoss: settings.workAtLoss,
      maxLossBps: BigInt(settings.maxLossBps),
      buyInventory: settings.buyInventory,
    },
    sender: {
      chainId: settings.chainId,
      limits: { priorityFee: settings.priorityFee, maxFeePerGas: settings.maxFeePerGas },
      stuckBlocks: settings.stuckBlocks,
      publicAfterBlocks: settings.publicAfterBlocks,
      losses: lossLimitsOf(settings),
    },
    profitReceiver: settings.profitReceiver ?? signer.address,
    maxActions: settings.maxActions,
    checkBlocks: settings.checkBlocks,
    auditPositions: settings.auditPositions,
    dryRun: settings.dryRun,
  };
}
