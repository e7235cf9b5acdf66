// Builds the chain that fault tests start from, once for all of them, and keeps it as a file that an anvil loads in an instant.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { AbiCoder, concat, getAddress, id, type Interface } from "ethers";

import { mainnet as mainnetParameters, type NetworkParameters } from "../../../deploy/parameters";
import { deployTo } from "../../../scripts/deployTo";
import { mainnet } from "../../../scripts/replay/chain/addresses";
import { ownArtifact } from "../../../scripts/replay/chain/artifacts";
import { abi, NodeChain } from "../../../scripts/replay/chain/chain";
import { reconstructMainnet } from "../../../scripts/replay/chain/reconstruct";
import { publication } from "../../../scripts/replay/market/market";
import { Pool } from "../../../scripts/replay/market/pool";
import { LiquidityBuffer__factory, Vault__factory } from "../../../typechain-types";

export const USDC = 10n ** 6n;
export const ETHER = 10n ** 18n;
export const START_PRICE = 200;
export const COOLDOWN = 7200;
export const OPERATOR = getAddress(`0x${id("spillway operator of fault tests").slice(-40)}`);
const LENDER = getAddress(`0x${id("spillway lender of fault tests").slice(-40)}`);
const MANY = 1n << 200n;
const GWEI = 10n ** 9n;
/** The pools stand so long before the protocol: depth and averages over half an hour need a past. */
const POOL_AHEAD = 7200;
/** How far the chain's clock is behind when a test begins, so that it stays behind while blocks are mined faster than real ones. */
const BEHIND = 3600;

const vaultAbi: Interface = Vault__factory.createInterface();
const bufferAbi: Interface = LiquidityBuffer__factory.createInterface();
const tokenAbi = abi(["function approve(address, uint256) returns (bool)"]);

export interface Market {
  /** Checksummed. */
  collateral: string;
  feed: string;
  pool: string;
  /** Moves the pool for its owner. */
  arbitrageur: string;
  collateralIsToken0: boolean;
}

export interface Borrower {
  owner: string;
  /** Index of the market. */
  market: number;
  collateral: bigint;
  debt: bigint;
}

/** A chain as tests start from it. The first market is WETH; all have 18 decimals and cost {@link START_PRICE}. */
export interface State {
  file: string;
  addresses: { vault: string; auctionHouse: string; buffer: string; flashLiquidator: string };
  /** The block before the vault's deployment. */
  fromBlock: number;
  markets: readonly Market[];
  borrowers: readonly Borrower[];
  /** Whose redemptions from the buffer wait; their cooldown is over {@link COOLDOWN} seconds after the start. */
  underwriters: readonly string[];
  head: number;
}

export interface StateOptions {
  markets: number;
  /** Collateral of each position of a market, and how far its LTV is below lltv, as a share of it. */
  positions: readonly { collateral: bigint; distance: number }[];
  underwriters: number;
  /** What each underwriter puts into the buffer; half of it asks to leave at once. Units of the loan asset. */
  underwritten: bigint;
}

const STANDARD: StateOptions = {
  markets: 8,
  positions: [0.05, 0.07, 0.1, 0.2].map((distance) => ({ collateral: 2_000n * ETHER, distance })),
  underwriters: 16,
  underwritten: 400_000n * USDC,
};

const built = new Map<string, Promise<State>>();

