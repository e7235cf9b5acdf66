import { expect } from "chai";

import { mainnet } from "../../../scripts/replay/chain/addresses";
import type { KeeperProcess } from "./keeperProcess";
import { buys, MARKETS, MILD, ofFaults, onWorld, openLanes, settled, untilBought, waitForPool, waste } from "./support";
import type { World } from "./world";

/** Code that does nothing but: revert; use up all gas; answer a word of 1 to everything; answer with 100,000 bytes. */
const CODES = {
  reverts: "0x5f5ffd",
  "burns all gas": "0x5b5f56",
  "says yes to everything": "0x60015f5260205ff3",
  "answers with a flood": "0x620186a05ff3",
} as const;

/** The lanes of all markets but the last are open, and each of them is bought from. */
async function othersAreServed(world: World, keeper: KeeperProcess): Promise<void> {
  const after = await world.head();
  await world.run([keeper], 30, async () => (await buys(world, keeper, after)).length >= MARKETS - 1, { seconds: 60 });
  expect((await buys(world, keeper, after)).length, keeper.lastWords()).to.be.at.least(MARKETS - 1);
}

ofFaults("Keeper among the hostile", false, () => {
  onWorld("loses one round of gas at most where a venue is drained between quote and fill", async (world) => {
    const keeper = await world.keeper();
    await settled(world, keeper);
    await world.setPrice(MILD);
    await world.run([keeper], 4);
    await untilBought(world, keeper);
    const pending = await waitForPool(world, keeper, 1);
    // somebody sells first, in the same block
    await world.mine(world.priceCalls(MILD * 0.9, undefined, "pool"), { seconds: 60 });
    await settled(world, keeper);
    await world.run([keeper], 6);
    const { reverted } = await waste(world, keeper.account.address);
    expect(reverted.length, reverted.join(", ")).to.be.at.most(pending.size);
    await world.mine(world.priceCalls(MILD, undefined, "pool"));
    await untilBought(world, keeper);
    expect((await waste(world, keeper.account.address)).reverted.length).to.be.at.most(pending.size);
  });

  for (const [what, code] of Object.entries(CODES)) {
    onWorld(`serves the other markets while one collateral ${what}`, async (world) => {
      const keeper = await world.keeper();
      await settled(world, keeper);
      await world.setPrice(MILD);
      await world.setCode(world.market(MARKETS - 1).collateral, code);
      await world.run([keeper], 3);
      expect(await openLanes(world)).to.be.at.least(MARKETS - 1);
      await othersAreServed(world, keeper);
      const { reverted } = await waste(world, keeper.account.address);
      expect(reverted.length, reverted.join(", ")).to.be.at.most(2);
      expect(keeper.isRunning).to.equal(true);
    });

    onWorld(`serves the other markets while one pool ${what}`, async (world) => {
      const keeper = await world.keeper();
      await settled(world, keeper);
      await world.setPrice(MILD);
      await world.run([keeper], 3);
      await world.setCode(world.market(MARKETS - 1).pool, code);
      await othersAreServed(world, keeper);
      const { reverted } = await waste(world, keeper.account.address);
      expect(reverted.length, reverted.join(", ")).to.be.at.most(2);
      expect(keeper.isRunning).to.equal(true);
    });

    onWorld(`serves the other markets while one oracle ${what}`, async (world) => {
      const keeper = await world.keeper();
      await settled(world, keeper);
      await world.setPrice(MILD);
      await world.run([keeper], 3);
      await world.setCode(world.market(MARKETS - 1).feed, code);
      await othersAreServed(world, keeper);
      const { reverted } = await waste(world, keeper.account.address);
      expect(reverted.length, reverted.join(", ")).to.be.at.most(2);
      expect(keeper.isRunning).to.equal(true);
    });
  }

  onWorld("serves the other markets while one pool quotes well and can't pay", async (world) => {
    const keeper = await world.keeper();
    await settled(world, keeper);
    await world.setPrice(MILD);
    await world.run([keeper], 3);
    await world.setTokens(mainnet.usdc, world.market(MARKETS - 1).pool, 1n);
    await othersAreServed(world, keeper);
    await world.run([keeper], 10);
    const { reverted } = await waste(world, keeper.account.address);
    expect(reverted.length, reverted.join(", ")).to.be.at.most(2);
  });
});
