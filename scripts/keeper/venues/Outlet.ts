import type { Reads } from "../chain/Reads";
import type { MarketQuote, Part } from "./joinQuotes";
import type { Leg } from "./Venue";

/** A leg and the amount that it sells. */
export interface SizedLeg extends Leg {
  /** Of what is bought, Wad; the last leg's says nothing. */
  shareWad: bigint;
}

/** Where a market's collateral goes. */
export interface Outlet {
  /**
   * Adds to a batch what a quote needs.
   * @param priceE36 The market's oracle price.
   * @returns Call it once the batch was sent. Undefined where nothing can be sold now.
   */
  read(reads: Reads, priceE36: bigint): () => MarketQuote | undefined;
  /** The legs that sell these parts. Undefined where a venue doesn't stand by its quote. */
  route(parts: readonly Part[]): Promise<SizedLeg[] | undefined>;
  /** Tells the venues of these parts whether their transaction was sent, or refused by its simulation. */
  judge(parts: readonly Part[], wasSent: boolean): void;
}