/** The chain for these options; built when it is first asked for. */
export function standardState(options: Partial<StateOptions> = {}): Promise<State> {
  const all = { ...STANDARD, ...options };
  const key = JSON.stringify(all, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  const found = built.get(key) ?? build(all);
  built.set(key, found);
  return found;
}

async function build(options: StateOptions): Promise<State> {
  const begin = Math.floor(Date.now() / 1000) - BEHIND - POOL_AHEAD;
  const anvil = await reconstructMainnet(begin - 3600);
  try {
    const chain = new NodeChain(anvil.rpc);
    await chain.start();
    await chain.setBalance(OPERATOR, 10n ** 30n);
    const loan = { address: mainnet.usdc, decimals: 6, feed: mainnet.feeds.USDC };
    const tokens = Array.from({ length: options.markets }, (_, index) => ({
      address: index === 0 ? mainnet.weth : addressOf(`collateral ${index}`),
      feed: index === 0 ? mainnet.feeds.ETH : addressOf(`feed ${index}`),
      decimals: 18,
    }));
    const tokenCode = ownArtifact("mocks/ReplayToken.sol", "ReplayToken").bytecode;
    const feedCode = ownArtifact("mocks/ReplayFeed.sol", "ReplayFeed").bytecode;
    const encode = (types: string[], values: unknown[]): string => AbiCoder.defaultAbiCoder().encode(types, values);
    for (const [index, { address }] of tokens.entries()) {
      if (index === 0) continue;
      const args = encode(["string", "string", "uint8"], [`Collateral ${index}`, `C${index}`, 18]);
      await chain.place(address, concat([tokenCode, args]), OPERATOR);
    }
    for (const { feed } of [loan, ...tokens]) {
      await chain.place(feed, concat([feedCode, encode(["address", "string"], [OPERATOR, "USD"])]), OPERATOR);
    }

    await chain.mine(begin, GWEI);
    const book = options.positions.reduce((sum, { collateral }) => sum + collateral, 0n);
    const pools: Pool[] = [];
    for (const collateral of tokens) {
      const shared = { collateral, loan, operator: OPERATOR, price: START_PRICE };
      // the lane lets out some hundred dollars a block, which pays for a buy's gas
      pools.push(await Pool.create(chain, { ...shared, depth: book / 2n }));
    }
    await chain.setBalance(mainnet.weth, 10n ** 30n);
    const publish = async (): Promise<void> => {
      chain.send(publication(OPERATOR, loan.feed, 1));
      for (const { feed } of tokens) chain.send(publication(OPERATOR, feed, START_PRICE));
      await chain.settle("the first prices");
    };
    await chain.mine(begin + POOL_AHEAD - 900, GWEI);
    await publish();

    const fromBlock = chain.blockNumber;
    const deployed = await deployTo(anvil.url, parametersOf(tokens, pools));
    await chain.start();
    const at = (name: string): string => getAddress(deployed[name] ?? "");
    const addresses = {
      ...{ vault: at("Vault"), auctionHouse: at("AuctionHouse"), buffer: at("LiquidityBuffer") },
      flashLiquidator: at("FlashLiquidator"),
    };
    const { vault, buffer } = addresses;

    const borrowers = tokens.flatMap((_, market) =>
      options.positions.map(({ collateral, distance }, position): Borrower => {
        const value = (collateral * BigInt(START_PRICE) * USDC) / ETHER;
        const debt = (value * BigInt(Math.round(8_300 * (1 - distance)))) / 10_000n;
        return { owner: addressOf(`borrower ${market} ${position}`), market, collateral, debt };
      }),
    );
    const debt = borrowers.reduce((sum, one) => sum + one.debt, 0n);
    const call = (from: string, to: string, data: string): void => chain.send({ from, to, data, gas: 1_000_000n });
    const approve = (who: string, token: string, spender: string): void =>
      call(who, token, tokenAbi.encodeFunctionData("approve", [spender, MANY]));
    const fund = async (who: string, token: string, amount: bigint): Promise<void> => {
      await chain.setBalance(who, 10n ** 24n);
      await chain.setTokenBalance(token, who, amount);
    };

    await fund(LENDER, loan.address, debt * 2n);
    approve(LENDER, loan.address, vault);
    call(LENDER, vault, vaultAbi.encodeFunctionData("deposit", [debt * 2n, LENDER]));
    const underwriters = Array.from({ length: options.underwriters }, (_, index) => addressOf(`underwriter ${index}`));
    for (const who of underwriters) {
      const assets = options.underwritten;
      await fund(who, loan.address, assets);
      approve(who, loan.address, buffer);
      call(who, buffer, bufferAbi.encodeFunctionData("deposit", [assets, who]));
    }
    await chain.settle("lenders and underwriters");
    for (const { owner, market, collateral, debt: owed } of borrowers) {
      const token = tokens[market]?.address ?? "";
      await fund(owner, token, collateral);
      approve(owner, token, vault);
      call(owner, vault, vaultAbi.encodeFunctionData("supplyCollateral", [token, collateral, owner]));
      call(owner, vault, vaultAbi.encodeFunctionData("borrow", [token, owed, owner, owner]));
    }
    await chain.settle("borrowers");
    for (const who of underwriters) {
      // half of it: what is left stands behind the markets. A unit of the loan asset is a thousand shares.
      const shares = options.underwritten * 500n;
      call(who, buffer, bufferAbi.encodeFunctionData("requestRedeem", [shares, who, who]));
    }
    await chain.settle("requests");
    // the keeper's own account is no contract, whatever was placed before
    const dump = (await anvil.rpc.text("anvil_dumpState")).slice(2);
    const folder = mkdtempSync(join(tmpdir(), "spillway-faults-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "state.json");
    writeFileSync(file, gunzipSync(Buffer.from(dump, "hex")));

    const markets = tokens.map(({ address, feed }, index): Market => {
      const { to } = pools[index]!.pullTo(START_PRICE);
      const collateralIsToken0 = BigInt(address) < BigInt(loan.address);
      const pool = getAddress(pools[index]!.address);
      return { collateral: getAddress(address), feed, pool, arbitrageur: to, collateralIsToken0 };
    });
    return { file, addresses, fromBlock, markets, borrowers, underwriters, head: chain.blockNumber };
  } finally {
    await anvil.stop();
  }
}

/** Mainnet's parameters, but for what counts tokens or dollars, and for how long one waits. */
function parametersOf(tokens: readonly { address: string; feed: string }[], pools: readonly Pool[]): NetworkParameters {
  const [eth] = mainnetParameters.markets;
  if (eth === undefined) throw new Error("mainnet has no markets");
  const [venue] = eth.pools;
  if (venue === undefined) throw new Error("mainnet's first market has no venue");
  const maxAge = 365 * 86_400;
  return {
    ...mainnetParameters,
    timelock: 0,
    loanAsset: { token: mainnet.usdc, feed: { address: mainnet.feeds.USDC, maxAge } },
    buffer: { ...mainnetParameters.buffer, cooldown: COOLDOWN },
    pay: { ...mainnetParameters.pay, nativeFeed: { address: mainnet.feeds.ETH, maxAge } },
    markets: tokens.map(({ address, feed }, index) => ({
      ...eth,
      name: index === 0 ? "ETH" : `C${index}`,
      collateral: address,
      feed: { address: feed, maxAge },
      crossFeed: undefined,
      pools: [{ ...venue, fee: pools[index]?.fee ?? 0, observations: 120 }],
      debtCeiling: "1000000000000",
      minDebt: "500",
      lane: { ...eth.lane, minRatePerHour: "1", maxRatePerHour: "1000000000" },
      inventory: { ...eth.inventory, cap: "1000000000" },
    })),
  };
}

function addressOf(name: string): string {
  return getAddress(`0x${id(`spillway fault tests ${name}`).slice(-40)}`);
}
