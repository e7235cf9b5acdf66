import { z } from "zod";

const time = z.iso.datetime().transform((text) => Date.parse(text) / 1000);
const share = z.number().min(0).max(1);
const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, "the first of the two must not be larger");
const window = z
  .object({ fromMinute: z.number().min(0), toMinute: z.number().min(0) })
  .refine((value) => value.fromMinute < value.toMinute, "fromMinute must be before toMinute");

/** An outside price of one collateral in USD. */
const collateral = z.object({
  asset: z.enum(["ETH", "BTC", "LUNA"]),
  /** Weight in the book: the chance that a borrower has this collateral, over the sum of all weights. */
  weight: z.number().positive(),
  source: z.string().min(1),
  /** `closes[i]` is the price at minute `i · everyMinutes`, in rows of any length; in between it goes straight. */
  everyMinutes: z.int().positive(),
  closes: z.array(z.array(z.number().positive())).transform((rows) => rows.flat()),
  /** [minute, price]: lows and highs that stick out of the line between two closes. */
  extremes: z.array(z.tuple([z.int().min(0), z.number().positive()])),
});

/** Everything that a replay is told about one crash. Shares are 0…1, minutes count from `start`. */
export const scenarioSchema = z
  .object({
    name: z.string().regex(/^[a-z0-9-]+$/),
    /** What `--list` says of it, in one line. */
    title: z.string().min(1),
    /** A crash as it happened; false for what is changed or made up. */
    real: z.boolean(),
    /** Time from one step to the next where nothing else is asked for. */
    stepSeconds: z.int().positive().default(60),
    start: time,
    end: time,
    collaterals: z.array(collateral).min(1),
    /** What an ether costs, for gas, in a scenario without ETH among its collaterals. */
    etherUsd: z.number().positive().optional(),
    gas: z.object({
      source: z.string().min(1),
      everyMinutes: z.int().positive(),
      /** The last figure holds until the end. */
      gwei: z.array(z.array(z.number().positive())).transform((rows) => rows.flat()),
      multiplier: z.number().positive(),
    }),
    /** The oracle feed publishes the market price when it has moved by the deviation, or the heartbeat has passed. */
    feed: z.object({
      deviationPct: z.number().positive(),
      heartbeatSeconds: z.int().positive(),
      /** Between seeing a price and having it on chain; never less than a block. */
      delaySeconds: z.int().positive(),
      /** Windows in which the feed is later than that. */
      lags: z.array(window.and(z.object({ extraSeconds: z.int().positive() }))),
    }),
    /** What a forced sale does to the outside price: this share of its move stays and fades with the half-life. */
    feedback: z.object({ persistentShare: share, halfLifeSeconds: z.number().positive() }),
    /** How much of a gap left by forced sales arbitrageurs can close: per cent of the price a minute. */
    arbitrage: z.object({ capacityPctPerMinute: z.number().positive() }),
    borrowers: z.object({
      count: z.int().positive(),
      /** Sizes are log-normal; the median of the collateral's starting value, USD. */
      medianUsd: z.number().positive(),
      sizeSigma: z.number().min(0),
      /** No position is smaller: dust that one protocol lets in and another doesn't would compare nothing. USD. */
      minUsd: z.number().positive(),
      /** How far the LTV starts below the lltv: 0.25 is an LTV of 0.75 · lltv. Normal, cut off at min and max. */
      distance: z.object({ mean: share, deviation: share, min: share, max: share }),
      /** Some borrowers look after their position. */
      watchful: z.object({
        share,
        /** Health (lltv / LTV at the feed's price) under which they act, drawn per borrower. */
        actsBelowHealth: range,
        /** How long it takes them, drawn per borrower. */
        delayMinutes: range,
        /** The health that they go for. */
        restoresToHealth: z.number().min(1),
        /** What they can spend in all, as a share of their starting collateral's value. */
        budgetShare: range,
        /** Share of them who repay; the others top up. */
        repayShare: share,
      }),
    }),
    /** Borrowed over supplied at the start. */
    lenders: z.object({ utilisation: z.number().gt(0).max(1) }),
    /** Lenders or underwriters who ask for a share of what they have left in. */
    exits: z.array(
      z.object({
        atMinute: z.number().min(0),
        who: z.enum(["lenders", "underwriters"]),
        share: z.number().gt(0).max(1),
      }),
    ),
    /** Windows in which no keeper acts. */
    keeperOutages: z.array(window),
    notes: z.array(z.string()),
  })
  .refine((value) => value.start < value.end, { path: ["end"], message: "must be after start" })
  .refine(
    ({ collaterals, etherUsd }) => (etherUsd === undefined) === collaterals.some(({ asset }) => asset === "ETH"),
    {
      path: ["etherUsd"],
      message: "must be given where ETH is no collateral, and only there",
    },
  );

/** A scenario as it is written. */
export type ScenarioInput = z.input<typeof scenarioSchema>;
export type CollateralInput = ScenarioInput["collaterals"][number];
export type GasInput = ScenarioInput["gas"];
/** A scenario as the replay reads it: times in seconds UTC, rows flattened. */
export type Scenario = z.output<typeof scenarioSchema>;
export type CollateralAsset = Scenario["collaterals"][number]["asset"];
