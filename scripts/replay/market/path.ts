import { SpillwayError } from "../../lib";
import { item } from "../item";
import type { Scenario } from "../model/scenario";
import type { Candle } from "./prices";

/** The outside price at one moment; `time` in seconds UTC, price in USD. */
export interface PricePoint {
  time: number;
  price: number;
}

type Collateral = Scenario["collaterals"][number];

/** The points that a scenario carries: its closes, and in their place or between them its extremes. */
export function scenarioPoints(scenario: Scenario, collateral: Collateral): PricePoint[] {
  const byMinute = new Map<number, number>();
  const last = Math.floor((scenario.end - scenario.start) / 60) - 1;
  collateral.closes.forEach((price, index) => byMinute.set(Math.min(index * collateral.everyMinutes, last), price));
  for (const [minute, price] of collateral.extremes) byMinute.set(minute, price);
  return [...byMinute]
    .sort(([a], [b]) => a - b)
    .map(([minute, price]) => ({ time: scenario.start + minute * 60, price }));
}

/**
 * The points of a candle series for steps of `stepSeconds`. Candles shorter than a step are first joined to one a step.
 *
 * A candle of one step has room for one price. It is the close, except at turning points: where its low is the lowest
 * of the two candles before and after, the low is taken, and likewise the high (the low where both hold). So the lowest
 * low and the highest high of the data are always prices of the run, and quiet minutes keep their close.
 *
 * A longer candle gives its open, the two extremes a third and two thirds through (low first when it rose, high first
 * when it fell) and its close at its last step.
 */
export function candlePoints(candles: Candle[], stepSeconds: number): PricePoint[] {
  const joined = joinCandles(candles, stepSeconds);
  const points: PricePoint[] = [];
  joined.forEach((candle, index) => {
    const next = joined[index + 1];
    const before = joined[index - 1];
    const length = next ? next.time - candle.time : before ? candle.time - before.time : stepSeconds;
    const steps = Math.floor(length / stepSeconds);
    if (steps < 2) {
      points.push({ time: candle.time, price: turningPrice(joined, index) });
      return;
    }
    const at = (step: number, price: number): void => {
      const time = candle.time + step * stepSeconds;
      const taken = points.at(-1);
      // an extreme may fall on the step of an open; the extreme is the one to keep
      if (taken?.time === time) taken.price = price;
      else points.push({ time, price });
    };
    const rose = candle.close >= candle.open;
    at(0, candle.open);
    at(Math.floor(steps / 3), rose ? candle.low : candle.high);
    at(Math.max(1, Math.floor((2 * steps) / 3)), rose ? candle.high : candle.low);
    if (steps - 1 > Math.max(1, Math.floor((2 * steps) / 3))) at(steps - 1, candle.close);
  });
  return points;
}

type Range = Pick<Candle, "low" | "high" | "close">;

function turningPrice(ranges: readonly Range[], index: number): number {
  const range = item(ranges, index);
  const around = ranges.slice(Math.max(0, index - 2), index + 3);
  if (around.every((other) => other.low >= range.low)) return range.low;
  if (around.every((other) => other.high <= range.high)) return range.high;
  return range.close;
}

function joinCandles(candles: Candle[], stepSeconds: number): Candle[] {
  const joined: Candle[] = [];
  const first = candles[0]?.time ?? 0;
  for (const candle of candles) {
    const time = first + Math.floor((candle.time - first) / stepSeconds) * stepSeconds;
    const open = joined.at(-1);
    if (open?.time === time) {
      open.high = Math.max(open.high, candle.high);
      open.low = Math.min(open.low, candle.low);
      open.close = candle.close;
    } else {
      joined.push({ ...candle, time });
    }
  }
  return joined;
}

/**
 * The price at each step from `start` to before `end`, straight between the points around it. Where a step skips over points,
 * the rule for turning points decides, so that a longer step loses no low either. Throws `BAD_INPUT` where the points
 * don't reach.
 */
export function pricePath(points: PricePoint[], start: number, end: number, stepSeconds: number): number[] {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || start < first.time || end - stepSeconds > last.time + stepSeconds) {
    throw new SpillwayError("BAD_INPUT", "the prices don't cover the time of the run; check --from, --to and --prices");
  }
  const steps: Range[] = [];
  let next = 0;
  for (let time = start; time < end; time += stepSeconds) {
    while (next < points.length && item(points, next).time <= time) next++;
    const a = points[next - 1] ?? first;
    const b = points[next] ?? last;
    const line = b.time === a.time ? b.price : a.price + ((b.price - a.price) * (time - a.time)) / (b.time - a.time);
    const step = { low: line, high: line, close: line };
    for (let inside = next; inside < points.length && item(points, inside).time < time + stepSeconds; inside++) {
      step.low = Math.min(step.low, item(points, inside).price);
      step.high = Math.max(step.high, item(points, inside).price);
    }
    steps.push(step);
  }
  // steps that skip no point have nothing to choose from
  return steps.map((step, index) => (step.low === step.high ? step.close : turningPrice(steps, index)));
}
