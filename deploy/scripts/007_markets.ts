import { type DeployFunction } from "hardhat-deploy/types";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { type MarketParameters } from "../parameters";
import { addressOf, coreOf, isDeployerAdmin, limitsOf, parametersFor, setOnce, unitsOf } from "../protocol";

const WAD_PER_BPS = 10n ** 14n;

/**
 * Lists the markets: what one may borrow, how the lane sells, and what the buffer takes. With a debt ceiling of zero: while
 * the deployer could still exchange an oracle nobody can borrow. The governor opens the markets in `011_open`.
 */
const script: DeployFunction = async (hre) => {
  const { loanAsset, interest, markets } = await parametersFor(hre);
  const { vault, house, buffer } = await coreOf(hre);
  const { reserveShareBps, bufferShareBps } = interest;
  const stand = { reserveShareBps: await vault.reserveShareBps(), bufferShareBps: await vault.bufferShareBps() };
  await setOnce(hre, "interest shares", stand, { reserveShareBps, bufferShareBps }, async () =>
    vault.setInterestShares(reserveShareBps, bufferShareBps),
  );
  for (const market of markets) {
    const collateral = await addressOf(hre, market.collateral);
    const standing = await vault.market(collateral);
    const limits = await limitsOf(hre, loanAsset.token, market);
    const isOpen = standing.debtCeiling !== 0n && !(await isDeployerAdmin(hre));
    const listed = isOpen ? limits : { ...limits, debtCeiling: 0n };
    const lane = await laneOf(hre, market);
    const inventory = await inventoryOf(hre, market);
    const set = async (what: string, ...rest: SetArguments): Promise<void> =>
      setOnce(hre, `market ${market.name}: its ${what}`, ...rest);
    await set("limits", standing, listed, async () => vault.setMarket(collateral, listed));
    await set("lane parameters", await house.laneParameters(collateral), lane, async () =>
      house.setLane(collateral, lane),
    );
    await set("inventory parameters", await buffer.inventoryParameters(collateral), inventory, async () =>
      buffer.setInventoryParameters(collateral, inventory),
    );
  }
};
script.tags = ["markets"];
script.dependencies = ["buffer", "oracles"];
export default script;

type SetArguments = Parameters<typeof setOnce> extends [unknown, unknown, ...infer Rest] ? Rest : never;

async function laneOf(hre: HardhatRuntimeEnvironment, market: MarketParameters) {
  const { slopePerMinuteBps, minRatePerHour, maxRatePerHour, ...same } = market.lane;
  return {
    ...same,
    slopeWad: slopeWad(slopePerMinuteBps),
    minRatePerHour: await unitsOf(hre, market.collateral, minRatePerHour),
    maxRatePerHour: await unitsOf(hre, market.collateral, maxRatePerHour),
    depthOracle: await addressOf(hre, depthOracleOf(market)),
    guard: await addressOf(hre, `GuardedOracle_${market.name}`),
  };
}

/** The name of the depth of all of a market's pools. */
function depthOracleOf({ name, pools: [first, ...others] }: MarketParameters): string {
  return others.length > 0 ? `DepthSum_${name}` : `UniswapV3Depth_${name}_${first?.fee}`;
}

async function inventoryOf(hre: HardhatRuntimeEnvironment, market: MarketParameters) {
  const { slopePerMinuteBps, cap, ...same } = market.inventory;
  return { ...same, slopeWad: slopeWad(slopePerMinuteBps), cap: await unitsOf(hre, market.collateral, cap) };
}

/** A second's fall of the multiple, rounded down. */
function slopeWad(perMinuteBps: number): bigint {
  return (BigInt(perMinuteBps) * WAD_PER_BPS) / 60n;
}
