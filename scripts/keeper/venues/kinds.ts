// What the setting `venues` may name. Each kind turns its settings into a choice that is opened with its market.
import { getAddress, isAddress } from "ethers";
import { z } from "zod";

import { QuoteServiceVenue } from "./QuoteServiceVenue";
import { UniswapV2Venue } from "./UniswapV2Venue";
import { UniswapV3PathVenue } from "./UniswapV3PathVenue";
import { UniswapV3Venue } from "./UniswapV3Venue";
import type { VenueChoice } from "./Venue";

const address = z
  .string()
  .refine((text) => isAddress(text), "is not an address: 0x and 40 hex digits")
  .transform((text) => getAddress(text));
const amount = z
  .union([z.string(), z.number()])
  .refine((text) => /^\d+$/.test(String(text)), "is not a whole number of smallest units")
  .transform((text) => BigInt(text));

/** The choice of one Uniswap v3 pool. */
export function uniswapV3(pool: string): VenueChoice {
  const open: VenueChoice["open"] = ({ rpc, block, collateral, loanAsset }) =>
    UniswapV3Venue.open(rpc, block, pool, collateral, loanAsset);
  return { contracts: [pool], open };
}

const v3 = z
  .strictObject({ kind: z.literal("uniswap-v3"), pool: address })
  .transform(({ pool }): VenueChoice => uniswapV3(pool));

const v3Path = z
  .strictObject({ kind: z.literal("uniswap-v3-path"), pools: z.tuple([address, address]), middle: address })
  .transform(({ pools, middle }): VenueChoice => ({
    contracts: [...pools, middle],
    open: (context) => UniswapV3PathVenue.open(context, pools, middle),
  }));

const v2 = z
  .strictObject({ kind: z.literal("uniswap-v2"), pair: address })
  .transform(({ pair }): VenueChoice => ({ contracts: [pair], open: (context) => UniswapV2Venue.open(context, pair) }));

const quoteService = z
  .strictObject({
    kind: z.literal("quote-service"),
    url: z.url({ protocol: /^https?$/, error: "is not a URL of http or https" }),
    targets: z.array(address).min(1, "must name at least one contract that may be called"),
    most: amount.refine((value) => value > 0n, "must be above 0"),
    timeout: z.int().positive().max(10_000).default(500),
    slippageBps: z.int().min(0).max(1000).default(20),
  })
  .transform(({ url, targets, most, timeout, slippageBps }): VenueChoice => ({
    contracts: targets,
    open: async (context) =>
      new QuoteServiceVenue({ url, targets, most, timeoutMs: timeout, slippageBps: BigInt(slippageBps) }, context),
  }));

/** One venue as it stands in the settings. */
export const venueSchema = z.discriminatedUnion("kind", [v3, v3Path, v2, quoteService], {
  error: "kind: is none of uniswap-v3, uniswap-v3-path, uniswap-v2, quote-service",
});
