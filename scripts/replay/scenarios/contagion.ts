import { assumptions } from "./assumptions";
import { blackThursdayBtc, blackThursdayEth, blackThursdayGas } from "./black-thursday";
import { scenarioSchema } from "../model/scenario";

/** Black Thursday with two collaterals in one book: ETH and BTC fell together, and both markets draw on one buffer and one pool of lenders. */
export const contagion = scenarioSchema.parse({
  ...assumptions,
  name: "contagion",
  title: "ETH and BTC fall together, 12 and 13 March 2020, in one vault (changed)",
  real: false,
  start: "2020-03-12T00:00:00Z",
  end: "2020-03-14T00:00:00Z",
  collaterals: [blackThursdayEth, blackThursdayBtc],
  gas: blackThursdayGas,
  notes: [
    "Half of the borrowers have each; each has a pool of its own, and a sale of one does not move the other. In fact it would.",
    "The charts show the price of ETH; the figures count both.",
  ],
});
