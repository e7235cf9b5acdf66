import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { SpillwayError } from "../../scripts/lib";
import { FeedRule } from "../../scripts/replay/market/feed";
import { plan } from "../../scripts/replay/run";
import { findScenario, scenarios } from "../../scripts/replay/scenarios";
import { scenarioSchema, type Scenario } from "../../scripts/replay/model/scenario";

const whole = { stepSeconds: 60, fromSeconds: 0 };

describe("scenarios", () => {
  // Binance spot, lowest of the 1-minute candles and the minute (UTC) it was reached
  const lows: [scenario: string, asset: string, low: number, minute: string, steps: number][] = [
    ["black-thursday", "ETH", 86, "2020-03-13T02:16Z", 2880],
    ["may-2021", "ETH", 1888, "2021-05-19T13:10Z", 2880],
    ["luna-2022", "LUNA", 0.00354, "2022-05-12T14:54Z", 4680],
    ["yen-carry-2024", "ETH", 2111, "2024-08-05T01:10Z", 2880],
    ["tariff-2025-10", "ETH", 3435, "2025-10-10T21:20Z", 2880],
    ["keeper-outage", "ETH", 2111, "2024-08-05T01:10Z", 2880],
    ["bank-run", "ETH", 1888, "2021-05-19T13:10Z", 2880],
    ["contagion", "ETH", 86, "2020-03-13T02:16Z", 2880],
    ["contagion", "BTC", 3782.13, "2020-03-13T02:16Z", 2880],
  ];
  for (const [name, asset, low, minute, steps] of lows) {
    it(`${name} has ${asset}'s low of the real minute data, at its minute`, () => {
      const { scenario, paths, start } = plan({ scenario: name, ...whole });
      const path = paths[scenario.collaterals.findIndex((collateral) => collateral.asset === asset)] ?? [];
      const found = Math.min(...path);
      expect(Math.abs(found / low - 1)).to.be.below(0.005);
      expect(Math.abs(start + 60 * path.indexOf(found) - Date.parse(minute) / 1000)).to.be.at.most(300);
      expect(path).to.have.lengthOf(steps);
    });
  }

  it("counts as real what happened, and nothing else", () => {
    const real = scenarios.filter((scenario) => scenario.real).map(({ name }) => name);
    expect(real).to.deep.equal(["black-thursday", "may-2021", "luna-2022", "yen-carry-2024", "tariff-2025-10"]);
  });

  it("has the same assumptions everywhere, but for the late feed of oracle-lag", () => {
    const shared = ({ feedback, arbitrage, borrowers, lenders }: Scenario) => ({
      feedback,
      arbitrage,
      borrowers,
      lenders,
    });
    for (const scenario of scenarios) {
      expect(shared(scenario), scenario.name).to.deep.equal(shared(findScenario("black-thursday")));
      expect(scenario.feed.lags, scenario.name).to.have.lengthOf(scenario.name === "oracle-lag" ? 1 : 0);
    }
  });

  it("flash-wick falls by 20 % and is back within 3 minutes", () => {
    const path = plan({ scenario: "flash-wick", ...whole }).paths[0] ?? [];
    expect(Math.min(...path)).to.be.closeTo(1600, 1e-9);
    expect(path.filter((price) => Math.abs(price / 2000 - 1) > 1e-9).length).to.be.at.most(3);
  });

  it("oracle-lag leaves the feed 3.4 % over the market while it falls", () => {
    const { scenario, paths, start } = plan({ scenario: "oracle-lag", ...whole });
    const path = paths[0] ?? [];
    const [lag] = scenario.feed.lags;
    const rule = new FeedRule(scenario.feed, path[0] ?? 0, start);
    let feed = path[0] ?? 0;
    const gaps = path.map((price, minute) => {
      const late = lag && lag.fromMinute <= minute && minute < lag.toMinute ? lag.extraSeconds : 0;
      feed = rule.step(start + 60 * minute, price, late) ?? feed;
      return 100 * (feed / price - 1);
    });
    expect(Math.max(...gaps)).to.be.closeTo(3.4, 0.1);
    expect(gaps.at(-1)).to.be.closeTo(0, 1e-9);
  });

  it("calm-week never leaves 2 % of where it began, in steps of its own", () => {
    const { stepSeconds, paths } = plan({ scenario: "calm-week", fromSeconds: 0 });
    expect(stepSeconds).to.equal(300);
    expect(paths[0]).to.have.lengthOf(2016);
    for (const price of paths[0] ?? []) expect(Math.abs(price / 2000 - 1)).to.be.below(0.02);
  });

  it("takes a file in place of the path of every scenario with one collateral", () => {
    const folder = mkdtempSync(join(tmpdir(), "prices-"));
    const file = join(folder, "prices.csv");
    const rows = Array.from({ length: 30 }, (_, row) => `${1_700_000_040 + 60 * row},10,11,${row === 9 ? 4 : 9},10`);
    writeFileSync(file, ["timestamp,open,high,low,close", ...rows].join("\n"));
    for (const { name, collaterals } of scenarios) {
      const read = () => plan({ scenario: name, ...whole, prices: file });
      if (collaterals.length > 1)
        expect(read, name).to.throw(SpillwayError, "several").with.property("code", "BAD_INPUT");
      else {
        expect(read().paths[0], name).to.have.lengthOf(30);
        expect(Math.min(...(read().paths[0] ?? [])), name).to.equal(4);
      }
    }
    rmSync(folder, { recursive: true });
  });

  it("wants an ether price where no collateral has one, and only there", () => {
    const { etherUsd, ...without } = writable("luna-2022");
    expect(etherUsd).to.be.above(0);
    const paths = (written: unknown) =>
      scenarioSchema.safeParse(written).error?.issues.map((issue) => issue.path.join("."));
    expect(paths(without)).to.deep.equal(["etherUsd"]);
    expect(paths({ ...writable("may-2021"), etherUsd: 2000 })).to.deep.equal(["etherUsd"]);
    expect(paths(writable("may-2021"))).to.equal(undefined);
  });

  it("keeps the low at any step", () => {
    for (const stepSeconds of [30, 60, 300, 900]) {
      const { paths } = plan({ scenario: "black-thursday", ...whole, stepSeconds });
      expect(Math.min(...(paths[0] ?? []))).to.equal(86);
    }
  });

  it("each has as many prices as its time needs, and a name of its own", () => {
    for (const { start, end, collaterals } of scenarios) {
      for (const { closes, everyMinutes, extremes } of collaterals) {
        const minutes = (end - start) / 60;
        expect((closes.length - 1) * everyMinutes).to.be.within(minutes - 1 - everyMinutes, minutes + everyMinutes);
        for (const [minute] of extremes) expect(minute).to.be.below(minutes);
      }
    }
    expect(new Set(scenarios.map(({ name }) => name)).size).to.equal(scenarios.length);
  });

  it("refuses an unknown name and says which there are", () => {
    expect(() => findScenario("grey-friday"))
      .to.throw(SpillwayError, "black-thursday")
      .with.property("code", "UNKNOWN_SCENARIO");
  });

  it("refuses a window that is none", () => {
    const window = (from: number, to: number) => () =>
      plan({ scenario: "black-thursday", stepSeconds: 60, fromSeconds: from, toSeconds: to });
    expect(window(3600, 3600)).to.throw(SpillwayError, "--from").with.property("code", "BAD_INPUT");
    expect(window(0, 49 * 3600))
      .to.throw(SpillwayError, "48 h")
      .with.property("code", "BAD_INPUT");
  });

  it("refuses a scenario that ends before it starts", () => {
    const written = { ...writable("black-thursday"), start: "2020-03-14T00:00:00Z" };
    const first = scenarioSchema.safeParse({ ...written, end: "2020-03-15T00:00:00Z" });
    expect(first.success).to.equal(true);
    const second = scenarioSchema.safeParse({ ...written, end: "2020-03-13T00:00:00Z" });
    expect(second.error?.issues.map((issue) => issue.path.join("."))).to.deep.equal(["end"]);
  });
});

/** A scenario as it would be written. */
function writable(name: string) {
  const { collaterals, gas, start, end, ...rest } = findScenario(name);
  return {
    ...rest,
    start: new Date(start * 1000).toISOString(),
    end: new Date(end * 1000).toISOString(),
    collaterals: collaterals.map((collateral) => ({ ...collateral, closes: [collateral.closes] })),
    gas: { ...gas, gwei: [gas.gwei] },
  };
}
