import { type DeployFunction } from "hardhat-deploy/types";
import { type HardhatRuntimeEnvironment } from "hardhat/types";

import { type MarketParameters } from "../parameters";
import { addressOf, coreOf, parametersFor, setOnce, unitsOf } from "../protocol";

const WAD_PER_BPS = 10n ** 14n;

/** Lists the markets: what one may borrow, how the lane sells, and what the buffer takes. */
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
    const { maxLtvBps, lltvBps } = market;
    const risk = {
      oracle: await addressOf(hre, `ChainlinkOracle_${market.name}`),
      borrowOracle: await addressOf(hre, `GuardedOracle_${market.name}`),
      maxLtvBps,
      lltvBps,
      debtCeiling: await unitsOf(hre, loanAsset.token, market.debtCeiling),
      minDebt: await unitsOf(hre, loanAsset.token, market.minDebt),
    };
    const lane = await laneOf(hre, market);
    const inventory = await inventoryOf(hre, market);
    const set = async (what: string, ...rest: SetArguments): Promise<void> =>
      setOnce(hre, `market ${market.name}: its ${what}`, ...rest);
    await set("limits", await vault.market(collateral), risk, async () => vault.setMarket(collateral, risk));
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
    depthOracle: await addressOf(hre, `UniswapV3Depth_${market.name}`),
    guard: await addressOf(hre, `GuardedOracle_${market.name}`),
  };
}

async function inventoryOf(hre: HardhatRuntimeEnvironment, market: MarketParameters) {
  const { slopePerMinuteBps, cap, ...same } = market.inventory;
  return { ...same, slopeWad: slopeWad(slopePerMinuteBps), cap: await unitsOf(hre, market.collateral, cap) };
}

/** A second's fall of the multiple, rounded down. */
function slopeWad(perMinuteBps: number): bigint {
  return (BigInt(perMinuteBps) * WAD_PER_BPS) / 60n;
}
