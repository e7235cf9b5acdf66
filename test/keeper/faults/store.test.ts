import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { endWithUs } from "../../../scripts/lib";
import { seededRandom } from "../../../scripts/replay/random";
import type { KeeperProcess } from "./keeperProcess";
import { expectBookAgrees, expectPlainEnd, MARKETS, MILD, ofFaults, onWorld, openLanes, settled } from "./support";
import type { World } from "./world";

/** A program that holds the store in a transaction until it is ended. */
const HOLD = `
const { Database } = require("node-sqlite3-wasm");
const database = new Database(process.argv[1]);
database.exec("BEGIN EXCLUSIVE");
console.log("held");
setInterval(() => undefined, 1000);
`;

/** Files beside the store that begin with its name. */
function filesOf(store: string): string[] {
  return readdirSync(dirname(store)).filter((name) => name.startsWith(basename(store)));
}

/** A keeper's store after some work and a good end. */
async function usedStore(world: World): Promise<string> {
  const keeper = await world.keeper();
  await settled(world, keeper);
  await world.run([keeper], 6);
  expect(await keeper.kill("SIGTERM")).to.deep.equal({ code: 0, signal: null });
  expect(existsSync(keeper.store)).to.equal(true);
  return keeper.store;
}

async function worksOn(world: World, keeper: KeeperProcess): Promise<void> {
  await settled(world, keeper);
  await world.setPrice(MILD);
  await world.run([keeper], 4);
  expect(await openLanes(world)).to.equal(MARKETS);
  await expectBookAgrees(world, keeper);
}

ofFaults("Keeper's store", true, () => {
  onWorld("survives kill -9 in the middle of a write", async (world) => {
    const random = seededRandom(1, "kills in a write");
    let store: string | undefined;
    for (let round = 0; round < 6; round++) {
      const settings = { checkBlocks: 1 };
      const keeper = await world.keeper({ settings, ...(store !== undefined && { store }) });
      store = keeper.store;
      await settled(world, keeper);
      const folder = dirname(store);
      const quiet = readdirSync(folder).length;
      // a journal or a lock beside the store, or a while that falls into some other moment of the block
      await world.mine();
      const deadline = Date.now() + random.between(100, 400);
      while (readdirSync(folder).length === quiet && Date.now() < deadline) await sleep(0);
      await keeper.kill("SIGKILL");
    }
    const last = await world.keeper({ store: store! });
    await worksOn(world, last);
  });

  onWorld(
    "is not shared: a second process ends with one line, the first works on",
    async (world) => {
      const first = await world.keeper({ settings: { checkBlocks: 1 } });
      await settled(world, first);
      const second = await world.keeper({ store: first.store, settings: { checkBlocks: 1 } });
      const ended = second.ended(30_000);
      for (let i = 0; i < 40 && second.isRunning; i++) {
        await world.mine();
        await sleep(100);
      }
      await ended;
      expectPlainEnd(second, [2, 3]);
      await worksOn(world, first);
    },
    { quick: true },
  );

  onWorld("that another program holds for a while holds nothing up", async (world) => {
    const keeper = await world.keeper({ settings: { checkBlocks: 1 } });
    await settled(world, keeper);
    const holder: ChildProcess = spawn(process.execPath, ["-e", HOLD, keeper.store], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    endWithUs(holder);
    // where the store can't be held by another program there is nothing to survive
    const held = new Promise((resolve) => holder.stdout?.once("data", resolve));
    await Promise.race([held, new Promise((resolve) => holder.once("exit", resolve)), sleep(5000)]);
    await world.setPrice(MILD);
    try {
      await world.run([keeper], 4);
    } finally {
      holder.kill("SIGKILL");
    }
    await world.run([keeper], 4);
    expect(await openLanes(world)).to.equal(MARKETS);
    await expectBookAgrees(world, keeper);
  });

  onWorld("that is full stops no work", async (world) => {
    // no file of this process may grow beyond 64 KiB; node is told of it as of any other failed write
    const runner = ["/bin/bash", "-c", 'ulimit -f 64; exec "$@"', "limited"];
    const keeper = await world.keeper({ settings: { checkBlocks: 1 }, runner, env: { TSX_DISABLE_CACHE: "1" } });
    await settled(world, keeper);
    for (let i = 0; i < 40; i++) await world.setPrice(i % 2 === 0 ? MILD : 200);
    await world.setPrice(MILD);
    await world.run([keeper], 4);
    expect(keeper.isRunning, keeper.lastWords()).to.equal(true);
    // lanes that it opened on the way may have closed again since
    expect((await world.transactionsOf(keeper.account.address)).length).to.be.at.least(MARKETS);
  });

  for (const [what, spoil, quick] of [
    ["is no database", () => Buffer.from("this is no database, and never was one\n".repeat(200)), true],
    ["was halved", (good: Buffer) => good.subarray(0, good.length / 2), false],
    ["is empty", () => Buffer.alloc(0), false],
    ["has flipped bits", flipped, false],
    ["has a spoilt first page", (good: Buffer) => Buffer.concat([Buffer.alloc(512, 0xff), good.subarray(512)]), false],
  ] as const) {
    onWorld(
      `that ${what} is kept aside and built anew from the chain`,
      async (world) => {
        const store = await usedStore(world);
        const spoilt = spoil(readFileSync(store));
        writeFileSync(store, spoilt);
        const keeper = await world.keeper({ store });
        await worksOn(world, keeper);
        if (spoilt.length === 0) return;
        const isKept = (path: string): boolean => statSync(path).isFile() && readFileSync(path).equals(spoilt);
        const kept = filesOf(store).filter((name) => isKept(join(dirname(store), name)));
        expect(kept.length, `none of ${filesOf(store).join(", ")} is what was there`).to.be.above(0);
      },
      { quick },
    );
  }

  onWorld("in a folder that can't be written ends the start with one line", async (world) => {
    const keeper = await world.keeper({ store: "/proc/keeper.sqlite" });
    await keeper.ended();
    expectPlainEnd(keeper, [2]);
    expect(keeper.words).to.match(/store/);
  });
});

/** One bit in every hundred bytes behind the first page's head, so that what it means is lost. */
function flipped(good: Buffer): Buffer {
  const bytes = Buffer.from(good);
  for (let at = 100; at < bytes.length; at += 97) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  return bytes;
}
