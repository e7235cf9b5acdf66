import { expect } from "chai";

import { expectBookAgrees, MARKETS, MILD, ofFaults, onWorld, openLanes, settled, untilBought, waste } from "./support";

ofFaults("Keeper in reorganisations", true, () => {
  for (const [depth, quick] of [
    [3, true],
    [20, false],
  ] as const) {
    onWorld(
      `of ${depth} blocks that take back its own transactions does them again`,
      async (world) => {
        const keeper = await world.keeper();
        await settled(world, keeper);
        await world.run([keeper], Math.max(0, depth - 3));
        await world.setPrice(MILD);
        await world.run([keeper], 2);
        expect(await openLanes(world)).to.equal(MARKETS);
        await world.reorg(depth); // the fall of the price is gone too
        expect(await openLanes(world)).to.equal(0);
        await world.setPrice(MILD);
        await world.run([keeper], 8);
        expect(await openLanes(world)).to.equal(MARKETS);
        await expectBookAgrees(world, keeper);
        expect((await waste(world, keeper.account.address)).reverted).to.deep.equal([]);
        expect(await keeper.readiness()).to.equal(200);
      },
      { quick },
    );

    onWorld(`of ${depth} blocks under a pending buy goes on buying`, async (world) => {
      const keeper = await world.keeper();
      await settled(world, keeper);
      await world.setPrice(MILD);
      await world.run([keeper], 25, undefined, { seconds: 30 });
      await untilBought(world, keeper);
      // buys wait in the pool now; those of the last blocks are unmined beneath them
      await world.reorg(depth);
      await world.run([keeper], 6);
      await untilBought(world, keeper, 12);
      await expectBookAgrees(world, keeper);
      const mined = await world.transactionsOf(keeper.account.address);
      expect(mined.filter(({ ok }) => !ok).length).to.be.at.most(MARKETS);
    });
  }

  onWorld("that go back while it is down starts from the chain as it is", async (world) => {
    const first = await world.keeper();
    await settled(world, first);
    const back = await world.snapshot(); // its account has ether by now
    await world.setPrice(MILD);
    await world.run([first], 30, undefined, { seconds: 30 });
    const before = (await world.transactionsOf(first.account.address)).length;
    expect(before).to.be.above(MARKETS);
    expect(await first.kill("SIGTERM")).to.deep.equal({ code: 0, signal: null });

    await back();
    expect(await world.transactionsOf(first.account.address)).to.deep.equal([]);
    await world.run([], 2);
    const second = await world.keeper({ store: first.store });
    await settled(world, second);
    await world.setPrice(MILD);
    await world.run([second], 8);
    expect(await openLanes(world)).to.equal(MARKETS);
    await expectBookAgrees(world, second);
  });
});
