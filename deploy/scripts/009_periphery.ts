import { type DeployFunction } from "hardhat-deploy/types";

import { addressOf, deployOnce } from "../protocol";

/** What keepers and interfaces use; it has no privileges. */
const script: DeployFunction = async (hre) => {
  const house = await addressOf(hre, "AuctionHouse");
  await deployOnce(hre, "FlashLiquidator", [house]);
  await deployOnce(hre, "Lens", [house]);
};
script.tags = ["periphery"];
script.dependencies = ["buffer"];
export default script;
