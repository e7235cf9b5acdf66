// The one place that turns the contracts' ABI into the keeper's types and back.
import type { Interface, Result } from "ethers";

import { IAuctionHouse__factory } from "../../../typechain-types/factories/contracts/interfaces/IAuctionHouse__factory";
import { IDepthOracle__factory } from "../../../typechain-types/factories/contracts/interfaces/IDepthOracle__factory";
import { IFlashLiquidator__factory } from "../../../typechain-types/factories/contracts/interfaces/IFlashLiquidator__factory";
import { ILiquidityBuffer__factory } from "../../../typechain-types/factories/contracts/interfaces/ILiquidityBuffer__factory";
import { IOracle__factory } from "../../../typechain-types/factories/contracts/interfaces/IOracle__factory";
import { IVault__factory } from "../../../typechain-types/factories/contracts/interfaces/IVault__factory";
import type { ContractRead } from "./Reads";

export const vaultAbi: Interface = IVault__factory.createInterface();
export const auctionHouseAbi: Interface = IAuctionHouse__factory.createInterface();
export const bufferAbi: Interface = ILiquidityBuffer__factory.createInterface();
export const flashLiquidatorAbi: Interface = IFlashLiquidator__factory.createInterface();
const oracleAbi: Interface = IOracle__factory.createInterface();
const depthAbi: Interface = IDepthOracle__factory.createInterface();

/** A market as the vault holds it. */
export interface Market {
  oracle: string;
  lltvBps: bigint;
  minDebt: bigint;
  /** The sum of the positions'. */
  debtShares: bigint;
}

/** A lane as the auction house holds it; `cursorWad` in Wad seconds, other times in seconds. */
export interface Lane {
  cursorWad: bigint;
  ratePerHour: bigint;
  auctions: bigint;
  /** When an auction was last started here, ended or not. */
  startedAt: bigint;
  emaE36: bigint;
  syncedAt: bigint;
}

/** How a lane sells. Units as in `IAuctionHouse.LaneParameters`. */
export interface LaneParameters {
  slopeWad: bigint;
  maxPremiumBps: bigint;
  maxDiscountBps: bigint;
  targetLtvBps: bigint;
  absorbLtvBps: bigint;
  absorbDiscountBps: bigint;
  liquidationFeeBps: bigint;
  paceBps: bigint;
  absorbDelay: bigint;
  maxAuctionDuration: bigint;
  stressPaceBps: bigint;
  chipBps: bigint;
  tip: bigint;
  minRatePerHour: bigint;
  maxRatePerHour: bigint;
  depthOracle: string;
}

/** What the buffer holds of a collateral. */
export interface Inventory {
  amount: bigint;
  heldSince: bigint;
  cursorWad: bigint;
}

/** How the buffer sells it. */
export interface InventoryParameters {
  slopeWad: bigint;
  paceShareBps: bigint;
  premiumBps: bigint;
  maxDiscountBps: bigint;
  emaToleranceBps: bigint;
  maxHold: bigint;
}

function read<T>(
  abi: Interface,
  to: string,
  name: string,
  args: unknown[],
  pick: (result: Result) => T,
): ContractRead<T> {
  return {
    to,
    data: abi.encodeFunctionData(name, args),
    decode: (data) => pick(abi.decodeFunctionResult(name, data)),
  };
}

const toBigint = (result: Result): bigint => result[0] as bigint;
const toAddress = (result: Result): string => result[0] as string;

export const readVault = {
  markets: (vault: string) => read(vaultAbi, vault, "markets", [], (r) => [...(r[0] as string[])]),
  asset: (vault: string) => read(vaultAbi, vault, "asset", [], toAddress),
  auctionHouse: (vault: string) => read(vaultAbi, vault, "auctionHouse", [], toAddress),
  buffer: (vault: string) => read(vaultAbi, vault, "buffer", [], toAddress),
  indexE27: (vault: string) => read(vaultAbi, vault, "indexE27", [], toBigint),
  market: (vault: string, collateral: string) =>
    read(vaultAbi, vault, "market", [collateral], (r): Market => {
      const { oracle, lltvBps, minDebt, debtShares } = r[0] as Market;
      return { oracle, lltvBps, minDebt, debtShares };
    }),
  position: (vault: string, collateral: string, owner: string) =>
    read(vaultAbi, vault, "position", [collateral, owner], (r) => {
      const { collateral: held, debtShares, riskAt } = r[0] as Record<"collateral" | "debtShares" | "riskAt", bigint>;
      return { collateral: held, debtShares, riskAt };
    }),
};

