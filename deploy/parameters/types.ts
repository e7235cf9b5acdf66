import { isAddress } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../../scripts/lib";

const bps = z.int().min(0).max(10_000);
const seconds = z.int().positive();
const address = z.string().refine(isAddress, "must be an address");
/** A contract: an address, or the name of something that an earlier script deployed (test networks only). */
const contract = z.union(
  [address, z.string().regex(/^[A-Z][A-Za-z0-9]*$/)],
  "must be an address or a deployment's name",
);
/** An amount of whole tokens in decimals, such as "0.5": the scripts read the token's decimals. */
const amount = z.string().regex(/^\d+(\.\d+)?$/, 'must be an amount of whole tokens, such as "0.5"');

/** A Chainlink feed. `maxAge`: seconds after which its answer is stale, its heartbeat and a little more. */
const feed = z.strictObject({ address: contract, maxAge: seconds });

/** A Uniswap v3 pool of the collateral and the loan asset. */
const pool = z.strictObject({
  /** Fee tier, in millionths. */
  fee: z.int().positive().max(999_999),
  /** Seconds over which its means are taken. */
  window: seconds,
  /** Observations that it must have room for; raised where it has less. */
  observations: z.int().min(1).max(65_535),
});

/** `IAuctionHouse.LaneParameters`, which says what each means. */
const lane = z.strictObject({
  slopePerMinuteBps: bps,
  minPremiumBps: bps,
  maxPremiumBps: bps,
  maxDiscountBps: bps,
  firstDiscountBps: bps,
  targetLtvBps: bps,
  absorbLtvBps: bps,
  absorbDiscountBps: bps,
  liquidationFeeBps: bps,
  paceBps: bps,
  urgency: z.int().min(0).max(100),
  idleTime: seconds,
  emaPeriod: seconds,
  clearHours: z.int().min(1).max(8760),
  /** Of the collateral. */
  minRatePerHour: amount,
  maxRatePerHour: amount,
});

/** `ILiquidityBuffer.InventoryParameters`, which says what each means. */
const inventory = z.strictObject({
  /** Of the collateral. */
  cap: amount,
  slopePerMinuteBps: bps,
  paceShareBps: bps,
  premiumBps: bps,
  maxDiscountBps: bps,
  emaToleranceBps: bps,
  haircutBps: bps,
  maxHold: seconds,
  /** Seconds. */
  biteTime: z.int().min(0).max(86_400),
});

/** `IAuctionHouse.PayParameters`, which says what each means. */
const pay = z.strictObject({
  /** The chain's own coin as a token. */
  wrappedNative: contract,
  /** Of the coin, in USD if the loan asset has a feed, in the loan asset otherwise. */
  nativeFeed: feed,
  feeCapGwei: z.int().min(0).max(10_000),
  tipGwei: z.number().min(0).max(100),
  marginBps: bps,
  capBps: z.int().min(0).max(100),
  interval: seconds,
});

const market = z
  .strictObject({
    /** Part of the names of its deployments, such as `ChainlinkOracle_ETH`. */
    name: z.string().regex(/^[A-Za-z0-9]+$/),
    collateral: contract,
    /** Of the collateral, in the unit of `crossFeed` where there is one, else in USD if the loan asset has a feed, else in the loan asset. */
    feed,
    /** What `feed` is multiplied with, such as BTC/USD where that is WBTC/BTC. In USD if the loan asset has a feed, else in the loan asset. */
    crossFeed: feed.optional(),
    /** The venues whose depths are added up to the lane's. The guard and the borrow oracle watch the first one. */
    pools: z.array(pool).min(1).max(4),
    /** How far the first pool's price may be from the feeds' before the lower of the two counts for borrowing. */
    guardBoundBps: z.int().min(1).max(9_999),
    maxLtvBps: bps,
    lltvBps: bps,
    /** Of the loan asset. */
    debtCeiling: amount,
    minDebt: amount,
    lane,
    inventory,
  })
  .superRefine((m, context) => {
    const check = (good: boolean, path: string[], message: string): void => {
      if (!good) context.addIssue({ code: "custom", path, message });
    };
    check(
      m.crossFeed?.address.toLowerCase() !== m.feed.address.toLowerCase(),
      ["crossFeed", "address"],
      "must be another feed than feed",
    );
    check(new Set(m.pools.map(({ fee }) => fee)).size === m.pools.length, ["pools"], "no two may have the same fee");
    check(m.maxLtvBps < m.lltvBps, ["maxLtvBps"], "must be under lltvBps");
    check(
      m.lane.firstDiscountBps <= m.lane.maxDiscountBps,
      ["lane", "firstDiscountBps"],
      "must be within maxDiscountBps",
    );
    check(m.lane.targetLtvBps < m.lltvBps, ["lane", "targetLtvBps"], "must be under lltvBps");
    check(m.lane.absorbLtvBps > m.lltvBps, ["lane", "absorbLtvBps"], "must be over lltvBps");
    const taken = 2 * (m.lane.maxDiscountBps + m.lane.liquidationFeeBps);
    check(taken <= 10_000 - m.lltvBps, ["lane", "maxDiscountBps"], "twice it and the fee must fit in 1 - lltv");
  });

const network = z
  .strictObject({
    chainId: z.int().positive(),
    /** Delay of everything that touches risk, in seconds. At least the buffer's cooldown, or 0. */
    timelock: z.int().min(0),
    loanAsset: z.strictObject({
      token: contract,
      /** Its price in USD; null where the collaterals' feeds are in the loan asset already. */
      feed: feed.nullable(),
    }),
    uniswapV3Factory: contract,
    vault: z.strictObject({ name: z.string().min(1), symbol: z.string().min(1) }),
    buffer: z.strictObject({ name: z.string().min(1), symbol: z.string().min(1), cooldown: seconds }),
    interest: z.strictObject({
      kinkBps: bps,
      perYearAtZeroBps: z.int().min(0),
      perYearAtKinkBps: z.int().min(0),
      perYearAtFullBps: z.int().min(0),
      reserveShareBps: bps,
      bufferShareBps: bps,
    }),
    pay,
    markets: z.array(market).min(1).max(16),
  })
  .superRefine((n, context) => {
    for (const key of ["name", "collateral"] as const) {
      if (new Set(n.markets.map((m) => m[key].toLowerCase())).size < n.markets.length) {
        context.addIssue({ code: "custom", path: ["markets"], message: `no two may have the same ${key}` });
      }
    }
    // without a timelock there is no change to leave ahead of
    if (n.timelock !== 0 && n.buffer.cooldown > n.timelock) {
      const message = "must not be longer than timelock, so that underwriters can leave ahead of a change";
      context.addIssue({ code: "custom", path: ["buffer", "cooldown"], message });
    }
  });

/** Everything that the deploy scripts have to know of a network. Plain JSON: amounts are texts. */
export type NetworkParameters = z.output<typeof network>;
export type MarketParameters = NetworkParameters["markets"][number];

/** Checks parameters from anywhere. Errors: `BAD_CONFIG`, which names every bad field. */
export function checkParameters(parameters: unknown): NetworkParameters {
  const { data, error } = network.safeParse(parameters);
  if (data !== undefined) return data;
  const issues = error.issues.map(({ path, message }) => `${path.join(".") || "the parameters"}: ${message}`);
  throw new SpillwayError("BAD_CONFIG", `bad deployment parameters: ${issues.join("; ")}`);
}
