import type { EngineSeries, ReplaySeries } from "../model/result";
import { downsample, type Point } from "./downsample";
import { engineStyle, orderedEngines } from "./engines";
import { formatNumber } from "./measures";
import { list } from "./verdict";

/** One line of a chart, ready to draw. */
export interface Line {
  /** Engine that a reader can switch off; null for a line that belongs to none. */
  engine: string | null;
  name: string;
  /** Custom property of page.css. */
  color: string;
  dash: number[];
  width: number;
  /** Holds its value until the next point. */
  step: boolean;
  /** Whether it stands in the chart's key by itself. */
  keyed: boolean;
  points: Point[];
  extremes: Extremes;
}

/** Of all points, before any were left out. */
export interface Extremes {
  first: Point;
  lowest: Point;
  highest: Point;
  last: Point;
}

export interface Chart {
  id: string;
  title: string;
  /** How to read it. */
  shows: string;
  unit: string;
  decimals: number;
  /** Whether the value axis starts at zero. */
  fromZero: boolean;
  /** The one figure a line that says most, as a sentence. */
  summary: string;
  lines: Line[];
}

type Values = (number | null)[];
type Field = Exclude<keyof EngineSeries, "time">;
type Extreme = keyof Extremes;

const HOUR = 3600;

const clean = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

const values = (series: EngineSeries, field: Field): Values => {
  // Written by whoever wrote the file: a line may be missing or short.
  const raw = (series as Partial<EngineSeries>)[field];
  return series.time.map((_, i) => clean(raw?.[i]));
};

/** What a cumulative line gained in the hour up to each step (before the start it stood at zero). */
function perHour(time: number[], cumulative: Values): Values {
  let back = -1;
  return cumulative.map((value, i) => {
    while ((time[back + 1] ?? Infinity) <= (time[i] ?? 0) - HOUR) back++;
    const before = back === -1 ? 0 : (cumulative[back] ?? null);
    return value === null || before === null ? null : value - before;
  });
}

function extremes(points: Point[]): Extremes | null {
  const known = points.filter(([, v]) => v !== null);
  const [first] = known;
  const last = known[known.length - 1];
  if (first === undefined || last === undefined) return null;
  const pick = (better: (a: number, b: number) => boolean): Point =>
    known.reduce((a, b) => (better(b[1] ?? 0, a[1] ?? 0) ? b : a));
  return { first, lowest: pick((a, b) => a < b), highest: pick((a, b) => a > b), last };
}

interface Draft {
  engine: string | null;
  name: string;
  color: string;
  dash: number[];
  width?: number;
  step?: boolean;
  keyed?: boolean;
  time: number[];
  values: Values;
  /** The extreme that the summary names; a line without one is not in it. */
  tells?: Extreme;
}

const WORDS: Record<Extreme, string> = {
  first: "At the start",
  lowest: "Lowest",
  highest: "Highest",
  last: "At the end",
};

/** Null when no line has a figure. */
function chart(head: Omit<Chart, "summary" | "lines">, drafts: Draft[]): Chart | null {
  const told = new Map<Extreme, string[]>();
  const lines = drafts.flatMap(({ time, values: all, tells, ...draft }): Line[] => {
    const points = time.map((t, i): Point => [t, all[i] ?? null]);
    const found = extremes(points);
    if (found === null) return [];
    if (tells !== undefined) {
      const text = `${draft.name} ${formatNumber(found[tells][1], head.decimals)}`;
      told.set(tells, [...(told.get(tells) ?? []), text]);
    }
    return [{ width: 2, step: false, keyed: true, ...draft, points: downsample(points), extremes: found }];
  });
  const summary = [...told].map(([extreme, texts]) => `${WORDS[extreme]}: ${list(texts)}.`).join(" ");
  return lines.length === 0 ? null : { ...head, summary, lines };
}

const thin = { width: 1.25, dash: [1, 3] };

