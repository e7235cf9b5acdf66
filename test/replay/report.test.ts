import { expect } from "chai";
import { parse } from "csv-parse/sync";
import { buildCharts } from "../../scripts/replay/report/charts";
import { renderCsv } from "../../scripts/replay/report/csv";
import { downsample, MAX_POINTS, type Point } from "../../scripts/replay/report/downsample";
import { renderReport } from "../../scripts/replay/report/html";
import {
  bestEngines,
  figure,
  formatNumber,
  measure,
  MEASURES,
  shown,
  valueOf,
} from "../../scripts/replay/report/measures";
import { renderTable } from "../../scripts/replay/report/table";
import { verdict } from "../../scripts/replay/report/verdict";
import type { EngineResult, ReplayResult } from "../../scripts/replay/model/result";
import { figures, keeper, sample, sampleSeries } from "./report-sample";

/** A run of Spillway against one peer, of which only the named figures differ. */
function duel(own: Partial<EngineResult>, peer: Partial<EngineResult>): ReplayResult {
  return { ...sample(), engines: { spillway: figures(own), "aave-v3": figures(peer) } };
}

/** The cells of the terminal's row with this label, marks included. */
function tableRow(table: string, label: string): string[] {
  const line = table.split("\n").find((text) => text.startsWith(`│ ${label}`));
  if (line === undefined) throw new Error(`no row ${label}`);
  return line
    .split("│")
    .slice(2, -1)
    .map((cell) => cell.trim());
}

/** The text of the cells of the page's row with this label. */
function pageRow(page: string, label: string): string[] {
  const [, rest = ""] = page.split(`<span class="measure">${label.replaceAll("'", "&#39;")}</span>`);
  const [row = ""] = rest.split("</tr>");
  return [...row.matchAll(/<td role="cell"[\s\S]*?<\/td>/g)].map(([cell]) =>
    cell
      .replace(/<span class="(who|kinds)"[\s\S]*?<\/span\s*>/g, "")
      .replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ")
      .trim(),
  );
}

/** What a script element of the page holds, as the browser reads it. */
function embedded(page: string, id: string): unknown {
  const [, rest = ""] = page.split(`<script type="application/json" id="${id}">`);
  return JSON.parse(rest.split("</script>")[0] ?? "");
}

describe("replay report: measures", () => {
  it("rounds to two decimals, and further where that would show nothing", () => {
    expect(formatNumber(7.3291)).to.equal("7.33");
    expect(formatNumber(0.05)).to.equal("0.05");
    expect(formatNumber(0.00421)).to.equal("0.0042");
    expect(formatNumber(-0.00421)).to.equal("−0.0042");
    expect(formatNumber(1e-9)).to.equal("1.0e-9");
    expect(formatNumber(0)).to.equal("0.00");
    expect(formatNumber(-0)).to.equal("0.00");
    expect(formatNumber(182_334_551, 0)).to.equal("182,334,551");
    expect(formatNumber(null)).to.equal("n/a");
    expect(formatNumber(Number.NaN)).to.equal("n/a");
  });

  it("has labels that fit the terminal's table", () => {
    for (const { label } of MEASURES) expect(label.length, label).to.be.at.most(28);
  });

  it("marks the lower or the higher figure as the measure says, whoever has it", () => {
    const { engines } = duel({ badDebtPct: 2, bufferPnlPct: -1 }, { badDebtPct: 1, bufferPnlPct: 0 });
    expect([...bestEngines(measure("badDebtPct"), engines)]).to.deep.equal(["aave-v3"]);
    expect([...bestEngines(measure("bufferPnlPct"), engines)]).to.deep.equal(["aave-v3"]);
  });

  it("marks every engine that shares the best figure as shown, and none when all do", () => {
    const { engines } = sample();
    expect([...bestEngines(measure("peakInventoryPct"), engines)]).to.have.members(["aave-v3", "morpho-blue"]);
    const same = duel({ badDebtPct: 1.2041 }, { badDebtPct: 1.2044 });
    expect(bestEngines(measure("badDebtPct"), same.engines).size).to.equal(0);
  });

  it("never marks the baseline, a figure that is missing, or a measure that has no better end", () => {
    const { engines } = sample();
    for (const row of MEASURES) expect(bestEngines(row, engines).has("none"), row.field).to.equal(false);
    expect(bestEngines(measure("keeperProfitPct"), engines).size).to.equal(0);
    const missing = duel({ amplification: null }, { amplification: 1.8 });
    expect(bestEngines(measure("amplification"), missing.engines).size).to.equal(0);
  });
});

