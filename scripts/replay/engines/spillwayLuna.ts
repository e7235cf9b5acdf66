import { type MarketParameters, mainnet } from "../../../deploy/parameters";
import { ownAddresses } from "../chain/addresses";
import { item } from "../item";

const eth = item(mainnet.markets, 0);

/**
 * A market of LUNA as it might have been listed, for the replay only. Assumptions, on the careful side: the lltv of the peers' LUNA markets
 * (62.5 %); premium, discounts and slope twice ETH's, for what moves twice as fast; seven and a half times its pace; and, most of
 * all, a buffer that holds no more than 20,000 LUNA at a time (about a tenth of a book of 200 positions in May 2022), so that a collateral that
 * goes to zero can't take the buffer with it.
 */
export const luna: MarketParameters = {
  ...eth,
  name: "LUNA",
  collateral: ownAddresses.LUNA.address,
  feed: { address: ownAddresses.LUNA.feed, maxAge: eth.feed.maxAge },
  maxLtvBps: 5_500,
  lltvBps: 6_250,
  minDebt: "250", // the smallest positions of the scenarios owe less than at an ETH market
  lane: {
    ...eth.lane,
    slopePerMinuteBps: 100,
    minPremiumBps: 100,
    maxPremiumBps: 800,
    maxDiscountBps: 1_200,
    firstDiscountBps: 300,
    targetLtvBps: 5_937, // 0.95 · lltv
    absorbLtvBps: 7_500,
    absorbDiscountBps: 1_000,
    paceBps: 300,
    minRatePerHour: "10",
    maxRatePerHour: "1000000000",
  },
  inventory: { ...eth.inventory, cap: "20000", slopePerMinuteBps: 20 },
};
