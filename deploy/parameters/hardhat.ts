import { mainnet } from "./mainnet";
import { type MarketParameters, type NetworkParameters } from "./types";

/** What the mock feeds and the pools of `000_mocks` start at, USD for a whole collateral. */
export const mockPrices: Readonly<Record<string, number>> = { ETH: 2000, BTC: 40_000 };

/** Mainnet's parameters on a chain of our own, with what `000_mocks` deploys in place of mainnet's contracts. */
export const hardhat: NetworkParameters = {
  ...mainnet,
  chainId: 31_337,
  loanAsset: { token: "USDC", feed: { address: "UsdcUsdFeed", maxAge: 90_000 } },
  uniswapV3Factory: "UniswapV3Factory",
  pay: { ...mainnet.pay, wrappedNative: "WETH", nativeFeed: { address: "EthUsdFeed", maxAge: 90_000 } },
  markets: mainnet.markets.map((market) => ({ ...market, collateral: `W${market.name}`, ...feedsOf(market) })),
};

/** ETH/USD, or WBTC/BTC times BTC/USD. */
function feedsOf({ name, feed, crossFeed }: MarketParameters): Pick<MarketParameters, "feed" | "crossFeed"> {
  const usd = `${name[0] ?? ""}${name.slice(1).toLowerCase()}UsdFeed`;
  if (crossFeed === undefined) return { feed: { ...feed, address: usd } };
  return { feed: { ...feed, address: "WbtcBtcFeed" }, crossFeed: { ...crossFeed, address: usd } };
}
