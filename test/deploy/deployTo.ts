import { expect } from "chai";

import { hardhat, mainnet } from "../../deploy/parameters";
import { Vault__factory } from "../../typechain-types";
import { deployTo, TEST_ACCOUNTS } from "../../scripts/deployTo";
import { SpillwayError } from "../../scripts/lib";
import { startAnvil } from "../../scripts/replay/chain/anvil";
import { abi, NodeChain } from "../../scripts/replay/chain/chain";

/** Some time later than any on which these tests run, so that the blocks are the same whenever they do. */
const START = 4_000_000_000;
const vaultAbi = Vault__factory.createInterface();
const reads = abi([
  "function auctionHouse() view returns (address)",
  "function hasRole(uint64, address) view returns (bool, uint32)",
  "function lane(address) view returns ((uint96, uint128, uint32, uint216, uint40, uint216, uint40))",
]);

/** Deploys on a fresh anvil that mines only when told to, and says what came of it. */
async function deployOnFreshChain() {
  const anvil = await startAnvil({});
  try {
    await anvil.rpc.call("evm_mine", START);
    const addresses = await deployTo(anvil.url, hardhat);
    const chain = new NodeChain(anvil.rpc);
    await chain.start();
    const read = async (contract: string, name: string, ...args: unknown[]): Promise<readonly unknown[]> =>
      chain.read(addresses[contract] ?? "", reads, name, args);
    return {
      addresses,
      linked: await read("Vault", "auctionHouse"),
      governor: await read("AccessManager", "hasRole", 1n, TEST_ACCOUNTS.governor),
      deployer: await read("AccessManager", "hasRole", 0n, TEST_ACCOUNTS.deployer),
      ceiling: await ceilingOf(chain, addresses),
      lane: await read("AuctionHouse", "lane", addresses.WETH),
      blocks: chain.blockNumber,
      seconds: chain.timestamp - START,
      automines: await anvil.rpc.call("anvil_getAutomine"),
    };
  } finally {
    await anvil.stop();
  }
}

async function ceilingOf(chain: NodeChain, { Vault, WETH }: Record<string, string>): Promise<bigint> {
  const [market] = await chain.read(Vault ?? "", vaultAbi, "market", [WETH]);
  return (market as { debtCeiling: bigint }).debtCeiling;
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof SpillwayError) return error.code;
    throw error;
  }
  return "";
}

describe("deployTo", () => {
  it("brings the protocol up over JSON-RPC, the same at every run, on a chain that mines only when told to", async () => {
    const first = await deployOnFreshChain();
    expect(first.linked).to.deep.equal([first.addresses.AuctionHouse]);
    expect(first.governor).to.deep.equal([true, BigInt(hardhat.timelock)]);
    expect(first.deployer).to.deep.equal([false, 0n]);
    expect(Object.keys(first.addresses)).to.include.members([
      "Vault",
      "FlashLiquidator",
      "ChainlinkOracle_BTC",
      "Lens",
    ]);
    expect(first.automines).to.equal(false);
    // the governor has opened the markets
    expect(first.ceiling).to.equal(50_000_000_000_000n);
    // a second a block, the hour that the pools stand before the oracles, and the timelock
    expect(first.seconds).to.equal(first.blocks - 1 + 3600 - 1 + hardhat.timelock - 1);

    expect(await deployOnFreshChain()).to.deep.equal(first);
  });

  it("refuses parameters for another chain, bad ones, and a chain that is not there", async () => {
    const anvil = await startAnvil({});
    try {
      expect(await codeOf(async () => deployTo(anvil.url, mainnet))).to.equal("WRONG_CHAIN");
      expect(await codeOf(async () => deployTo(anvil.url, { ...hardhat, markets: [] }))).to.equal("BAD_CONFIG");
    } finally {
      await anvil.stop();
    }
    expect(await codeOf(async () => deployTo(anvil.url, hardhat))).to.equal("RPC_UNREACHABLE");
  });
});
