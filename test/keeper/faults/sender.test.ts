import { expect } from "chai";
import { Wallet } from "ethers";

import {
  brief,
  expectBookAgrees,
  MARKETS,
  MILD,
  ofFaults,
  onWorld,
  openLanes,
  settled,
  SHARP,
  untilBought,
  waitForPool,
  waste,
} from "./support";
import { BASE_FEE, GWEI, hex, type World } from "./world";

/** Sends ether from a key to its own account, past whoever else uses it. */
async function sendForeign(world: World, key: string, nonce: number, tip: bigint): Promise<void> {
  const wallet = new Wallet(key);
  const fees = { maxFeePerGas: BASE_FEE * 3n + tip, maxPriorityFeePerGas: tip };
  const raw = await wallet.signTransaction({
    ...{ type: 2, chainId: 1, nonce, to: "0x000000000000000000000000000000000000dEaD", value: 1n, gasLimit: 21_000n },
    ...fees,
  });
  await world.node.rpc.call("eth_sendRawTransaction", raw);
}

ofFaults("Keeper's transactions", true, () => {
  onWorld(
    "that wait when it is killed are not sent again by the next run",
    async (world) => {
      const first = await world.keeper();
      await settled(world, first);
      await world.setPrice(SHARP);
      await waitForPool(world, first, 2 * MARKETS);
      await first.kill("SIGKILL");
      const second = await world.keeper({ store: first.store });
      await settled(world, second);
      await world.run([second], 4);
      const { reverted } = await waste(world, second.account.address);
      expect(reverted).to.deep.equal([]);
      expect(await openLanes(world)).to.equal(MARKETS);
      await expectBookAgrees(world, second);
    },
    { quick: true },
  );

  onWorld("that wait behind a dropped one go through as they are", async (world) => {
    const keeper = await world.keeper();
    await settled(world, keeper);
    await world.setPrice(SHARP);
    const pool = await waitForPool(world, keeper, 2 * MARKETS);
    const hashes = [...pool.values()];
    await world.drop(hashes[0]!);
    await world.run([keeper], 8);
    const mined = await world.transactionsOf(keeper.account.address);
    const { reverted, empty } = await waste(world, keeper.account.address);
    expect(reverted).to.deep.equal([]);
    expect(empty.length, "given up").to.be.at.most(1);
    expect(mined.map(({ hash }) => hash)).to.include.members(hashes.slice(1));
    expect(await openLanes(world)).to.equal(MARKETS);
  });

  onWorld("go on after all of them are dropped", async (world) => {
    const keeper = await world.keeper();
    await settled(world, keeper);
    await world.setPrice(SHARP);
    for (const hash of (await waitForPool(world, keeper, 2 * MARKETS)).values()) await world.drop(hash);
    await world.run([keeper], 10);
    expect(await openLanes(world)).to.equal(MARKETS);
    const { reverted } = await waste(world, keeper.account.address);
    expect(reverted).to.deep.equal([]);
  });

  onWorld("go on after a node that said yes and threw them away", async (world) => {
    const node = await world.proxy();
    const keeper = await world.keeper({ rpc: [node.url] });
    await settled(world, keeper);
    node.swallow("eth_sendRawTransaction", () => hex(1n << 255n), { times: MARKETS });
    await world.setPrice(MILD);
    await world.run([keeper], 10);
    expect(await openLanes(world)).to.equal(MARKETS);
    expect((await waste(world, keeper.account.address)).reverted).to.deep.equal([]);
  });

  for (const moment of ["before", "after"] as const) {
    onWorld(`are sent once where the node's connection dies ${moment} it has them`, async (world) => {
      const first = await world.proxy();
      const second = await world.proxy();
      const keeper = await world.keeper({ rpc: [first.url, second.url] });
      await settled(world, keeper);
      first.drop("eth_sendRawTransaction", moment, { times: 1 });
      second.drop("eth_sendRawTransaction", moment, { times: 1 });
      await world.setPrice(SHARP);
      await world.run([keeper], 6);
      expect(await openLanes(world)).to.equal(MARKETS);
      const { reverted, empty } = await waste(world, keeper.account.address);
      expect(reverted).to.deep.equal([]);
      expect(empty).to.deep.equal([]);
    });
  }

  onWorld("find a nonce again after a foreign transaction took one", async (world) => {
    const keeper = await world.keeper();
    await settled(world, keeper);
    await sendForeign(world, keeper.account.privateKey, 0, 2n * GWEI);
    await world.mine();
    await world.setPrice(MILD);
    await waitForPool(world, keeper, MARKETS - 1); // one went with the nonce that was taken
    // the first of those that wait is pushed out by a dearer one
    await sendForeign(world, keeper.account.privateKey, 1, 20n * GWEI);
    await world.run([keeper], 6);
    expect(await openLanes(world)).to.equal(MARKETS);
    await untilBought(world, keeper);
    expect((await waste(world, keeper.account.address)).reverted).to.deep.equal([]);
  });

  onWorld("stay bounded at fifty times the base fee, and go through when it is over", async (world) => {
    const keeper = await world.keeper();
    await settled(world, keeper);
    await world.setPrice(MILD);
    await waitForPool(world, keeper, MARKETS);
    const peak = 50n * BASE_FEE;
    await world.run([keeper], 12, undefined, { baseFee: peak });
    await world.run([keeper], 6);
    expect(await openLanes(world)).to.equal(MARKETS);
    await untilBought(world, keeper);
    const mined = await world.transactionsOf(keeper.account.address);
    expect(brief(mined.filter(({ ok }) => !ok))).to.deep.equal([]);
    const empty = mined.filter(({ kind }) => kind === "empty");
    const lost = empty.reduce((sum, { gasPaid }) => sum + gasPaid, 0n);
    // giving up every one of them once, at the peak's price and twice its room
    expect(lost < BigInt(MARKETS) * 21_000n * 2n * peak, `${lost} wei for empty transactions`).to.equal(true);
  });

  onWorld(
    "of one block don't close each other's way",
    async (world) => {
      const keeper = await world.keeper();
      await settled(world, keeper);
      await world.setPrice(SHARP); // the buffer has money for some of the positions that it may absorb
      await world.run([keeper], 4);
      const mined = await world.transactionsOf(keeper.account.address);
      expect(mined.filter(({ kind, ok }) => kind.startsWith("absorb") && ok).length).to.be.above(0);
      expect(brief(mined.filter(({ ok }) => !ok))).to.deep.equal([]);
    },
    { state: { underwritten: 40_000n * 10n ** 6n } },
  );

  onWorld("are none without ether, and that is said", async (world) => {
    const keeper = await world.keeper();
    await world.setBalance(keeper.account.address, 0n);
    await settled(world, keeper);
    await world.setPrice(MILD);
    await world.run([keeper], 3);
    expect(await keeper.readiness(), "fit to work without ether").to.be.oneOf([500, 503]);
    expect(await keeper.metric("keeper_transactions_refused_total", { reason: "other" })).to.equal(0);
    await world.setBalance(keeper.account.address, 100n * 10n ** 18n);
    await world.run([keeper], 40, async () => (await openLanes(world)) === MARKETS);
    expect(await openLanes(world)).to.equal(MARKETS);
    await keeper.waitFor("it is fit to work again", async () => (await keeper.readiness()) === 200);
  });

  onWorld("of two keepers on one key by mistake don't block each other", async (world) => {
    const first = await world.keeper();
    const second = await world.keeper();
    await settled(world, first);
    await second.waitFor("the second runs or refuses to", async () => {
      return !second.isRunning || (await second.metric("keeper_head_block")) >= (await world.head());
    });
    const both = [first, second].filter((one) => one.isRunning);
    await world.setPrice(MILD);
    await world.run(both, 8);
    expect(await openLanes(world)).to.equal(MARKETS);
    await untilBought(world, first);
    const mined = await world.transactionsOf(first.account.address);
    const useless = mined.filter(({ ok, kind }) => !ok || kind === "empty");
    expect(useless.length, `${useless.length} of ${mined.length} were of no use`).to.be.at.most(MARKETS);
  });
});
