import { expect } from "chai";

import type { KeeperProcess } from "./keeperProcess";
import type { StateOptions } from "./state";
import { type Mined, World } from "./world";

/** `npm run test:keeper` runs everything; the project's default run only what is marked as quick. */
export const isFull = process.env["KEEPER_TESTS"] === "full";

/** A fall that makes two positions of each of the eight markets unhealthy, none of them urgent. */
export const MILD = 185;
/** A fall that makes three of each unhealthy, one of them past `absorbLtv`. */
export const SHARP = 170;
export const MARKETS = 8;

export interface TestOptions {
  quick?: boolean;
  timeout?: number;
  state?: Partial<StateOptions>;
}

/** A test on a world of its own, all of whose processes end with it. */
export function onWorld(title: string, test: (world: World) => Promise<void>, options: TestOptions = {}): void {
  if (!isFull && options.quick !== true) return;
  it(title, async function () {
    this.timeout(options.timeout ?? 120_000);
    const world = await World.start(options.state);
    try {
      await test(world);
    } finally {
      await world.stop();
    }
  });
}

/** A group of tests; without any that belongs to this run there is none. */
export function ofFaults(title: string, hasQuick: boolean, body: () => void): void {
  if (isFull || hasQuick) describe(title, body);
}

/** Lets the keeper see the world as it is. */
export async function settled(world: World, ...keepers: KeeperProcess[]): Promise<void> {
  for (const keeper of keepers) await keeper.reaches(await world.head(), 30_000);
}

/** Waits until the account has so many transactions in the pool. */
export async function waitForPool(world: World, keeper: KeeperProcess, count: number): Promise<Map<number, string>> {
  await keeper.waitFor(
    `${count} transactions wait in the pool`,
    async () => (await world.pool(keeper.account.address)).size >= count,
  );
  return world.pool(keeper.account.address);
}

/** How many lanes are open. */
export async function openLanes(world: World): Promise<number> {
  const open = await Promise.all(world.state.markets.map((_, market) => world.isOpen(market)));
  return open.filter(Boolean).length;
}

/** Blocks of a minute, until each market has had so many buys after a block. The keeper must be at work. */
export async function untilBought(world: World, keeper: KeeperProcess, blocks = 30): Promise<void> {
  const after = await world.head();
  const bought = await world.run([keeper], blocks, async () => (await buys(world, keeper, after)).length > 0, {
    seconds: 60,
  });
  expect(bought, `nothing bought in ${blocks} blocks. ${keeper.lastWords()}`).to.equal(true);
}

export async function buys(world: World, keeper: KeeperProcess, after: number): Promise<Mined[]> {
  const mined = await world.transactionsOf(keeper.account.address);
  return mined.filter(({ kind, ok, block }) => kind.startsWith("liquidate") && ok && block > after);
}

/** What of an account's transactions was of no use, each as `block kind #nonce`. */
export async function waste(world: World, account: string): Promise<{ reverted: string[]; empty: string[] }> {
  const mined = await world.transactionsOf(account);
  return { reverted: brief(mined.filter(({ ok }) => !ok)), empty: brief(mined.filter(({ kind }) => kind === "empty")) };
}

export function brief(mined: readonly Mined[]): string[] {
  return mined.map(({ block, kind, nonce }) => `${block} ${kind} #${nonce}`);
}

/** The keeper's book says of each market what the chain does. */
export async function expectBookAgrees(world: World, keeper: KeeperProcess): Promise<void> {
  await keeper.reaches(await world.head());
  const counts = await Promise.all(
    world.state.markets.map(({ collateral }) => keeper.metric("keeper_unhealthy_positions", { market: collateral })),
  );
  expect(counts).to.deep.equal(await world.unhealthy());
  expect(await keeper.metric("keeper_positions")).to.equal(world.state.borrowers.length);
  expect(await keeper.metric("keeper_book_corrections_total")).to.equal(0);
}

/** A keeper that can't go on ends with one line and a code of its own, never with a stack trace. */
export function expectPlainEnd(keeper: KeeperProcess, codes: readonly number[]): void {
  expect(keeper.exit?.code, keeper.lastWords()).to.be.oneOf([...codes]);
  expect(keeper.words, "a stack trace").not.to.match(/\n\s+at /);
  expect(keeper.words.trim().split("\n").length, keeper.words).to.equal(1);
}
