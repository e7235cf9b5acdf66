import { expect } from "chai";
import { type Comparison, compare } from "../../scripts/replay/report/comparison";
import { renderComparison } from "../../scripts/replay/report/comparisonHtml";
import { MEASURES } from "../../scripts/replay/report/measures";
import { useBrowser } from "../chromium";
import { sample } from "./report-sample";

/** Two real crashes and one that is made up, each with figures of its own. */
function comparison(): Comparison {
  const outcomes = ["first", "second", "third"].map((scenario, place) => {
    // the figures of a sample are every test's
    const result = { ...structuredClone(sample()), scenario };
    for (const figures of Object.values(result.engines)) figures.excessDrawdownPct += place;
    return { title: `Crash ${place}`, real: place < 2, result };
  });
  return compare("npm run replay -- --all --out out/all", outcomes);
}

describe("comparison: page in a browser", function () {
  this.timeout(60_000);
  const show = useBrowser();

  it("shows the figures of every scenario's result, without a complaint and without the network", async () => {
    const compared = comparison();
    const { page, problems } = await show(renderComparison(compared, ["html"]));
    const text = await page.locator("main").innerText();
    const [measure] = MEASURES.filter(({ field }) => field === "excessDrawdownPct");
    for (const outcome of compared.outcomes) {
      if (!("result" in outcome)) throw new Error("none of them failed");
      const row = page.locator("tr", { hasText: outcome.title }).first();
      for (const figures of Object.values(outcome.result.engines)) {
        expect(await row.innerText(), outcome.title).to.contain(measure?.format(figures.excessDrawdownPct));
      }
      expect(await page.getByRole("link", { name: outcome.title }).first().getAttribute("href")).to.equal(
        `${outcome.result.scenario}/index.html`,
      );
    }
    for (const figures of Object.values(compared.totals.engines)) {
      expect(text).to.contain(measure?.format(figures.excessDrawdownPct));
    }
    expect(await page.locator("#command").textContent()).to.equal(compared.command);
    // of two crashes together: gas and transactions add up, the highest LTV is that of one
    const totals = (label: string): Promise<string[]> =>
      page.locator('table[aria-labelledby="totals"] tr', { hasText: label }).locator(".value").allInnerTexts();
    expect(await totals("Cost of that gas")).to.deep.equal(["0.14", "0.06", "0.041", "0.00"]);
    expect(await totals("Highest LTV reached")).to.deep.equal(["93.41", "101.02", "101.02", "101.02"]);
    expect(await totals("Keepers' transactions")).to.deep.equal(["2,950", "284", "236", "0"]);
    expect(text)
      .to.contain("open 62, buy 2,408")
      .and.contain("open 31, buy 1,204")
      .and.contain("Time over limit (90 %)");
    expect(problems).to.deep.equal([]);
  });

  it("has one h1, headings in order, a main landmark, and no sideways scroll at 360 pixels", async () => {
    const { page } = await show(renderComparison(comparison(), ["html"]), { viewport: { width: 360, height: 740 } });
    const levels = await page.locator("h1, h2, h3").evaluateAll((all) => all.map(({ tagName }) => tagName));
    expect(levels.filter((level) => level === "H1")).to.have.lengthOf(1);
    expect(levels[0]).to.equal("H1");
    expect(await page.getByRole("main").count()).to.equal(1);
    expect(await page.evaluate("document.documentElement.scrollWidth")).to.be.at.most(360);
  });
});
