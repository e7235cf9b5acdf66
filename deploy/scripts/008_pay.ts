import { parseUnits } from "ethers";
import { type DeployFunction } from "hardhat-deploy/types";

import { addressOf, coreOf, deployChainlinkOracle, parametersFor, setOnce } from "../protocol";

/** What keepers are paid, and the price of the chain's own coin that it is turned into collateral by. */
const script: DeployFunction = async (hre) => {
  const { pay } = await parametersFor(hre);
  const wrappedNative = await addressOf(hre, pay.wrappedNative);
  const nativeOracle = await deployChainlinkOracle(hre, "NativeOracle", pay.wrappedNative, pay.nativeFeed);
  const { house } = await coreOf(hre);
  const { marginBps, capBps, interval } = pay;
  const wanted = {
    nativeOracle,
    feeCap: parseUnits(String(pay.feeCapGwei), "gwei"),
    marginBps,
    capBps,
    wrappedNative,
    tip: parseUnits(String(pay.tipGwei), "gwei"),
    interval,
  };
  await setOnce(hre, "the keepers' pay", await house.payParameters(), wanted, async () => house.setPay(wanted));
};
script.tags = ["pay"];
script.dependencies = ["buffer", "oracles"];
export default script;
