// What the numbered scripts share.
import { type HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/signers";
import { type ContractTransactionResponse, isAddress, parseUnits, Result, ZeroAddress } from "ethers";
import { type DeployOptions } from "hardhat-deploy/types";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { SpillwayError } from "../scripts/lib";
import { type MarketParameters, type NetworkParameters, parametersOf } from "./parameters";
import { ROLES } from "./roles";

type Hre = HardhatRuntimeEnvironment;
type Feed = MarketParameters["feed"];

/** The parameters for the chain that we are on. Errors: as `parametersOf`. */
export async function parametersFor(hre: Hre): Promise<NetworkParameters> {
  return parametersOf(Number(await hre.getChainId()));
}

/** A named account of the configuration. Errors: `BAD_CONFIG` when there is none. */
export async function accountOf(hre: Hre, name: "deployer" | "governor" | "guardian"): Promise<string> {
  const address = (await hre.getNamedAccounts())[name];
  if (address === undefined) {
    throw new SpillwayError("BAD_CONFIG", `there is no ${name}; set the variable ${name.toUpperCase()} to its address`);
  }
  return address;
}

/** Who holds which role in the end. Errors: `BAD_CONFIG` when one is missing, or the governor is the deployer. */
export async function holdersOf(hre: Hre): Promise<Record<"deployer" | "governor" | "guardian", string>> {
  const [deployer, governor] = [await accountOf(hre, "deployer"), await accountOf(hre, "governor")];
  if (governor === deployer) {
    throw new SpillwayError("BAD_CONFIG", "the deployer can't be the governor: it gives up all of its roles");
  }
  return { deployer, governor, guardian: await accountOf(hre, "guardian") };
}

export async function deployerOf(hre: Hre): Promise<HardhatEthersSigner> {
  return hre.ethers.getSigner(await accountOf(hre, "deployer"));
}

/** The address of a contract that the parameters name, or that an earlier script deployed. */
export async function addressOf(hre: Hre, contract: string): Promise<string> {
  return isAddress(contract) ? contract : (await hre.deployments.get(contract)).address;
}

/**
 * Deploys a contract, once. What is deployed already is never replaced: others hold on to its address for good.
 * Errors: `BAD_CONFIG` when it is deployed with other code or arguments.
 */
export async function deployOnce(
  hre: Hre,
  name: string,
  args: unknown[],
  contract: NonNullable<DeployOptions["contract"]> = name,
  libraries: NonNullable<DeployOptions["libraries"]> = {},
): Promise<string> {
  const options = { from: await accountOf(hre, "deployer"), contract, args, libraries };
  const existing = await hre.deployments.getOrNull(name);
  if (!existing) return (await hre.deployments.deploy(name, options)).address;
  if ((await hre.deployments.fetchIfDifferent(name, options)).differences) {
    throw new SpillwayError(
      "BAD_CONFIG",
      `${name} is deployed with other code or arguments; go back to those, or start from an empty deployments folder`,
    );
  }
  return existing.address;
}

/** Deploys the price of a collateral in the loan asset: `feed`, times `crossFeed` where there is one, over the loan asset's. */
export async function deployChainlinkOracle(
  hre: Hre,
  name: string,
  collateral: string,
  feed: Feed,
  crossFeed?: Feed,
): Promise<string> {
  const { loanAsset } = await parametersFor(hre);
  const quote = loanAsset.feed;
  const sources = {
    collateral: await addressOf(hre, collateral),
    loanAsset: await addressOf(hre, loanAsset.token),
    base: await addressOf(hre, feed.address),
    baseMaxAge: feed.maxAge,
    cross: crossFeed === undefined ? ZeroAddress : await addressOf(hre, crossFeed.address),
    crossMaxAge: crossFeed?.maxAge ?? 0,
    quote: quote === null ? ZeroAddress : await addressOf(hre, quote.address),
    quoteMaxAge: quote?.maxAge ?? 0,
    sequencer: ZeroAddress,
    gracePeriod: 0,
  };
  return deployOnce(hre, name, [sources], "ChainlinkOracle");
}

/** The core, with the deployer as the caller. */
export async function coreOf(hre: Hre) {
  const deployer = await deployerOf(hre);
  const at = async (name: string): Promise<string> => addressOf(hre, name);
  return {
    manager: await hre.ethers.getContractAt("AccessManager", await at("AccessManager"), deployer),
    vault: await hre.ethers.getContractAt("Vault", await at("Vault"), deployer),
    house: await hre.ethers.getContractAt("AuctionHouse", await at("AuctionHouse"), deployer),
    buffer: await hre.ethers.getContractAt("LiquidityBuffer", await at("LiquidityBuffer"), deployer),
  };
}

/** Whether the roles are still the deployer's to hand over. */
export async function isDeployerAdmin(hre: Hre): Promise<boolean> {
  const { manager } = await coreOf(hre);
  const [isMember] = await manager.hasRole(ROLES.ADMIN, await accountOf(hre, "deployer"));
  return isMember;
}

/**
 * Makes a setting, unless it stands already.
 * @param current What stands: a struct as the contract answers it, or values by the names of `wanted`.
 * Errors: `BAD_CONFIG` when it differs and the deployer has handed the roles over.
 */
export async function setOnce(
  hre: Hre,
  what: string,
  current: object,
  wanted: Readonly<Record<string, string | number | bigint>>,
  set: () => Promise<ContractTransactionResponse>,
): Promise<void> {
  const stands = (current instanceof Result ? current.toObject() : current) as Record<string, unknown>;
  const differing = Object.keys(wanted).filter((key) => textOf(stands[key]) !== textOf(wanted[key]));
  if (differing.length === 0) return;
  if (!(await isDeployerAdmin(hre))) {
    throw new SpillwayError(
      "BAD_CONFIG",
      `${what} differ from the parameters in ${differing.join(", ")}; only the governor can change it now`,
    );
  }
  await (await set()).wait();
}

function textOf(value: unknown): string {
  return String(value).toLowerCase();
}

/** An amount of whole tokens in smallest units. */
export async function unitsOf(hre: Hre, token: string, amount: string): Promise<bigint> {
  const metadata = await hre.ethers.getContractAt("IERC20Metadata", await addressOf(hre, token));
  return parseUnits(amount, await metadata.decimals());
}

/** `IVault.MarketParameters` of an open market. */
export async function limitsOf(hre: Hre, loanAsset: string, market: MarketParameters) {
  return {
    oracle: await addressOf(hre, `ChainlinkOracle_${market.name}`),
    borrowOracle: await addressOf(hre, `GuardedOracle_${market.name}`),
    maxLtvBps: market.maxLtvBps,
    lltvBps: market.lltvBps,
    debtCeiling: await unitsOf(hre, loanAsset, market.debtCeiling),
    minDebt: await unitsOf(hre, loanAsset, market.minDebt),
  };
}
