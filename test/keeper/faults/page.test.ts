import { expect } from "chai";

import type { Snapshot } from "../../../scripts/keeper/dashboard/snapshot";
import { useBrowser } from "../../chromium";
import { MARKETS, ofFaults, onWorld, settled, SHARP } from "./support";

ofFaults("Keeper's page", true, () => {
  const open = useBrowser();

  onWorld(
    "follows a running keeper through a fall",
    async (world) => {
      const keeper = await world.keeper();
      await settled(world, keeper);
      const { page, problems } = await open(`http://127.0.0.1:${keeper.port}/`);
      await page.locator("#status.ready").waitFor();
      expect(await page.locator("#lanes tbody tr").count()).to.equal(MARKETS);
      expect(await page.locator("#positions tbody tr").count()).to.be.greaterThan(MARKETS);

      await world.setPrice(SHARP);
      await world.run([keeper], 6);
      await page.locator("#actions tbody td.good", { hasText: "mined" }).first().waitFor();
      expect(await page.locator("#lanes td.good", { hasText: "open" }).count()).to.equal(MARKETS);
      expect(await page.locator("#profit tbody th").allInnerTexts()).to.include("open");
      const earned = await page.locator("#profit tbody tr", { hasText: "open" }).locator("td").nth(1).innerText();
      expect(Number.parseFloat(earned.replace(/,/g, ""))).to.be.greaterThan(0);
      const state = (await (await fetch(`http://127.0.0.1:${keeper.port}/state`)).json()) as Snapshot;
      const times = state.series.map(({ time }) => time);
      expect(times, "one sample a block, however often it is polled").to.deep.equal([...new Set(times)]);
      const shot = process.env["KEEPER_PAGE_SHOT"];
      if (shot !== undefined) await page.screenshot({ path: shot, fullPage: true });
      expect(problems).to.deep.equal([]);
    },
    { quick: true },
  );
});
