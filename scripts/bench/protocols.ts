import type { Interface } from "ethers";
import { AuctionHouse__factory, LiquidityBuffer__factory, Vault__factory } from "../../typechain-types";
import { addressIn, deployTo, TEST_ACCOUNTS } from "../deployTo";
import { mainnet } from "../replay/chain/addresses";
import { abi } from "../replay/chain/chain";
import { deployAave } from "../replay/engines/aave-v3/deploy";
import { Deployer } from "../replay/engines/deployer";
import type { World } from "../replay/model/engine";
import { deployMorpho } from "../replay/engines/morpho-blue/deploy";
import { parametersFor } from "../replay/engines/spillwayParameters";
import { item } from "../replay/item";

/** What somebody sends, without who. */
export interface Call {
  to: string;
  data: string;
}

/** Amounts are in units of the tokens. */
export interface Protocol {
  /** Who pulls tokens from users. */
  readonly spenders: readonly string[];
  supply(owner: string, assets: bigint): Call;
  withdraw(owner: string, assets: bigint): Call;
  supplyCollateral(owner: string, amount: bigint): Call;
  withdrawCollateral(owner: string, amount: bigint): Call;
  borrow(owner: string, assets: bigint): Call;
  repay(owner: string, assets: bigint): Call;
  /** `whole` is all that the protocol allows. */
  liquidate(liquidator: string, owner: string, size: Size): Promise<Call>;
  /** All that the protocol allows of each; the peers' through Multicall3, which pays and receives in the liquidator's place. */
  liquidateMany(liquidator: string, owners: readonly string[]): Promise<Call>;
}

/** For part: the collateral, and what it is about worth. */
export type Size = "whole" | { collateral: bigint; worth: bigint };

const ANY = (1n << 128n) - 1n;
const VARIABLE_RATE = 2;
const multicallAbi = abi([
  "function aggregate3((address target, bool allowFailure, bytes callData)[] calls) payable returns ((bool success, bytes returnData)[])",
]);

export async function morphoBlue(world: World): Promise<Protocol> {
  const deployed = await deployMorpho(world, new Deployer(world.chain, "morpho-blue"));
  const { id, params } = item(deployed.markets, 0);
  const call = caller(deployed.address, deployed.abi);
  const liquidate = async (owner: string, size: Size): Promise<Call> => {
    if (size !== "whole") return call("liquidate", params, owner, size.collateral, 0n, "0x");
    const [, debtShares] = await world.chain.read(deployed.address, deployed.abi, "position", [id, owner]);
    return call("liquidate", params, owner, 0n, debtShares, "0x");
  };
  return {
    spenders: [deployed.address],
    supply: (owner, assets) => call("supply", params, assets, 0n, owner, "0x"),
    withdraw: (owner, assets) => call("withdraw", params, assets, 0n, owner, owner),
    supplyCollateral: (owner, amount) => call("supplyCollateral", params, amount, owner, "0x"),
    withdrawCollateral: (owner, amount) => call("withdrawCollateral", params, amount, owner, owner),
    borrow: (owner, assets) => call("borrow", params, assets, 0n, owner, owner),
    repay: (owner, assets) => call("repay", params, assets, 0n, owner, "0x"),
    liquidate: (_liquidator, owner, size) => liquidate(owner, size),
    liquidateMany: async (_liquidator, owners) =>
      aggregate(await Promise.all(owners.map((owner) => liquidate(owner, "whole")))),
  };
}

export async function aaveV3(world: World): Promise<Protocol> {
  const { pool, poolAbi } = await deployAave(world);
  const loan = world.loan.address;
  const collateral = item(world.markets, 0).collateral.address;
  const call = caller(pool, poolAbi);
  const liquidate = (owner: string, size: Size): Call =>
    call("liquidationCall", collateral, loan, owner, size === "whole" ? ANY : size.worth, false);
  return {
    spenders: [pool],
    supply: (owner, assets) => call("supply", loan, assets, owner, 0),
    withdraw: (owner, assets) => call("withdraw", loan, assets, owner),
    supplyCollateral: (owner, amount) => call("supply", collateral, amount, owner, 0),
    withdrawCollateral: (owner, amount) => call("withdraw", collateral, amount, owner),
    borrow: (owner, assets) => call("borrow", loan, assets, VARIABLE_RATE, 0, owner),
    repay: (owner, assets) => call("repay", loan, assets, VARIABLE_RATE, owner),
    liquidate: (_liquidator, owner, size) => Promise.resolve(liquidate(owner, size)),
    liquidateMany: (_liquidator, owners) =>
      Promise.resolve(aggregate(owners.map((owner) => liquidate(owner, "whole")))),
  };
}

