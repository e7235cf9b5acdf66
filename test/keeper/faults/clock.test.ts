import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { MARKETS, MILD, ofFaults, onWorld, openLanes } from "./support";

/** Moves the clock of a process that loads it by SKEW_MS. */
const SKEW = `
const skew = Number(process.env.SKEW_MS);
const now = Date.now.bind(Date);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now() + skew);
    else super(...args);
  }
  static now() {
    return now() + skew;
  }
};
`;

ofFaults("Keeper's clock", false, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "spillway-clock-"));
    writeFileSync(join(folder, "skew.cjs"), SKEW);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const seconds of [-60, 60]) {
    onWorld(
      `that goes ${Math.abs(seconds)} s ${seconds < 0 ? "slow" : "fast"} keeps it from nothing`,
      async (world) => {
        const toNow = (): number => Math.max(1, Math.floor(Date.now() / 1000) - world.timestamp);
        await world.mine([], { seconds: toNow() });
        const keeper = await world.keeper({
          ...{ settings: { maxLag: 120 }, env: { SKEW_MS: String(seconds * 1000) } },
          nodeArgs: ["--require", join(folder, "skew.cjs")],
        });
        await keeper.reaches(await world.head(), 30_000);
        expect(await keeper.readiness()).to.equal(200);
        await world.mine(world.priceCalls(MILD), { seconds: toNow() });
        await keeper.reaches(await world.head());
        await world.run([keeper], 5, undefined, { seconds: 1 });
        expect(await openLanes(world)).to.equal(MARKETS);
        expect(await keeper.readiness()).to.equal(200);
      },
    );
  }
});
