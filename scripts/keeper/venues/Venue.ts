import type { VenueQuote } from "../../lib";
import type { Reads } from "../chain/Reads";

/** Where a keeper sells collateral. */
export interface Venue {
  /** The pool to name to the flash liquidator. */
  readonly pool: string;
  /**
   * Adds to a batch what a quote needs.
   * @returns Call it once the batch was sent; it throws SpillwayError `RPC_ERROR` where the venue can't be read.
   */
  read(reads: Reads): () => VenueQuote;
}