describe("replay report: verdict", () => {
  const head = (own: Partial<EngineResult>, peer: Partial<EngineResult>): string => verdict(duel(own, peer)).headline;

  it("says that Spillway is ahead only when it is behind in neither depth nor bad debt", () => {
    expect(head({ excessDrawdownPct: 1 }, { excessDrawdownPct: 2 })).to.equal("Spillway came out ahead");
    expect(head({ excessDrawdownPct: 1, badDebtPct: 1 }, { excessDrawdownPct: 2 })).to.equal(
      "A mixed result for Spillway",
    );
    expect(head({ excessDrawdownPct: 3 }, { excessDrawdownPct: 2 })).to.equal("Spillway did worse");
    expect(head({}, {})).to.equal("Spillway made no difference");
  });

  it("tells a loss as plainly as a win", () => {
    const { comparison, engines } = verdict(
      duel(
        { excessDrawdownPct: 9.5, badDebtPct: 2.25, lenderLossPct: 1.5, bufferPnlPct: -3 },
        { excessDrawdownPct: 4, badDebtPct: 0 },
      ),
    );
    const text = comparison.replaceAll("\u00a0", " ");
    expect(text).to.contain("It deepened the crash more than Aave v3 (9.50 % against 4.00 %).");
    expect(text).to.contain("It left more bad debt than Aave v3 (2.25 % against 0.00 %).");
    expect(text).to.contain("Another engine has the better figure in: crash made deeper by, bad debt, lenders' loss");
    const own = engines[0]?.sentence.replaceAll("\u00a0", " ");
    expect(own).to.contain("deepened the crash by 9.50 % and left bad debt of 2.25 % of the book");
    expect(own).to.contain("lenders lost 1.50 %, its buffer lost 3.00 %");
  });

  it("tells peers apart that Spillway beats from those it does not", () => {
    const { engines } = sample();
    const result = { ...sample(), engines: { ...engines, spillway: figures({ excessDrawdownPct: 5 }) } };
    expect(verdict(result).headline).to.equal("A mixed result for Spillway");
    expect(verdict(result).comparison.replaceAll("\u00a0", " ")).to.contain(
      "less than Aave v3 (5.00 % against 7.33 %) and more than Morpho Blue (5.00 % against 4.12 %)",
    );
  });

  it("does not compare where there is nothing to compare", () => {
    const { engines } = sample();
    const only = (...ids: string[]): string =>
      verdict({ ...sample(), engines: Object.fromEntries(ids.map((id) => [id, engines[id] ?? figures()])) }).headline;
    expect(only("spillway")).to.equal("Spillway ran alone");
    expect(only("spillway", "none")).to.equal("Spillway ran alone");
    expect(only("aave-v3", "morpho-blue")).to.equal("Spillway did not take part in this run");
  });

  it("has one sentence for each engine, in the same order everywhere", () => {
    const { engines } = verdict(sample());
    expect(engines.map(({ engine }) => engine)).to.deep.equal(["spillway", "aave-v3", "morpho-blue", "none"]);
    for (const { sentence } of engines) expect(sentence).to.match(/^[A-Z][^.]*(\.\d+[^.]*)*\.$/);
  });
});

