import { getAddress, id, keccak256, toBeHex, zeroPadValue } from "ethers";

import { IERC20__factory, IVault__factory } from "../../../typechain-types";
import { addressIn, deployTo } from "../../deployTo";
import { type Rpc, type RpcCall, SpillwayError } from "../../lib";
import { parametersFor } from "../../replay/engines/spillwayParameters";
import { item } from "../../replay/item";
import type { ReadyWorld } from "../../replay/world";
import { type Ground, openGround, PRICE, queuePrice } from "../ground";
import type { SyntheticEvent } from "./proxy";

const ETH = 10n ** 18n;
const USDC = 10n ** 6n;
const INDEX = 10n ** 27n;
/** Blocks over which the positions' events are spread. */
const HISTORY = 20_000;
/** Where the vault keeps things, by its storage layout; what comes of it is checked through its views. */
const SLOTS = { debtShares: 11n, markets: 15n, positions: 16n };
const WRITES_AT_ONCE = 2_000;

const vaultAbi = IVault__factory.createInterface();
const erc20 = IERC20__factory.createInterface();
const LENDER = `0x${id("book bench lender").slice(-40)}`;

/** What a keeper has to know of the bench's protocol. */
export interface Deployment {
  vault: string;
  auctionHouse: string;
  buffer: string;
  flashLiquidator: string;
  collateral: string;
  pool: string;
  fromBlock: number;
}

/** One position of the bench. */
export interface BenchPosition {
  owner: string;
  collateral: bigint;
  debtShares: bigint;
}

/** An owner that nobody has the key of. */
export function ownerOf(index: number): string {
  return getAddress(keccak256(toBeHex(index + 1, 32)).slice(0, 42));
}

/** Positions of 10 to 110 ether whose LTVs at 200 dollars lie evenly between 35 and 79.4 %. */
export function benchPositions(count: number): BenchPosition[] {
  return Array.from({ length: count }, (_, i) => {
    const collateral = 10n * ETH + BigInt(i % 101) * ETH;
    const ltvBps = 3_500n + BigInt((i * 7_919) % 4_440);
    const debt = (collateral * BigInt(PRICE) * USDC * ltvBps) / (ETH * 10_000n);
    return { owner: ownerOf(i), collateral, debtShares: debt };
  });
}

/** Real contracts on an anvil, with positions that were put into the vault's storage. */
export class BenchWorld {
  private constructor(
    private readonly ground: Ground,
    readonly deployment: Deployment,
    readonly events: readonly SyntheticEvent[],
  ) {}

  static async create(positions: readonly BenchPosition[], log: (words: string) => void): Promise<BenchWorld> {
    const ground = await openGround();
    try {
      log("deploying");
      const { world } = ground.ready;
      const deployed = await deployTo(world.url, parametersFor(world));
      await world.chain.start();
      const at = (name: string): string => addressIn(deployed, name);
      const { collateral, pool } = item(world.markets, 0);
      const deployment = {
        ...{ vault: at("Vault"), auctionHouse: at("AuctionHouse"), buffer: at("LiquidityBuffer") },
        ...{ flashLiquidator: at("FlashLiquidator"), collateral: collateral.address, pool },
        fromBlock: world.chain.blockNumber,
      };
      log(`writing ${positions.length} positions`);
      const events = await place(ground.ready, deployment, positions);
      return new BenchWorld(ground, deployment, events);
    } catch (error) {
      await ground.stop();
      throw error;
    }
  }

  get url(): string {
    return this.ground.ready.anvil.url;
  }

  /** Mines a block in which the feeds say this price, some seconds after the last one. */
  async publish(price: number, seconds: number): Promise<void> {
    const { world } = this.ground.ready;
    await queuePrice(world, price);
    await world.chain.mine(world.chain.timestamp + seconds, 10n ** 9n);
  }

  async fund(account: string): Promise<void> {
    await this.ground.ready.world.chain.setBalance(account, 10n ** 24n);
  }

  async stop(): Promise<void> {
    await this.ground.stop();
  }
}

