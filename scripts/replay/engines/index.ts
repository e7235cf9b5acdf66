import { SpillwayError } from "../../lib";
import { aaveV3 } from "./aave-v3";
import type { EngineFactory } from "../model/engine";
import { morphoBlue } from "./morpho-blue";
import type { CollateralAsset } from "../model/scenario";
import { none } from "./none";
import { spillway } from "./spillway";
import { lltvOf } from "./spillwayParameters";

/** Every engine by its name. */
export const engines: ReadonlyMap<string, EngineFactory> = new Map([
  ["spillway", spillway],
  ["aave-v3", aaveV3],
  ["morpho-blue", morphoBlue],
  ["none", none],
]);

/** The engine of that name; throws `UNKNOWN_ENGINE`, naming those there are. */
export function findEngine(name: string): EngineFactory {
  const found = engines.get(name);
  if (!found) {
    const names = [...engines.keys()].join(", ");
    throw new SpillwayError("UNKNOWN_ENGINE", `there is no engine "${name}"; there are: ${names}`);
  }
  return found;
}

/** The lltv that all engines' borrowers are placed by when they are to share one LTV, Wad: Spillway's. */
export const sharedLltv = (asset: CollateralAsset): bigint => lltvOf(asset);
