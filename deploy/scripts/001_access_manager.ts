import { type DeployFunction } from "hardhat-deploy/types";

import { deployOnce, holdersOf } from "../protocol";

/** Keeps the roles. The deployer is its admin until `010_roles`. */
const script: DeployFunction = async (hre) => {
  // before anything is sent, all three must be known
  const { deployer } = await holdersOf(hre);
  await deployOnce(hre, "AccessManager", [deployer]);
};
script.tags = ["accessManager"];
export default script;
