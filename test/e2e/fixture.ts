import { type HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/signers";
import { loadFixture, mine, time } from "@nomicfoundation/hardhat-network-helpers";
import { abi as routerAbi } from "@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json";
import { Contract, MaxUint256, parseUnits } from "ethers";
import { deployments, ethers } from "hardhat";

import { type IUniswapV3Pool, type MockERC20 } from "../../typechain-types";
import { type Deployed, deployed } from "../deploy/fixture";

export const usdc = (amount: number): bigint => parseUnits(amount.toString(), 6);
export const weth = (amount: number): bigint => parseUnits(amount.toString(), 18);
export const wbtc = (amount: number): bigint => parseUnits(amount.toString(), 8);

export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 86_400;

/** A price of one whole collateral in whole USDC, scaled by 1e36. */
export function priceE36(price: number, collateralDecimals: number): bigint {
  return parseUnits(price.toString(), 36 + 6 - collateralDecimals);
}

/** The protocol as it is deployed, with people on it and a market that moves: feeds and the real Uniswap pools together. */
export class World {
  constructor(
    readonly protocol: Deployed,
    readonly people: Readonly<Record<"lender" | "underwriter" | "borrower" | "keeper" | "buyer", HardhatEthersSigner>>,
    readonly pools: Readonly<Record<"ETH" | "BTC", IUniswapV3Pool>>,
    private readonly router: Contract,
    private readonly trader: HardhatEthersSigner,
  ) {}

  /** Sets what an asset costs, on its feed and, by trading, on its pool. */
  async setPrice(asset: "ETH" | "BTC", price: number): Promise<void> {
    await this.protocol.feeds[asset].setAnswer(Math.round(price * 1e8));
    await this.setPoolPrice(asset, price);
  }

  /** Trades on the pool only until it is at that price. */
  async setPoolPrice(asset: "ETH" | "BTC", price: number): Promise<void> {
    const [token, decimals] = asset === "ETH" ? [this.protocol.weth, 18] : [this.protocol.wbtc, 8];
    const [tokenAddress, loanAddress] = [await token.getAddress(), await this.protocol.usdc.getAddress()];
    const tokenIsToken0 = BigInt(tokenAddress) < BigInt(loanAddress);
    const [amount, loanAmount] = [10n ** BigInt(decimals), parseUnits(price.toString(), 6)];
    const limit = tokenIsToken0 ? sqrt((loanAmount << 192n) / amount) : sqrt((amount << 192n) / loanAmount);
    const pool = this.pools[asset];
    const { sqrtPriceX96 } = await pool.slot0();
    if (limit === sqrtPriceX96) return;
    const sells0 = limit < sqrtPriceX96;
    const [tokenIn, tokenOut] = sells0 === tokenIsToken0 ? [tokenAddress, loanAddress] : [loanAddress, tokenAddress];
    const sent = await this.router.getFunction("exactInputSingle").send({
      ...{ tokenIn, tokenOut, fee: await pool.fee(), recipient: this.trader.address, deadline: MaxUint256 },
      ...{ amountIn: 1n << 100n, amountOutMinimum: 0, sqrtPriceLimitX96: limit },
    });
    await sent.wait();
  }

  /** Lets time pass, with feeds that say the same as before, freshly. */
  async pass(seconds: number): Promise<void> {
    await time.increase(seconds);
    await this.refreshFeeds();
  }

  /** Lets time pass while no feed says anything. */
  async passInSilence(seconds: number): Promise<void> {
    await time.increase(seconds);
    await mine();
  }

  /** Puts collateral in for somebody, who then borrows against it. */
  async open(owner: HardhatEthersSigner, token: MockERC20, collateral: bigint, debt: bigint): Promise<void> {
    const { vault } = this.protocol;
    await vault.connect(owner).supplyCollateral(token, collateral, owner);
    await vault.connect(owner).borrow(token, debt, owner, owner);
  }

  async ltv(token: MockERC20, owner: HardhatEthersSigner): Promise<number> {
    const [view] = await this.protocol.lens.positions(token, [owner.address]);
    return Number(view!.ltvWad) / 1e18;
  }

  private async refreshFeeds(): Promise<void> {
    for (const feed of Object.values(this.protocol.feeds)) {
      const { 1: answer } = await feed.latestRoundData();
      await feed.setAnswer(answer);
    }
  }
}

function sqrt(n: bigint): bigint {
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

async function build(): Promise<World> {
  const protocol = await deployed();
  const [lender, underwriter, borrower, keeper, buyer, trader] = (await ethers.getSigners()).slice(4);
  const people = { lender: lender!, underwriter: underwriter!, borrower: borrower!, keeper: keeper!, buyer: buyer! };
  const { vault, buffer } = protocol;
  const tokens = [
    [protocol.usdc, usdc(5_000_000)],
    [protocol.weth, weth(1000)],
    [protocol.wbtc, wbtc(100)],
  ] as const;
  const router = new Contract(protocol.router, routerAbi, trader);
  for (const [token, amount] of tokens) {
    for (const person of Object.values(people)) {
      if (person === people.keeper) continue; // has nothing, to show that it needs nothing
      await token.mint(person, amount);
      await token.connect(person).approve(vault, MaxUint256);
      await token.connect(person).approve(buffer, MaxUint256);
    }
    await token.mint(trader!, 1n << 120n);
    await token.connect(trader).approve(router, MaxUint256);
  }
  const poolOf = async (name: string): Promise<IUniswapV3Pool> => {
    const { address } = await deployments.get(`GuardedOracle_${name}`);
    return ethers.getContractAt("IUniswapV3Pool", await (await ethers.getContractAt("GuardedOracle", address)).pool());
  };
  const pools = { ETH: await poolOf("ETH"), BTC: await poolOf("BTC") };
  await vault.connect(people.lender).deposit(usdc(1_000_000), people.lender);
  await buffer.connect(people.underwriter).deposit(usdc(200_000), people.underwriter);
  return new World(protocol, people, pools, router, trader!);
}

/** Lenders have 1,000,000 USDC in, underwriters 200,000, ETH is at 2,000 and BTC at 40,000. */
export async function world(): Promise<World> {
  return loadFixture(build);
}
