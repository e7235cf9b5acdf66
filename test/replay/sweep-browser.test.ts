import { expect } from "chai";
import type { BrowserContextOptions, Page } from "playwright-core";
import { formatNumber } from "../../scripts/replay/report/measures";
import { renderSweepPage } from "../../scripts/replay/sweep/report/html";
import type { Sweep } from "../../scripts/replay/sweep/summary";
import { type Shown, useBrowser } from "../chromium";
import { sampleSweep, sweepOptions } from "./sweep-sample";

describe("sweep: page in a browser", function () {
  this.timeout(60_000);
  const showPage = useBrowser();
  const show = (sweep: Sweep, options?: BrowserContextOptions): Promise<Shown> =>
    showPage(renderSweepPage(sweep), options);

  /** What stands in the cells of a heat map. */
  const cells = async (page: Page, field: string): Promise<string[]> =>
    (await page.locator(`#plot-${field} svg text`).allTextContents())
      .filter((text) => /^−?\d+\.\d\d( ★)?$/.test(text))
      .sort();

  it("draws every heat map with the figures of the sweep, without a complaint and without the network", async () => {
    const sweep = sampleSweep();
    const { page, problems } = await show(sweep);
    for (const field of ["excessDrawdownPct", "badDebtPct", "borrowerLossPct", "bufferPnlPct"] as const) {
      // the third axis stands at its first value
      const expected = sweep.points
        .filter(({ values }) => values["book-to-depth"] === 50)
        .map(({ mean, frontier }) => `${mean[field].toFixed(2)}${frontier ? " ★" : ""}`);
      expect(await cells(page, field), field).to.deep.equal(expected.sort());
      expect(await page.locator(`#plot-${field}`).getAttribute("aria-label")).to.match(/lowest .+ at Pace .+; highest/);
    }
    expect(await page.locator("#plot-trade svg path").count()).to.be.at.least(sweep.points.length);
    expect(problems).to.deep.equal([]);
  });

  it("redraws for other axes, values and figures, with the keyboard alone", async () => {
    const sweep = sampleSweep();
    const { page, problems } = await show(sweep);
    await page.locator('select[data-fix="book-to-depth"]').selectOption("150");
    await page.locator("#kind").focus();
    await page.keyboard.press("ArrowDown");
    const worst = sweep.points.filter(({ values }) => values["book-to-depth"] === 150);
    expect(await cells(page, "excessDrawdownPct")).to.deep.equal(
      worst.map((point) => `${point.worst.excessDrawdownPct.toFixed(2)}${point.frontier ? " ★" : ""}`).sort(),
    );
    expect(await page.locator("#live").textContent()).to.contain("drawn anew");

    // one axis can't go both ways
    await page.locator("#across").selectOption("buffer");
    expect(await page.locator("#upwards").inputValue()).to.equal("pace");
    await page.locator("#upwards").selectOption("book-to-depth");
    expect(await cells(page, "badDebtPct")).to.have.lengthOf(4);
    expect(await page.locator('label[data-rest="pace"]').isVisible()).to.equal(true);
    expect(await page.locator('label[data-rest="buffer"]').isVisible()).to.equal(false);
    expect(problems).to.deep.equal([]);
  });

  it("draws an axis of words, and shows what its points are", async () => {
    const axes = [
      { name: "pace", values: [1, 3] },
      { name: "buffer", values: [0, 0.1] },
      { name: "keepers", values: ["profit", "service"] },
    ];
    const sweep = sampleSweep(sweepOptions({ axes }));
    const { page, problems } = await show(sweep);
    await page.locator('select[data-fix="keepers"]').selectOption("service");
    expect(await cells(page, "badDebtPct")).to.have.lengthOf(4);
    await page.locator("#across").selectOption("keepers");
    expect(await page.locator("#plot-badDebtPct").getAttribute("aria-label")).to.match(/Keepers (profit|service)/);
    expect(await page.locator("#points ~ .scroll tbody tr").last().innerText()).to.contain("service");
    expect(problems).to.deep.equal([]);
  });

  it("has all figures in its tables, and its landmarks and headings in order", async () => {
    const sweep = sampleSweep();
    const { page } = await show(sweep);
    const rows = page.locator("#points ~ .scroll tbody tr");
    expect(await rows.count()).to.equal(12);
    for (const [index, point] of sweep.points.entries()) {
      const text = await rows.nth(index).innerText();
      expect(text)
        .to.contain(formatNumber(point.mean.excessDrawdownPct))
        .and.contain(formatNumber(point.mean.badDebtPct));
      expect(text.includes("★")).to.equal(point.frontier);
    }
    expect(await page.locator("h1").count()).to.equal(1);
    const levels = await page
      .locator("h1, h2, h3")
      .evaluateAll((all) => all.map(({ tagName }) => Number(tagName.slice(1))));
    levels.forEach((level, index) => expect(level - (levels[index - 1] ?? 0)).to.be.at.most(1));
    expect(await page.locator("th:not([scope])").count()).to.equal(0);
    expect(await page.locator("main").count()).to.equal(1);
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`fits 360 pixels with one axis only, in ${colorScheme}`, async () => {
      const one = sampleSweep(sweepOptions({ axes: [{ name: "pace", values: [1, 3, 6] }] }));
      const { page, problems } = await show(one, { viewport: { width: 360, height: 740 }, colorScheme });
      for (const summary of await page.locator("summary").all()) await summary.click();
      expect(await page.evaluate("document.documentElement.scrollWidth")).to.equal(360);
      expect(await cells(page, "excessDrawdownPct")).to.have.lengthOf(3);
      expect(problems).to.deep.equal([]);
    });
  }
});
