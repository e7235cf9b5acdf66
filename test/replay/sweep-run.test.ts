import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { WorkerPool } from "../../scripts/replay/jobs";
import { codeVersion } from "../../scripts/replay/sweep/codeVersion";
import { runSweepJob, type SweepJob } from "../../scripts/replay/sweep/job";
import type { Sweep } from "../../scripts/replay/sweep/summary";
import { type Running, descendantsOf, isAlive, runHere, start, watch } from "./commandLine";

/** Ten minutes in which ETH fell by 17 %. */
const FALL = { fromSeconds: 38_400, toSeconds: 39_000 };
const SWEEP = ["sweep", "--vary", "pace=1,3,6", "--from", "640m", "--to", "645m"];

const started: Running[] = [];

/** Ended after the test, come what may. */
function tracked(running: Running): Running {
  started.push(running);
  return running;
}

const replay = (args: readonly string[]): Running => tracked(start(args));

async function until(what: string, holds: () => boolean, seconds = 90): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > seconds * 20) throw new Error(`in ${seconds} s there was not: ${what}`);
    await sleep(50);
  }
}

const read = (folder: string): Sweep => JSON.parse(readFileSync(join(folder, "sweep.json"), "utf8")) as Sweep;
const done = (folder: string): string[] =>
  existsSync(join(folder, "jobs")) ? readdirSync(join(folder, "jobs")).filter((name) => name.endsWith(".json")) : [];

