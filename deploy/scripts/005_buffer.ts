import { ZeroAddress } from "ethers";
import { type DeployFunction } from "hardhat-deploy/types";

import { addressOf, coreOf, deployOnce, parametersFor } from "../protocol";

/** The buffer, and the one link that tells the vault of its parts. */
const script: DeployFunction = async (hre) => {
  const { buffer } = await parametersFor(hre);
  await deployOnce(hre, "LiquidityBuffer", [
    await addressOf(hre, "AuctionHouse"),
    buffer.name,
    buffer.symbol,
    buffer.cooldown,
    await addressOf(hre, "AccessManager"),
  ]);
  const core = await coreOf(hre);
  if ((await core.vault.auctionHouse()) === ZeroAddress) {
    await (await core.vault.link(core.house, core.buffer)).wait();
  }
};
script.tags = ["buffer"];
script.dependencies = ["auctionHouse"];
export default script;
