import { Interface } from "ethers";

import { quotePair, SpillwayError, type VenueQuote } from "../../lib";
import { Reads } from "../chain/Reads";
import { GAS_UNITS } from "../strategy/gas";
import { type Leg, LEG_KIND, type Venue, type VenueContext } from "./Venue";

const pairAbi = new Interface([
  "function token0() view returns (address)",
  "function token1() view returns (address)",
  "function getReserves() view returns (uint112, uint112, uint32)",
]);

/** A Uniswap v2 pair of collateral and loan asset, with a fee of 0.3 %. */
export class UniswapV2Venue implements Venue {
  readonly gas = GAS_UNITS.leg;

  private constructor(
    private readonly pair: string,
    private readonly zeroForOne: boolean,
  ) {}

  /** @throws SpillwayError `BAD_CONFIG` where the pair is not one of these two tokens. */
  static async open({ rpc, block, collateral, loanAsset }: VenueContext, pair: string): Promise<UniswapV2Venue> {
    const reads = new Reads(block);
    const [token0, token1] = (["token0", "token1"] as const).map((name) =>
      reads.call({
        to: pair,
        data: pairAbi.encodeFunctionData(name),
        decode: (data) => pairAbi.decodeFunctionResult(name, data)[0] as string,
      }),
    );
    await reads.send(rpc);
    const tokens = [token0?.valueOrNone(), token1?.valueOrNone()];
    if (!tokens.includes(collateral) || !tokens.includes(loanAsset)) {
      throw new SpillwayError(
        "BAD_CONFIG",
        `venues: ${pair} is not a Uniswap v2 pair of ${collateral} and ${loanAsset}. Give a pair that the collateral is sold on.`,
      );
    }
    return new UniswapV2Venue(pair, tokens[0] === collateral);
  }

  get name(): string {
    return `uniswap-v2:${this.pair}`;
  }

  /** @inheritdoc */
  read(reads: Reads): () => VenueQuote {
    const reserves = reads.call({
      to: this.pair,
      data: pairAbi.encodeFunctionData("getReserves"),
      decode: (data) => {
        const [reserve0, reserve1] = pairAbi.decodeFunctionResult("getReserves", data) as unknown as [bigint, bigint];
        return this.zeroForOne ? ([reserve0, reserve1] as const) : ([reserve1, reserve0] as const);
      },
    });
    return () => quotePair(...reserves.value());
  }

  /** @inheritdoc */
  async leg(): Promise<Leg> {
    return { kind: LEG_KIND.uniswapV2, venue: this.pair, minOut: 0n, data: "0x" };
  }
}