describe("a sweep that runs", function () {
  this.timeout(300_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sweep-run-"));
  });
  afterEach(async () => {
    for (const { child } of started.splice(0)) child.kill("SIGKILL");
    await sleep(200);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("refuses bad input with one line, exit code 2, and nothing written", async () => {
    const out = join(folder, "refused");
    const cases: [args: string[], code: string, words: string][] = [
      [["--vary", "speed=1"], "BAD_INPUT", "book-to-depth"],
      [["--vary", "pace=fast"], "BAD_INPUT", "%/h"],
      [["--vary", "absorbLtv=95"], "BAD_INPUT", "absorbDiscount"],
      [[], "BAD_INPUT", "--vary"],
      [["--vary", "pace=1", "--scenario", "black-thursday,nope"], "UNKNOWN_SCENARIO", "nope"],
      [["--vary", "pace=1", "--seeds", "0"], "BAD_INPUT", "--seeds"],
      [["--vary", "pace=1", "--engines", "none"], "error", "--engines"],
    ];
    for (const [args, code, words] of cases) {
      const run = await runHere(["sweep", ...args, "--out", out]);
      expect(run.code, args.join(" ")).to.equal(2);
      expect(run.stderr.trim().split("\n"), args.join(" ")).to.have.lengthOf(1);
      expect(run.stderr)
        .to.match(new RegExp(`^${code}: `))
        .and.contain(words);
    }
    const unreachable = ["--out", join(folder, "no-redis"), "--redis", "redis://:secret@127.0.0.1:1"];
    const redis = await runHere(["sweep", "--vary", "pace=1", ...unreachable]);
    expect(redis.code, redis.stderr).to.equal(2);
    expect(redis.stderr).to.contain("REDIS_UNREACHABLE: no Redis at 127.0.0.1:1").and.not.contain("secret");
    expect(
      redis.stderr
        .trim()
        .split("\n")
        .filter((line) => !line.endsWith("runs")),
    ).to.have.lengthOf(1);
    expect(existsSync(out)).to.equal(false);
  });

  it("gives the same state root for the same job, another for other parameters, and refuses a job of other code", async () => {
    const pool = new WorkerPool();
    const { signal } = new AbortController();
    const job: SweepJob = {
      ...{ code: codeVersion(), scenario: "black-thursday", seed: 1, bookToDepth: 150, buffer: 0.15, stepSeconds: 60 },
      keepers: "service",
      ...FALL,
      overrides: { pace: 3 },
    };
    const [one, again, other] = await Promise.all([
      runSweepJob(job, pool, signal),
      runSweepJob(job, pool, signal),
      runSweepJob({ ...job, overrides: { pace: 30 } }, pool, signal),
    ]);
    expect(one.stateRoot).to.match(/^0x[0-9a-f]{64}$/);
    expect(one.figures.liquidatedPct).to.be.above(0);
    expect(again.stateRoot).to.equal(one.stateRoot);
    expect(again.figures).to.deep.equal(one.figures);
    expect(other.stateRoot).to.not.equal(one.stateRoot);
    expect(other.figures.liquidatedPct).to.not.equal(one.figures.liquidatedPct);
    const refusal = await runSweepJob({ ...job, code: "other" }, pool, signal).catch(String);
    expect(refusal).to.contain("the code has changed");
  });

  it("goes on where it was killed, and leaves no process behind", async () => {
    const out = join(folder, "resumed");
    const first = replay([...SWEEP, "--out", out]);
    await until("a run that is done", () => done(out).length > 0);
    const family = descendantsOf(first.child.pid ?? 0);
    first.child.kill("SIGKILL");
    await first.ended;
    await until("an end of its processes", () => !family.some(isAlive));
    const kept = done(out);
    expect(kept.length).to.be.within(1, 2);
    expect(existsSync(join(out, "sweep.json"))).to.equal(false);
    const writtenAt = kept.map((name) => statSync(join(out, "jobs", name)).mtimeMs);

    const second = replay([...SWEEP, "--out", out]);
    expect((await second.ended).code, second.stderr).to.equal(0);
    expect(second.stderr).to.contain(`${kept.length} of 3 runs are done already`);
    expect(second.stderr).to.contain("100 % of 3 runs");
    expect(second.stdout).to.contain("The frontier");
    expect(kept.map((name) => statSync(join(out, "jobs", name)).mtimeMs)).to.deep.equal(writtenAt);
    expect(done(out)).to.have.lengthOf(3);
    expect(readdirSync(out).sort()).to.deep.equal(["index.html", "jobs", "sweep.csv", "sweep.json"]);
    const { points, command } = read(out);
    expect(points.map(({ values }) => values)).to.deep.equal([{ pace: 1 }, { pace: 3 }, { pace: 6 }]);
    expect(points.flatMap(({ runs }) => runs.map(({ job }) => `${job}.json`)).sort()).to.deep.equal(done(out).sort());
    expect(command).to.contain("--vary pace=1,3,6");
  });

  it("hands its runs to workers through Redis: none is lost when one dies, none is done twice", async function () {
    if (spawnSync("redis-server", ["--version"]).status !== 0) {
      console.warn("      No redis-server found: install one (apt-get install redis-server) to run this.");
      this.skip();
    }
    const port = await freePort();
    const redis = `redis://127.0.0.1:${port}`;
    const settings = { port: String(port), bind: "127.0.0.1", save: "", appendonly: "no", dir: folder };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const server = tracked(watch(spawn("redis-server", args, { stdio: ["ignore", "pipe", "pipe"] })));
    await until("a Redis", () => server.stdout.includes("Ready to accept connections"));

    const dying = replay(["sweep-worker", "--redis", redis]);
    await until("a worker", () => dying.stdout.includes("ready for jobs"));
    const out = join(folder, "queued");
    const sweep = replay([...SWEEP, "--out", out, "--redis", redis]);
    await until("a job begun", () => / begun\n/.test(dying.stdout));
    const family = descendantsOf(dying.child.pid ?? 0);
    const living = replay(["sweep-worker", "--redis", redis]);
    await until("another worker", () => living.stdout.includes("ready for jobs"));
    dying.child.kill("SIGKILL");
    await dying.ended;
    await until("an end of its processes", () => !family.some(isAlive));
    expect((await sweep.ended).code, sweep.stderr).to.equal(0);

    const ids = read(out).points.flatMap(({ runs }) => runs.map(({ job }) => job));
    const finished = (text: string): string[] => [...text.matchAll(/^(\w+) done$/gm)].map(([, id]) => id ?? "");
    const lost = [...dying.stdout.matchAll(/^(\w+) begun$/gm)].map(([, id]) => id ?? "");
    const abandoned = lost.filter((id) => !finished(dying.stdout).includes(id));
    expect(abandoned.length).to.be.above(0);
    expect(finished(living.stdout)).to.include.members(abandoned);
    expect([...finished(dying.stdout), ...finished(living.stdout)].sort()).to.deep.equal(ids.sort());

    // what is done is fetched from the queue, though nobody works any more
    living.child.kill("SIGKILL");
    await living.ended;
    const copy = join(folder, "fetched");
    const again = replay([...SWEEP, "--out", copy, "--redis", redis]);
    expect((await again.ended).code, again.stderr).to.equal(0);
    expect(read(copy).points).to.deep.equal(read(out).points);
    server.child.kill("SIGTERM");
    await server.ended;
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => {
        resolve(port);
      });
    });
  });
}
