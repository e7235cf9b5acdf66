import { AbiCoder, type AddressLike } from "ethers";
import { ethers } from "hardhat";

import { type IFlashLiquidator } from "../../typechain-types";

/** `IFlashLiquidator.LegKind`. */
export const KIND = { uniswapV3: 0, uniswapV3Path: 1, uniswapV2: 2, call: 3 } as const;

type Leg = IFlashLiquidator.LegStruct;

/** A leg that sells everything, or a share of it, on one Uniswap v3 pool. */
export function onPool(venue: AddressLike, shareWad = 0n): Leg {
  return { kind: KIND.uniswapV3, venue, shareWad, minOut: 0n, data: "0x" };
}

/** A leg through a middle token. */
export async function onPath(
  first: AddressLike,
  middle: AddressLike,
  second: AddressLike,
  shareWad = 0n,
): Promise<Leg> {
  const hop = [await ethers.resolveAddress(middle), await ethers.resolveAddress(second)];
  const data = AbiCoder.defaultAbiCoder().encode(["address", "address"], hop);
  return { kind: KIND.uniswapV3Path, venue: first, shareWad, minOut: 0n, data };
}

/** A leg on a Uniswap v2 pair. */
export function onPair(venue: AddressLike, shareWad = 0n): Leg {
  return { kind: KIND.uniswapV2, venue, shareWad, minOut: 0n, data: "0x" };
}

/** A leg that calls a contract. */
export function byCall(venue: AddressLike, data: string, minOut = 0n, shareWad = 0n): Leg {
  return { kind: KIND.call, venue, shareWad, minOut, data };
}
