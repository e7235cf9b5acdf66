import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { parse } from "csv-parse/sync";
import { SpillwayError } from "../../scripts/lib";
import { marketFor } from "../../scripts/replay/engines/spillwayParameters";
import { jobId, type Outcome } from "../../scripts/replay/sweep/job";
import { override, parameterNames } from "../../scripts/replay/model/overrides";
import { parseAxis, planSweep } from "../../scripts/replay/sweep/plan";
import { renderSweepCsv } from "../../scripts/replay/sweep/report/csv";
import { renderSweepPage } from "../../scripts/replay/sweep/report/html";
import { frontier, renderFrontier } from "../../scripts/replay/sweep/report/table";
import { SweepFolder } from "../../scripts/replay/sweep/store";
import { summarize } from "../../scripts/replay/sweep/summary";
import { figures } from "./report-sample";
import { sampleSweep, sweepOptions } from "./sweep-sample";

/** The one line of the error with that code that a call must throw. */
function refused(code: string, call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    expect(error.code).to.equal(code);
    expect(error.message).to.not.contain("\n");
    return error.message;
  }
  throw new Error("nothing was refused");
}

describe("what a sweep varies", () => {
  it("is read with its name and values", () => {
    expect(parseAxis("book-to-depth=50,100,150,300")).to.deep.equal({
      name: "book-to-depth",
      values: [50, 100, 150, 300],
    });
    expect(parseAxis("buffer=0,0.05")).to.deep.equal({ name: "buffer", values: [0, 0.05] });
    expect(parseAxis("keepers=profit, service")).to.deep.equal({ name: "keepers", values: ["profit", "service"] });
    expect(parseAxis("pace=1.25")).to.deep.equal({ name: "pace", values: [1.25] });
  });

  it("is refused in one line that names what there is", () => {
    const unknown = refused("BAD_INPUT", () => parseAxis("speed=1,2"));
    for (const name of parameterNames) expect(unknown).to.contain(name);
    expect(refused("BAD_INPUT", () => parseAxis("toString=1"))).to.contain("toString");
    expect(refused("BAD_INPUT", () => parseAxis("pace"))).to.contain("name=value");
    expect(refused("BAD_INPUT", () => parseAxis("pace=1,3,1"))).to.contain("twice");
    expect(refused("BAD_INPUT", () => parseAxis("pace=1,,3"))).to.contain("0.01 to 100 %/h");
    expect(refused("BAD_INPUT", () => parseAxis("pace=0"))).to.contain("0.01 to 100 %/h");
    expect(refused("BAD_INPUT", () => parseAxis("pace=0.001"))).to.contain("0.01");
    expect(refused("BAD_INPUT", () => parseAxis("pace=1.255"))).to.contain("finer");
    expect(refused("BAD_INPUT", () => parseAxis("keepers=profit,1"))).to.contain('"1" is not profit or service');
    expect(refused("BAD_INPUT", () => parseAxis("buffer=-1"))).to.contain("0 to 10");
  });

  it("reaches the field that it names, in the contracts' units, and no other", () => {
    const market = marketFor("ETH", {});
    const changed = override(market, { idleTime: 90, maxDiscount: 5.5, targetLtv: 0.9, "inventory.haircut": 7 });
    expect(changed).to.deep.equal({
      ...market,
      lane: { ...market.lane, idleTime: 5400, maxDiscountBps: 550, targetLtvBps: 7470 },
      inventory: { ...market.inventory, haircutBps: 700 },
    });
    expect(override(market, {})).to.deep.equal(market);
    expect(override(market, { "inventory.paceShare": 25 }).inventory.paceShareBps).to.equal(2500);
  });

  it("takes the target from the lltv of the market, also when that is varied", () => {
    expect(override(marketFor("ETH", {}), { targetLtv: 0.95, lltv: 82 }).lane.targetLtvBps).to.equal(7790);
  });

  it("has every number of the deployment's lane, by its name there", () => {
    const { lane } = marketFor("ETH", {});
    const numbers = Object.entries(lane).filter(([, value]) => typeof value === "number");
    expect(numbers.length).to.be.above(10);
    for (const [field] of numbers) expect(parameterNames).to.include(field.replace(/Bps$/, ""));
  });

  it("is refused where the contracts would refuse the market", () => {
    const cases: [Record<string, number>, string][] = [
      [{ maxDiscount: 9 }, "twice maxDiscount"],
      [{ absorbLtv: 83 }, "absorbLtv must be over lltv"],
      [{ absorbDiscount: 5 }, "twice absorbDiscount"],
      [{ firstDiscount: 7 }, "firstDiscount must not be over maxDiscount"],
      [{ urgency: 1.5 }, "urgency must be a whole number"],
      [{ maxLtv: 90 }, "maxLtv"],
      [{ minPremium: 5 }, "minPremium"],
      [{ maxPremium: 20, slopePerMinute: 0.01 }, "a lane must fall, and within a day"],
      [{ "inventory.premium": 0, "inventory.maxDiscount": 0 }, "inventory's price"],
    ];
    for (const [values, words] of cases) {
      const message = refused("BAD_INPUT", () => override(marketFor("ETH", {}), values));
      expect(message).to.contain(words).and.contain(Object.keys(values)[0]);
    }
  });
});

