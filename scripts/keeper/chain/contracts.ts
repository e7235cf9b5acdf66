// The one place that turns the contracts' ABI into the keeper's types and back.
import { MaxUint256, type Interface, type Result } from "ethers";

import { IAuctionHouse__factory } from "../../../typechain-types/factories/contracts/interfaces/IAuctionHouse__factory";
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

/** A market as the vault holds it. */
export interface Market {
  oracle: string;
  borrowOracle: string;
  lltvBps: bigint;
  minDebt: bigint;
  /** The sum of the positions'. */
  debtShares: bigint;
}

/** What a position holds, and owes in loan asset, rounded up. */
export interface Held {
  collateral: bigint;
  debt: bigint;
}

/** A lane brought up to now, and when it was last synced and paid for, in seconds. */
export interface Lane {
  isOpen: boolean;
  /** Whether oracle and second source have parted. */
  diverged: boolean;
  priceE36: bigint;
  /** π of what is emitted now, Wad. */
  premiumWad: bigint;
  ratePerHour: bigint;
  /** a_L: age of the oldest unsold emission, Wad seconds. */
  ageWad: bigint;
  syncedAt: bigint;
  paidAt: bigint;
}

/** How a lane sells. Units as in `IAuctionHouse.LaneParameters`. */
export interface LaneParameters {
  slopeWad: bigint;
  maxPremiumBps: bigint;
  maxDiscountBps: bigint;
  firstDiscountBps: bigint;
  targetLtvBps: bigint;
  absorbLtvBps: bigint;
  absorbDiscountBps: bigint;
  liquidationFeeBps: bigint;
  urgency: bigint;
}

/** What keepers are paid. Units as in `IAuctionHouse.PayParameters`. */
export interface PayParameters {
  nativeOracle: string;
  wrappedNative: string;
  feeCap: bigint;
  tip: bigint;
  marginBps: bigint;
  capBps: bigint;
  interval: bigint;
}

/** What the buffer holds of a collateral. */
export interface Inventory {
  amount: bigint;
  /** Its sale's cursor, Wad seconds. */
  cursorWad: bigint;
}

/** How the buffer sells it. */
export interface InventoryParameters {
  slopeWad: bigint;
  paceShareBps: bigint;
  premiumBps: bigint;
  maxDiscountBps: bigint;
  biteTime: bigint;
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
      const { oracle, borrowOracle, lltvBps, minDebt, debtShares } = r[0] as Market;
      return { oracle, borrowOracle, lltvBps, minDebt, debtShares };
    }),
  /** Collateral, and debt in loan asset rounded up, of many positions; reverts where the oracle does. */
  snapshot: (vault: string, collateral: string, owners: readonly string[]): ContractRead<Held[]> => ({
    to: vault,
    data: vaultAbi.encodeFunctionData("snapshot", [collateral, owners]),
    // word by word: ethers takes ten times as long, and there are hundreds
    decode: (data) => {
      const word = (place: number): bigint => BigInt(`0x${data.slice(2 + 64 * place, 66 + 64 * place)}`);
      const [head, each] = [5, 3];
      return owners.map((_, i) => ({ collateral: word(head + each * i), debt: word(head + each * i + 1) }));
    },
  }),
  position: (vault: string, collateral: string, owner: string) =>
    read(vaultAbi, vault, "position", [collateral, owner], (r) => {
      const { collateral: held, debtShares } = r[0] as Record<"collateral" | "debtShares", bigint>;
      return { collateral: held, debtShares };
    }),
};

