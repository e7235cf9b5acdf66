import { type DeployFunction } from "hardhat-deploy/types";

import { coreOf, holdersOf, isDeployerAdmin, parametersFor } from "../protocol";
import { PRIVILEGES, ROLES } from "../roles";

/**
 * Hands the roles over, all in one transaction: nobody ever shares them with the deployer. From here on the deployer can do nothing, and what
 * touches risk has to wait.
 */
const script: DeployFunction = async (hre) => {
  if (!(await isDeployerAdmin(hre))) return;
  const { timelock } = await parametersFor(hre);
  const { manager, vault, house, buffer } = await coreOf(hre);
  const targets = { Vault: vault, AuctionHouse: house, LiquidityBuffer: buffer };
  const { deployer, governor, guardian } = await holdersOf(hre);

  const encode = manager.interface.encodeFunctionData.bind(manager.interface);
  const privileges = PRIVILEGES.map(({ contract, role, functions }) => {
    const target = targets[contract];
    const selectors = functions.map((name) => target.getFunction(name as never).fragment.selector);
    return encode("setTargetFunctionRole", [target.target, selectors, ROLES[role]]);
  });
  const calls = [
    ...privileges,
    encode("labelRole", [ROLES.GOVERNOR, "GOVERNOR"]),
    encode("labelRole", [ROLES.GUARDIAN, "GUARDIAN"]),
    encode("grantRole", [ROLES.GUARDIAN, guardian, 0]),
    encode("grantRole", [ROLES.GUARDIAN, governor, 0]),
    encode("grantRole", [ROLES.GOVERNOR, governor, timelock]),
    encode("grantRole", [ROLES.ADMIN, governor, timelock]),
    encode("renounceRole", [ROLES.ADMIN, deployer]),
  ];
  await (await manager.multicall(calls)).wait();
};
script.tags = ["roles"];
script.dependencies = ["markets", "pay", "periphery"];
export default script;