describe("the plan of a sweep", () => {
  it("has every combination once, each with every scenario and seed", () => {
    const points = planSweep(sweepOptions(), "code");
    expect(points).to.have.lengthOf(3 * 2 * 2);
    expect(points[1]?.values).to.deep.equal({ pace: 1, buffer: 0, "book-to-depth": 150 });
    const runs = points.flatMap((point) => point.runs);
    expect(runs).to.have.lengthOf(12 * 2 * 2);
    expect(new Set(runs.map(({ id }) => id)).size).to.equal(48);
    expect(runs[0]?.job).to.deep.include({
      scenario: "black-thursday",
      seed: 1,
      bookToDepth: 50,
      overrides: { pace: 1 },
    });
  });

  it("takes what is told to the keepers and of the buffer from its axes, and what is not varied from the options", () => {
    const axes = [parseAxis("keepers=service,profit"), parseAxis("minPremium=0.5")];
    const jobs = planSweep(sweepOptions({ axes, seeds: 1, scenarios: ["may-2021"] }), "code").map(
      ({ runs }) => runs[0],
    );
    expect(jobs.map((run) => run?.job.keepers)).to.deep.equal(["service", "profit"]);
    expect(jobs.map((run) => run?.job.overrides)).to.deep.equal([{ minPremium: 0.5 }, { minPremium: 0.5 }]);
    expect(jobs[0]?.job.buffer).to.equal(0.02);
    expect(jobs[0]?.id).to.not.equal(jobs[1]?.id);
    const [point] = planSweep(sweepOptions({ keepers: "service" }), "code");
    expect(point?.runs[0]?.job.keepers).to.equal("service");
  });

  it("names a job by all that it is told and by the code, whatever the order of the axes", () => {
    const ids = (options: ReturnType<typeof sweepOptions>, code = "code"): string[] =>
      planSweep(options, code)
        .flatMap(({ runs }) => runs.map(({ id }) => id))
        .sort();
    const axes = [...sweepOptions().axes, { name: "idleTime", values: [30] }];
    expect(ids(sweepOptions({ axes }))).to.deep.equal(ids(sweepOptions({ axes: axes.toReversed() })));
    const all = new Set(ids(sweepOptions()));
    for (const other of [
      ids(sweepOptions(), "other"),
      ids(sweepOptions({ toSeconds: 600 })),
      ids(sweepOptions({ stepSeconds: 30 })),
    ]) {
      expect(other.filter((id) => all.has(id))).to.deep.equal([]);
    }
    const [first] = planSweep(sweepOptions(), "code");
    const run = first!.runs[0]!;
    expect(jobId({ ...run.job })).to.equal(run.id);
  });

  it("is refused before anything runs", () => {
    expect(refused("BAD_INPUT", () => planSweep(sweepOptions({ axes: [] }), ""))).to.contain("--vary");
    const twice = [parseAxis("pace=1"), parseAxis("pace=2")];
    expect(refused("BAD_INPUT", () => planSweep(sweepOptions({ axes: twice }), ""))).to.contain("pace twice");
    expect(refused("UNKNOWN_SCENARIO", () => planSweep(sweepOptions({ scenarios: ["nope"] }), ""))).to.contain("nope");
    expect(refused("BAD_INPUT", () => planSweep(sweepOptions({ toSeconds: 1e9 }), ""))).to.contain("--to");
    const clash = [parseAxis("absorbLtv=91,95")];
    expect(refused("BAD_INPUT", () => planSweep(sweepOptions({ axes: clash }), ""))).to.contain("absorbLtv 95");
  });
});