describe("replay report: table", () => {
  it("shows each figure under its engine, the best marked", () => {
    const result = sample();
    const table = renderTable(result);
    for (const row of MEASURES) {
      const best = bestEngines(row, result.engines);
      const expected = ["spillway", "aave-v3", "morpho-blue", "none"].map(
        (id) => `${best.has(id) ? "✓ " : ""}${shown(row, result.engines[id])}`,
      );
      expect(tableRow(table, row.label), row.field).to.deep.equal(expected);
    }
    expect(tableRow(table, "Crash made deeper by, %")).to.deep.equal(["✓ 0.84", "7.33", "4.12", "0.00"]);
    expect(tableRow(table, "Amplification, ×")[3]).to.equal("n/a");
  });

  it("fits 100 columns with one to four engines", () => {
    const { engines } = sample();
    const ids = Object.keys(engines);
    for (let count = 1; count <= ids.length; count++) {
      const some = Object.fromEntries(ids.slice(-count).map((id) => [id, engines[id] ?? figures()]));
      const lines = renderTable({ ...sample(), engines: some }).split("\n");
      for (const line of lines) expect(line.length, line).to.be.at.most(100);
    }
  });

  it("ends with the verdict and the whole state roots", () => {
    const table = renderTable(sample());
    const { headline, engines } = verdict(sample());
    expect(table).to.contain(headline);
    for (const { sentence } of engines) expect(table.replace(/\n {2}/g, " ")).to.contain(`- ${sentence}`);
    for (const { stateRoot } of Object.values(sample().engines)) expect(table).to.contain(stateRoot);
    expect(table.replace(/\n {2}/g, " "))
      .to.contain("transactions of Spillway: open 31, buy 1,204, absorb 17, buy inventory 212, sync 8, reverted 3\n")
      .and.contain("transactions of Aave v3: liquidate 142\n");
    expect(table).to.not.contain("transactions of No liquidations");
  });
});

describe("replay report: rivals", () => {
  const shares = [
    keeper({ profitPct: 0.0412, won: 1001, reverted: 12, revertedGas: 2_400_123, revertedGasCostPct: 0.0021 }),
    keeper({ profitPct: -0.0078, won: 3, reverted: 45, revertedGas: 9_000_456, revertedGasCostPct: 0.0079 }),
  ];
  const contest = (): ReplayResult => ({
    ...sample(),
    parameters: { ...sample().parameters, rivals: 1 },
    engines: { spillway: figures({ perKeeper: shares }), "aave-v3": figures() },
  });
  const cells = [
    ["The first", "0.041", "1,001", "12", "2,400,123", "0.0021"],
    ["Rival 1", "−0.0078", "3", "45", "9,000,456", "0.0079"],
  ];

  it("stand in the table and on the page, each with what it earned", () => {
    const lines = renderTable(contest()).split("\n");
    for (const line of lines) expect(line.length, line).to.be.at.most(100);
    const rows = lines.map((line) =>
      line
        .split("│")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    for (const row of cells) expect(rows).to.deep.include(row);

    const page = renderReport(contest(), sampleSeries());
    const [, section = ""] = page.split('<section aria-labelledby="keepers">');
    const [table = "", ...more] = (section.split("</section>")[0] ?? "").split("</table>");
    expect(more).to.have.length(1);
    expect(table).to.contain("Keepers of Spillway");
    const found = [...table.matchAll(/<tr>[\s\S]*?<\/tr>/g)]
      .slice(1)
      .map(([row]) => [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = ""]) => cell.trim()));
    expect(found).to.deep.equal(cells);
    expect(page).to.match(/<dt>Rivals<\/dt>\s*<dd>1<\/dd>/);
  });

  it("are left out where there are none", () => {
    expect(renderTable(sample())).to.not.contain("Keepers of");
    expect(renderReport(sample(), sampleSeries())).to.not.contain("Who earned what");
  });
});

