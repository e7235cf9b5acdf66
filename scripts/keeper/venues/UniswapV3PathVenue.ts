import { AbiCoder } from "ethers";

import { chainQuotes, type VenueQuote } from "../../lib";
import type { Reads } from "../chain/Reads";
import { GAS_UNITS } from "../strategy/gas";
import { UniswapV3Venue } from "./UniswapV3Venue";
import { type Leg, LEG_KIND, type Venue, type VenueContext } from "./Venue";

/** Two Uniswap v3 pools: of collateral and a middle token, and of that and the loan asset. */
export class UniswapV3PathVenue implements Venue {
  readonly gas = GAS_UNITS.path;

  private constructor(
    private readonly first: UniswapV3Venue,
    private readonly middle: string,
    private readonly second: UniswapV3Venue,
  ) {}

  /** @throws SpillwayError `BAD_CONFIG` where a pool is of other tokens. */
  static async open(context: VenueContext, pools: [string, string], middle: string): Promise<UniswapV3PathVenue> {
    const { rpc, block, collateral, loanAsset } = context;
    const first = await UniswapV3Venue.open(rpc, block, pools[0], collateral, middle);
    const second = await UniswapV3Venue.open(rpc, block, pools[1], middle, loanAsset);
    return new UniswapV3PathVenue(first, middle, second);
  }

  get name(): string {
    return `uniswap-v3-path:${this.first.pool}-${this.second.pool}`;
  }

  /** @inheritdoc */
  read(reads: Reads): () => VenueQuote {
    const first = this.first.read(reads);
    const second = this.second.read(reads);
    return () => chainQuotes(first(), second());
  }

  /** @inheritdoc */
  async leg(): Promise<Leg> {
    const data = AbiCoder.defaultAbiCoder().encode(["address", "address"], [this.middle, this.second.pool]);
    return { kind: LEG_KIND.uniswapV3Path, venue: this.first.pool, minOut: 0n, data };
  }
}
