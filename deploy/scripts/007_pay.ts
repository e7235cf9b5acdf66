import { parseUnits, ZeroAddress } from "ethers";
import { type DeployFunction } from "hardhat-deploy/types";

import { addressOf, coreOf, deployOnce, parametersFor, setOnce } from "../protocol";

/** What keepers are paid, and the price of the chain's own coin that it is turned into collateral by. */
const script: DeployFunction = async (hre) => {
  const { loanAsset, pay } = await parametersFor(hre);
  const wrappedNative = await addressOf(hre, pay.wrappedNative);
  const quote = loanAsset.feed;
  const sources = {
    collateral: wrappedNative,
    loanAsset: await addressOf(hre, loanAsset.token),
    base: await addressOf(hre, pay.nativeFeed.address),
    baseMaxAge: pay.nativeFeed.maxAge,
    cross: ZeroAddress,
    crossMaxAge: 0,
    quote: quote === null ? ZeroAddress : await addressOf(hre, quote.address),
    quoteMaxAge: quote?.maxAge ?? 0,
    sequencer: ZeroAddress,
    gracePeriod: 0,
  };
  const nativeOracle = await deployOnce(hre, "NativeOracle", [sources], "ChainlinkOracle");
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