describe("replay report: CSV", () => {
  it("gives back every figure unrounded, and nothing for null", () => {
    const result = sample();
    const rows: Record<string, string>[] = parse(renderCsv(result), { columns: true });
    expect(rows.map(({ engine }) => engine)).to.deep.equal(["spillway", "aave-v3", "morpho-blue", "none"]);
    for (const row of rows) {
      const engine = result.engines[row["engine"] ?? ""];
      for (const { field } of MEASURES) {
        expect(row[field], field).to.equal(String(valueOf(engine, field) ?? ""));
      }
      expect(row["gasCostPct"]).to.equal(String(engine?.gasCostPct));
      expect(row["timeOverLimitMinutes.p90"]).to.equal(String(engine?.timeOverLimitMinutes.p90));
      for (const [kind, count] of Object.entries(engine?.transactions ?? {})) {
        expect(row[`transactions.${kind}`], kind).to.equal(String(count));
      }
    }
  });

  it("quotes what would break a line", () => {
    const rows: string[][] = parse(renderCsv({ ...sample(), engines: { 'a,"b"\n': figures() } }));
    expect(rows).to.have.length(2);
    expect(rows[1]?.[0]).to.equal('a,"b"\n');
  });
});

describe("replay report: charts", () => {
  const ids = (charts: { id: string }[]): string[] => charts.map(({ id }) => id);

  it("leaves out what has no figures", () => {
    const all = ["price", "gap", "sold", "rate", "bad-debt", "underwater", "buffer", "multiple"];
    expect(ids(buildCharts(sampleSeries()))).to.deep.equal(all);
    const { "aave-v3": aave } = sampleSeries();
    if (aave === undefined) throw new Error("no series");
    expect(ids(buildCharts({ "aave-v3": aave }))).to.deep.equal(all.slice(0, 6));
    expect(buildCharts({})).to.deep.equal([]);
    expect(buildCharts({ "aave-v3": { ...aave, time: [] } })).to.deep.equal([]);
  });

  it("goes on without a line that is missing, short or not a number", () => {
    const { spillway } = sampleSeries();
    if (spillway === undefined) throw new Error("no series");
    const { feed: _, ...rest } = spillway;
    const broken = { ...rest, pool: [Number.NaN, 150], badDebtPct: [] } as unknown as typeof spillway;
    const charts = buildCharts({ spillway: broken });
    expect(ids(charts)).not.to.include("bad-debt");
    const price = charts.find(({ id }) => id === "price");
    expect(price?.lines.map(({ name }) => name)).to.deep.equal(["Outside price", "Spillway"]);
    expect(price?.lines[1]?.extremes.lowest[1]).to.equal(150);
  });

  it("counts what was sold in the hour up to each step", () => {
    const { spillway } = sampleSeries();
    if (spillway === undefined) throw new Error("no series");
    const minutes = Array.from({ length: 181 }, (_, i) => i);
    const series = {
      ...spillway,
      time: minutes.map((i) => i * 60),
      soldPct: minutes.map((i) => (i < 90 ? 0 : i < 100 ? 4 : 10)),
    };
    const rate = buildCharts({ spillway: series }).find(({ id }) => id === "rate");
    const sold = rate?.lines.find(({ name }) => name === "Spillway");
    expect(sold?.extremes.highest).to.deep.equal([100 * 60, 10]);
    expect(sold?.extremes.last).to.deep.equal([180 * 60, 0]);
    expect(sold?.points.find(([time]) => time === 90 * 60)?.[1]).to.equal(4);
  });

  it("thins out long lines but keeps their ends, peaks, troughs and gaps", () => {
    const line = Array.from({ length: 20_000 }, (_, i): Point => [i, Math.sin(i / 50) + (i % 7) / 100]);
    line[777] = [777, 99];
    line[888] = [888, -99];
    line[9_999] = [9_999, null];
    const thin = downsample(line);
    expect(thin.length).to.be.within(MAX_POINTS / 2, MAX_POINTS);
    for (const index of [0, 777, 888, 9_999, 19_999]) expect(thin).to.deep.include(line[index]);
    for (const [time, value] of thin) expect(line[time]).to.deep.equal([time, value]);
    expect(thin.map(([time]) => time)).to.deep.equal(thin.map(([time]) => time).sort((a, b) => a - b));
  });

  it("keeps only the corners of a flat line", () => {
    const line = Array.from({ length: 5_000 }, (_, i): Point => [i, i < 2_500 ? 0 : 1]);
    expect(downsample(line)).to.deep.equal([
      [0, 0],
      [2_499, 0],
      [2_500, 1],
      [4_999, 1],
    ]);
  });
});

