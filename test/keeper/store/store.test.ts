import { type ChildProcess, spawn } from "node:child_process";
import fs, { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { buildSync } from "esbuild";

import type { Opportunity } from "../../../scripts/keeper/explain/opportunity";
import type { Position } from "../../../scripts/keeper/book/position";
import type { Notice } from "../../../scripts/keeper/store/Disk";
import { SqliteStore } from "../../../scripts/keeper/store/SqliteStore";
import type { Store } from "../../../scripts/keeper/store/Store";
import { checkpointOf, controllersAt, positionsAt } from "./chapters";

const SCOPE = "1:0xvault:0xsigner";
const taken: Opportunity = {
  ...{ kind: "buy", market: "M", owner: "o", taker: "t", amount: 5n, cost: 7n, block: 3, reason: "gas" },
  ...{ transaction: "0x1", takenAt: 9n, firstSeenBlock: 2, firstSeenAt: 8n, oraclePriceE36: 1n },
  ...{ gasUsed: 1n, gasPrice: 2n, tip: 3n, wouldHaveEarned: -4n },
};

async function positionsIn(store: Store): Promise<Position[] | undefined> {
  const positions: Position[] = [];
  return (await store.loadPositions((some) => positions.push(...some))) ? positions : undefined;
}

/** A stream of numbers below 2^32 from a seed. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state ^ (state >>> 13)) >>> 0;
  };
}

describe("SqliteStore", () => {
  let folder: string;
  let file: string;
  let notices: Notice[];
  const open = (path = file, scope = SCOPE): SqliteStore =>
    new SqliteStore(path, scope, (notice) => notices.push(notice));
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keeper-store-"));
    file = join(folder, "keeper.sqlite");
    notices = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("keeps checkpoints, of which each says what has changed, over restarts", async () => {
    for (let chapter = 1; chapter <= 30; chapter++) {
      const store = open();
      expect(store.loadCheckpoint()?.block).to.equal(chapter === 1 ? undefined : chapter - 1);
      expect(await store.saveCheckpoint(checkpointOf(chapter))).to.equal(true);
      if (chapter % 3 === 0) expect(await positionsIn(store)).to.deep.equal(positionsAt(chapter));
      store.close();
      const again = open();
      const head = { block: chapter, hash: `0x${chapter}`, controllers: controllersAt(chapter) };
      expect(again.loadCheckpoint()).to.deep.equal(head);
      expect(await positionsIn(again)).to.deep.equal(positionsAt(chapter));
      again.close();
    }
    expect(notices).to.deep.equal([]);
  });

  it("keeps the mark of the nonce and what others took, and nothing of another scope", () => {
    const store = open();
    store.pending.setMark("0xsigner", { nonce: 12, block: 1, hash: "0x1" });
    store.addOpportunities([taken]);
    store.close();
    const again = open();
    expect(again.pending.marks("0xsigner")?.last.nonce).to.equal(12);
    expect(again.opportunities()).to.deep.equal([taken]);
    again.close();
    const other = open(file, "2:0xvault:0xsigner");
    expect(other.pending.marks("0xsigner")).to.equal(undefined);
    expect(other.opportunities()).to.deep.equal([]);
    other.close();
  });

  it("counts nothing of a checkpoint that did not come to its end, nor of one that was begun after it", async () => {
    const store = open();
    for (let chapter = 1; chapter <= 3; chapter++) await store.saveCheckpoint(checkpointOf(chapter));
    const broken = { ...checkpointOf(5, true), positions: endingEarly(checkpointOf(5, true).positions) };
    let error: unknown;
    await store.saveCheckpoint(broken).catch((thrown: unknown) => (error = thrown));
    expect(String(error)).to.include("ended early");
    expect(await positionsIn(store)).to.deep.equal(positionsAt(3));
    await store.saveCheckpoint(checkpointOf(4));
    expect(await positionsIn(store)).to.deep.equal(positionsAt(4));
    await store.saveCheckpoint(checkpointOf(7));
    expect(await positionsIn(store)).to.deep.equal(positionsAt(7));
    store.close();
    const again = open();
    expect(await positionsIn(again)).to.deep.equal(positionsAt(7));
    again.close();
  });

  it("is refused while another store has it, and names the other's process", () => {
    const store = open();
    let error: unknown;
    try {
      open();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).to.include({
      code: "STORE_IN_USE",
      message: `another keeper (pid ${process.pid}) uses ${file}; stop it or give --store another file.`,
    });
    store.close();
    open().close();
    expect(readdirSync(folder)).to.deep.equal(["keeper.sqlite"]);
  });

  it("takes over from an owner that is dead, also where another process has got its number", () => {
    const store = open();
    const own = readFileSync(`${file}.owner`, "utf8");
    store.close();
    const info = JSON.parse(own) as { pid: number; startedAt: string; place: string };
    const dead = [{ ...info, startedAt: "1" }, { ...info, pid: 2 ** 22 + 1 }, "half a li"];
    for (const owner of dead) {
      writeFileSync(`${file}.owner`, typeof owner === "string" ? owner : JSON.stringify(owner));
      fs.mkdirSync(`${file}.lock`);
      open().close();
    }
    // one elsewhere can only be told by its heartbeat
    writeFileSync(`${file}.owner`, JSON.stringify({ ...info, place: "elsewhere" }));
    expect(() => open()).to.throw("another keeper");
    const longAgo = new Date(Date.now() - 120_000);
    fs.utimesSync(`${file}.owner`, longAgo, longAgo);
    open().close();
  });

  it("says what is wrong with a path that can't be used", () => {
    for (const path of [folder, join(folder, "none", "keeper.sqlite")]) {
      let error: unknown;
      try {
        open(path);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).to.include({ code: "BAD_CONFIG" });
      expect((error as Error).message).to.match(/^store: .* can't be used/);
    }
  });

  it("works on without a disk that is full, says so once, and is well again when there is room", async () => {
    const store = open();
    await store.saveCheckpoint(checkpointOf(1));
    const { writeSync } = fs;
    fs.writeSync = () => {
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    };
    try {
      expect(await store.saveCheckpoint(checkpointOf(2))).to.equal(false);
      store.pending.setMark("0xsigner", { nonce: 5, block: 1, hash: "0x1" });
      store.addOpportunities([taken]);
      expect(store.trouble).to.be.a("string");
      expect(notices.map(({ code }) => code)).to.deep.equal(["STORE_FAILS"]);
      expect(await positionsIn(store)).to.deep.equal(positionsAt(1));
    } finally {
      fs.writeSync = writeSync;
    }
    expect(await store.saveCheckpoint(checkpointOf(2, true))).to.equal(true);
    expect(store.trouble).to.equal(undefined);
    store.close();
    const again = open();
    expect(await positionsIn(again)).to.deep.equal(positionsAt(2));
    again.close();
  });

  it("works in memory where there is no room from the start", async () => {
    const { writeSync } = fs;
    fs.writeSync = () => {
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    };
    try {
      const store = open();
      expect(await store.saveCheckpoint(checkpointOf(1))).to.equal(true);
      expect(store.trouble).to.be.a("string");
      expect(await positionsIn(store)).to.deep.equal(positionsAt(1));
      expect(notices.map(({ code }) => code)).to.deep.equal(["STORE_FAILS"]);
      store.close();
    } finally {
      fs.writeSync = writeSync;
    }
  });

  for (const [name, spoil] of [
    [
      "that is not one",
      (path: string) => writeFileSync(path, "no database at all, but some text of a length\n".repeat(50)),
    ],
    ["that was halved", (path: string) => truncateSync(path, fs.statSync(path).size >> 1)],
  ] as const) {
    it(`puts a file ${name} aside, says so in one line, and begins anew`, async () => {
      const store = open();
      await store.saveCheckpoint(checkpointOf(1));
      store.close();
      for (const kept of ["keeper.sqlite.corrupt-1", "keeper.sqlite.corrupt-2"]) {
        notices = [];
        spoil(file);
        const again = open();
        expect(notices.map(({ code }) => code)).to.deep.equal(["STORE_CORRUPT"]);
        expect(notices[0]!.message).to.include(kept).and.not.include("\n");
        expect(existsSync(join(folder, kept))).to.equal(true);
        expect(again.loadCheckpoint()).to.equal(undefined);
        await again.saveCheckpoint(checkpointOf(1, true));
        expect(await positionsIn(again)).to.deep.equal(positionsAt(1));
        again.close();
      }
    });
  }

  it("never gives out a position that a flipped bit has changed", async () => {
    const store = open();
    for (let chapter = 1; chapter <= 9; chapter++) await store.saveCheckpoint(checkpointOf(chapter));
    store.pending.setMark("0xsigner", { nonce: 3, block: 1, hash: "0x1" });
    store.close();
    const sound = readFileSync(file);
    const next = random(7);
    const found = { whole: 0, anew: 0 };
    for (let flip = 0; flip < 150; flip++) {
      const bytes = Buffer.from(sound);
      const place = next() % bytes.length;
      bytes[place]! ^= 1 << (next() % 8);
      writeFileSync(file, bytes);
      notices = [];
      const again = open();
      const known = again.loadCheckpoint() !== undefined;
      const positions = known ? await positionsIn(again) : undefined;
      if (positions === undefined) {
        found.anew++;
        expect(again.loadCheckpoint()).to.equal(undefined);
        expect(await again.saveCheckpoint(checkpointOf(7))).to.equal(true);
        expect(await positionsIn(again)).to.deep.equal(positionsAt(7));
      } else {
        found.whole++;
        expect(notices).to.deep.equal([]);
        expect(positions, `bit of byte ${place}`).to.deep.equal(positionsAt(9));
      }
      again.close();
      for (const name of readdirSync(folder)) if (name !== "keeper.sqlite") rmSync(join(folder, name));
    }
    expect(found.anew).to.be.greaterThan(30);
    expect(found.whole).to.be.greaterThan(10);
  }).timeout(120_000);

  it("is whole after each of 100 kills at any byte of any write", async () => {
    const program = join(folder, "killed.cjs");
    buildSync({
      entryPoints: [join(__dirname, "killed.ts")],
      ...{ bundle: true, platform: "node", external: ["node-sqlite3-wasm"], outfile: program, logLevel: "error" },
    });
    const next = random(11);
    let known = 0;
    let torn = 0;
    for (let kill = 0; kill < 100; kill++) {
      const bytes = 1 + (next() % 150_000);
      const env = { PATH: process.env["PATH"], NODE_PATH: join(process.cwd(), "node_modules") };
      const child = spawn(process.execPath, [program, file, String(bytes), String(known)], { env });
      const { signal, out, err } = await endOf(child);
      expect(err).to.equal("");
      expect(signal).to.equal("SIGKILL");
      if (out === "") torn++;
      known = Number(out.trim().split("\n").at(-1) || known);
    }
    expect(known).to.be.greaterThan(50);
    expect(torn).to.be.greaterThan(5); // some got to the end of no checkpoint
    const store = open(file, "test");
    const { block } = store.loadCheckpoint()!;
    expect(await positionsIn(store)).to.deep.equal(positionsAt(block));
    store.close();
    expect(notices).to.deep.equal([]);
  }).timeout(300_000);
});

function* endingEarly(positions: Iterable<Position>): Generator<Position> {
  let left = 260;
  for (const position of positions) {
    if (left-- === 0) throw new Error("ended early");
    yield position;
  }
  throw new Error("ended early");
}

function endOf(child: ChildProcess): Promise<{ signal: string | null; out: string; err: string }> {
  let [out, err] = ["", ""];
  child.stdout!.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr!.on("data", (text: Buffer) => (err += text.toString()));
  return new Promise((resolve) => child.on("close", (_, signal) => resolve({ signal, out, err })));
}
