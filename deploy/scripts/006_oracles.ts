import { abi as factoryAbi } from "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
import { Contract, ZeroAddress } from "ethers";
import { type DeployFunction } from "hardhat-deploy/types";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { SpillwayError } from "../../scripts/lib";
import { type MarketParameters, type NetworkParameters } from "../parameters";
import { addressOf, deployChainlinkOracle, deployerOf, deployOnce, parametersFor } from "../protocol";

/** Of each market: its price, the guard over it, and the depth of its venues. */
const script: DeployFunction = async (hre) => {
  const parameters = await parametersFor(hre);
  const loanAsset = await addressOf(hre, parameters.loanAsset.token);
  for (const market of parameters.markets) {
    const { name, feed, crossFeed, guardBoundBps } = market;
    const collateral = await addressOf(hre, market.collateral);
    const primary = await deployChainlinkOracle(hre, `ChainlinkOracle_${name}`, market.collateral, feed, crossFeed);
    const venues: string[] = [];
    for (const [index, pool] of market.pools.entries()) {
      const { fee, window } = pool;
      const address = await poolOf(hre, parameters, market, pool);
      if (index === 0) {
        const guarded = [primary, address, collateral, loanAsset, window, guardBoundBps];
        await deployOnce(hre, `GuardedOracle_${name}`, guarded, "GuardedOracle");
      }
      const args = [address, collateral, loanAsset, window];
      venues.push(await deployOnce(hre, `UniswapV3Depth_${name}_${fee}`, args, "UniswapV3Depth"));
    }
    if (venues.length > 1) await deployOnce(hre, `DepthSum_${name}`, [venues], "DepthSum");
  }
};
script.tags = ["oracles"];
script.dependencies = ["mocks"];
export default script;

/** A pool of a market, with room for as many observations as its window needs. */
async function poolOf(
  hre: HardhatRuntimeEnvironment,
  { uniswapV3Factory, loanAsset }: NetworkParameters,
  { name, collateral }: MarketParameters,
  pool: MarketParameters["pools"][number],
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
