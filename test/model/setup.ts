import { ethers, network } from "hardhat";

import { deployMulticall3 } from "../attacks/setup";
import { ETH_PRICE, INVENTORY, LANE, MARKET, PAY, core, priceE36, usdc } from "../contracts/fixture";
import { AuctionHouseModel, type LaneParameters } from "./auctionHouse";
import { BufferModel, type InventoryParameters } from "./buffer";
import { RAY, WAD } from "./math";
import { PayModel, type GasUnits, type PayParameters } from "./pay";
import { VaultModel, type Market } from "./vault";
import { World, type Source, type State, type Token } from "./world";

export const BTC_PRICE = 40_000n;

/** The numbers of a struct as the model has them; contracts that it names are left out. */
const numbers = (struct: object): Record<string, bigint> =>
  Object.fromEntries(
    Object.entries(struct)
      .filter(([, value]) => typeof value === "bigint" || typeof value === "number")
      .map(([key, value]) => [key, BigInt(value as bigint | number)]),
  );

export const laneParameters = (changes: object = {}, guarded = true): LaneParameters =>
  ({ ...numbers({ ...LANE, ...changes }), guarded }) as unknown as LaneParameters;
export const inventoryParameters = (changes: object = {}): InventoryParameters =>
  numbers({ ...INVENTORY, ...changes }) as unknown as InventoryParameters;
export const payParameters = (wrappedNative: string, priced: boolean, changes: object = {}): PayParameters =>
  ({ ...numbers({ ...PAY, ...changes }), wrappedNative, priced }) as unknown as PayParameters;

// less room than there is collateral, so that the buffer can be full of it
const CAPS = [60n * 10n ** 18n, 3n * 10n ** 8n] as const;
export const BTC_RATES = { minRatePerHour: 10n ** 5n, maxRatePerHour: 10n ** 12n };

/** The fixture's contracts with a second market, of 8 decimals, that has no lane yet. */
export async function deploy() {
  const f = await core();
  const btc = await ethers.deployContract("MockERC20", ["Wrapped BTC", "WBTC", 8]);
  const oracle = await ethers.deployContract("MockOracle", [priceE36(BTC_PRICE, 8n)]);
  const borrowOracle = await ethers.deployContract("MockOracle", [priceE36(BTC_PRICE, 8n)]);
  const depth = await ethers.deployContract("MockDepth", [5n * 10n ** 8n]);
  const guard = await ethers.deployContract("MockGuard");
  await f.vault.setMarket(btc, { oracle, borrowOracle, ...MARKET });
  const native = await ethers.deployContract("MockOracle", [priceE36(ETH_PRICE)]);
  await f.house.setPay({ ...PAY, nativeOracle: native, wrappedNative: f.collateral });
  await f.buffer.setInventoryParameters(f.collateral, { ...INVENTORY, cap: CAPS[0] });
  await f.buffer.setInventoryParameters(btc, { ...INVENTORY, cap: CAPS[1] });

  const actors = [f.lender, f.underwriter, f.borrower, f.keeper, f.other];
  for (const actor of actors) {
    await btc.mint(actor, 10n ** 12n);
    for (const spender of [f.vault, f.buffer]) await btc.connect(actor).approve(spender, ethers.MaxUint256);
  }
  const flash = await ethers.deployContract("MockActor");
  await flash.run(f.loan, f.loan.interface.encodeFunctionData("approve", [f.vault.target, ethers.MaxUint256]));
  const gasUnits = await (await ethers.deployContract("KeeperPayHarness")).gasUnits();
  const exponential = await ethers.deployContract("ExponentialHarness");
  const batch = await deployMulticall3();

  const markets = [
    { token: f.collateral, oracle: f.oracle, borrowOracle: f.borrowOracle, depth: f.depth, guard: f.guard },
    { token: btc, oracle, borrowOracle, depth, guard },
  ];
  return { ...f, markets, actors, flash, native, gasUnits, exponential, batch };
}

export type Contracts = Awaited<ReturnType<typeof deploy>>;