describe("the summary of a sweep", () => {
  it("has means over scenarios and seeds, and the worst of any run, whichever end is worse", () => {
    const { points } = sampleSweep();
    const point = points.find(
      ({ values }) => values["pace"] === 3 && values["buffer"] === 0.1 && values["book-to-depth"] === 150,
    )!;
    expect(point.mean.excessDrawdownPct).to.be.closeTo(2.25 + 0.15, 1e-12);
    expect(point.worst.excessDrawdownPct).to.be.closeTo(2.25 + 0.2, 1e-12);
    expect(point.mean.bufferPnlPct).to.be.closeTo(0.35, 1e-12);
    expect(point.worst.bufferPnlPct).to.be.closeTo(0.3, 1e-12);
    expect(point.scenarios["may-2021"]?.excessDrawdownPct).to.be.closeTo(2.4, 1e-12);
    expect(point.runs).to.have.lengthOf(4);
  });

  it("finds the points that no other beats, and takes what reads the same for the same", () => {
    const sweep = sampleSweep();
    const on = frontier(sweep).map(({ values }) => values);
    // at a depth of 150 all is worse; without a buffer a faster pace trades depth for bad debt, with one for borrowers' loss
    expect(on).to.have.lengthOf(6);
    expect(on.every((values) => values["book-to-depth"] === 50)).to.equal(true);
    expect(on[0]).to.deep.equal({ pace: 1, buffer: 0.1, "book-to-depth": 50 });

    // a thousandth of a per cent of loss counts for nothing; of bad debt, which is somebody's, any does
    const planned = planSweep(sweepOptions({ axes: [{ name: "pace", values: [1, 3] }] }), "code");
    const frontierWhen = (field: "borrowerLossPct" | "badDebtPct", change: number): boolean[] => {
      const outcomes = planned.flatMap(({ values, runs }) =>
        runs.map(({ id }): [string, Outcome] => {
          const figure = values["pace"] === 1 ? 0 : change;
          const { amplification: _, wallSeconds, stepsPerSecond: __, stateRoot, ...all } = figures({ [field]: figure });
          return [id, { figures: all, wallSeconds, stateRoot }];
        }),
      );
      return summarize(planned, new Map(outcomes)).map((point) => point.frontier);
    };
    expect(frontierWhen("borrowerLossPct", 0.001)).to.deep.equal([true, true]);
    expect(frontierWhen("borrowerLossPct", 0.01)).to.deep.equal([true, false]);
    expect(frontierWhen("badDebtPct", 0.0003)).to.deep.equal([true, false]);
  });

  it("is in the CSV unrounded, a row a point", () => {
    const sweep = sampleSweep();
    const rows = parse<Record<string, string>>(renderSweepCsv(sweep), { columns: true });
    expect(rows).to.have.lengthOf(12);
    for (const [index, { values, mean, worst, frontier: on }] of sweep.points.entries()) {
      expect(rows[index]).to.include({
        pace: String(values["pace"]),
        buffer: String(values["buffer"]),
        frontier: String(on),
        excessDrawdownPctMean: String(mean.excessDrawdownPct),
        bufferPnlPctWorst: String(worst.bufferPnlPct),
      });
    }
  });

  it("shows the frontier in the terminal", () => {
    const text = renderFrontier(sampleSweep());
    expect(text).to.contain("book-to-depth").and.contain("%/h").and.contain("6 of 12 points");
    expect(text.split("\n").every((line) => line.length <= 150)).to.equal(true);
  });

  it("lets no text become markup in the page", () => {
    const page = renderSweepPage({ ...sampleSweep(), command: "<script>alert(1)</script>" });
    expect(page).to.not.contain("<script>alert");
    expect(page).to.contain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });
});

describe("the folder of a sweep", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sweep-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const { id, job } = planSweep(sweepOptions(), "code")[0]!.runs[0]!;
  const {
    amplification: _,
    stepsPerSecond: __,
    stateRoot: ___,
    wallSeconds: ____,
    ...rest
  } = figures({ excessDrawdownPct: 0.1 + 0.2 });
  const outcome: Outcome = { figures: rest, stateRoot: "0x1", wallSeconds: 1 };

  it("keeps what is done, and gives it back as it was", () => {
    new SweepFolder(folder).keep(id, job, outcome);
    expect(new SweepFolder(folder).read(id)).to.deep.equal(outcome);
    expect(new SweepFolder(folder).read("other")).to.equal(undefined);
    expect(readdirSync(join(folder, "jobs"))).to.deep.equal([`${id}.json`]);
  });

  it("sweeps away what was half-written, and only that", () => {
    mkdirSync(join(folder, "jobs"));
    writeFileSync(join(folder, "jobs", `${id}.json.part-77`), "{");
    writeFileSync(join(folder, "sweep.csv.part-77"), "pa");
    writeFileSync(join(folder, "sweep.csv"), "pace\n");
    new SweepFolder(folder);
    expect(readdirSync(folder).sort()).to.deep.equal(["jobs", "sweep.csv"]);
    expect(readdirSync(join(folder, "jobs"))).to.deep.equal([]);
  });

  it("refuses a folder with something else in it, and a result that is none", () => {
    writeFileSync(join(folder, "thesis.txt"), "precious");
    expect(refused("OUT_NOT_EMPTY", () => new SweepFolder(folder))).to.contain("thesis.txt");
    expect(existsSync(join(folder, "jobs"))).to.equal(false);
    rmSync(join(folder, "thesis.txt"));
    const store = new SweepFolder(folder);
    writeFileSync(join(folder, "jobs", `${id}.json`), '{"job":{}}');
    expect(refused("BAD_INPUT", () => store.read(id))).to.contain(`${id}.json`);
    const { gasCostPct: _, ...less } = outcome.figures;
    store.keep(id, job, { ...outcome, figures: less as Outcome["figures"] });
    expect(refused("BAD_INPUT", () => store.read(id))).to.contain(`${id}.json`);
  });
});
