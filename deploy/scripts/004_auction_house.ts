import { type DeployFunction } from "hardhat-deploy/types";

import { addressOf, deployOnce } from "../protocol";

/** The lanes of all markets. */
const script: DeployFunction = async (hre) => {
  await deployOnce(hre, "AuctionHouse", [await addressOf(hre, "Vault"), await addressOf(hre, "AccessManager")]);
};
script.tags = ["auctionHouse"];
script.dependencies = ["vault"];
export default script;
