import { getAddress, id } from "ethers";

/** Where things are on Ethereum mainnet, and so on the reconstructed one too. */
export const mainnet = {
  weth: "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
  wbtc: "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599",
  usdc: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
  uniswapFactory: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
  positionManager: "0xC36442b4a4522E871399CD717aBDD847Ab11FE88",
  positionDescriptor: "0x91ae842A5Ffd8d12023116943e72A606179294f3",
  swapRouter: "0xE592427A0AEce92De3Edee1F18E0157C05861564",
  quoterV2: "0x61fFE014bA17989E743c5F6cB21bF9697530B21e",
  multicall3: "0xcA11bde05977b3631167028862bE2a173976CA11",
  feeds: {
    ETH: "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419",
    BTC: "0xF4030086522a5bEEa4988F8cA5B36dbC97BeE88c",
    USDC: "0x8fFfFfd4AfB6115b954Bd326cbe7B4BA576818f6",
  },
} as const;

/** Where the replay puts what mainnet doesn't have: LUNA as an ERC-20 of 18 decimals, and a feed of its price. */
export const ownAddresses = {
  LUNA: { address: addressOf("LUNA"), feed: addressOf("feed of LUNA / USD") },
};

function addressOf(name: string): string {
  return getAddress(`0x${id(`spillway replay ${name}`).slice(-40)}`);
}