describe("replay report: page", () => {
  it("shows each figure under its engine, the best marked in words", () => {
    const result = sample();
    const page = renderReport(result, sampleSeries());
    for (const row of MEASURES) {
      const best = bestEngines(row, result.engines);
      const expected = ["spillway", "aave-v3", "morpho-blue", "none"].map(
        (id) => `${shown(row, result.engines[id])}${best.has(id) ? " ✓ best" : ""}`,
      );
      expect(pageRow(page, row.label), row.field).to.deep.equal(expected);
    }
  });

  it("carries the result unrounded, the verdict, the roots and the command", () => {
    const result = sample();
    const page = renderReport(result, sampleSeries());
    expect(embedded(page, "result")).to.deep.equal(result);
    expect(page).to.contain(verdict(result).headline);
    for (const { stateRoot } of Object.values(result.engines)) expect(page).to.contain(`<td>${stateRoot}</td>`);
    const [, command = ""] = /<code>([\s\S]*?)<\/code>/.exec(page) ?? [];
    expect(command.replace(/<[^>]*>/g, "")).to.equal(result.command);
    expect(page).to.contain(figure("excessDrawdownPct", result.engines["aave-v3"] ?? figures()));
  });

  it("lets no text of the result become markup", () => {
    const evil = `</script><script>document.title="owned"</script><img src=x onerror=alert(1)>"'&<!--`;
    const result: ReplayResult = {
      ...sample(),
      scenario: evil,
      command: evil,
      versions: { [evil]: evil },
      parameters: { ...sample().parameters, [evil]: evil, nested: { [evil]: [evil] } },
      engines: { spillway: figures({ stateRoot: evil }), [evil]: figures() },
    };
    const { spillway } = sampleSeries();
    if (spillway === undefined) throw new Error("no series");
    const series = { spillway, [evil]: spillway };
    const page = renderReport(result, series);
    expect(page).not.to.match(/<img|<!--|<script>document/i);
    expect(page.match(/<script/g)).to.have.length(3);
    expect(embedded(page, "result")).to.deep.equal(result);
  });

  it("shows a missing figure as missing, and a run without series without charts", () => {
    const page = renderReport({ ...sample(), engines: { spillway: figures({ amplification: null }) } }, {});
    expect(pageRow(page, "Amplification")).to.deep.equal(["n/a"]);
    expect(page).to.contain("This run left no series to draw.");
    expect(embedded(page, "charts")).to.deep.equal([]);
    const [body = ""] = (page.split("<body>")[1] ?? "").split("<script");
    expect(body).not.to.match(/NaN|undefined|null/);
  });

  it("names a forked node by its host only, wherever its address stands", () => {
    const url = "https://user:pass@node.example/v2/secret-key";
    const { parameters, ...rest } = sample();
    const result = { ...rest, command: `replay --fork ${url}`, parameters: { ...parameters, fork: { url, block: 7 } } };
    const page = renderReport(result, {});
    expect(page).to.contain("https://node.example/YOUR-KEY, block 7");
    expect(page).to.contain("replay --fork https://node.example/YOUR-KEY");
    expect(page).not.to.match(/secret-key|user:pass/);
    const plain = { ...result, parameters: { ...parameters, fork: { url: "http://127.0.0.1:8545", block: 7 } } };
    expect(renderReport(plain, {})).to.contain("http://127.0.0.1:8545, block 7");
  });
});
