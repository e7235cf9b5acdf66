import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { ReplayResult, ReplaySeries } from "../../scripts/replay/model/result";
import { descendantsOf, isAlive, runHere, start } from "./commandLine";

describe("the replay's command line", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "replay-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("refuses bad input with one line, exit code 2, and nothing written", async () => {
    const badPrices = join(folder, "bad.csv");
    writeFileSync(badPrices, "timestamp,open,high,low,close\n60,1,1,1,1\n120,1,1,-1,1\n");
    const used = join(folder, "used");
    mkdirSync(used);
    writeFileSync(join(used, "result.json"), "{}");
    const foreign = join(folder, "foreign");
    mkdirSync(foreign);
    writeFileSync(join(foreign, "thesis.txt"), "precious");
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const port = (server.address() as AddressInfo).port.toString();
    const out = join(folder, "refused");

    const cases: [args: string[], code: string, words: string][] = [
      [["--scenario", "nope"], "UNKNOWN_SCENARIO", "black-thursday"],
      [["--engines", "none,maker"], "UNKNOWN_ENGINE", '"maker"'],
      [["--engines", "none,none"], "BAD_INPUT", "twice"],
      [["--prices", badPrices], "BAD_PRICES", 'row 3, column "low"'],
      [["--from", "3h", "--to", "2h"], "BAD_INPUT", "--from"],
      [["--step", "soon"], "BAD_INPUT", "--step soon"],
      [["--book-to-depth", "0"], "BAD_INPUT", "--book-to-depth 0"],
      [["--seed", "1.5"], "BAD_INPUT", "--seed 1.5"],
      [["--match", "size"], "BAD_INPUT", "--match size is none of distance, ltv"],
      [["--keepers", "altruism"], "BAD_INPUT", "--keepers altruism is none of profit, service"],
      [["--rivals", "16"], "BAD_INPUT", "--rivals 16 is not a number from 0 to 15"],
      [["--rivals", "1.5"], "BAD_INPUT", "--rivals 1.5 is not a whole number"],
      [["--fork", "http://127.0.0.1:1"], "BAD_INPUT", "--block"],
      [["--fork", "http://127.0.0.1:1/secret", "--block", "1"], "RPC_UNREACHABLE", "127.0.0.1:1"],
      [["--port", port], "PORT_IN_USE", port],
      [["--out", used], "OUT_NOT_EMPTY", "--overwrite"],
      [["--out", foreign, "--overwrite"], "OUT_NOT_EMPTY", "thesis.txt"],
      [["--colour"], "error", "--colour"],
    ];
    for (const [args, code, words] of cases) {
      const result = await runHere(["--engines", "none", "--to", "10m", "--out", out, ...args]);
      expect(result.stderr.trim().split("\n"), args.join(" ")).to.have.lengthOf(1);
      expect(result.stderr)
        .to.match(new RegExp(`^${code}: `))
        .and.contain(words)
        .and.not.contain("secret");
      expect(result.code, args.join(" ")).to.equal(2);
      expect(result.stdout).to.equal("");
    }
    const [args] = cases[0]!;
    expect(await start(args).ended).to.deep.equal(await runHere(args));
    server.close();
    expect(readdirSync(folder).sort()).to.deep.equal(["bad.csv", "foreign", "used"]);
    expect(readFileSync(join(foreign, "thesis.txt"), "utf8")).to.equal("precious");
  });

  it("names the scenarios and engines there are", async () => {
    const { code, stdout } = await start(["--list"]).ended;
    expect(code).to.equal(0);
    expect(stdout).to.contain("black-thursday").and.contain("none");
  });

  it("runs a file's prices, and writes figures, series and page", async () => {
    const prices = join(folder, "prices.csv");
    const rows = Array.from({ length: 20 }, (_, index) => {
      const low = index === 7 ? 61.5 : 99;
      return `${1_700_000_040 + 60 * index},100,101,${low},100`;
    });
    writeFileSync(prices, ["timestamp,open,high,low,close", ...rows].join("\n"));
    const out = join(folder, "result");
    const args = ["--prices", prices, "--engines", "none", "--seed", "3", "--out", out];
    const first = await start(args).ended;
    expect(first.stderr).to.contain("100 % of 20 steps");
    expect(first.code).to.equal(0);
    expect(first.stdout).to.contain("State root");
    expect(readdirSync(out).sort()).to.deep.equal(["index.html", "result.csv", "result.json", "series.json"]);
    const result = JSON.parse(readFileSync(join(out, "result.json"), "utf8")) as ReplayResult;
    expect(result).to.include({ scenario: "black-thursday", seed: 3 });
    expect(result.parameters).to.include({
      prices: "file",
      bookToDepth: 150,
      buffer: 0.02,
      keepers: "profit",
      rivals: 0,
      stepSeconds: 60,
      toSeconds: 1200,
    });
    expect(result.command).to.contain("--seed 3").and.contain("--buffer 0.02").and.contain("--keepers profit");
    expect(result.engines.none).to.include({ excessDrawdownPct: 0, steps: 20, amplification: null });
    const series = JSON.parse(readFileSync(join(out, "series.json"), "utf8")) as ReplaySeries;
    expect(Math.min(...(series.none?.outside ?? []))).to.equal(61.5);
    expect(series.none?.time[0]).to.equal(1_700_000_040);

    const again = await start([...args, "--overwrite"]).ended;
    expect(again.code).to.equal(0);
    const repeated = JSON.parse(readFileSync(join(out, "result.json"), "utf8")) as ReplayResult;
    expect(repeated.engines.none?.stateRoot).to.equal(result.engines.none?.stateRoot);
    expect(readdirSync(folder).filter((name) => name.startsWith("result"))).to.deep.equal(["result"]);
  });

  it("ends its chains on Ctrl-C, and leaves nothing half-written", async () => {
    const out = join(folder, "interrupted");
    const replay = start(["--engines", "none", "--out", out]);
    const pid = replay.child.pid ?? 0;
    let chains: number[] = [];
    for (let tries = 0; tries < 200 && chains.length < 2; tries++) {
      await sleep(50);
      chains = descendantsOf(pid).filter((child) => readName(child).includes("anvil"));
    }
    expect(chains).to.have.lengthOf(2);
    replay.child.kill("SIGINT");
    expect((await replay.ended).code).to.equal(130);
    for (let tries = 0; tries < 40 && chains.some(isAlive); tries++) await sleep(50);
    expect(chains.filter(isAlive)).to.deep.equal([]);
    expect(readdirSync(folder).filter((name) => name.startsWith("interrupted"))).to.deep.equal([]);
  });
});

function readName(pid: number): string {
  return spawnSync("ps", ["-p", pid.toString(), "-o", "comm="], { encoding: "utf8" }).stdout;
}
