import { expect } from "chai";
import type { BrowserContextOptions, Page } from "playwright-core";
import { buildCharts } from "../../scripts/replay/report/charts";
import { renderReport } from "../../scripts/replay/report/html";
import { MEASURES, shown } from "../../scripts/replay/report/measures";
import { verdict } from "../../scripts/replay/report/verdict";
import type { ReplayResult, ReplaySeries } from "../../scripts/replay/model/result";
import { type Shown, useBrowser } from "../chromium";
import { figures, sample, sampleSeries } from "./report-sample";

describe("replay report: page in a browser", function () {
  this.timeout(60_000);
  const showPage = useBrowser();
  const show = (result: ReplayResult, series: ReplaySeries, options?: BrowserContextOptions): Promise<Shown> =>
    showPage(renderReport(result, series), options);

  const width = (page: Page): Promise<number> => page.evaluate("document.documentElement.scrollWidth");

  it("draws every chart, without a complaint and without the network", async () => {
    const { page, problems } = await show(sample(), sampleSeries());
    const charts = buildCharts(sampleSeries());
    expect(await page.locator(".plot svg").count()).to.equal(charts.length);
    for (const { id, lines } of charts) {
      // A line is drawn as a path that has no fill; grid and axis lines are one segment each.
      const paths: string[] = await page
        .locator(`#chart-${id} svg path[fill="none"]`)
        .evaluateAll((all) => all.map((path) => path.getAttribute("d") ?? ""));
      const drawn = paths.filter((path) => path.length > 10);
      expect(drawn.length, id).to.be.at.least(lines.length);
      expect(await page.locator(`#chart-${id}`).getAttribute("aria-label"), id).to.have.length.greaterThan(40);
    }
    expect(problems).to.deep.equal([]);
  });

  it("shows the figures of the result to the reader", async () => {
    const result = sample();
    const { page } = await show(result, sampleSeries());
    const rows = page.locator(".figures tr:has(td)");
    expect(await rows.count()).to.equal(MEASURES.length);
    for (const [i, row] of MEASURES.entries()) {
      const texts = await rows.nth(i).locator(".value").allInnerTexts();
      const expected = ["spillway", "aave-v3", "morpho-blue", "none"].map((id) => shown(row, result.engines[id]));
      expect(texts, row.field).to.deep.equal(expected);
    }
    expect(await page.locator("#verdict").innerText()).to.equal(verdict(result).headline);
    expect(await page.locator("#command").textContent(), "as it is copied").to.equal(result.command);
  });

  it("shows what gas cost, the highest LTV, the times over the limit, and transactions by kind", async () => {
    const { page } = await show(sample(), sampleSeries());
    const cells = (label: string): Promise<string[]> =>
      page.locator(".figures tr", { hasText: label }).locator(".value").allInnerTexts();
    expect(await cells("Cost of that gas")).to.deep.equal(["0.07", "0.031", "0.02", "0.00"]);
    expect(await cells("Highest LTV reached")).to.deep.equal(["93.41", "101.02", "101.02", "101.02"]);
    expect(await cells("Time over limit (median)")).to.deep.equal(["318", "0.2", "0.2", "0.2"]);
    expect(await cells("Time over limit (90 %)")).to.deep.equal(["1,266", "1.4", "1.4", "1.4"]);
    expect(await cells("Time over limit (longest)")).to.deep.equal(["1,889", "34", "34", "34"]);
    expect(await cells("Keepers' transactions")).to.deep.equal(["1,475", "142", "118", "0"]);
    const kinds = page.locator(".figures .kinds");
    expect(await kinds.allInnerTexts()).to.deep.equal([
      "open 31, buy 1,204, absorb 17, buy inventory 212, sync 8, reverted 3",
      "liquidate 142",
      "liquidate 117, reverted 1",
    ]);
    for (const one of await kinds.all()) expect(await one.isVisible()).to.equal(true);
    expect(await page.getByRole("banner").innerText()).to.match(/Spillway's keeper\s+for profit only/i);
    const keepers = page.locator("#run ~ details tr, section tr", { hasText: "What Spillway's keeper does" });
    expect(await keepers.locator("td").innerText()).to.equal("profit");
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`keeps text at least 4.5 to 1 against the page and lines 3 to 1, in ${colorScheme}`, async () => {
      const { page } = await show(sample(), sampleSeries(), { colorScheme });
      const names = ["ink", "muted", "accent", "spillway", "aave", "morpho", "baseline", "second", "other"];
      const colors = async (name: string): Promise<string> =>
        page.evaluate(`getComputedStyle(document.documentElement).getPropertyValue("--${name}").trim()`);
      for (const ground of ["paper", "raised", "best"]) {
        const back = luminance(await colors(ground));
        for (const name of names) {
          const front = luminance(await colors(name));
          const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
          expect(ratio, `${name} on ${ground}`).to.be.at.least(["ink", "muted", "accent"].includes(name) ? 4.5 : 3);
        }
      }
    });
  }

  it("has no sideways scroll at 360 pixels, even with everything open", async () => {
    const { page, problems } = await show(sample(), sampleSeries(), { viewport: { width: 360, height: 740 } });
    expect(await width(page)).to.equal(360);
    for (const summary of await page.locator("figure summary").all()) await summary.click();
    expect(await width(page)).to.equal(360);
    expect(problems).to.deep.equal([]);
  });

  it("can be used with the keyboard alone", async () => {
    const { page, problems } = await show(sample(), sampleSeries());
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).to.equal("Skip to the verdict");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).to.equal("main");

    const whole = await page.locator("#range").innerText();
    await page.getByRole("button", { name: "Zoom in" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.locator("#range").innerText()).not.to.equal(whole);
    await page.getByRole("button", { name: "Whole run" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.locator("#range").innerText()).to.equal(whole);

    await page.locator("#chart-price").focus();
    await page.keyboard.press("Home");
    expect(await page.locator("#live").textContent()).to.match(/^12 Mar 06:00 UTC: Outside price 19\d\.\d\d, /);
    await page.getByRole("checkbox", { name: "Aave v3" }).focus();
    await page.keyboard.press("Space");
    await page.locator("#chart-price").focus();
    await page.keyboard.press("End");
    const said = await page.locator("#live").textContent();
    expect(said).to.match(/^13 Mar 17:59 UTC: /);
    expect(said).to.contain("Morpho Blue").and.not.to.contain("Aave v3");
    expect(problems).to.deep.equal([]);
  });

  it("has its landmarks, one h1, headings in order and scoped table heads", async () => {
    const { page } = await show(sample(), sampleSeries());
    for (const role of ["banner", "main", "contentinfo"] as const)
      expect(await page.getByRole(role).count()).to.equal(1);
    const levels = await page
      .locator("h1, h2, h3, h4, h5, h6")
      .evaluateAll((all) => all.map(({ tagName }) => Number(tagName.slice(1))));
    expect(levels.filter((level) => level === 1)).to.deep.equal([1]);
    for (const [i, level] of levels.entries()) expect(level - (levels[i - 1] ?? 0)).to.be.at.most(1);
    expect(await page.locator("th:not([scope])").count()).to.equal(0);
    expect(await page.locator("button:not([type])").count()).to.equal(0);
    const ids = await page.locator("[id]").evaluateAll((all) => all.map(({ id }) => id));
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it("redraws in the light colours and the width of the paper when printed from a dark screen", async () => {
    const { page, problems } = await show(sample(), sampleSeries(), { colorScheme: "dark" });
    const stroke = (): Promise<string | null> =>
      page.locator('#chart-gap svg path[fill="none"][stroke-width="2.5"]').first().getAttribute("stroke");
    const dark = await stroke();
    await page.setViewportSize({ width: 700, height: 900 });
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    await page.waitForFunction(
      `document.querySelector('#chart-gap svg path[fill="none"][stroke-width="2.5"]').getAttribute("stroke") !== ${JSON.stringify(dark)}`,
    );
    expect(await page.locator(".tools").isVisible()).to.equal(false);
    expect(await width(page)).to.be.at.most(700);
    expect(problems).to.deep.equal([]);
  });

  it("draws one engine alone, with few steps and gaps", async () => {
    const { "aave-v3": aave } = sampleSeries();
    if (aave === undefined) throw new Error("no series");
    const short = Object.fromEntries(
      Object.entries(aave).map(([field, values]) => [field, (values as number[]).slice(0, 2)]),
    ) as unknown as typeof aave;
    const { page, problems } = await show({ ...sample(), engines: { "aave-v3": figures() } }, { "aave-v3": short });
    expect(await page.locator(".plot svg").count()).to.equal(buildCharts({ "aave-v3": short }).length);
    expect(await page.locator(".figures td.best").count()).to.equal(0);
    expect(problems).to.deep.equal([]);
  });

  it("runs no script that came with the data", async () => {
    const evil = `</script><script>document.title="owned"</script><img src=x onerror='document.title="owned"'>`;
    const { spillway } = sampleSeries();
    if (spillway === undefined) throw new Error("no series");
    const result = { ...sample(), scenario: evil, command: evil, engines: { [evil]: figures({ stateRoot: evil }) } };
    const { page, problems } = await show(result, { [evil]: spillway });
    await page.locator("#chart-price").focus();
    await page.keyboard.press("Home");
    expect(await page.locator(".tip").count()).to.equal(1);
    expect(await page.title()).to.contain("liquidation replay");
    expect(await page.locator("img").count()).to.equal(0);
    expect(problems).to.deep.equal([]);
  });
});

/** Relative luminance of `#rrggbb`, after WCAG 2. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((i) => {
    const part = parseInt(color.slice(i, i + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
