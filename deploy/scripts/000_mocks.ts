import {
  abi as factoryAbi,
  bytecode as factoryCode,
} from "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
import {
  abi as managerAbi,
  bytecode as managerCode,
} from "@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json";
import {
  abi as routerAbi,
  bytecode as routerCode,
} from "@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json";
import { Contract, MaxUint256, parseUnits, toQuantity, ZeroAddress } from "ethers";
import { type DeployFunction } from "hardhat-deploy/types";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { hardhat, mockPrices } from "../parameters/hardhat";
import { type MarketParameters } from "../parameters";
import { addressOf, deployerOf, deployOnce, parametersFor } from "../protocol";

/** What lies on each side of a market's first pool and of each other one, in USD: over the full range 0.5 % of it moves the price by 1 %. */
const [FIRST_SIDE_USD, OTHER_SIDE_USD] = [100_000_000, 20_000_000];
const FEED_DECIMALS = 8;
/** Outermost ticks that each fee tier's spacing allows. */
const MAX_TICK: Readonly<Record<number, number>> = { 500: 887_270, 3000: 887_220 };
/** The oracles look back on the pools; so long they stand before anything else is deployed, in seconds. */
const AHEAD = 3600;

/** On a chain of our own: tokens that anyone may mint, feeds that anyone may set, and the real Uniswap v3 with each market's pools. */
const script: DeployFunction = async (hre) => {
  const weth = await deployOnce(hre, "WETH", ["Wrapped Ether", "WETH", 18], "MockERC20");
  await deployOnce(hre, "WBTC", ["Wrapped BTC", "WBTC", 8], "MockERC20");
  await deployOnce(hre, "USDC", ["USD Coin", "USDC", 6], "MockERC20");
  const factory = await deployOnce(hre, "UniswapV3Factory", [], { abi: factoryAbi, bytecode: factoryCode });
  await deployOnce(hre, "SwapRouter", [factory, weth], { abi: routerAbi, bytecode: routerCode });
  const manager = { abi: managerAbi, bytecode: managerCode };
  await deployOnce(hre, "NonfungiblePositionManager", [factory, weth, ZeroAddress], manager);

  let created = false;
  for (const market of hardhat.markets) {
    for (const [index, { fee }] of market.pools.entries()) {
      const sideUsd = index === 0 ? FIRST_SIDE_USD : OTHER_SIDE_USD;
      created = (await createPool(hre, market, fee, sideUsd)) || created;
    }
  }
  if (created) {
    const { timestamp } = await hre.ethers.provider.getBlock("latest").then((block) => block ?? { timestamp: 0 });
    await hre.network.provider.send("evm_setNextBlockTimestamp", [toQuantity(timestamp + AHEAD)]);
    await hre.network.provider.send("evm_mine");
  }
  await deployOnce(hre, "UsdcUsdFeed", [FEED_DECIMALS, 10 ** FEED_DECIMALS], "MockAggregatorV3");
  for (const { name, feed, crossFeed } of hardhat.markets) {
    const [price, one] = [priceOf(name), 1].map((answer) => parseUnits(answer.toString(), FEED_DECIMALS));
    await deployOnce(hre, (crossFeed ?? feed).address, [FEED_DECIMALS, price], "MockAggregatorV3");
    if (crossFeed !== undefined) await deployOnce(hre, feed.address, [FEED_DECIMALS, one], "MockAggregatorV3");
  }
};
script.tags = ["mocks"];
script.skip = async (hre) => (await parametersFor(hre)).chainId !== hardhat.chainId;
export default script;

function priceOf(name: string): number {
  return mockPrices[name] ?? 1;
}

/** A market's pool of that fee with liquidity over the full range. False if it is there already. */
async function createPool(
  hre: HardhatRuntimeEnvironment,
  { name, collateral }: MarketParameters,
  fee: number,
  sideUsd: number,
): Promise<boolean> {
  const deployer = await deployerOf(hre);
  const factory = new Contract(await addressOf(hre, "UniswapV3Factory"), factoryAbi, deployer);
  const manager = new Contract(await addressOf(hre, "NonfungiblePositionManager"), managerAbi, deployer);
  const loan = await hre.ethers.getContractAt("MockERC20", await addressOf(hre, "USDC"), deployer);
  const token = await hre.ethers.getContractAt("MockERC20", await addressOf(hre, collateral), deployer);
  const [loanAddress, tokenAddress] = [await loan.getAddress(), await token.getAddress()];
  if ((await factory.getFunction("getPool").staticCall(tokenAddress, loanAddress, fee)) !== ZeroAddress) {
    return false;
  }

  const sides = [
    { token: loan, address: loanAddress, amount: parseUnits(sideUsd.toString(), 6) },
    {
      token,
      address: tokenAddress,
      amount: parseUnits((sideUsd / priceOf(name)).toString(), await token.decimals()),
    },
  ].sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
  const [token0, token1] = sides as [(typeof sides)[0], (typeof sides)[0]];
  for (const side of sides) {
    await (await side.token.mint(deployer, side.amount)).wait();
    await (await side.token.approve(manager, side.amount)).wait();
  }
  const send = async (method: string, ...args: unknown[]): Promise<void> => {
    const sent = await manager.getFunction(method).send(...args);
    await sent.wait();
  };
  const price = sqrt((token1.amount << 192n) / token0.amount);
  await send("createAndInitializePoolIfNecessary", token0.address, token1.address, fee, price);
  const tick = MAX_TICK[fee] ?? 0;
  await send("mint", {
    ...{ token0: token0.address, token1: token1.address, fee, tickLower: -tick, tickUpper: tick },
    ...{ amount0Desired: token0.amount, amount1Desired: token1.amount, amount0Min: 0, amount1Min: 0 },
    ...{ recipient: deployer.address, deadline: MaxUint256 },
  });
  return true;
}

/** The integer square root, rounded down, by Newton's method from above. */
function sqrt(n: bigint): bigint {
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}
