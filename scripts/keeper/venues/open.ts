import { SpillwayError } from "../../lib";
import type { Rpc } from "../chain/rpc";
import { JoinedVenue, MAX_VENUES } from "./JoinedVenue";
import { uniswapV3 } from "./kinds";
import type { Outlet } from "./Outlet";
import { OwnCapital } from "./OwnCapital";
import type { Venue, VenueChoice, VenueContext } from "./Venue";

/** Where an operator wants collateral to go. Addresses checksummed. */
export interface OutletConfig {
  addresses: { vault: string; buffer: string; flashLiquidator: string };
  /** Shorthand for one Uniswap v3 pool of a collateral. */
  pools: ReadonlyMap<string, string>;
  /** Venues of each collateral, beside its pool of `pools`. */
  venues?: ReadonlyMap<string, readonly VenueChoice[]>;
  /** Whether collateral is sold in the transaction that buys it, or bought with the signer's money and kept. */
  capital?: "flash" | "own";
  sender: { chainId: number };
}

/** Opens a market's outlet at a block. Undefined where it has none. */
export type OpenOutlet = (collateral: string, loanAsset: string, block: number) => Promise<Outlet | undefined>;

/** @param owner Whose money is spent with own capital. */
export function outletOpener(rpc: Rpc, owner: string, config: OutletConfig): OpenOutlet {
  const { vault, buffer, flashLiquidator } = config.addresses;
  return async (collateral, loanAsset, block) => {
    if (config.capital === "own") return new OwnCapital(owner, loanAsset, [vault, buffer]);
    const pool = config.pools.get(collateral);
    const choices = [...(pool === undefined ? [] : [uniswapV3(pool)]), ...(config.venues?.get(collateral) ?? [])];
    const { chainId } = config.sender;
    return openVenues(choices, { rpc, block, chainId, collateral, loanAsset, flashLiquidator });
  };
}

/**
 * Opens the venues that were chosen for a market.
 * @returns Undefined where there is none.
 * @throws SpillwayError `BAD_CONFIG` where there are more than four, two of one name, or one is not for this market.
 */
export async function openVenues(
  choices: readonly VenueChoice[],
  context: VenueContext,
): Promise<JoinedVenue | undefined> {
  const { collateral } = context;
  if (choices.length === 0) return undefined;
  if (choices.length > MAX_VENUES) {
    throw new SpillwayError(
      "BAD_CONFIG",
      `venues.${collateral}: ${choices.length} are too many; name at most ${MAX_VENUES}, the pool of pools among them.`,
    );
  }
  const venues: Venue[] = [];
  for (const choice of choices) venues.push(await choice.open(context));
  const twice = venues.find(({ name }, i) => venues.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) {
    throw new SpillwayError("BAD_CONFIG", `venues.${collateral}: ${twice.name} is named twice; name it once.`);
  }
  return new JoinedVenue(venues);
}
