import { setImmediate } from "node:timers/promises";

/** Goes through many things without holding up whatever else waits to be done: after every `size` of them others have a turn. */
export async function inSlices<T>(
  things: Iterable<T>,
  size: number,
  each: (slice: readonly T[]) => void,
): Promise<void> {
  let slice: T[] = [];
  for (const thing of things) {
    slice.push(thing);
    if (slice.length < size) continue;
    each(slice);
    slice = [];
    await setImmediate();
  }
  if (slice.length > 0) each(slice);
}
