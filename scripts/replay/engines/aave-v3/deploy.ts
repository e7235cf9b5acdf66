import { id, ZeroAddress, type Interface } from "ethers";
import type { Chain } from "../../model/chain";
import { packageArtifact, type Artifact } from "../../chain/artifacts";
import { accountOf, Deployer } from "../deployer";
import type { TokenInfo, World } from "../../model/engine";
import { parameters } from "./parameters";

const RAY_PER_BPS = 10n ** 23n;
const PACKAGE = "@aave/core-v3";

/** A deployed market of Aave v3. */
export interface Market {
  pool: string;
  poolAbi: Interface;
  oracle: string;
  treasury: string;
  /** Of the loan asset. */
  variableDebtToken: string;
  /** By address of the underlying token. */
  aTokens: ReadonlyMap<string, string>;
}

/**
 * Deploys the protocol in the order of its own deployment: addresses provider, libraries, implementations, access control,
 * oracle, proxies, tokens, reserves. The loan asset can be borrowed at a variable rate, the collaterals can't be borrowed.
 */
export async function deployAave(world: World): Promise<Market> {
  const { chain, loan, markets } = world;
  const deployer = new Deployer(chain, "aave-v3");
  await deployer.start();
  const place = (path: string, args: readonly unknown[] = [], libraries: Record<string, string> = {}) =>
    deployer.place(path, linked(path, libraries), args);

  const provider = await place("protocol/configuration/PoolAddressesProvider", [parameters.marketId, deployer.account]);
  const libraries: Record<string, string> = {};
  for (const name of ["Borrow", "Bridge", "EMode", "FlashLoan", "Liquidation", "Pool", "Supply", "Configurator"]) {
    const path = `protocol/libraries/logic/${name}Logic`;
    libraries[path] = (await place(path, [], libraries)).address; // FlashLoanLogic links BorrowLogic
  }
  const poolCode = await place("protocol/pool/Pool", [provider.address], libraries);
  const configuratorCode = await place("protocol/pool/PoolConfigurator", [], libraries);

  deployer.call(provider, "setACLAdmin", [deployer.account]);
  await chain.settle("Aave's administrator");
  const acl = await place("protocol/configuration/ACLManager", [provider.address]);
  deployer.call(provider, "setACLManager", [acl.address]);
  deployer.call(acl, "addPoolAdmin", [deployer.account]);

  const tokens: readonly TokenInfo[] = [loan, ...markets.map(({ collateral }) => collateral)];
  await chain.settle("Aave's access control");
  const oracle = await place("misc/AaveOracle", [
    provider.address,
    tokens.map(({ address }) => address),
    tokens.map(({ feed }) => feed),
    ZeroAddress, // no fallback
    ZeroAddress, // prices are in USD
    10n ** 8n,
  ]);
  deployer.call(provider, "setPriceOracle", [oracle.address]);
  deployer.call(provider, "setPoolImpl", [poolCode.address]);
  deployer.call(provider, "setPoolConfiguratorImpl", [configuratorCode.address]);
  await chain.settle("Aave's proxies");
  const pool = { address: await read<string>(chain, provider, "getPool"), abi: poolCode.abi };
  const configurator = {
    address: await read<string>(chain, provider, "getPoolConfigurator"),
    abi: configuratorCode.abi,
  };

  const token = (name: string) => place(`protocol/tokenization/${name}`, [pool.address]);
  const aToken = await token("AToken");
  const variableDebtToken = await token("VariableDebtToken");
  const stableDebtToken = await token("StableDebtToken");
  const { optimalUsageBps, baseRateBps, slope1Bps, slope2Bps, reserveFactorBps } = parameters.loan;
  const curve = [optimalUsageBps, baseRateBps, slope1Bps, slope2Bps].map((bps) => bps * RAY_PER_BPS);
  const noStableRates = [0n, 0n, 0n, 0n, 0n];
  // one for all reserves: nobody can borrow the others
  const strategy = await place("protocol/pool/DefaultReserveInterestRateStrategy", [
    provider.address,
    ...curve,
    ...noStableRates,
  ]);
  const treasury = accountOf("treasury of aave-v3");
  const reserves = tokens.map(({ address, decimals }, index) => ({
    aTokenImpl: aToken.address,
    stableDebtTokenImpl: stableDebtToken.address,
    variableDebtTokenImpl: variableDebtToken.address,
    underlyingAssetDecimals: decimals,
    interestRateStrategyAddress: strategy.address,
    underlyingAsset: address,
    treasury,
    incentivesController: ZeroAddress,
    aTokenName: `Aave ${index}`,
    aTokenSymbol: `a${index}`,
    variableDebtTokenName: `Aave variable debt ${index}`,
    variableDebtTokenSymbol: `v${index}`,
    stableDebtTokenName: `Aave stable debt ${index}`,
    stableDebtTokenSymbol: `s${index}`,
    params: "0x",
  }));
  deployer.call(configurator, "initReserves", [reserves]);
  deployer.call(configurator, "setReserveBorrowing", [loan.address, true]);
  deployer.call(configurator, "setReserveFactor", [loan.address, reserveFactorBps]);
  for (const { asset, collateral } of markets) {
    const { ltvBps, thresholdBps, bonusBps, protocolFeeBps } = parameters.collaterals[asset];
    const { address } = collateral;
    deployer.call(configurator, "configureReserveAsCollateral", [address, ltvBps, thresholdBps, 10_000n + bonusBps]);
    deployer.call(configurator, "setLiquidationProtocolFee", [address, protocolFeeBps]);
  }
  await chain.settle("Aave's reserves");

  const aTokens = new Map<string, string>();
  for (const { address } of tokens) aTokens.set(address, (await reserveTokens(chain, pool, address)).aToken);
  return {
    pool: pool.address,
    poolAbi: pool.abi,
    oracle: oracle.address,
    treasury,
    variableDebtToken: (await reserveTokens(chain, pool, loan.address)).variableDebtToken,
    aTokens,
  };
}

interface Contract {
  address: string;
  abi: Interface;
}

async function read<T>(chain: Chain, { address, abi: contract }: Contract, name: string): Promise<T> {
  return (await chain.read(address, contract, name))[0] as T;
}

async function reserveTokens(
  chain: Chain,
  { address, abi: contract }: Contract,
  asset: string,
): Promise<{ aToken: string; variableDebtToken: string }> {
  const [data] = await chain.read(address, contract, "getReserveData", [asset]);
  const { aTokenAddress, variableDebtTokenAddress } = data as {
    aTokenAddress: string;
    variableDebtTokenAddress: string;
  };
  return { aToken: aTokenAddress, variableDebtToken: variableDebtTokenAddress };
}

/** The artifact of a contract, by its path under contracts/, with its libraries' addresses written into its code. */
function linked(path: string, libraries: Readonly<Record<string, string>>): Artifact {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const artifact = packageArtifact(PACKAGE, `artifacts/contracts/${path}.sol/${name}.json`);
  let { bytecode } = artifact;
  for (const [library, address] of Object.entries(libraries)) {
    const libraryName = library.slice(library.lastIndexOf("/") + 1);
    // solc's placeholder: the first 34 digits of the hash of the library's full name
    const placeholder = `__$${id(`contracts/${library}.sol:${libraryName}`).slice(2, 36)}$__`;
    bytecode = bytecode.replaceAll(placeholder, address.slice(2));
  }
  return { ...artifact, bytecode };
}
