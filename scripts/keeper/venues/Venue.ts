import type { VenueQuote } from "../../lib";
import type { Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";

/** `IFlashLiquidator.LegKind`: how the flash liquidator sells on a venue. */
export const LEG_KIND = { uniswapV3: 0, uniswapV3Path: 1, uniswapV2: 2, call: 3 } as const;

/** What the flash liquidator has to know of a venue: `IFlashLiquidator.Leg` but for the share. */
export interface Leg {
  kind: (typeof LEG_KIND)[keyof typeof LEG_KIND];
  /** The pool, the first pool of a path, the pair, or the contract to call. */
  venue: string;
  /** The least loan asset that the leg must bring; 0 leaves it to the least profit of the whole. */
  minOut: bigint;
  data: string;
}

/** Where a keeper sells collateral. */
export interface Venue {
  /** Names it among the venues of its market, in logs too. Never a secret. */
  readonly name: string;
  /** Units of gas that a leg on it takes. */
  readonly gas: bigint;
  /**
   * Adds to a batch what a quote needs.
   * @returns Call it once the batch was sent; it throws a SpillwayError where the venue can't be read.
   */
  read(reads: Reads): () => VenueQuote;
  /**
   * The leg that sells `amount`. Asked for when its transaction is made.
   * @param amount A little less than what was quoted: what a call leaves is sold elsewhere.
   * @param proceeds What it was quoted at.
   * @returns Undefined where the venue doesn't stand by its quote.
   */
  leg(amount: bigint, proceeds: bigint): Promise<Leg | undefined>;
  /** Told whether a transaction with a leg of this venue was sent, or refused by its simulation. */
  judge?(wasSent: boolean): void;
}

/** For whom a venue is opened. Addresses checksummed. */
export interface VenueContext {
  rpc: Rpc;
  /** The block to read it at. */
  block: number;
  chainId: number;
  collateral: string;
  loanAsset: string;
  flashLiquidator: string;
}

/** A venue that was chosen in the settings and is not open yet. */
export interface VenueChoice {
  /** Contracts that must be there. */
  readonly contracts: readonly string[];
  /** @throws SpillwayError `BAD_CONFIG` where it can't be used for this collateral. */
  open(context: VenueContext): Promise<Venue>;
}
