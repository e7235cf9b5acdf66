// How the governor opens the markets that the deployer listed.
import { formatUnits } from "ethers";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { addressOf, coreOf, limitsOf, parametersFor } from "./protocol";

type Hre = HardhatRuntimeEnvironment;

/** What the governor sends to the AccessManager so that markets take debt. */
export interface Opening {
  manager: string;
  /** Of the markets that it opens. */
  names: string[];
  /** What it sets for each of them, in words. */
  terms: string[];
  /** Seconds from announcing to executing; without any there is nothing to announce. */
  timelock: number;
  /** Calls of the vault: `setMarket` with the debt ceilings of the parameters. */
  vaultCalls: string[];
  /** Call data that announces all of them. */
  schedule: string;
  /** Call data that makes all of them, once the timelock is over. */
  execute: string;
}

/** The opening of the markets whose debt ceiling is zero against the parameters. Null when there is none. */
export async function openingOf(hre: Hre): Promise<Opening | null> {
  const { loanAsset, markets, timelock } = await parametersFor(hre);
  const { manager, vault } = await coreOf(hre);
  const [names, terms, vaultCalls]: [string[], string[], string[]] = [[], [], []];
  for (const market of markets) {
    const collateral = await addressOf(hre, market.collateral);
    const limits = await limitsOf(hre, loanAsset.token, market);
    if (limits.debtCeiling === 0n || (await vault.market(collateral)).debtCeiling !== 0n) continue;
    names.push(market.name);
    const fields = Object.entries(limits).map(([field, value]) => `${field} ${value.toString()}`);
    terms.push(`${market.name}: collateral ${collateral}, ${fields.join(", ")}`);
    vaultCalls.push(vault.interface.encodeFunctionData("setMarket", [collateral, limits]));
  }
  if (names.length === 0) return null;
  const [to, target] = [await manager.getAddress(), await vault.getAddress()];
  const encode = manager.interface.encodeFunctionData.bind(manager.interface);
  return {
    ...{ manager: to, names, terms, timelock, vaultCalls },
    schedule: encode("multicall", [vaultCalls.map((call) => encode("schedule", [target, call, 0]))]),
    execute: encode("multicall", [vaultCalls.map((call) => encode("execute", [target, call]))]),
  };
}

/** When the governor may execute, in Unix seconds: 0 when the opening isn't announced, or not all of it, or was forgotten. */
export async function readyAt(hre: Hre, governor: string, { vaultCalls }: Opening): Promise<number> {
  const { manager, vault } = await coreOf(hre);
  const times = vaultCalls.map(async (call) => manager.getSchedule(await manager.hashOperation(governor, vault, call)));
  const all = (await Promise.all(times)).map(Number);
  return Math.min(...all) === 0 ? 0 : Math.max(...all);
}

/** For a governor whose key the scripts don't have, such as a multisig: what to check and what to send. */
export function instructionsFor(governor: string, opening: Opening): string {
  const { manager, names, terms, timelock, schedule, execute } = opening;
  const days = formatUnits(BigInt(Math.round((timelock * 100) / 86_400)), 2);
  const steps =
    timelock === 0
      ? [`send to ${manager}: ${execute}`]
      : [`send to ${manager}: ${schedule}`, `${days} days later, within a week, send to ${manager}: ${execute}`];
  return [
    `The market${names.length > 1 ? "s" : ""} ${names.join(", ")} can't be borrowed from yet. The governor ${governor} opens them:`,
    "check who holds roles (the AccessManager's RoleGranted events), the oracles, the lanes and these limits:",
    ...terms.map((line) => `  ${line}`),
    "then",
    ...steps,
  ].join("\n  ");
}
