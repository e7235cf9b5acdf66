import "@nomicfoundation/hardhat-toolbox";
import "hardhat-deploy";

import { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } from "hardhat/builtin-tasks/task-names";
import { type HardhatUserConfig, subtask } from "hardhat/config";
import type { RunSuperFunction, SolcBuild } from "hardhat/types";

import { payTheBaseFee } from "./scripts/coverageProvider";

const SOLC_LONG_VERSION = "0.8.30+commit.73712a01";
const SOLC_VERSION = "0.8.30";

// The compiler is the one npm installed: nothing is downloaded when the project is built.
subtask(
  TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD,
  async (args: { solcVersion: string }, _hre, runSuper: RunSuperFunction<{ solcVersion: string }>) => {
    if (args.solcVersion !== SOLC_VERSION) return runSuper(args) as Promise<SolcBuild>;
    return {
      compilerPath: require.resolve("solc/soljson.js"),
      isSolcJs: true,
      version: SOLC_VERSION,
      longVersion: SOLC_LONG_VERSION,
    };
  },
);

// `--network live` is whatever chain RPC_URL leads to, `--network fork` the same for a chain that will be thrown away.
// Without DEPLOYER_KEY the node's own accounts sign. GOVERNOR_KEY is for chains of our own, where the governor is no multisig.
const { RPC_URL, DEPLOYER_KEY, GOVERNOR_KEY, GOVERNOR, GUARDIAN } = process.env;
const keys = GOVERNOR_KEY === undefined ? [] : [GOVERNOR_KEY];
const accounts = DEPLOYER_KEY === undefined ? ("remote" as const) : [DEPLOYER_KEY, ...keys];

// `npm run coverage`: contracts that count what is run are larger and not optimized, and are kept apart from the real ones.
const coverage = process.env.SOLIDITY_COVERAGE === "true";
if (coverage) payTheBaseFee();

const config: HardhatUserConfig = {
  solidity: {
    version: SOLC_VERSION,
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: true, runs: 200 },
      // Without the hash a change of a comment leaves the bytecode as it was.
      metadata: { bytecodeHash: "none" },
    },
  },
  networks: {
    hardhat: { hardfork: "cancun", allowUnlimitedContractSize: coverage },
    localhost: { url: "http://127.0.0.1:8545" },
    ...(RPC_URL !== undefined && {
      live: { url: RPC_URL, accounts },
      fork: { url: RPC_URL, accounts, saveDeployments: false },
    }),
  },
  paths: { deploy: "deploy/scripts", ...(coverage && { artifacts: "coverage/artifacts", cache: "coverage/cache" }) },
  namedAccounts: {
    deployer: { default: 0 },
    governor: { default: GOVERNOR ?? 1 },
    guardian: { default: GUARDIAN ?? 2 },
  },
  gasReporter: { enabled: !coverage, offline: true, noColors: true },
  typechain: { outDir: "typechain-types", target: "ethers-v6", dontOverrideCompile: coverage },
  // Some tests start chains, servers and browsers: where the machine is shared, as in CI, one that ran out of time gets a second try.
  mocha: { timeout: 120_000, retries: process.env.CI === "true" ? 1 : 0 },
};

export default config;
