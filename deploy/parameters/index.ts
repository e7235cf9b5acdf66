import { readFileSync } from "node:fs";

import { SpillwayError } from "../../scripts/lib";
import { hardhat } from "./hardhat";
import { mainnet } from "./mainnet";
import { checkParameters, type NetworkParameters } from "./types";

export { checkParameters, hardhat, mainnet };
export type { MarketParameters, NetworkParameters } from "./types";

const KNOWN: readonly NetworkParameters[] = [mainnet, hardhat];

/**
 * The parameters for a chain: those of the JSON file that the variable PARAMETERS names, or the known ones of that chain.
 * Errors: `BAD_CONFIG` for bad or unknown ones, `WRONG_CHAIN` when the file is for another chain.
 */
export function parametersOf(chainId: number, file = process.env.PARAMETERS): NetworkParameters {
  if (file === undefined) {
    const known = KNOWN.find((one) => one.chainId === chainId);
    if (known === undefined) {
      throw new SpillwayError("BAD_CONFIG", `no parameters for chain ${chainId}; add a file to deploy/parameters`);
    }
    return checkParameters(known);
  }
  const parameters = checkParameters(read(file));
  if (parameters.chainId !== chainId) {
    throw new SpillwayError("WRONG_CHAIN", `${file} is for chain ${parameters.chainId}, not for ${chainId}`);
  }
  return parameters;
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new SpillwayError("BAD_CONFIG", `can't read ${file} as JSON; PARAMETERS must name such a file`, { cause });
  }
}
