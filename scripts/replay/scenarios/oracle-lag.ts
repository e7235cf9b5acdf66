import { assumptions } from "./assumptions";
import { quietGas, steady } from "./made-up";
import { scenarioSchema } from "../model/scenario";

/**
 * Made up: ETH falls by 25 % in 26 minutes, about as fast as in the worst ten of 10 October 2025, and the feed is 3 minutes late. That puts it
 * 3.4 % over the market, the largest gap of Chainlink's ETH / USD in the flash crash of 17 August 2023.
 */
export const oracleLag = scenarioSchema.parse({
  ...assumptions,
  name: "oracle-lag",
  title: "A feed 3.4 % behind a market that falls by 25 % (made up)",
  real: false,
  start: "2024-01-01T00:00:00Z",
  end: "2024-01-01T12:00:00Z",
  collaterals: [
    steady([
      [0, 2000],
      [120, 2000],
      [146, 1497],
      [180, 1497],
      [360, 1600],
      [720, 1600],
    ]),
  ],
  gas: quietGas,
  feed: { ...assumptions.feed, lags: [{ fromMinute: 110, toMinute: 190, extraSeconds: 120 }] },
  notes: [
    "Who buys at the feed's price pays more than the market asks: nothing is sold until the feed has caught up or the discount has.",
  ],
});