/** The charts that have something to show. Engines without series, and lines without figures, are left out. */
export function buildCharts(all: ReplaySeries): Chart[] {
  const runs = orderedEngines(all).flatMap((engine) => {
    const series = all[engine];
    if (series === undefined || series.time.length === 0) return [];
    const { name, color, dash } = engineStyle(engine);
    const own = { engine, name, color, dash, time: series.time, width: engine === "spillway" ? 2.5 : 1.75 };
    return [{ series, own, of: (field: Field): Values => values(series, field) }];
  });
  const [first] = runs;
  if (first === undefined) return [];
  const outside: Draft = {
    engine: null,
    name: "Outside price",
    color: "--ink",
    dash: [],
    width: 1.25,
    time: first.series.time,
    values: first.of("outside"),
  };
  const each = (field: Field, rest: Partial<Draft> = {}): Draft[] =>
    runs.map(({ own, of }) => ({ ...own, values: of(field), ...rest }));
  const constant = (name: string, value: number): Draft => ({
    engine: null,
    name,
    color: "--ink",
    width: 1,
    dash: [],
    time: [first.series.time[0] ?? 0, first.series.time[first.series.time.length - 1] ?? 0],
    values: [value, value],
  });

  return [
    chart(
      {
        id: "price",
        title: "Market price against the outside price and the feed",
        shows:
          "The outside price is what the crash did by itself. A market price under it is what an engine's forced sales added. Dotted, in each engine's colour: what the price feed said.",
        unit: "loan asset per collateral",
        decimals: 2,
        fromZero: false,
      },
      [
        { ...outside, tells: "lowest" },
        ...runs.flatMap(({ own, of }): Draft[] => [
          { ...own, values: of("pool"), tells: "lowest" },
          { ...own, name: `${own.name}: feed`, ...thin, step: true, keyed: false, values: of("feed") },
        ]),
      ],
    ),
    chart(
      {
        id: "gap",
        title: "How far the market was pushed from the outside price",
        shows: "Zero means that the sales left no mark. Below zero the market was cheaper than the outside.",
        unit: "% of the outside price",
        decimals: 2,
        fromZero: true,
      },
      runs.map(({ own, of }) => {
        const base = of("outside");
        const gap = of("pool").map((pool, i) => {
          const price = base[i] ?? null;
          return pool === null || price === null || price === 0 ? null : (100 * (pool - price)) / price;
        });
        return { ...own, values: gap, tells: "lowest" };
      }),
    ),
    chart(
      {
        id: "sold",
        title: "Collateral liquidated so far",
        shows: "The dotted line is the most that the lanes' pace would have let out by then.",
        unit: "% of the book",
        decimals: 2,
        fromZero: true,
      },
      runs.flatMap(({ own, of }): Draft[] => [
        { ...own, values: of("soldPct"), tells: "last" },
        { ...own, name: `${own.name}: pace allows`, ...thin, values: of("paceAllowancePct") },
      ]),
    ),
    chart(
      {
        id: "rate",
        title: "Collateral liquidated per hour, against the pace",
        shows:
          "Each point is the hour up to it. High peaks are what moves a market. The dotted line is the lanes' pace.",
        unit: "% of the book in an hour",
        decimals: 2,
        fromZero: true,
      },
      runs.flatMap(({ own, series, of }): Draft[] => [
        { ...own, values: perHour(series.time, of("soldPct")), tells: "highest" },
        {
          ...own,
          name: `${own.name}: pace allows`,
          ...thin,
          values: perHour(series.time, of("paceAllowancePct")),
        },
      ]),
    ),
    chart(
      {
        id: "bad-debt",
        title: "Bad debt",
        shows: "Debt that no collateral covers. What is written off stays; the rest may come back with the price.",
        unit: "% of the book",
        decimals: 2,
        fromZero: true,
      },
      each("badDebtPct", { step: true, tells: "last" }),
    ),
    chart(
      {
        id: "underwater",
        title: "Positions over their liquidation limit",
        shows: "Positions whose loan to value is above the limit and that have not been dealt with.",
        unit: "positions",
        decimals: 0,
        fromZero: true,
      },
      each("positionsUnderwater", { step: true, tells: "highest" }),
    ),
    chart(
      {
        id: "buffer",
        title: "The buffer: cash and collateral held",
        shows: "The buffer pays with cash for collateral that can't wait, holds it, and sells it later.",
        unit: "% of the book",
        decimals: 2,
        fromZero: true,
      },
      runs.flatMap(({ own, of }): Draft[] => [
        { ...own, name: `${own.name}: cash`, values: of("bufferCashPct"), tells: "lowest" },
        {
          ...own,
          name: `${own.name}: collateral held`,
          color: "--second",
          dash: [6, 3],
          values: of("bufferInventoryPct"),
          tells: "highest",
        },
      ]),
    ),
    multiple(each("auctionMultiple", { tells: "lowest" }), constant("Oracle price", 1)),
  ].filter((one) => one !== null);
}

/** The line at the oracle price is only of use beside an auction. */
function multiple(auctions: Draft[], oracle: Draft): Chart | null {
  const head = {
    id: "multiple",
    title: "Price asked in the auctions",
    shows: "The cheapest running auction, as a multiple of the oracle price: 1 is that price. No line where none runs.",
    unit: "times the oracle price",
    decimals: 3,
    fromZero: false,
  };
  return chart(head, auctions) === null ? null : chart(head, [oracle, ...auctions]);
}
