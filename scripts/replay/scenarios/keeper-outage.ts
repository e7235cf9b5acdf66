import { assumptions } from "./assumptions";
import { scenarioSchema } from "../model/scenario";
import { yenCarryEth, yenCarryGas } from "./yen-carry-2024";

/** The crash of August 2024 with nobody there: all keepers out for the two hours around its low, gas twenty times as dear throughout. */
export const keeperOutage = scenarioSchema.parse({
  ...assumptions,
  name: "keeper-outage",
  title: "No keeper for the 2 worst hours of August 2024, gas × 20 (changed)",
  real: false,
  start: "2024-08-04T00:00:00Z",
  end: "2024-08-06T00:00:00Z",
  collaterals: [yenCarryEth],
  gas: { ...yenCarryGas, multiplier: 20 },
  // 5 August, 00:15 to 02:15; the low is at 01:10
  keeperOutages: [{ fromMinute: 1455, toMinute: 1575 }],
  notes: ["Gas at the low is 2,000 gwei, about what it was on 19 May 2021."],
});
