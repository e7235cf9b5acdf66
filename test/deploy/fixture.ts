import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { deployments, ethers, getNamedAccounts } from "hardhat";

/** Runs the deploy scripts on the in-process chain and connects what they deployed, with nobody in particular as the caller. */
async function runScripts() {
  await deployments.fixture();
  const at = async (name: string): Promise<string> => (await deployments.get(name)).address;
  const named = await getNamedAccounts();
  const account = async (name: string) => ethers.getSigner(named[name] ?? "");
  return {
    deployer: await account("deployer"),
    governor: await account("governor"),
    guardian: await account("guardian"),
    manager: await ethers.getContractAt("AccessManager", await at("AccessManager")),
    rates: await ethers.getContractAt("KinkedRateModel", await at("KinkedRateModel")),
    vault: await ethers.getContractAt("Vault", await at("Vault")),
    house: await ethers.getContractAt("AuctionHouse", await at("AuctionHouse")),
    buffer: await ethers.getContractAt("LiquidityBuffer", await at("LiquidityBuffer")),
    liquidator: await ethers.getContractAt("FlashLiquidator", await at("FlashLiquidator")),
    lens: await ethers.getContractAt("Lens", await at("Lens")),
    usdc: await ethers.getContractAt("MockERC20", await at("USDC")),
    weth: await ethers.getContractAt("MockERC20", await at("WETH")),
    wbtc: await ethers.getContractAt("MockERC20", await at("WBTC")),
    factory: await at("UniswapV3Factory"),
    router: await at("SwapRouter"),
    feeds: {
      ETH: await ethers.getContractAt("MockAggregatorV3", await at("EthUsdFeed")),
      BTC: await ethers.getContractAt("MockAggregatorV3", await at("BtcUsdFeed")),
      WBTC: await ethers.getContractAt("MockAggregatorV3", await at("WbtcBtcFeed")),
      USDC: await ethers.getContractAt("MockAggregatorV3", await at("UsdcUsdFeed")),
    },
  };
}

export type Deployed = Awaited<ReturnType<typeof runScripts>>;

/** The protocol as the deploy scripts leave it, fresh for each test. */
export async function deployed(): Promise<Deployed> {
  return loadFixture(runScripts);
}
