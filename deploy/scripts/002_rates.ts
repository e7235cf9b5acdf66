import { type DeployFunction } from "hardhat-deploy/types";

import { deployOnce, parametersFor } from "../protocol";

const WAD_PER_BPS = 10n ** 14n;

/** The rate that borrowers pay. */
const script: DeployFunction = async (hre) => {
  const { interest } = await parametersFor(hre);
  const { kinkBps, perYearAtZeroBps, perYearAtKinkBps, perYearAtFullBps } = interest;
  const args = [kinkBps, perYearAtZeroBps, perYearAtKinkBps, perYearAtFullBps].map((bps) => BigInt(bps) * WAD_PER_BPS);
  await deployOnce(hre, "KinkedRateModel", args);
};
script.tags = ["rates"];
export default script;