/** Spillway by its deploy scripts, and what only it has. */
export interface SpillwayProtocol extends Protocol {
  open(owner: string, receiver: string): Call;
  absorb(owner: string, receiver: string): Call;
  underwrite(owner: string, assets: bigint): Call;
  /** By the governor: the Chainlink oracle judges all, without the pool's mean that the deploy scripts guard it with. */
  dropGuards(): Promise<{ from: string; calls: Call[] }>;
}

export async function spillway(world: World): Promise<SpillwayProtocol> {
  const deployed = await deployTo(world.url, parametersFor(world));
  await world.chain.start();
  const at = (name: string): string => addressIn(deployed, name);
  const [vaultAddress, houseAddress, bufferAddress] = [at("Vault"), at("AuctionHouse"), at("LiquidityBuffer")];
  const [vaultAbi, houseAbi] = [Vault__factory.createInterface(), AuctionHouse__factory.createInterface()];
  const vault = caller(vaultAddress, vaultAbi);
  const house = caller(houseAddress, houseAbi);
  const buffer = caller(bufferAddress, LiquidityBuffer__factory.createInterface());
  const collateral = item(world.markets, 0).collateral.address;
  const read = async (to: string, from: Interface, name: string) =>
    ((await world.chain.read(to, from, name, [collateral]))[0] as { toObject(): object }).toObject();
  return {
    spenders: [vaultAddress, bufferAddress],
    supply: (owner, assets) => vault("deposit", assets, owner),
    withdraw: (owner, assets) => vault("withdraw", assets, owner, owner),
    supplyCollateral: (owner, amount) => vault("supplyCollateral", collateral, amount, owner),
    withdrawCollateral: (owner, amount) => vault("withdrawCollateral", collateral, amount, owner, owner),
    borrow: (owner, assets) => vault("borrow", collateral, assets, owner, owner),
    repay: (owner, assets) => vault("repay", collateral, assets, owner),
    liquidate: (liquidator, owner, size) =>
      Promise.resolve(house("buy", collateral, owner, size === "whole" ? ANY : size.collateral, ANY, liquidator, "0x")),
    liquidateMany: (liquidator, owners) => {
      const orders = owners.map((owner) => ({ owner, maxCollateral: ANY }));
      return Promise.resolve(house("buyMany", collateral, orders, ANY, liquidator, "0x"));
    },
    open: (owner, receiver) => house("open", collateral, owner, receiver),
    absorb: (owner, receiver) => house("absorb", collateral, owner, receiver),
    underwrite: (owner, assets) => buffer("deposit", assets, owner),
    dropGuards: async () => {
      const oracle = at(`ChainlinkOracle_${item(world.markets, 0).asset}`);
      const market = { ...(await read(vaultAddress, vaultAbi, "market")), oracle, borrowOracle: oracle };
      const lane = { ...(await read(houseAddress, houseAbi, "laneParameters")), guard: `0x${"0".repeat(40)}` };
      return {
        from: TEST_ACCOUNTS.governor,
        calls: [vault("setMarket", collateral, market), house("setLane", collateral, lane)],
      };
    },
  };
}

function caller(to: string, contract: Interface): (name: string, ...args: readonly unknown[]) => Call {
  return (name, ...args) => ({ to, data: contract.encodeFunctionData(name, args) });
}

function aggregate(calls: readonly Call[]): Call {
  const args = calls.map(({ to, data }) => ({ target: to, allowFailure: false, callData: data }));
  return { to: mainnet.multicall3, data: multicallAbi.encodeFunctionData("aggregate3", [args]) };
}