export const readAuctionHouse = {
  lane: (house: string, collateral: string) =>
    read(auctionHouseAbi, house, "lane", [collateral], (r): Lane => {
      const { cursorWad, ratePerHour, auctions, startedAt, emaE36, syncedAt } = r[0] as Lane;
      return { cursorWad, ratePerHour, auctions, startedAt, emaE36, syncedAt };
    }),
  laneParameters: (house: string, collateral: string) =>
    read(auctionHouseAbi, house, "laneParameters", [collateral], (r): LaneParameters => {
      const p = r[0] as LaneParameters;
      return {
        slopeWad: p.slopeWad,
        maxPremiumBps: p.maxPremiumBps,
        maxDiscountBps: p.maxDiscountBps,
        targetLtvBps: p.targetLtvBps,
        absorbLtvBps: p.absorbLtvBps,
        absorbDiscountBps: p.absorbDiscountBps,
        liquidationFeeBps: p.liquidationFeeBps,
        paceBps: p.paceBps,
        absorbDelay: p.absorbDelay,
        maxAuctionDuration: p.maxAuctionDuration,
        stressPaceBps: p.stressPaceBps,
        chipBps: p.chipBps,
        tip: p.tip,
        minRatePerHour: p.minRatePerHour,
        maxRatePerHour: p.maxRatePerHour,
        depthOracle: p.depthOracle,
      };
    }),
  auction: (house: string, collateral: string, owner: string) =>
    read(auctionHouseAbi, house, "auction", [collateral, owner], (r) => {
      const { startedAt, premiumWad, bountyAt } = r[0] as Record<"startedAt" | "premiumWad" | "bountyAt", bigint>;
      return { startedAt, premiumWad, bountyAt };
    }),
  ema: (house: string, collateral: string) => read(auctionHouseAbi, house, "ema", [collateral], toBigint),
};

export const readBuffer = {
  capacity: (buffer: string, collateral: string) =>
    read(bufferAbi, buffer, "capacity", [collateral], (r) => ({ cash: r[0] as bigint, room: r[1] as bigint })),
  inventory: (buffer: string, collateral: string) =>
    read(bufferAbi, buffer, "inventory", [collateral], (r): Inventory => {
      const { amount, heldSince, cursorWad } = r[0] as Inventory;
      return { amount, heldSince, cursorWad };
    }),
  parameters: (buffer: string, collateral: string) =>
    read(bufferAbi, buffer, "inventoryParameters", [collateral], (r): InventoryParameters => {
      const p = r[0] as InventoryParameters;
      return {
        slopeWad: p.slopeWad,
        paceShareBps: p.paceShareBps,
        premiumBps: p.premiumBps,
        maxDiscountBps: p.maxDiscountBps,
        emaToleranceBps: p.emaToleranceBps,
        maxHold: p.maxHold,
      };
    }),
};

export const readFlashLiquidator = {
  vault: (liquidator: string) => read(flashLiquidatorAbi, liquidator, "vault", [], toAddress),
};

export const readOracle = {
  priceE36: (oracle: string) => read(oracleAbi, oracle, "price", [], toBigint),
  depth: (oracle: string) => read(depthAbi, oracle, "depth", [], toBigint),
};

/** One position in a buy of many: at most `maxCollateral` of it. */
export interface Order {
  owner: string;
  maxCollateral: bigint;
}

/** The name of the error that a call reverted with, or what the node said where that is not known. */
export function revertReason(failure: { message: string; data?: string | undefined }): string {
  if (failure.data !== undefined && failure.data.length >= 10) {
    for (const abi of [auctionHouseAbi, flashLiquidatorAbi, vaultAbi, bufferAbi]) {
      const error = abi.parseError(failure.data);
      if (error !== null) return `${error.name}(${error.args.map(String).join(", ")})`;
    }
  }
  return failure.message;
}
