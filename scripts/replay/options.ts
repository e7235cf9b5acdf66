import { SpillwayError } from "../lib";

const SECONDS = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 } as const;

/** Seconds of a duration as people write it: `90`, `60s`, `5m`, `12h`, `1.5h`, `2d`. Throws `BAD_INPUT`. */
export function seconds(text: string, option: string): number {
  const found = /^(\d+(?:\.\d+)?)(s|m|min|h|d)?$/.exec(text.trim());
  const value = Number(found?.[1]) * SECONDS[(found?.[2] ?? "s") as keyof typeof SECONDS];
  if (!Number.isInteger(value)) {
    throw new SpillwayError("BAD_INPUT", `${option} ${text} is not a duration in whole seconds, like 60s, 5m or 12h`);
  }
  return value;
}

/** A number within bounds, both included. Throws `BAD_INPUT`. */
export function number(text: string, option: string, min: number, max: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= min && value <= max)) {
    throw new SpillwayError("BAD_INPUT", `${option} ${text} is not a number from ${min} to ${max}`);
  }
  return value;
}

/** A whole number within bounds, both included. Throws `BAD_INPUT`. */
export function integer(text: string, option: string, min: number, max: number): number {
  const value = number(text, option, min, max);
  if (!Number.isInteger(value)) throw new SpillwayError("BAD_INPUT", `${option} ${text} is not a whole number`);
  return value;
}

/** One of the words that there are. Throws `BAD_INPUT`, naming them. */
export function choice<T extends string>(text: string, option: string, words: readonly T[]): T {
  const found = words.find((word) => word === text.trim());
  if (found === undefined) throw new SpillwayError("BAD_INPUT", `${option} ${text} is none of ${words.join(", ")}`);
  return found;
}
