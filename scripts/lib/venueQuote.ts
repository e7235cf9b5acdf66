/** What a venue pays for collateral at one moment. Amounts in smallest units. */
export interface VenueQuote {
  /** The most collateral that the quote covers; more is not sold. */
  readonly most: bigint;
  /** Loan asset for selling `amount`, at most `most`, after the venue's fee. Rounded down. */
  proceeds(amount: bigint): bigint;
  /** Loan asset for the next unit after `amount`, scaled by 1e36, after the venue's fee. Never rises with `amount`. */
  marginalE36(amount: bigint): bigint;
}
