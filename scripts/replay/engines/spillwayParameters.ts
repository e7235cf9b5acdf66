import { formatUnits } from "ethers";

import { mainnet, type MarketParameters, type NetworkParameters } from "../../../deploy/parameters";
import { SpillwayError } from "../../lib";
import { mainnet as addresses } from "../chain/addresses";
import type { CollateralAsset } from "../model/scenario";
import { override, type Overrides } from "../model/overrides";
import { item } from "../item";
import type { World } from "../model/engine";
import { luna } from "./spillwayLuna";

const WAD = 10n ** 18n;

/** The parameters of the market of a collateral. Throws `BAD_INPUT` when the overrides don't fit it. */
export function marketFor(asset: CollateralAsset, overrides: Overrides): MarketParameters {
  const parameters = [...mainnet.markets, luna].find(({ name }) => name === asset);
  if (parameters === undefined) throw new SpillwayError("INTERNAL", `Spillway has no parameters for ${asset}`);
  return override(parameters, overrides);
}

/** LTV above which a position of that collateral is liquidated, Wad. */
export function lltvOf(asset: CollateralAsset): bigint {
  return (BigInt(marketFor(asset, {}).lltvBps) * WAD) / 10_000n;
}

/**
 * Mainnet's parameters for the markets of the run, but for what counts tokens or dollars: the caps that a replay's book would hit, the least
 * debt, which is the scenarios' own, and the least rate. That is a floor in tokens, for mainnet's pools; in a replay's small ones it would be the
 * pace itself, so it is a tenth of the pace at the start.
 */
export function parametersFor(world: World): NetworkParameters {
  const maxAge = world.feedPatience;
  return {
    ...mainnet,
    timelock: 0,
    loanAsset: { token: world.loan.address, feed: { address: world.loan.feed, maxAge: 365 * 86_400 } },
    pay: {
      ...mainnet.pay,
      wrappedNative: addresses.weth,
      // where no market has ETH, its price is fixed
      nativeFeed: { address: addresses.feeds.ETH, maxAge: world.etherUsd === null ? maxAge : 365 * 86_400 },
    },
    markets: world.markets.map(({ asset, collateral, poolFee, depth }) => {
      const parameters = marketFor(asset, world.overrides);
      const pace = (depth * BigInt(parameters.lane.paceBps)) / 100n;
      return {
        ...parameters,
        collateral: collateral.address,
        feed: { address: collateral.feed, maxAge },
        crossFeed: undefined, // the replay's feeds are in USD
        pools: [{ ...item(parameters.pools, 0), fee: poolFee }],
        debtCeiling: "1000000000000",
        minDebt: asset === "LUNA" ? parameters.minDebt : "500",
        lane: { ...parameters.lane, minRatePerHour: formatUnits(pace / 10n + 1n, collateral.decimals) },
        inventory: asset === "LUNA" ? parameters.inventory : { ...parameters.inventory, cap: "1000000000" },
      };
    }),
  };
}
