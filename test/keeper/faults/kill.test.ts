import { expect } from "chai";
import { setTimeout as sleep } from "node:timers/promises";

import { seededRandom } from "../../../scripts/replay/random";
import type { Request } from "./proxy";
import { brief, expectBookAgrees, isFull, MILD, ofFaults, onWorld, openLanes, settled } from "./support";

const POINTS = Number(process.env["KEEPER_KILLS"] ?? (isFull ? 100 : 5));
const SEED = Number(process.env["KEEPER_SEED"] ?? 1);
/**
 * Requests within which it is killed, those that only look for a new block left out: some forty go by before the first block is dealt with, three to six
 * for each one after.
 */
const REQUESTS = 90;

ofFaults("Keeper that is killed", true, () => {
  onWorld(
    `with -9 at ${POINTS} points of its work, seed ${SEED}, goes on each time as if nothing had been`,
    async (world) => {
      const random = seededRandom(SEED, "kills");
      const node = await world.proxy();
      let store: string | undefined;
      for (let point = 0; point < POINTS; point++) {
        const [post, late] = [1 + Math.floor(random.uniform() * REQUESTS), random.uniform() * 8];
        const moment = random.uniform() < 0.5 ? "asked" : "answered";
        let asked = 0;
        const keeper = await world.keeper({
          ...{ rpc: [node.url], settings: { checkBlocks: 2 } },
          ...(store !== undefined && { store }),
        });
        store = keeper.store;
        node.onPost = (at, batch) => {
          if (batch.every(isLook) || at !== moment || ++asked !== post) return;
          node.onPost = undefined;
          void sleep(late).then(() => keeper.kill("SIGKILL"));
        };
        // the price falls a little each time, so that there is always something to do
        await world.setPrice(MILD - (15 * point) / POINTS);
        for (let tries = 0; keeper.exit === undefined; tries++) {
          if (tries > 400) throw new Error(`Request ${post} never came. ${keeper.lastWords()}`);
          const head = await world.head();
          const dealtWith = await keeper.comes(
            async () => !keeper.isRunning || (await keeper.metric("keeper_head_block")) >= head,
            30_000,
          );
          expect(dealtWith, `point ${point}, request ${post}: ${keeper.lastWords()}`).to.equal(true);
          await world.mine([], { seconds: 30 });
        }
        expect(keeper.exit, `point ${point}: ${keeper.lastWords()}`).to.deep.equal({ code: null, signal: "SIGKILL" });
      }
      node.onPost = undefined;
      const last = await world.keeper({ rpc: [node.url], store: store! });
      await settled(world, last);
      await world.run([last], 6);
      await expectBookAgrees(world, last);
      expect(await openLanes(world)).to.be.above(0);
      const mined = await world.transactionsOf(last.account.address);
      const pool = [...(await world.pool(last.account.address)).keys()];
      const next = mined.length;
      expect(pool, "nonces in the pool").to.deep.equal(pool.map((_, index) => next + index));
      const [reverted, empty] = [mined.filter(({ ok }) => !ok), mined.filter(({ kind }) => kind === "empty")];
      const useful = mined.filter(({ ok, kind }) => ok && kind !== "empty");
      expect(useful.length, `${brief(mined).join(", ")}. ${last.lastWords()}`).to.be.above(POINTS);
      expect(reverted.length, brief(reverted).join(", ")).to.be.at.most(POINTS / 20);
      expect(empty.length, brief(empty).join(", ")).to.be.at.most(POINTS / 20);
    },
    { quick: true, timeout: 60_000 + POINTS * 15_000 },
  );
});

/** Whether a request looks for a new block, and for nothing else. */
function isLook({ method, params }: Request): boolean {
  return /^eth_(blockNumber|chainId)$/.test(method) || (method === "eth_getBlockByNumber" && params[0] === "latest");
}
