import { Interface } from "ethers";

import { quoteRanges, type Range, SpillwayError, sqrtPriceAtTick, type VenueQuote } from "../../lib";
import { type Answer, type ContractRead, Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";
import { GAS_UNITS } from "../strategy/gas";
import { type Leg, LEG_KIND, type Venue } from "./Venue";

const poolAbi = new Interface([
  "function token0() view returns (address)",
  "function token1() view returns (address)",
  "function fee() view returns (uint24)",
  "function tickSpacing() view returns (int24)",
  "function liquidity() view returns (uint128)",
  "function slot0() view returns (uint160 sqrtPriceX96, int24 tick, uint16, uint16, uint16, uint8, bool)",
  "function tickBitmap(int16) view returns (uint256)",
  "function ticks(int24) view returns (uint128, int128 liquidityNet, uint256, uint256, int56, uint160, uint32, bool)",
]);

/** How many initialised ticks ahead of the price are read. A sale that would go past them is cut there. */
const TICKS_AHEAD = 4;

/** A pool of collateral and loan asset. */
export class UniswapV3Venue implements Venue {
  readonly gas = GAS_UNITS.leg;
  /** The tick, and initialised ticks ahead of it, as of the last read; where the next read looks. */
  private lastTick: number | undefined;
  private ahead: number[] = [];

  private constructor(
    readonly pool: string,
    private readonly fee: bigint,
    private readonly tickSpacing: number,
    private readonly zeroForOne: boolean,
  ) {}

  /** @throws SpillwayError `BAD_CONFIG` where the pool is not one of these two tokens. */
  static async open(
    rpc: Rpc,
    block: number,
    pool: string,
    collateral: string,
    loanAsset: string,
  ): Promise<UniswapV3Venue> {
    const reads = new Reads(block);
    const token0 = reads.call(readPool<string>(pool, "token0"));
    const token1 = reads.call(readPool<string>(pool, "token1"));
    const fee = reads.call(readPool<bigint>(pool, "fee"));
    const spacing = reads.call(readPool<bigint>(pool, "tickSpacing"));
    await reads.send(rpc);
    const tokens = [token0.valueOrNone(), token1.valueOrNone()];
    if (!tokens.includes(collateral) || !tokens.includes(loanAsset)) {
      throw new SpillwayError(
        "BAD_CONFIG",
        `pools, venues: ${pool} is not a Uniswap v3 pool of ${collateral} and ${loanAsset}. Give the pool that the collateral is sold on.`,
      );
    }
    return new UniswapV3Venue(pool, fee.value(), Number(spacing.value()), tokens[0] === collateral);
  }

  get name(): string {
    return `uniswap-v3:${this.pool}`;
  }

  /** @inheritdoc */
  async leg(): Promise<Leg> {
    return { kind: LEG_KIND.uniswapV3, venue: this.pool, minOut: 0n, data: "0x" };
  }

  /** @inheritdoc */
  read(reads: Reads): () => VenueQuote {
    const slot0 = reads.call({
      to: this.pool,
      data: poolAbi.encodeFunctionData("slot0"),
      decode: (data) => {
        const result = poolAbi.decodeFunctionResult("slot0", data);
        return { sqrtPriceX96: result[0] as bigint, tick: Number(result[1]) };
      },
    });
    const liquidity = reads.call(readPool<bigint>(this.pool, "liquidity"));
    const words = new Map<number, Answer<bigint>>();
    if (this.lastTick !== undefined) {
      const word = this.wordOf(this.lastTick);
      for (const near of [word, this.zeroForOne ? word - 1 : word + 1]) {
        words.set(near, reads.call(readPool<bigint>(this.pool, "tickBitmap", [near])));
      }
    }
    const nets = new Map<number, Answer<bigint>>();
    for (const tick of this.ahead) nets.set(tick, reads.call(readPool<bigint>(this.pool, "ticks", [tick], 1)));

    return () => {
      const { sqrtPriceX96, tick } = slot0.value();
      const bitmap = new Map([...words].map(([word, answer]) => [word, answer.value()]));
      const { ticks, end } = this.ticksAhead(tick, bitmap);
      this.lastTick = tick;
      this.ahead = ticks;

      const ranges: Range[] = [];
      let inRange = liquidity.value();
      for (const next of [...ticks, end]) {
        ranges.push({ liquidity: inRange, sqrtPriceEndX96: sqrtPriceAtTick(next) });
        const net = nets.get(next)?.value();
        if (net === undefined) break; // not read yet; the next block's quote goes further
        inRange += this.zeroForOne ? -net : net;
      }
      return quoteRanges({ sqrtPriceX96, fee: this.fee, zeroForOne: this.zeroForOne, ranges });
    };
  }

  /** The nearest initialised ticks in the direction of the sale, and the tick up to which the bitmap is known. */
  private ticksAhead(tick: number, bitmap: ReadonlyMap<number, bigint>): { ticks: number[]; end: number } {
    const step = this.zeroForOne ? -1 : 1;
    const ticks: number[] = [];
    // the tick at the price's own place was crossed already on the way up, not on the way down
    let compressed = Math.floor(tick / this.tickSpacing) + (this.zeroForOne ? 0 : 1);
    const nearest = compressed * this.tickSpacing;
    for (; ticks.length < TICKS_AHEAD; compressed += step) {
      const word = bitmap.get(compressed >> 8);
      if (word === undefined) break;
      if ((word >> BigInt(compressed & 255)) & 1n) ticks.push(compressed * this.tickSpacing);
    }
    const known = (compressed - step) * this.tickSpacing;
    return { ticks, end: this.zeroForOne ? Math.min(nearest, known) : Math.max(nearest, known) };
  }

  private wordOf(tick: number): number {
    return Math.floor(tick / this.tickSpacing) >> 8;
  }
}

function readPool<T>(pool: string, name: string, args: unknown[] = [], place = 0): ContractRead<T> {
  return {
    to: pool,
    data: poolAbi.encodeFunctionData(name, args),
    decode: (data) => poolAbi.decodeFunctionResult(name, data)[place] as T,
  };
}
