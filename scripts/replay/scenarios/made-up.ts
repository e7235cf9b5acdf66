import { item } from "../item";
import type { CollateralInput, GasInput } from "../model/scenario";

/** Gas of a day on which nothing happens. */
export const quietGas: GasInput = { source: "assumption: 20 gwei", everyMinutes: 60, gwei: [[20]], multiplier: 1 };

/** A price of ETH that goes from corner to corner at a constant rate, each corner a [minute, USD]; one price a minute. */
export function steady(corners: readonly (readonly [number, number])[]): CollateralInput {
  const [end] = item(corners, -1);
  const closes = Array.from({ length: end }, (_, minute) => {
    const next = corners.findIndex(([at]) => at > minute);
    const [from, low] = item(corners, next - 1);
    const [to, high] = item(corners, next);
    return low * (high / low) ** ((minute - from) / (to - from));
  });
  return { asset: "ETH", weight: 1, source: "made up", everyMinutes: 1, closes: [closes], extremes: [] };
}
