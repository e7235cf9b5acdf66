import { readdirSync } from "node:fs";
import { join } from "node:path";

import { sourceOf } from "./compiler";

/** Contracts (`file:Name`) that are built from a mutated file, and the tests that reach it through them. */
export interface Stage {
  contracts: string[];
  /** Test files, or folders of them, those that most likely notice first. */
  tests: string[];
}

const VAULT = "contracts/Vault.sol:Vault";
const HOUSE = "contracts/AuctionHouse.sol:AuctionHouse";
const BUFFER = "contracts/LiquidityBuffer.sol:LiquidityBuffer";
const CORE = [VAULT, HOUSE, BUFFER];
const at = (folders: string[]): string[] => folders.map((folder) => `test/contracts/${folder}`);
const uniswap = (name: string): Stage => ({
  contracts: [`contracts/oracles/${name}.sol:${name}`],
  tests: at(["oracles/uniswapV3.ts"]),
});
const inBoth = {
  contracts: ["GuardedOracle", "UniswapV3Depth"].map((name) => `contracts/oracles/${name}.sol:${name}`),
  tests: at(["oracles/uniswapV3.ts"]),
};

/** What is mutated. A mutant that outlives one stage goes on to the next, so the quick ones come first. */
export const targets: Record<string, Stage[]> = {
  "contracts/Vault.sol": [{ contracts: [VAULT], tests: at(["vault", "buffer", "auctionHouse", "regressions"]) }],
  "contracts/AuctionHouse.sol": [{ contracts: [HOUSE], tests: at(["auctionHouse", "buffer", "regressions"]) }],
  "contracts/LiquidityBuffer.sol": [{ contracts: [BUFFER], tests: at(["buffer", "auctionHouse", "regressions"]) }],
  "contracts/libraries/FillSize.sol": [{ contracts: [HOUSE], tests: at(["auctionHouse", "regressions"]) }],
  "contracts/libraries/GradualAuction.sol": [
    {
      contracts: ["contracts/mocks/GradualAuctionHarness.sol:GradualAuctionHarness"],
      tests: at(["libraries/GradualAuction.ts"]),
    },
    { contracts: [HOUSE, BUFFER], tests: at(["auctionHouse", "buffer"]) },
  ],
  "contracts/libraries/KeeperPay.sol": [
    {
      contracts: ["contracts/mocks/KeeperPayHarness.sol:KeeperPayHarness"],
      tests: at(["libraries/KeeperPay.ts"]),
    },
    { contracts: [HOUSE, BUFFER], tests: at(["auctionHouse", "buffer", "regressions"]) },
  ],
  "contracts/libraries/LaneSettings.sol": [
    {
      contracts: ["contracts/libraries/LaneSettings.sol:LaneSettings"],
      tests: at(["auctionHouse/setLane.ts", "auctionHouse/pay.ts", "auctionHouse/sync.ts"]),
    },
  ],
  "contracts/libraries/PositionMath.sol": [
    {
      contracts: ["contracts/mocks/PositionMathHarness.sol:PositionMathHarness"],
      tests: at(["libraries/PositionMath.ts"]),
    },
    { contracts: CORE, tests: at(["vault", "auctionHouse", "buffer", "regressions"]) },
  ],
  "contracts/libraries/Units.sol": [{ contracts: CORE, tests: at(["vault", "auctionHouse", "buffer"]) }],
  "contracts/oracles/ChainlinkOracle.sol": [
    { contracts: ["contracts/oracles/ChainlinkOracle.sol:ChainlinkOracle"], tests: at(["oracles/ChainlinkOracle.ts"]) },
  ],
  "contracts/oracles/DepthSum.sol": [
    { contracts: ["contracts/oracles/DepthSum.sol:DepthSum"], tests: at(["oracles/DepthSum.ts"]) },
  ],
  "contracts/oracles/GuardedOracle.sol": [uniswap("GuardedOracle")],
  "contracts/oracles/UniswapV3Depth.sol": [uniswap("UniswapV3Depth")],
  "contracts/oracles/UniswapV3Window.sol": [inBoth],
  "contracts/rates/KinkedRateModel.sol": [
    { contracts: ["contracts/rates/KinkedRateModel.sol:KinkedRateModel"], tests: at(["rates"]) },
  ],
};

/** The test files of a list of files and folders: those with a `describe` of their own, so no fixtures. */
export function testFiles(tests: string[]): string[] {
  const files = tests.flatMap((path) =>
    path.endsWith(".ts")
      ? [path]
      : readdirSync(path)
          .filter((name) => name.endsWith(".ts"))
          .sort()
          .map((name) => join(path, name)),
  );
  return files.filter((file) => /^describe\(/m.test(sourceOf(file)));
}