/** The model's state at the start: a million lent, some underwritten, nobody in debt. */
export async function readWorld(c: Contracts): Promise<World> {
  const address = (contract: { target: unknown }): string => contract.target as string;
  const [vault, house, buffer, loan] = [c.vault, c.house, c.buffer, c.loan].map(address) as [
    string,
    string,
    string,
    string,
  ];
  const accounts = [...c.actors.map((actor) => actor.address), vault, buffer];
  const tokens: Record<string, Token> = {};
  for (const token of [c.loan, c.vault, c.buffer, ...c.markets.map((market) => market.token)]) {
    const balances = await Promise.all(
      accounts.map(async (account) => [account, await token.balanceOf(account)] as const),
    );
    tokens[address(token)] = {
      balances: Object.fromEntries(balances),
      allowances: {},
      supply: await token.totalSupply(),
    };
  }
  const state: State = {
    now: BigInt((await ethers.provider.getBlock("latest"))!.timestamp),
    baseFee: 0n,
    tokens,
    sources: {},
    native: { price: await c.native.price(), broken: false },
    pay: payParameters(c.collateral.target as string, true),
    vault: {
      idle: await c.vault.idle(),
      debtShares: 0n,
      index: RAY,
      accruedAt: 0n,
      undivided: 0n,
      reserves: 0n,
      bufferFees: 0n,
      reserveShareBps: 500n,
      bufferShareBps: 500n,
      paused: false,
      markets: {},
      authorized: {},
      rates: { kinkWad: (WAD * 9n) / 10n, atZero: 0n, atKink: WAD / 20n, atFull: WAD / 2n },
    },
    house: {},
    buffer: {
      ...{ cash: usdc(200_000), setAside: 0n, cooldown: 3n * 86_400n, epoch: 0n, mergedAway: 0n },
      ...{ epochOf: {}, inventory: {}, requests: {}, claimables: {}, operators: {} },
    },
  };
  state.vault.accruedAt = state.now;
  for (const [i, { token, oracle, borrowOracle, depth }] of c.markets.entries()) {
    const name = address(token);
    const price = await oracle.price();
    const source: Source = {
      oracle: address(oracle),
      borrowOracle: address(borrowOracle),
      price,
      broken: false,
      borrowPrice: price,
      borrowBroken: false,
      depth: await depth.depth(),
      depthBroken: false,
      diverged: false,
    };
    state.sources[name] = source;
    const market: Market = {
      maxLtvBps: BigInt(MARKET.maxLtvBps),
      lltvBps: BigInt(MARKET.lltvBps),
      debtCeiling: MARKET.debtCeiling,
      laneCeiling: (await c.vault.market(token)).laneCeiling,
      minDebt: MARKET.minDebt,
      debtShares: 0n,
      positions: {},
    };
    state.vault.markets[name] = market;
    const lane = await c.house.lane(token);
    if (lane.ratePerHour !== 0n) {
      state.house[name] = {
        cursorWad: lane.cursorWad,
        ratePerHour: lane.ratePerHour,
        syncedAt: lane.syncedAt,
        boundAt: lane.boundAt,
        lastPriceE36: lane.lastPriceE36,
        observedAt: lane.observedAt,
        emaE36: lane.emaE36,
        diverged: lane.diverged,
        watchedSince: lane.watchedSince,
        paidAt: lane.paidAt,
        parameters: laneParameters(),
        ratchets: {},
      };
    }
    state.buffer.inventory[name] = {
      amount: 0n,
      heldSince: 0n,
      cursorWad: 0n,
      parameters: inventoryParameters({ cap: CAPS[i] }),
    };
  }
  return new World(state, { vault, house, buffer, loan, collaterals: c.markets.map(({ token }) => address(token)) });
}

export interface Models {
  world: World;
  vault: VaultModel;
  house: AuctionHouseModel;
  buffer: BufferModel;
}

export function modelsOf(world: World, gasUnits: GasUnits): Models {
  const vault = new VaultModel(world);
  const house = new AuctionHouseModel(world, vault, new PayModel(world, gasUnits));
  const buffer = new BufferModel(world, vault, house);
  vault.buffer = buffer;
  house.buffer = buffer;
  return { world, vault, house, buffer };
}

/** The node beneath ethers: calls and transactions are put into one block that is mined when the clock moves on. */
export const node = {
  request: (method: string, params: readonly unknown[] = []): Promise<unknown> =>
    network.provider.request({ method, params: [...params] }),
};
