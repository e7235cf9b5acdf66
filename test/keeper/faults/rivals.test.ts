import { expect } from "chai";

import type { KeeperProcess } from "./keeperProcess";
import { buys, expectBookAgrees, MARKETS, MILD, ofFaults, onWorld, openLanes, settled, SHARP } from "./support";
import { USDC } from "./state";
import type { Mined, World } from "./world";

/** A fall, some forty minutes with buys, a deeper fall, and as long again. */
async function compete(world: World, keepers: readonly KeeperProcess[]): Promise<Mined[][]> {
  await settled(world, ...keepers);
  await world.setPrice(MILD);
  await world.run(keepers, 30, undefined, { seconds: 30 });
  await world.setPrice(SHARP);
  await world.run(keepers, 30, undefined, { seconds: 30 });
  expect(await openLanes(world)).to.equal(MARKETS);
  for (const keeper of keepers) await expectBookAgrees(world, keeper);
  const all = await Promise.all(keepers.map((keeper) => world.transactionsOf(keeper.account.address)));
  return all;
}

/** The gas of buys that brought less than it cost is in here too. */
async function profits(world: World, keepers: readonly KeeperProcess[]): Promise<bigint[]> {
  const all: bigint[] = [];
  for (const { account } of keepers) all.push((await world.profit(account.address, SHARP)) / USDC);
  return all;
}

const failed = (mined: readonly Mined[]): number => mined.filter(({ ok }) => !ok).length;

ofFaults("Keeper among rivals", false, () => {
  onWorld("of a higher tip learns, and stops paying for what it loses", async (world) => {
    const ours = await world.keeper({ name: "ours" });
    const rival = await world.keeper({ name: "rival", settings: { priorityFee: "3000000000" } });
    const [mined = []] = await compete(world, [ours, rival]);
    expect(failed(mined), `${failed(mined)} of ${mined.length} reverted`).to.be.at.most(12);
    const [profit = 0n] = await profits(world, [ours]);
    expect(profit >= 0n, `a profit of ${profit} USDC`).to.equal(true);
    expect((await buys(world, rival, 0)).length + (await buys(world, ours, 0)).length).to.be.above(MARKETS);
  });

  onWorld("who are its equals reverts little, and so do they", async (world) => {
    const equals = [await world.keeper({ name: "a" }), await world.keeper({ name: "b" })];
    const mined = await compete(world, equals);
    const all = mined.flat();
    const lost = mined.map(failed);
    expect(lost[0]! + lost[1]!, `${lost.join(" and ")} of ${all.length} reverted`).to.be.at.most(all.length / 4);
    const earned = await profits(world, equals);
    expect(
      earned.every((profit) => profit >= 0n),
      `profits of ${earned.join(" and ")} USDC`,
    ).to.equal(true);
  });
});
