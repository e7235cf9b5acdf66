import { type DeployFunction } from "hardhat-deploy/types";

import { coreOf, holdersOf, isDeployerAdmin, parametersFor } from "../protocol";
import { PRIVILEGES, ROLES } from "../roles";

/** Hands the roles over, the admin's last. From here on the deployer can do nothing, and what touches risk has to wait. */
const script: DeployFunction = async (hre) => {
  if (!(await isDeployerAdmin(hre))) return;
  const { timelock } = await parametersFor(hre);
  const { manager, vault, house, buffer } = await coreOf(hre);
  const targets = { Vault: vault, AuctionHouse: house, LiquidityBuffer: buffer };
  const { deployer, governor, guardian } = await holdersOf(hre);

  for (const { contract, role, functions } of PRIVILEGES) {
    const target = targets[contract];
    const selectors = functions.map((name) => target.getFunction(name as never).fragment.selector);
    await (await manager.setTargetFunctionRole(target, selectors, ROLES[role])).wait();
  }
  await (await manager.labelRole(ROLES.GOVERNOR, "GOVERNOR")).wait();
  await (await manager.labelRole(ROLES.GUARDIAN, "GUARDIAN")).wait();
  await (await manager.grantRole(ROLES.GUARDIAN, guardian, 0)).wait();
  await (await manager.grantRole(ROLES.GUARDIAN, governor, 0)).wait();
  await (await manager.grantRole(ROLES.GOVERNOR, governor, timelock)).wait();
  await (await manager.grantRole(ROLES.ADMIN, governor, timelock)).wait();
  await (await manager.renounceRole(ROLES.ADMIN, deployer)).wait();
};
script.tags = ["roles"];
script.dependencies = ["markets", "pay", "periphery"];
export default script;