/** Gives the vault cash, collateral and the positions, and makes the events that would have told of them. */
async function place(
  ready: ReadyWorld,
  { vault, collateral, fromBlock }: Deployment,
  positions: readonly BenchPosition[],
): Promise<SyntheticEvent[]> {
  const { world, anvil } = ready;
  const { chain, loan } = world;
  const debt = positions.reduce((sum, { debtShares }) => sum + debtShares, 0n);
  const held = positions.reduce((sum, position) => sum + position.collateral, 0n);
  await chain.setBalance(LENDER, 10n ** 24n);
  await chain.setTokenBalance(loan.address, LENDER, debt);
  chain.send({ from: LENDER, to: loan.address, data: erc20.encodeFunctionData("approve", [vault, debt]) });
  await chain.settle("an approval");
  chain.send({ from: LENDER, to: vault, data: vaultAbi.encodeFunctionData("deposit", [debt, LENDER]) });
  await chain.settle("a deposit");
  await chain.setTokenBalance(collateral, vault, held);

  // while there is little state yet: a block takes anvil the longer the more of it there is
  await anvil.rpc.call("anvil_mine", `0x${HISTORY.toString(16)}`, "0x1");
  await chain.start();

  const market = keccak256(pair(collateral, SLOTS.positions));
  const writes = positions.map(({ owner, collateral: amount, debtShares }): RpcCall => {
    const slot = keccak256(`${zeroPadValue(owner, 32)}${market.slice(2)}`);
    return ["anvil_setStorageAt", [vault, slot, toBeHex(amount | (debtShares << 112n), 32)]];
  });
  for (let first = 0; first < writes.length; first += WRITES_AT_ONCE) {
    await anvil.rpc.batch(writes.slice(first, first + WRITES_AT_ONCE));
  }
  await addTo(anvil.rpc, vault, toBeHex(SLOTS.debtShares, 32), 112n, debt);
  const marketSlot = BigInt(keccak256(pair(collateral, SLOTS.markets)));
  await addTo(anvil.rpc, vault, toBeHex(marketSlot + MARKET_DEBT.slot, 32), MARKET_DEBT.bit, debt);

  ready.refreshFeeds();
  await chain.settle("prices");
  await check(chain, vault, collateral, positions, debt);
  return positions.flatMap((position, i) => eventsOf(vault, collateral, position, fromBlock + 1 + ((i * 7) % HISTORY)));
}

/** Where `Market.debtShares` is, from the market's first slot on. */
const MARKET_DEBT = { slot: 2n, bit: 112n };
const UINT112 = (1n << 112n) - 1n;

function pair(key: string, slot: bigint): string {
  return `${zeroPadValue(key, 32)}${toBeHex(slot, 32).slice(2)}`;
}

/** Adds to one number of a packed slot. */
async function addTo(rpc: Rpc, contract: string, slot: string, bit: bigint, amount: bigint): Promise<void> {
  const word = BigInt(await rpc.text("eth_getStorageAt", contract, slot, "latest"));
  const sum = ((word >> bit) & UINT112) + amount;
  const changed = (word & ~(UINT112 << bit)) | (sum << bit);
  await rpc.call("anvil_setStorageAt", contract, slot, toBeHex(changed, 32));
}

async function check(
  chain: ReadyWorld["world"]["chain"],
  vault: string,
  collateral: string,
  positions: readonly BenchPosition[],
  debt: bigint,
): Promise<void> {
  const [market] = (await chain.read(vault, vaultAbi, "market", [collateral])) as [{ debtShares: bigint }];
  const last = positions.at(-1);
  const [position] = (await chain.read(vault, vaultAbi, "position", [collateral, last?.owner ?? LENDER])) as [
    { collateral: bigint; debtShares: bigint },
  ];
  if (
    market.debtShares !== debt ||
    position.debtShares !== last?.debtShares ||
    position.collateral !== last.collateral
  ) {
    throw new SpillwayError("INTERNAL", "the vault's storage is laid out in another way than the bench takes it to be");
  }
}

function eventsOf(
  vault: string,
  market: string,
  { owner, collateral, debtShares }: BenchPosition,
  block: number,
): SyntheticEvent[] {
  const supplied = vaultAbi.encodeEventLog("CollateralSupplied", [market, owner, owner, collateral]);
  const borrowed = vaultAbi.encodeEventLog("Borrowed", [
    market,
    owner,
    owner,
    owner,
    (debtShares * INDEX) / INDEX,
    debtShares,
  ]);
  return [supplied, borrowed].map((log) => ({ address: vault, block, ...log }));
}
