import { expect } from "chai";

import { MARKETS, MILD, ofFaults, onWorld, openLanes, settled, untilBought, expectBookAgrees, waste } from "./support";

ofFaults("Keeper as a process of its own", false, () => {
  onWorld("opens every lane and buys, without one transaction in vain, while nothing goes wrong", async (world) => {
    const keeper = await world.keeper();
    await settled(world, keeper);
    await world.setPrice(MILD);
    await world.run([keeper], 3);
    expect(await openLanes(world)).to.equal(MARKETS);
    await untilBought(world, keeper);
    await world.run([keeper], 2);
    await expectBookAgrees(world, keeper);
    const { reverted, empty } = await waste(world, keeper.account.address);
    expect(reverted).to.deep.equal([]);
    expect(empty).to.deep.equal([]);
    expect(await keeper.readiness()).to.equal(200);
    expect(await keeper.kill("SIGTERM")).to.deep.equal({ code: 0, signal: null });
  });
});
