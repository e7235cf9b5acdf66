import { abi as factoryAbi } from "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
import { Contract, ZeroAddress } from "ethers";
import { type DeployFunction } from "hardhat-deploy/types";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { SpillwayError } from "../../scripts/errors";
import { type MarketParameters, type NetworkParameters } from "../parameters";
import { addressOf, deployerOf, deployOnce, parametersFor } from "../protocol";

/** Of each market: its price, the guard over it, and the depth of its venue. */
const script: DeployFunction = async (hre) => {
  const parameters = await parametersFor(hre);
  const loanAsset = await addressOf(hre, parameters.loanAsset.token);
  const quote = parameters.loanAsset.feed;
  for (const market of parameters.markets) {
    const { name, feed } = market;
    const collateral = await addressOf(hre, market.collateral);
    const pool = await poolOf(hre, parameters, market);
    const sources = {
      collateral,
      loanAsset,
      base: await addressOf(hre, feed.address),
      baseMaxAge: feed.maxAge,
      quote: quote === null ? ZeroAddress : await addressOf(hre, quote.address),
      quoteMaxAge: quote?.maxAge ?? 0,
      sequencer: ZeroAddress,
      gracePeriod: 0,
    };
    const primary = await deployOnce(hre, `ChainlinkOracle_${name}`, [sources], "ChainlinkOracle");
    const { window, boundBps } = market.pool;
    const guarded = [primary, pool, collateral, loanAsset, window, boundBps];
    await deployOnce(hre, `GuardedOracle_${name}`, guarded, "GuardedOracle");
    await deployOnce(hre, `UniswapV3Depth_${name}`, [pool, collateral, loanAsset, window], "UniswapV3Depth");
  }
};
script.tags = ["oracles"];
script.dependencies = ["mocks"];
export default script;

/** A market's pool, with room for as many observations as its window needs. */
async function poolOf(
  hre: HardhatRuntimeEnvironment,
  { uniswapV3Factory, loanAsset }: NetworkParameters,
  { name, collateral, pool }: MarketParameters,
): Promise<string> {
  const factory = new Contract(await addressOf(hre, uniswapV3Factory), factoryAbi, await deployerOf(hre));
  const [a, b] = [await addressOf(hre, collateral), await addressOf(hre, loanAsset.token)];
  const address = (await factory.getFunction("getPool").staticCall(a, b, pool.fee)) as string;
  if (address === ZeroAddress) {
    throw new SpillwayError("BAD_CONFIG", `market ${name}: Uniswap v3 has no pool of fee ${pool.fee}; set another`);
  }
  const contract = await hre.ethers.getContractAt("IUniswapV3Pool", address, await deployerOf(hre));
  const { observationCardinalityNext } = await contract.slot0();
  if (observationCardinalityNext < BigInt(pool.observations)) {
    await (await contract.increaseObservationCardinalityNext(pool.observations)).wait();
  }
  return address;
}
