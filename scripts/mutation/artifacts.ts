import { artifacts, config } from "hardhat";

import { type Bytecode } from "./compiler";

/** Without the optimizer the contracts are larger than the limit. */
config.networks.hardhat.allowUnlimitedContractSize = true;

let replaced: Bytecode = {};
const readArtifact = artifacts.readArtifact.bind(artifacts);
artifacts.readArtifact = async (name: string) => {
  const artifact = await readArtifact(name);
  return { ...artifact, ...replaced[`${artifact.sourceName}:${artifact.contractName}`] };
};

/** From now on tests deploy this bytecode in place of what Hardhat compiled, and again that for all that isn't named. */
export function replaceBytecode(bytecode: Bytecode): void {
  replaced = bytecode;
}