export const readAuctionHouse = {
  /** How much of a position's collateral could be bought now. */
  buyable: (house: string, collateral: string, owner: string, most: bigint) =>
    read(
      auctionHouseAbi,
      house,
      "quote",
      [collateral, owner, most],
      (r) => (r[0] as { collateral: bigint }).collateral,
    ),
  laneState: (house: string, collateral: string) =>
    read(auctionHouseAbi, house, "laneState", [collateral], (r): Omit<Lane, "syncedAt" | "paidAt"> => {
      const { isOpen, diverged, priceE36, premiumWad, ratePerHour, ageWad } = r[0] as Lane;
      return { isOpen, diverged, priceE36, premiumWad, ratePerHour, ageWad };
    }),
  lane: (house: string, collateral: string) =>
    read(auctionHouseAbi, house, "lane", [collateral], (r): Pick<Lane, "syncedAt" | "paidAt"> => {
      const { syncedAt, paidAt } = r[0] as Lane;
      return { syncedAt, paidAt };
    }),
  laneParameters: (house: string, collateral: string) =>
    read(auctionHouseAbi, house, "laneParameters", [collateral], (r): LaneParameters => {
      const p = r[0] as LaneParameters;
      return {
        slopeWad: p.slopeWad,
        maxPremiumBps: p.maxPremiumBps,
        maxDiscountBps: p.maxDiscountBps,
        firstDiscountBps: p.firstDiscountBps,
        targetLtvBps: p.targetLtvBps,
        absorbLtvBps: p.absorbLtvBps,
        absorbDiscountBps: p.absorbDiscountBps,
        liquidationFeeBps: p.liquidationFeeBps,
        urgency: p.urgency,
      };
    }),
  payParameters: (house: string) =>
    read(auctionHouseAbi, house, "payParameters", [], (r): PayParameters => {
      const { nativeOracle, wrappedNative, feeCap, tip, marginBps, capBps, interval } = r[0] as PayParameters;
      return { nativeOracle, wrappedNative, feeCap, tip, marginBps, capBps, interval };
    }),
};

/** `ILiquidityBuffer.SaleRefusal.None`. */
const FOR_SALE = 0n;

export const readBuffer = {
  capacity: (buffer: string, collateral: string) =>
    read(bufferAbi, buffer, "capacity", [collateral], (r) => ({ cash: r[0] as bigint, room: r[1] as bigint })),
  inventory: (buffer: string, collateral: string) =>
    read(bufferAbi, buffer, "inventory", [collateral], (r): Inventory => {
      const { amount, cursorWad } = r[0] as Inventory;
      return { amount, cursorWad };
    }),
  isForSale: (buffer: string, collateral: string) =>
    read(bufferAbi, buffer, "quoteInventory", [collateral, MaxUint256], (r) => r[0] === FOR_SALE),
  parameters: (buffer: string, collateral: string) =>
    read(bufferAbi, buffer, "inventoryParameters", [collateral], (r): InventoryParameters => {
      const p = r[0] as InventoryParameters;
      return {
        slopeWad: p.slopeWad,
        paceShareBps: p.paceShareBps,
        premiumBps: p.premiumBps,
        maxDiscountBps: p.maxDiscountBps,
        biteTime: p.biteTime,
      };
    }),
  cash: (buffer: string) => read(bufferAbi, buffer, "cash", [], toBigint),
  totalAssets: (buffer: string) => read(bufferAbi, buffer, "totalAssets", [], toBigint),
  totalSupply: (buffer: string) => read(bufferAbi, buffer, "totalSupply", [], toBigint),
  marketInTrouble: (buffer: string) => read(bufferAbi, buffer, "marketInTrouble", [], toAddress),
  /** Shares that wait, without those of an epoch that is over. */
  pending: (buffer: string, controller: string) =>
    read(bufferAbi, buffer, "pendingRedeemRequest", [0n, controller], toBigint),
  readyAt: (buffer: string, controller: string) =>
    read(bufferAbi, buffer, "request", [controller], (r) => (r[0] as { readyAt: bigint }).readyAt),
};

export const readFlashLiquidator = {
  vault: (liquidator: string) => read(flashLiquidatorAbi, liquidator, "vault", [], toAddress),
};

export const readOracle = {
  priceE36: (oracle: string) => read(oracleAbi, oracle, "price", [], toBigint),
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
