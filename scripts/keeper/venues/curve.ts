import { min, PRICE_SCALE, type VenueQuote } from "../../lib";

/** What somebody offered for an amount. */
export interface Point {
  amount: bigint;
  proceeds: bigint;
}

/**
 * A quote from a few offers: straight between them, never more at one of them than was offered, and never rising in price.
 * Where an offer would need that, or brings less than a smaller one, the quote ends before it.
 * @param offers By rising amount.
 */
export function quoteCurve(offers: readonly Point[]): VenueQuote {
  const steps: { start: Point; end: Point; priceE36: bigint }[] = [];
  let start: Point = { amount: 0n, proceeds: 0n };
  for (const { amount, proceeds } of offers) {
    const size = amount - start.amount;
    const offered = ((proceeds - start.proceeds) * PRICE_SCALE) / size;
    const priceE36 = min(offered, steps.at(-1)?.priceE36 ?? offered);
    if (proceeds < start.proceeds || priceE36 <= 0n) break;
    const end = { amount, proceeds: start.proceeds + (size * priceE36) / PRICE_SCALE };
    steps.push({ start, end, priceE36 });
    start = end;
  }
  const most = steps.at(-1)?.end.amount ?? 0n;
  const last = steps.at(-1)?.priceE36 ?? 0n;
  return {
    most,
    proceeds: (amount) => {
      const sold = min(amount, most);
      const step = steps.find(({ end }) => sold <= end.amount);
      return step === undefined ? 0n : step.start.proceeds + ((sold - step.start.amount) * step.priceE36) / PRICE_SCALE;
    },
    marginalE36: (amount) => steps.find(({ end }) => amount < end.amount)?.priceE36 ?? last,
  };
}
