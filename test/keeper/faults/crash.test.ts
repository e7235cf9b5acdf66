import { expect } from "chai";

import { driveCrash, worstHours } from "./crash";
import { brief, expectBookAgrees, ofFaults, onWorld } from "./support";

ofFaults("Keeper on Black Thursday", false, () => {
  onWorld(
    "does all that pays within two blocks, killed again and again",
    async (world) => {
      const seconds = 60;
      const judge = await world.keeper({ name: "judge", args: ["--dry-run"] });
      const { missed, mined, members, kills } = await driveCrash(world, {
        ...{ steps: worstHours(2, seconds), seconds, judge, seed: 1, killEvery: 12 },
        members: [{ name: "only", start: async (store) => world.keeper(store === undefined ? {} : { store }) }],
      });
      expect(kills).to.be.above(5);
      expect(mined.filter(({ ok }) => ok).length).to.be.above(50);
      expect(brief(mined.filter(({ ok }) => !ok)).length).to.be.at.most(mined.length / 20);
      // alone it is away for six blocks after each kill
      expect(missed.length, missed.join(", ")).to.be.at.most(kills * 8 * 8);
      for (const member of members) await expectBookAgrees(world, member);
    },
    { timeout: 900_000 },
  );
});
