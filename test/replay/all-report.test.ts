import { expect } from "chai";
import { compare, SUMMED, type Outcome } from "../../scripts/replay/report/comparison";
import { renderComparison } from "../../scripts/replay/report/comparisonHtml";
import { renderComparisonTable } from "../../scripts/replay/report/comparisonTable";
import { sample } from "./report-sample";

const outcomes: Outcome[] = [
  { title: "A real one", real: true, result: { ...sample(), scenario: "first" } },
  { title: "Another <real> one", real: true, result: { ...sample(), scenario: "second" } },
  { title: "Made up", real: false, result: { ...sample(), scenario: "third" } },
  { title: "Lost", real: true, scenario: "fourth", error: { code: "RPC_ERROR", message: "no <luck>" } },
];

describe("the comparison of scenarios", () => {
  it("adds up the real crashes that were done, and takes the longest wait", () => {
    const { totals } = compare("command", outcomes);
    expect(totals).to.deep.include({ scenarios: ["first", "second"], asked: 3 });
    const { engines } = sample();
    for (const [engine, figures] of Object.entries(engines)) {
      for (const field of SUMMED) expect(totals.engines[engine]?.[field]).to.be.closeTo(2 * figures[field], 1e-9);
      expect(totals.engines[engine]?.timeUnderwaterMinutes).to.equal(figures.timeUnderwaterMinutes);
      expect(totals.engines[engine]?.worstLtvPct).to.equal(figures.worstLtvPct);
      expect(totals.engines[engine]?.transactions.liquidate).to.equal(2 * figures.transactions.liquidate);
    }
  });

  it("has no totals without a real crash, and still a page", () => {
    const comparison = compare("command", outcomes.slice(2, 3));
    expect(comparison.totals).to.deep.equal({ scenarios: [], asked: 0, engines: {} });
    expect(renderComparison(comparison, ["html"])).to.contain("No real crash was replayed");
    expect(renderComparison(compare("command", []), ["html"])).to.contain("No real crash was replayed");
  });

  it("shows each scenario's figures, marks the better, links the pages and tells what failed", () => {
    const page = renderComparison(compare("npm run replay -- --all", outcomes), ["html"]);
    expect(page).to.contain("The two real crashes together").and.contain("1 of those asked for failed");
    expect(page).to.contain('<a href="first/index.html">A real one</a>');
    expect(page).to.contain("Another &lt;real&gt; one").and.contain("no &lt;luck&gt;");
    expect(page).to.not.contain("<real>").and.not.contain("<script").and.not.contain("http://");
    // 7.3291 / 0.8437 and 4.1175 / 0.8437
    expect(page).to.contain("Aave v3 8.7 times, Morpho Blue 4.9 times as much");
    // what is shown of the first measure: 0.84 for Spillway, and marked, in each of three scenarios
    expect(
      page.match(/class="best"[^>]*>\s*<span class="who"[^>]*>Spillway<\/span\s*><span class="value">0\.84</g),
    ).to.have.lengthOf(3);
    expect(renderComparison(compare("command", outcomes), ["json"])).to.not.contain("first/index.html");
  });

  it("shows the same in the terminal", () => {
    const text = renderComparisonTable(compare("command", outcomes));
    expect(text).to.match(/│ first +│ +✓ 0\.84 │ +7\.33 │ +4\.12 │/);
    expect(text).to.match(/│ real crashes together \(2\) +│ +✓ 1\.69 │ +14\.66 │/);
    expect(text).to.match(/│ real crashes together \(2\) +│ +0\.14 │ +0\.06 │/);
    expect(text).to.match(/Highest LTV reached, %[\s\S]*│ real crashes together \(2\) +│ +✓ 93\.41 │/);
    // percentiles of two crashes make none of both
    expect(text).to.match(/Time over limit \(90 %\), min[^─]*─[^a-z]*first +│ +1,266 │ +✓ 1\.4 │/);
    expect(text.match(/real crashes together/g)).to.have.lengthOf(5);
    expect(text).to.contain("failed: fourth (RPC_ERROR)");
  });
});
