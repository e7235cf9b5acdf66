import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { runAll, type AllOptions } from "../../scripts/replay/all";
import type { Comparison } from "../../scripts/replay/report/comparison";
import type { ReplayResult } from "../../scripts/replay/model/result";
import { runHere, start } from "./commandLine";

const REPLAY = ["index.html", "result.csv", "result.json", "series.json"];
const read = (...path: string[]): unknown => JSON.parse(readFileSync(join(...path), "utf8"));

describe("every scenario at once", function () {
  this.timeout(180_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "replay-all-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const asked = (out: string, change: Partial<AllOptions>): AllOptions => ({
    ...{ scenarios: ["flash-wick", "tariff-2025-10"], engines: ["none"], bookToDepth: 150, buffer: 0, seed: 1 },
    ...{ match: "distance" as const, keepers: "profit" as const },
    ...{
      fromSeconds: 0,
      toSeconds: 300,
      amplification: false,
      out,
      overwrite: false,
      formats: ["json", "csv", "html"],
    },
    ...{ command: "all of it", commandOf: (name: string) => `only ${name}` },
    ...{ onProgress: () => undefined, onFailure: () => undefined },
    ...change,
  });

  it("runs LUNA, without an ETH market, and a second scenario through all three engines, and writes them all", async () => {
    const out = join(folder, "all");
    // LUNA falls by a tenth in these 20 minutes
    const args = ["--all", "--scenario", "luna-2022,calm-week", "--from", "690m", "--to", "710m", "--no-amplification"];
    const { code, stdout, stderr } = await start([...args, "--out", out]).ended;
    expect(stderr)
      .to.contain("luna-2022, spillway: done of 20 steps")
      .and.contain("calm-week, aave-v3: done of 4 steps");
    expect(code).to.equal(0);
    expect(stdout).to.contain("luna-2022").and.contain("Morpho Blue").and.contain(`${out}/index.html`);
    expect(readdirSync(out).sort()).to.deep.equal([
      "calm-week",
      "index.html",
      "luna-2022",
      "results.csv",
      "results.json",
    ]);
    for (const name of ["luna-2022", "calm-week"]) expect(readdirSync(join(out, name)).sort()).to.deep.equal(REPLAY);

    const comparison = read(out, "results.json") as Comparison;
    const luna = read(out, "luna-2022", "result.json") as ReplayResult;
    expect(comparison.outcomes.map((one) => "result" in one && one.result)).to.deep.equal([
      luna,
      read(out, "calm-week", "result.json"),
    ]);
    expect(comparison.totals.scenarios).to.deep.equal(["luna-2022"]);
    for (const engine of ["spillway", "aave-v3", "morpho-blue"]) {
      const figures = luna.engines[engine];
      expect(figures?.liquidatedPct, engine).to.be.above(0);
      expect(figures?.gasUsed, engine).to.be.above(0);
      expect(figures?.gasCostPct, engine).to.be.above(0);
      expect(figures?.worstLtvPct, engine).to.be.above(62.5);
      expect(figures?.timeOverLimitMinutes.p100, engine).to.be.above(0);
      const { open, liquidate, other } = figures!.transactions;
      expect(engine === "spillway" ? open : liquidate, engine).to.be.above(0);
      expect(engine === "spillway" ? liquidate : open, engine).to.equal(0);
      expect(other, engine).to.equal(0);
      expect(comparison.totals.engines[engine]?.excessDrawdownPct).to.equal(figures?.excessDrawdownPct);
    }
    expect(luna.parameters["etherUsd"]).to.equal(2240);
    expect(luna.command)
      .to.contain("--scenario luna-2022")
      .and.contain(`--out ${out}/luna-2022`)
      .and.not.contain("--all");
    expect(comparison.command).to.contain("--all --").and.contain("--scenario luna-2022,calm-week");
    const page = readFileSync(join(out, "index.html"), "utf8");
    expect(page).to.contain('href="luna-2022/index.html"').and.contain('href="calm-week/index.html"');
    const lines = readFileSync(join(out, "results.csv"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => line.split(",").slice(0, 2).join())).to.deep.equal([
      "scenario,engine",
      ...["luna-2022", "calm-week"].flatMap((name) =>
        ["spillway", "aave-v3", "morpho-blue"].map((engine) => `${name},${engine}`),
      ),
    ]);
  });

  it("tells of a scenario that fails, keeps the others, and writes only what is asked for", async () => {
    const out = join(folder, "failing");
    const failures: string[] = [];
    const comparison = await runAll(
      asked(out, {
        formats: ["json"],
        // a file where the folder of the scenario is to be made
        onProgress: (name) => {
          if (name === "flash-wick") writeFileSync(join(out, `flash-wick.new-${process.pid}`), "in the way");
        },
        onFailure: (name, code, message) => failures.push(`${name} ${code} ${message}`),
      }),
    );
    expect(failures).to.have.lengthOf(1);
    expect(failures[0]).to.match(/^flash-wick INTERNAL .*EEXIST/);
    expect(comparison.outcomes[0])
      .to.include({ scenario: "flash-wick" })
      .and.have.nested.property("error.code", "INTERNAL");
    expect(comparison.totals).to.deep.include({ scenarios: ["tariff-2025-10"], asked: 1 });
    expect(readdirSync(out).sort()).to.deep.equal(["results.json", "tariff-2025-10"]);
    expect(readdirSync(join(out, "tariff-2025-10")).sort()).to.deep.equal(["result.json", "series.json"]);
  });

  it("ends a window at the end of a shorter scenario", async () => {
    const out = join(folder, "short");
    const window = { fromSeconds: 21_300, toSeconds: 21_900, scenarios: ["flash-wick", "oracle-lag"] };
    const { outcomes } = await runAll(asked(out, window));
    expect(outcomes.map((one) => "result" in one && one.result.engines["none"]?.steps)).to.deep.equal([5, 10]);
  });

  it("refuses bad input before anything is written", async () => {
    const foreign = join(folder, "foreign");
    mkdirSync(join(foreign, "may-2021"), { recursive: true });
    writeFileSync(join(foreign, "may-2021", "thesis.txt"), "precious");
    const out = join(folder, "refused");
    const cases: [args: string[], code: string, words: string][] = [
      [["--scenario", "may-2021,nope"], "UNKNOWN_SCENARIO", '"nope"'],
      [["--scenario", "may-2021,may-2021"], "BAD_INPUT", "twice"],
      [["--from", "7h"], "BAD_INPUT", "flash-wick"],
      [["--engines", "none,maker"], "UNKNOWN_ENGINE", '"maker"'],
      [["--prices", "prices.csv"], "BAD_INPUT", "--prices"],
      [["--port", "8545"], "BAD_INPUT", "--port"],
      [["--format", "json,pdf"], "BAD_INPUT", "--format json,pdf"],
      [["--out", foreign, "--overwrite"], "OUT_NOT_EMPTY", "may-2021/thesis.txt"],
    ];
    for (const [args, code, words] of cases) {
      const { stderr, code: exit } = await runHere(["--all", "--out", out, ...args]);
      expect(stderr, args.join(" "))
        .to.match(new RegExp(`^${code}: `))
        .and.contain(words);
      expect(exit, args.join(" ")).to.equal(2);
    }
    expect(existsSync(out)).to.equal(false);
    expect(readFileSync(join(foreign, "may-2021", "thesis.txt"), "utf8")).to.equal("precious");
  });

  it("leaves whole folders and no comparison when it is interrupted, and can be run over that", async () => {
    const out = join(folder, "interrupted");
    const args = ["--all", "--scenario", "flash-wick,black-thursday", "--engines", "none", "--no-amplification"];
    args.push("--out", out);
    const replay = start(args);
    for (let tries = 0; tries < 2000 && !existsSync(join(out, "flash-wick")); tries++) await sleep(50);
    replay.child.kill("SIGINT");
    expect((await replay.ended).code).to.equal(130);
    expect(readdirSync(out)).to.deep.equal(["flash-wick"]);
    expect(readdirSync(join(out, "flash-wick")).sort()).to.deep.equal(REPLAY);

    const again = await start([...args, "--to", "2m", "--format", "html", "--overwrite"]).ended;
    expect(again.code).to.equal(0);
    expect(readdirSync(out).sort()).to.deep.equal(["black-thursday", "flash-wick", "index.html"]);
    expect(readdirSync(join(out, "flash-wick"))).to.deep.equal(["index.html"]);
  });
});
