import { assumptions } from "./assumptions";
import { may2021Eth, may2021Gas } from "./may-2021";
import { scenarioSchema } from "../model/scenario";

const LOW = 13 * 60 + 10;

/** 19 May 2021 with a run on the protocol: at the low, lenders and underwriters ask for all that they have in. */
export const bankRun = scenarioSchema.parse({
  ...assumptions,
  name: "bank-run",
  title: "Lenders and underwriters leave at the low of 19 May 2021 (changed)",
  real: false,
  start: "2021-05-19T00:00:00Z",
  end: "2021-05-21T00:00:00Z",
  collaterals: [may2021Eth],
  gas: may2021Gas,
  exits: [
    { atMinute: LOW - 10, who: "lenders", share: 0.5 },
    { atMinute: LOW, who: "lenders", share: 1 },
    { atMinute: LOW, who: "underwriters", share: 1 },
    { atMinute: LOW + 60, who: "lenders", share: 1 },
  ],
  notes: [
    "Lenders get what is not lent out, and come back for the rest an hour later. Underwriters have to wait for their cooldown: their cash stays.",
    "The peers have no underwriters; there, only lenders leave.",
  ],
});
