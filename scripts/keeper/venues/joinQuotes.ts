import { depthAt, max, min, type VenueQuote } from "../../lib";

/** What one venue's leg sells, and what it was quoted at. */
export interface Part {
  /** `Venue.name`. */
  venue: string;
  amount: bigint;
  proceeds: bigint;
}

/** How collateral is paid for: by selling it in the same transaction, or with money of the operator's, who keeps it. */
export interface Sale {
  capital: "flash" | "own";
  /** What it brings in loan asset. */
  proceeds: bigint;
  /** Empty with own capital. */
  parts: readonly Part[];
  /** Units of gas of its legs. */
  gas: bigint;
}

/** What a market's collateral brings, wherever it goes. */
export interface MarketQuote extends VenueQuote {
  /** Whether the unit after `amount` brings at least `priceE36`. */
  pays(amount: bigint, priceE36: bigint): boolean;
  /** How `amount` is best sold, at most `most`, when legs cost gas. @param gasCost Loan asset for units of gas. */
  sale(amount: bigint, gasCost: (units: bigint) => bigint): Sale;
  /** What is left of it once `spent` loan asset of the same money went to other markets. Only with own capital. */
  after?(spent: bigint): MarketQuote;
}

/** One venue's quote in a joined one. */
export interface VenueOffer {
  venue: string;
  /** Units of gas of a leg. */
  gas: bigint;
  quote: VenueQuote;
}

/**
 * What several venues pay together when each unit goes to the one that pays most for it, ties to the earlier one: the amount
 * is split where their marginal prices meet.
 */
export function joinQuotes(offers: readonly VenueOffer[]): MarketQuote {
  const quotes = offers.map(({ quote }) => quote);
  const most = quotes.reduce((sum, quote) => sum + quote.most, 0n);
  const splits = new Map<bigint, readonly bigint[]>();
  const split = (amount: bigint): readonly bigint[] => {
    const known = splits.get(amount) ?? splitOf(quotes, min(amount, most), most);
    splits.set(amount, known);
    return known;
  };
  const depth = (priceE36: bigint): bigint => quotes.reduce((sum, quote) => sum + depthAt(quote, priceE36), 0n);
  const proceeds = (amount: bigint): bigint =>
    quotes.reduce((sum, quote, i) => sum + quote.proceeds(split(amount)[i] ?? 0n), 0n);
  const marginalE36 = (amount: bigint): bigint => {
    const at = split(amount);
    const isLeft = (quote: VenueQuote, i: number): boolean => (at[i] ?? 0n) < quote.most;
    const next = quotes.map((quote, i) => quote.marginalE36(at[i] ?? 0n));
    // past the end it is the lowest of what they ended with
    if (amount >= most) return next.length === 0 ? 0n : min(next[0] ?? 0n, ...next);
    return max(0n, ...next.filter((_, i) => isLeft(quotes[i] as VenueQuote, i)));
  };

  const plain = (amount: bigint): Sale => {
    const amounts = split(amount);
    const parts = offers.flatMap(({ venue, quote }, i) => {
      const part = amounts[i] ?? 0n;
      return part === 0n ? [] : [{ venue, amount: part, proceeds: quote.proceeds(part) }];
    });
    const gas = offers.reduce((sum, offer, i) => sum + ((amounts[i] ?? 0n) === 0n ? 0n : offer.gas), 0n);
    return { capital: "flash", parts, gas, proceeds: parts.reduce((sum, part) => sum + part.proceeds, 0n) };
  };

  return {
    most,
    proceeds,
    marginalE36,
    pays: (amount, priceE36) =>
      quotes.length === 1 || amount >= most ? marginalE36(amount) >= priceE36 : depth(priceE36) > amount,
    sale: (amount, gasCost) => {
      const best = plain(amount);
      const net = (sale: Sale): bigint => sale.proceeds - gasCost(sale.gas);
      // a venue whose leg costs more gas than it brings is left out
      const used = offers.filter(({ venue }) => best.parts.some((part) => part.venue === venue));
      const fewer = used.length < 2 ? [] : used.map((one) => joinQuotes(used.filter((other) => other !== one)));
      return fewer
        .filter((joined) => joined.most >= min(amount, most))
        .map((joined) => joined.sale(amount, gasCost))
        .reduce((found, sale) => (net(sale) > net(found) ? sale : found), best);
    },
  };
}

/** What each venue gets of `amount`, when units go to who pays most. */
function splitOf(quotes: readonly VenueQuote[], amount: bigint, most: bigint): readonly bigint[] {
  if (quotes.length === 1) return [amount];
  if (amount === 0n) return quotes.map(() => 0n);
  const depths = (priceE36: bigint): bigint[] => quotes.map((quote) => depthAt(quote, priceE36));
  const open = quotes.filter((quote) => quote.most > 0n);

  // the highest price at which there is room for all of it lies in [low, high)
  let low = min(...(open.map((quote) => quote.marginalE36(quote.most - 1n)) as [bigint, ...bigint[]]));
  let high = max(0n, ...open.map((quote) => quote.marginalE36(0n))) + 1n;
  let [atLow, atHigh] = [quotes.map((quote) => quote.most), quotes.map(() => 0n)];
  let [sumLow, sumHigh] = [most, 0n];
  for (let turn = 0; high - low > 1n && sumLow !== amount; turn++) {
    // along the chord, and every third time by halves, so that it always ends
    const chord = ((high - low) * (sumLow - amount)) / (sumLow - sumHigh);
    const ahead = turn % 3 === 2 ? (high - low) / 2n : chord;
    const price = low + max(1n, min(ahead, high - low - 1n));
    const at = depths(price);
    const sum = at.reduce((total, depth) => total + depth, 0n);
    if (sum >= amount) [low, atLow, sumLow] = [price, at, sum];
    else [high, atHigh, sumHigh] = [price, at, sum];
  }
  if (sumLow === amount) return atLow;
  // units at exactly that price: to the earlier venues
  let rest = amount - sumHigh;
  return quotes.map((_, i) => {
    const from = atHigh[i] ?? 0n;
    const more = min(rest, (atLow[i] ?? 0n) - from);
    rest -= more;
    return from + more;
  });
}
