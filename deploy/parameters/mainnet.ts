import { type MarketParameters, type NetworkParameters } from "./types";

const HOUR = 3600;
const DAY = 86_400;
/** What a feed may be late by, over its heartbeat, before its answer is stale. */
const LATE = HOUR / 2;

/** How they were chosen: docs/parameters.md. Both markets are equally volatile and equally deep for what may be owed in them. */
const lane = {
  slopePerMinuteBps: 50,
  minPremiumBps: 50,
  maxPremiumBps: 400,
  maxDiscountBps: 600,
  firstDiscountBps: 150,
  targetLtvBps: 7885, // 0.95 · lltv
  absorbLtvBps: 9100,
  absorbDiscountBps: 300,
  liquidationFeeBps: 50,
  paceBps: 40,
  urgency: 8,
  idleTime: 300,
  emaPeriod: HOUR / 2,
  clearHours: 720,
} satisfies Partial<MarketParameters["lane"]>;

const inventory = {
  slopePerMinuteBps: 10,
  paceShareBps: 5000,
  premiumBps: 50,
  maxDiscountBps: 100,
  emaToleranceBps: 100,
  haircutBps: 500,
  maxHold: DAY,
  biteTime: 1200,
} satisfies Partial<MarketParameters["inventory"]>;

const risk = { guardBoundBps: 300, maxLtvBps: 8000, lltvBps: 8300, minDebt: "1500" };

/** 720 observations hold half an hour of a pool that is traded in every block four times over. */
const averages = { window: HOUR / 2, observations: 720 };

/**
 * Ethereum mainnet. Tokens, feeds (with their heartbeats) and factory: as their issuers publish them. `minRatePerHour` is a pace at
 * which a lane still works (about 100,000 USDC an hour): liquidity that is thin for one block pulls a rate down at once and up again
 * only twofold an hour, and must not stop the lane.
 */
export const mainnet: NetworkParameters = {
  chainId: 1,
  timelock: 4 * DAY, // longer than the buffer's cooldown: who asks to leave at once can, ahead of a change
  loanAsset: {
    token: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", // USDC
    feed: { address: "0x8fFfFfd4AfB6115b954Bd326cbe7B4BA576818f6", maxAge: DAY + LATE },
  },
  uniswapV3Factory: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
  vault: { name: "Spillway USDC", symbol: "spUSDC" },
  buffer: { name: "Spillway USDC buffer", symbol: "sbUSDC", cooldown: 3 * DAY },
  interest: {
    kinkBps: 9000,
    perYearAtZeroBps: 0,
    perYearAtKinkBps: 500,
    perYearAtFullBps: 5000,
    reserveShareBps: 500,
    bufferShareBps: 1000,
  },
  pay: {
    wrappedNative: "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", // WETH
    nativeFeed: { address: "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419", maxAge: HOUR + LATE },
    feeCapGwei: 2000,
    tipGwei: 1,
    marginBps: 2000,
    capBps: 100,
    interval: HOUR,
  },
  markets: [
    {
      name: "ETH",
      collateral: "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", // WETH
      feed: { address: "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419", maxAge: HOUR + LATE },
      pools: [
        { fee: 500, ...averages },
        { fee: 3000, ...averages },
      ],
      ...risk,
      debtCeiling: "50000000",
      lane: { ...lane, minRatePerHour: "50", maxRatePerHour: "20000" },
      inventory: { ...inventory, cap: "10000" },
    },
    {
      name: "BTC",
      collateral: "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", // WBTC
      feed: { address: "0xfdFD9C85aD200c506Cf9e21F1FD8dd01932FBB23", maxAge: DAY + LATE }, // WBTC/BTC
      crossFeed: { address: "0xF4030086522a5bEEa4988F8cA5B36dbC97BeE88c", maxAge: HOUR + LATE }, // BTC/USD
      pools: [
        { fee: 3000, ...averages },
        { fee: 500, ...averages },
      ],
      ...risk,
      debtCeiling: "20000000",
      lane: { ...lane, minRatePerHour: "2", maxRatePerHour: "1000" },
      inventory: { ...inventory, cap: "300" },
    },
  ],
};
