import { type HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/signers";
import { time } from "@nomicfoundation/hardhat-network-helpers";
import { abi as pairFactoryAbi, bytecode as pairFactoryCode } from "@uniswap/v2-core/build/UniswapV2Factory.json";
import { abi as pairAbi } from "@uniswap/v2-core/build/UniswapV2Pair.json";
import {
  abi as factoryAbi,
  bytecode as factoryCode,
} from "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
import {
  abi as routerAbi,
  bytecode as routerCode,
} from "@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json";
import {
  abi as managerAbi,
  bytecode as managerCode,
} from "@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json";
import { Contract, type ContractTransactionReceipt, MaxUint256, ZeroAddress } from "ethers";
import { ethers } from "hardhat";

import { type IUniswapV3Pool, type MockERC20 } from "../../typechain-types";

export const FEE = 500;
export const TICK_SPACING = 10;
export const MIN_TICK = -887_270; // the outermost ticks that the spacing allows
export const MAX_TICK = 887_270;

/** A pool of the real Uniswap v3 with its position manager and router, all from their packages. */
export interface Venue {
  pool: IUniswapV3Pool;
  token0: MockERC20;
  token1: MockERC20;
  /** Adds liquidity between two ticks and returns its amount and the number of its NFT. */
  addLiquidity: (lower: number, upper: number, liquidity: bigint) => Promise<{ id: bigint; liquidity: bigint }>;
  removeLiquidity: (id: bigint, liquidity: bigint) => Promise<void>;
  /** Sells exactly `amount` of `token` to the pool. */
  sell: (token: MockERC20, amount: bigint) => Promise<void>;
}

export async function deployToken(symbol: string, decimals: number): Promise<MockERC20> {
  return ethers.deployContract("MockERC20", [symbol, symbol, decimals]);
}

/** The square root of a price in smallest units, token 1 for one token 0, as a Q96. */
export function sqrtPriceX96(amount1: bigint, amount0: bigint): bigint {
  return sqrt((amount1 << 192n) / amount0);
}

export function sqrt(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

/**
 * Makes a pool of two tokens at a price of `amountB` for `amountA`, with room for `cardinality` observations.
 * @param trader Owns all liquidity and makes all swaps.
 * @param cardinality Observations that the pool has room for.
 * @param poolFee Its fee tier, in millionths.
 */
export async function deployVenue(
  trader: HardhatEthersSigner,
  tokenA: MockERC20,
  tokenB: MockERC20,
  amountA: bigint,
  amountB: bigint,
  cardinality = 200,
  poolFee = FEE,
): Promise<Venue> {
  const factory = await deploy(trader, factoryAbi, factoryCode, []);
  const manager = await deploy(trader, managerAbi, managerCode, [
    await factory.getAddress(),
    trader.address,
    ZeroAddress,
  ]);
  const router = await deploy(trader, routerAbi, routerCode, [await factory.getAddress(), trader.address]);

  const [addressA, addressB] = [await tokenA.getAddress(), await tokenB.getAddress()];
  const aIsToken0 = BigInt(addressA) < BigInt(addressB);
  const [token0, token1] = aIsToken0 ? [tokenA, tokenB] : [tokenB, tokenA];
  const [address0, address1] = aIsToken0 ? [addressA, addressB] : [addressB, addressA];
  const price = aIsToken0 ? sqrtPriceX96(amountB, amountA) : sqrtPriceX96(amountA, amountB);
  await send(manager, "createAndInitializePoolIfNecessary", [address0, address1, poolFee, price]);
  const poolAddress = (await factory.getFunction("getPool").staticCall(address0, address1, poolFee)) as string;
  const pool = await ethers.getContractAt("IUniswapV3Pool", poolAddress, trader);
  await pool.increaseObservationCardinalityNext(cardinality);

  for (const token of [token0, token1]) {
    await token.mint(trader, 1n << 200n);
    await token.connect(trader).approve(manager, MaxUint256);
    await token.connect(trader).approve(router, MaxUint256);
  }

  return {
    pool,
    token0,
    token1,
    addLiquidity: async (lower, upper, liquidity) => {
      const receipt = await send(manager, "mint", [
        {
          token0: address0,
          token1: address1,
          fee: poolFee,
          tickLower: lower,
          tickUpper: upper,
          ...(await amountsFor(pool, lower, upper, liquidity)),
          amount0Min: 0,
          amount1Min: 0,
          recipient: trader.address,
          deadline: MaxUint256,
        },
      ]);
      const topic = manager.interface.getEvent("IncreaseLiquidity")?.topicHash;
      const log = receipt.logs.find(({ topics }) => topics[0] === topic);
      const added = log === undefined ? null : manager.interface.parseLog(log);
      if (added === null) throw new Error("no liquidity was added");
      return { id: added.args.getValue("tokenId") as bigint, liquidity: added.args.getValue("liquidity") as bigint };
    },
    removeLiquidity: async (id, liquidity) => {
      await send(manager, "decreaseLiquidity", [
        { tokenId: id, liquidity, amount0Min: 0, amount1Min: 0, deadline: MaxUint256 },
      ]);
    },
    sell: async (token, amount) => {
      const zeroForOne = token === token0;
      await send(router, "exactInputSingle", [
        {
          tokenIn: zeroForOne ? address0 : address1,
          tokenOut: zeroForOne ? address1 : address0,
          fee: poolFee,
          recipient: trader.address,
          deadline: MaxUint256,
          amountIn: amount,
          amountOutMinimum: 0,
          sqrtPriceLimitX96: 0,
        },
      ]);
    },
  };
}

/** Makes a pair of the real Uniswap v2 and puts both amounts in. */
export async function deployPair(
  trader: HardhatEthersSigner,
  tokenA: MockERC20,
  tokenB: MockERC20,
  amountA: bigint,
  amountB: bigint,
): Promise<Contract> {
  const factory = await deploy(trader, pairFactoryAbi, pairFactoryCode, [trader.address]);
  await send(factory, "createPair", [await tokenA.getAddress(), await tokenB.getAddress()]);
  const at = (await factory.getFunction("getPair").staticCall(tokenA, tokenB)) as string;
  const pair = new Contract(at, pairAbi, trader);
  await tokenA.mint(at, amountA);
  await tokenB.mint(at, amountB);
  await send(pair, "mint", [trader.address]);
  return pair;
}

/** What to offer the position manager so that it adds `liquidity`, and a little more. */
async function amountsFor(
  pool: IUniswapV3Pool,
  lower: number,
  upper: number,
  liquidity: bigint,
): Promise<{ amount0Desired: bigint; amount1Desired: bigint }> {
  const q96 = 1n << 96n;
  const at = (tick: number): bigint => BigInt(Math.floor(1.0001 ** (tick / 2) * 2 ** 96));
  const { sqrtPriceX96: price } = await pool.slot0();
  const [low, high] = [at(lower), at(upper)];
  return {
    amount0Desired:
      price >= high
        ? 0n
        : (liquidity * q96 * (high - (price > low ? price : low))) / (price > low ? price : low) / high,
    amount1Desired: price <= low ? 0n : (liquidity * ((price < high ? price : high) - low)) / q96,
  };
}

async function deploy(signer: HardhatEthersSigner, abi: object[], code: string, args: unknown[]): Promise<Contract> {
  const contract = await new ethers.ContractFactory(abi, code, signer).deploy(...args);
  return new Contract(await contract.getAddress(), abi, signer);
}

async function send(contract: Contract, name: string, args: unknown[]): Promise<ContractTransactionReceipt> {
  const response = await contract.getFunction(name).send(...args);
  const receipt = await response.wait();
  if (receipt === null) throw new Error(`${name} was not mined`);
  return receipt;
}

/** What a pool's price and liquidity were from when on, to take means from without asking the pool for them. */
export class PoolHistory {
  private readonly moments: { at: bigint; tick: bigint; liquidity: bigint }[] = [];

  constructor(private readonly pool: IUniswapV3Pool) {}

  /** To be called after each transaction that may have changed the pool. */
  async note(): Promise<void> {
    const [at, slot0, liquidity] = [await time.latest(), await this.pool.slot0(), await this.pool.liquidity()];
    this.moments.push({ at: BigInt(at), tick: slot0.tick, liquidity });
  }

  /** The mean tick, rounded down, and the harmonic mean liquidity over the `window` seconds up to `end`. */
  means(window: bigint, end: bigint): { tick: bigint; liquidity: bigint } {
    let [tickSum, inverseSum] = [0n, 0n];
    this.moments.forEach(({ at, tick, liquidity }, i) => {
      const from = at > end - window ? at : end - window;
      const to = this.moments[i + 1]?.at ?? end;
      if (to <= from) return;
      tickSum += tick * (to - from);
      inverseSum += ((to - from) << 160n) / liquidity;
    });
    const floor = tickSum / window - (tickSum < 0n && tickSum % window !== 0n ? 1n : 0n);
    return { tick: floor, liquidity: (window << 160n) / inverseSum };
  }
}

/** 1.0001 to the power of `tick`, as a Q256. */
export function priceX256(tick: bigint): bigint {
  const one = 1n << 512n; // more digits than are needed, for the squaring
  let [base, result] = [(one * 10_001n) / 10_000n, one];
  for (let n = tick < 0n ? -tick : tick; n > 0n; n >>= 1n) {
    if (n & 1n) result = (result * base) / one;
    base = (base * base) / one;
  }
  return (tick < 0n ? (one * one) / result : result) >> 256n;
}
