import { AbiCoder, concat, id, ZeroAddress } from "ethers";
import { mainnet } from "../chain/addresses";
import { ownArtifact } from "../chain/artifacts";
import { abi } from "../chain/chain";
import type { Chain, TxRequest } from "../model/chain";
import { amount0, amount1, liquidityForDepth, priceOf, sqrtPriceOf, type PairUnits } from "./swapMath";

const factoryAbi = abi([
  "function owner() view returns (address)",
  "function getPool(address, address, uint24) view returns (address)",
  "function createPool(address, address, uint24) returns (address)",
  "function enableFeeAmount(uint24 fee, int24 tickSpacing)",
]);
const poolAbi = abi([
  "function slot0() view returns (uint160 sqrtPriceX96, int24, uint16, uint16, uint16, uint8, bool)",
  "function initialize(uint160 sqrtPriceX96)",
  "function increaseObservationCardinalityNext(uint16)",
]);
const managerAbi = abi([
  "function mint((address token0, address token1, uint24 fee, int24 tickLower, int24 tickUpper, uint256 amount0Desired, uint256 amount1Desired, uint256 amount0Min, uint256 amount1Min, address recipient, uint256 deadline)) payable returns (uint256, uint128, uint256, uint256)",
]);
const tokenAbi = abi(["function approve(address, uint256) returns (bool)"]);
const arbitrageurAbi = abi(["function pullTo(uint160 sqrtPriceX96)"]);

/** The 0.05 % pool: the tier in which most ETH and BTC is traded against USDC, and the least in the way of arbitrage. */
const FEE = 500;
/** For a chain that has such a pool already: a tier of our own, so that its depth is what the run says. */
const OWN_FEE = 501;
const TICK_SPACING = 10n;
const MAX_TICK = 887_270n;
/** Two observations a minute over the 30 minutes that a depth oracle looks back, twice. */
const CARDINALITY = 120n;
const MAX_UINT256 = (1n << 256n) - 1n;

export interface PoolOptions {
  collateral: { address: string; decimals: number };
  loan: { address: string; decimals: number };
  /** Whole loan tokens per whole collateral. */
  price: number;
  /** Units of collateral whose sale moves the price by 1 %, fee aside. */
  depth: bigint;
  /** Who pays for liquidity and arbitrage; tokens are dealt to it. */
  operator: string;
}

/**
 * A real Uniswap v3 pool with liquidity over the full range, and the arbitrageur who pulls it to a price.
 *
 * Full range, because then the pool is as deep as the run says at any price of the crash, without anybody moving liquidity about:
 * in collateral its depth grows with 1/√price as the price falls, in the loan asset it shrinks with √price.
 */
export class Pool {
  private constructor(
    readonly address: string,
    readonly fee: number,
    readonly liquidity: bigint,
    private readonly chain: Chain,
    private readonly units: PairUnits,
    private readonly operator: string,
    private readonly arbitrageur: string,
  ) {}

  /** Creates the pool, brings the liquidity and funds the arbitrageur. Mines the blocks that this takes. */
  static async create(chain: Chain, options: PoolOptions): Promise<Pool> {
    const { collateral, loan, operator } = options;
    const { uniswapFactory: factory, positionManager } = mainnet;
    const collateralIsToken0 = BigInt(collateral.address) < BigInt(loan.address);
    const units = { collateralIsToken0, collateralDecimals: collateral.decimals, loanDecimals: loan.decimals };
    const tokens = collateralIsToken0 ? [collateral, loan] : [loan, collateral];
    const [token0 = "", token1 = ""] = tokens.map((token) => token.address);
    const poolAt = async (fee: number): Promise<string> =>
      String((await chain.read(factory, factoryAbi, "getPool", [token0, token1, fee]))[0]);

    const taken = (await poolAt(FEE)) !== ZeroAddress;
    const fee = taken ? OWN_FEE : FEE;
    if (taken) {
      const owner = String((await chain.read(factory, factoryAbi, "owner"))[0]);
      await chain.setBalance(owner, 10n ** 24n);
      chain.send(call(owner, factory, factoryAbi.encodeFunctionData("enableFeeAmount", [fee, TICK_SPACING])));
      await chain.settle("a fee tier of our own");
    }
    chain.send(
      call(operator, factory, factoryAbi.encodeFunctionData("createPool", [token0, token1, fee]), 10_000_000n),
    );
    await chain.settle("creating the pool");
    const pool = await poolAt(fee);

    const sqrtPrice = sqrtPriceOf(options.price, units);
    const liquidity = liquidityForDepth(options.depth, sqrtPrice, units);
    // the full range goes from nearly nothing to nearly infinity
    const need0 = amount0(sqrtPrice, 1n << 159n, liquidity, true) + 1n;
    const need1 = amount1(1n << 33n, sqrtPrice, liquidity, true) + 1n;
    const arbitrageur = `0x${id(`arbitrageur of ${pool}`).slice(-40)}`;
    const code = ownArtifact("mocks/ReplayArbitrageur.sol", "ReplayArbitrageur").bytecode;
    await chain.place(
      arbitrageur,
      concat([code, AbiCoder.defaultAbiCoder().encode(["address", "address"], [operator, pool])]),
      operator,
    );
    for (const [token, need] of [
      [token0, need0],
      [token1, need1],
    ] as const) {
      await chain.setTokenBalance(token, operator, 2n * need);
      // enough to follow the price over six orders of magnitude
      await chain.setTokenBalance(token, arbitrageur, 10_000n * need);
      chain.send(call(operator, token, tokenAbi.encodeFunctionData("approve", [positionManager, MAX_UINT256])));
    }
    chain.send(call(operator, pool, poolAbi.encodeFunctionData("initialize", [sqrtPrice])));
    chain.send(
      call(
        operator,
        pool,
        poolAbi.encodeFunctionData("increaseObservationCardinalityNext", [CARDINALITY]),
        10_000_000n,
      ),
    );
    const [amount0Desired, amount1Desired] = [need0, need1];
    const ticks = { tickLower: -MAX_TICK, tickUpper: MAX_TICK };
    const minimum = { amount0Min: 0n, amount1Min: 0n, recipient: operator, deadline: MAX_UINT256 };
    const mint = { token0, token1, fee, ...ticks, amount0Desired, amount1Desired, ...minimum };
    chain.send(call(operator, positionManager, managerAbi.encodeFunctionData("mint", [mint])));
    await chain.settle("bringing liquidity");
    return new Pool(pool, fee, liquidity, chain, units, operator, arbitrageur);
  }

  /** The transaction that swaps until the pool's price is this one. */
  pullTo(price: number): TxRequest {
    const data = arbitrageurAbi.encodeFunctionData("pullTo", [sqrtPriceOf(price, this.units)]);
    return call(this.operator, this.arbitrageur, data, 1_000_000n);
  }

  /** The pool's price now. */
  async price(): Promise<number> {
    const [sqrtPrice] = await this.chain.read(this.address, poolAbi, "slot0");
    return priceOf(sqrtPrice as bigint, this.units);
  }
}

function call(from: string, to: string, data: string, gas?: bigint): TxRequest {
  return gas === undefined ? { from, to, data } : { from, to, data, gas };
}
