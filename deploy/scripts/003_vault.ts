import { type DeployFunction } from "hardhat-deploy/types";

import { addressOf, deployOnce, parametersFor } from "../protocol";

/** Lenders' shares and borrowers' positions. */
const script: DeployFunction = async (hre) => {
  const { loanAsset, vault } = await parametersFor(hre);
  await deployOnce(hre, "Vault", [
    await addressOf(hre, loanAsset.token),
    vault.name,
    vault.symbol,
    await addressOf(hre, "KinkedRateModel"),
    await addressOf(hre, "AccessManager"),
  ]);
};
script.tags = ["vault"];
script.dependencies = ["mocks", "accessManager", "rates"];
export default script;
