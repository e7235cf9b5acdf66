import { AbiCoder, keccak256, ZeroAddress, type Interface } from "ethers";
import { ownArtifact } from "../../chain/artifacts";
import type { Deployer } from "../deployer";
import type { World } from "../../model/engine";
import { morphoArtifact } from "./compile";
import { parameters } from "./parameters";

/** Morpho's own Chainlink oracle doesn't look at an answer's age; this is as good as never. */
const ANY_AGE = 2n ** 32n - 1n;

export interface Market {
  id: string;
  /** `MarketParams`, in its order. */
  params: readonly [loan: string, collateral: string, oracle: string, irm: string, lltv: bigint];
}

export interface Deployment {
  address: string;
  abi: Interface;
  markets: readonly Market[];
}

/** Deploys Morpho Blue, a fixed rate and our Chainlink oracle, and creates one market per collateral. */
export async function deployMorpho(world: World, deployer: Deployer): Promise<Deployment> {
  const { chain, loan, markets } = world;
  const artifact = await morphoArtifact();
  await deployer.start();
  const morpho = await deployer.place("Morpho", artifact, [deployer.account]);
  const rate = ownArtifact("mocks/ReplayFixedRate.sol", "ReplayFixedRate");
  const irm = await deployer.place("fixed rate", rate, [parameters.ratePerSecond]);
  const oracleArtifact = ownArtifact("oracles/ChainlinkOracle.sol", "ChainlinkOracle");
  deployer.call(morpho, "enableIrm", [irm.address]);
  for (const lltv of new Set(markets.map(({ asset }) => parameters.lltv[asset]))) {
    deployer.call(morpho, "enableLltv", [lltv]);
  }
  await chain.settle("Morpho's rates and lltvs");
  const made: Market[] = [];
  for (const { asset, collateral } of markets) {
    const base = [collateral.address, loan.address, collateral.feed, ANY_AGE];
    const sources = [...base, ZeroAddress, 0n, loan.feed, ANY_AGE, ZeroAddress, 0n];
    const oracle = await deployer.place(`oracle of ${asset}`, oracleArtifact, [sources]);
    const params = [loan.address, collateral.address, oracle.address, irm.address, parameters.lltv[asset]] as const;
    const encoded = AbiCoder.defaultAbiCoder().encode(["address", "address", "address", "address", "uint256"], params);
    made.push({ id: keccak256(encoded), params });
    deployer.call(morpho, "createMarket", [params]);
  }
  await chain.settle("Morpho's markets");
  return { address: morpho.address, abi: morpho.abi, markets: made };
}
