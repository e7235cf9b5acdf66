import { min, PRICE_SCALE } from "./fixedPoint";

/** What a venue pays for collateral at one moment. Amounts in smallest units. */
export interface VenueQuote {
  /** The most collateral that the quote covers; more is not sold. */
  readonly most: bigint;
  /** Loan asset for selling `amount`, at most `most`, after the venue's fee. Rounded down. */
  proceeds(amount: bigint): bigint;
  /** Loan asset for the next unit after `amount`, scaled by 1e36, after the venue's fee. Never rises with `amount`. */
  marginalE36(amount: bigint): bigint;
  /** About the amount from which on the next unit brings less than `priceE36`. A hint, for those who look for it. */
  near?(priceE36: bigint): bigint;
}

/** How many units a venue takes of which each brings at least `priceE36`. */
export function depthAt(quote: VenueQuote, priceE36: bigint): bigint {
  const holds = (amount: bigint): boolean => quote.marginalE36(amount) >= priceE36;
  if (quote.most === 0n || !holds(0n)) return 0n;
  if (holds(quote.most - 1n)) return quote.most;
  let low = 0n; // holds
  let high = quote.most - 1n; // does not
  const hint = quote.near?.(priceE36) ?? 0n;
  if (hint > low && hint < high) {
    const up = holds(hint);
    if (up) low = hint;
    else high = hint;
    for (let step = 1n; step < high - low; step *= 4n) {
      const probe = up ? hint + step : hint - step;
      const held = holds(probe);
      if (held) low = probe;
      else high = probe;
      if (held !== up) break;
    }
  }
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return high;
}

/** One sale after the other: all that the first pays is sold on the second. */
export function chainQuotes(first: VenueQuote, second: VenueQuote): VenueQuote {
  let most = first.most;
  if (first.proceeds(most) > second.most) {
    let low = 0n;
    while (most - low > 1n) {
      const middle = (low + most) / 2n;
      if (first.proceeds(middle) <= second.most) low = middle;
      else most = middle;
    }
    most = low;
  }
  return {
    most,
    proceeds: (amount) => second.proceeds(first.proceeds(min(amount, most))),
    marginalE36: (amount) =>
      (first.marginalE36(amount) * second.marginalE36(first.proceeds(min(amount, most)))) / PRICE_SCALE,
  };
}
