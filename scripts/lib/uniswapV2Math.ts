// Uniswap v2 core whitepaper, section 3.2.1: the product of the reserves may not fall, with 0.3 % of what comes in left out.
import { min, PRICE_SCALE } from "./fixedPoint";
import { sqrt } from "./uniswapV3Math";
import type { VenueQuote } from "./venueQuote";

/** A pair's reserves are below this. */
const RESERVE_LIMIT = 1n << 112n;

/** Quotes sales to a pair. Rounding is the pair's. */
export function quotePair(reserveIn: bigint, reserveOut: bigint): VenueQuote {
  const most = reserveIn === 0n || reserveOut === 0n ? 0n : RESERVE_LIMIT - 1n - reserveIn;
  const scaledIn = reserveIn * 1000n;
  return {
    most,
    proceeds: (amount) => {
      const net = min(amount, most) * 997n;
      return net === 0n ? 0n : (net * reserveOut) / (scaledIn + net);
    },
    marginalE36: (amount) => {
      const after = scaledIn + min(amount, most) * 997n;
      return after === 0n ? 0n : (PRICE_SCALE * 997n * scaledIn * reserveOut) / (after * after);
    },
    near: (priceE36) => {
      if (priceE36 === 0n) return most;
      const after = sqrt((PRICE_SCALE * 997n * scaledIn * reserveOut) / priceE36);
      return after <= scaledIn ? 0n : (after - scaledIn) / 997n;
    },
  };
}
