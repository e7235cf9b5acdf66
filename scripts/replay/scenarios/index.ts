import { SpillwayError } from "../../lib";
import { bankRun } from "./bank-run";
import { blackThursday } from "./black-thursday";
import { calmWeek } from "./calm-week";
import { contagion } from "./contagion";
import { flashWick } from "./flash-wick";
import { keeperOutage } from "./keeper-outage";
import { luna } from "./luna-2022";
import { may2021 } from "./may-2021";
import { oracleLag } from "./oracle-lag";
import type { Scenario } from "../model/scenario";
import { tariff2025 } from "./tariff-2025-10";
import { yenCarry2024 } from "./yen-carry-2024";

/** Every scenario there is: real crashes in the order of time, then what is changed or made up. */
export const scenarios: readonly Scenario[] = [
  ...[blackThursday, may2021, luna, yenCarry2024, tariff2025],
  ...[flashWick, oracleLag, keeperOutage, bankRun, contagion, calmWeek],
];

/** The scenario of that name; throws `UNKNOWN_SCENARIO`, naming those there are. */
export function findScenario(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) {
    const names = scenarios.map((scenario) => scenario.name).join(", ");
    throw new SpillwayError("UNKNOWN_SCENARIO", `there is no scenario "${name}"; there are: ${names}`);
  }
  return found;
}
