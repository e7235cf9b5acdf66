import { SpillwayError } from "../lib";

/** The item at that place of a list, counted from the end when negative; `INTERNAL` where the list has none. */
export function item<T>(list: readonly T[], index: number): T {
  const found = list.at(index);
  if (found === undefined) throw new SpillwayError("INTERNAL", `a list of ${list.length} has no item ${index}`);
  return found;
}
