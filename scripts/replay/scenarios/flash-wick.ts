import { assumptions } from "./assumptions";
import { quietGas, steady } from "./made-up";
import { scenarioSchema } from "../model/scenario";

/** Made up: somebody sells too much at once, and three minutes later nothing of it is left. Nothing should be sold cheaply. */
export const flashWick = scenarioSchema.parse({
  ...assumptions,
  name: "flash-wick",
  title: "A wick of 20 % that is gone in 3 minutes (made up)",
  real: false,
  start: "2024-01-01T00:00:00Z",
  end: "2024-01-01T06:00:00Z",
  collaterals: [
    steady([
      [0, 2000],
      [120, 2000],
      [121, 1600],
      [122, 1600],
      [123, 2000],
      [360, 2000],
    ]),
  ],
  gas: quietGas,
  notes: [
    "The feed follows all of it a minute late: the wick is on chain for two minutes, and by then it is on its way back.",
    "What is sold in these minutes is sold at a price that was never there before nor since.",
  ],
});
