import { type DeployFunction } from "hardhat-deploy/types";

import { addressOf, deployOnce } from "../protocol";

/** The lanes of all markets, and the library that checks what governance sets. */
const script: DeployFunction = async (hre) => {
  const libraries = { LaneSettings: await deployOnce(hre, "LaneSettings", []) };
  const args = [await addressOf(hre, "Vault"), await addressOf(hre, "AccessManager")];
  await deployOnce(hre, "AuctionHouse", args, "AuctionHouse", libraries);
};
script.tags = ["auctionHouse"];
script.dependencies = ["vault"];
export default script;
