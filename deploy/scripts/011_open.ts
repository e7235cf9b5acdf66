import { isAddress, toQuantity } from "ethers";
import { type DeployFunction } from "hardhat-deploy/types";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { instructionsFor, openingOf, readyAt } from "../opening";
import { hardhat } from "../parameters";
import { deployerOf, holdersOf, parametersFor } from "../protocol";

/**
 * Opens the markets: the governor raises their debt ceilings from zero, after the timelock. A governor whose key is at hand announces
 * and, in a run after the timelock, executes; for another one the calls are printed.
 */
const script: DeployFunction = async (hre) => {
  const opening = await openingOf(hre);
  if (opening === null) return;
  const { governor } = await holdersOf(hre);
  const signer = (await hre.ethers.getSigners()).find(
    ({ address }) => address.toLowerCase() === governor.toLowerCase(),
  );
  if (signer === undefined) {
    print(instructionsFor(governor, opening));
    return;
  }
  const send = async (data: string): Promise<void> => {
    await (await signer.sendTransaction({ to: opening.manager, data })).wait();
  };
  if (opening.timelock !== 0) {
    if ((await readyAt(hre, governor, opening)) === 0) await send(opening.schedule);
    const ready = await readyAt(hre, governor, opening);
    if ((await parametersFor(hre)).chainId === hardhat.chainId) await passUntil(hre, ready);
    const { timestamp } = (await hre.ethers.provider.getBlock("latest")) ?? { timestamp: 0 };
    if (timestamp < ready) {
      const when = new Date(ready * 1000).toISOString();
      print(`The opening of ${opening.names.join(", ")} is announced; run the scripts again after ${when}.`);
      return;
    }
  }
  await send(opening.execute);
};
script.tags = ["open"];
script.dependencies = ["roles"];
export default script;

/** On a chain of our own, lets the timelock pass, with feeds that say the same as before, freshly. */
async function passUntil(hre: HardhatRuntimeEnvironment, moment: number): Promise<void> {
  const { loanAsset, markets } = await parametersFor(hre);
  await hre.network.provider.send("evm_setNextBlockTimestamp", [toQuantity(moment)]);
  await hre.network.provider.send("evm_mine");
  const feeds = [loanAsset.feed, ...markets.flatMap(({ feed, crossFeed }) => [feed, crossFeed])];
  for (const address of new Set(feeds.map((feed) => feed?.address))) {
    if (address === undefined || isAddress(address)) continue; // not one of `000_mocks`
    const { address: at } = await hre.deployments.get(address);
    const mock = await hre.ethers.getContractAt("MockAggregatorV3", at, await deployerOf(hre));
    await (await mock.setAnswer((await mock.latestRoundData())[1])).wait();
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
