import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Queue } from "bullmq";
import { expect } from "chai";
import { pino } from "pino";

import { assignmentsOf, readAssignment } from "../../scripts/keeper/coordination/assignment";
import { Fleet } from "../../scripts/keeper/coordination/Fleet";
import { readFleets } from "../../scripts/keeper/coordination/status";
import { before as goBefore, waitBehind } from "../../scripts/keeper/coordination/turns";
import type { Plan } from "../../scripts/keeper/plan";
import { SpillwayError } from "../../scripts/lib";
import type { MemberSetup, Order, Word } from "./fleetMember";
import { Redis, until } from "./redisServer";

const PREFIX = "spillway:1:0xvault";
const market = (n: number): string => `0x${String(n).padStart(40, "0")}`;
const job = (n: number): string => `sync:${market(n)}`;
/** `npm run test:keeper` runs everything; the project's default run leaves out what takes long. */
const slow = process.env["KEEPER_TESTS"] === "full" ? it : (): undefined => undefined;
const log = pino({ level: "silent" });

/** A member as a process of its own. */
class Member {
  readonly words: Word[] = [];
  private constructor(
    readonly id: string,
    readonly signer: string,
    readonly child: ChildProcess,
  ) {
    child.on("message", (word: Word) => this.words.push(word));
  }

  static spawn(url: string, id: string, name = "test"): Member {
    const signer = `signer of ${id}`;
    const setup: MemberSetup = { url, name, member: id, signer };
    const child = fork(join(__dirname, "fleetMember.ts"), {
      execArgv: ["--import", "tsx"],
      env: { ...process.env, NODE_OPTIONS: "", FLEET_MEMBER: JSON.stringify(setup) },
    });
    return new Member(id, signer, child);
  }

  async joined(): Promise<this> {
    await until(`${this.id} in the fleet`, () => this.words.some(({ kind }) => kind === "joined" || kind === "failed"));
    expect(this.words[0]).to.deep.equal({ kind: "joined" });
    return this;
  }

  tell(order: Order): void {
    if (this.child.connected) this.child.send(order);
  }

  get role(): string | undefined {
    return this.words.findLast((word) => word.kind === "role")?.role;
  }

  claims(): { job: string; block: number; at: number }[] {
    return this.words.filter((word) => word.kind === "claimed");
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await gone;
  }
}

describe("a fleet's assignments", () => {
  const block = { number: 7, hash: "0x", parentHash: "0x", timestamp: 0n, baseFeePerGas: 0n };
  const plan: Plan = {
    block,
    weiPriceE36: 1n,
    decisions: [
      { kind: "open", market: market(1), owner: market(9), worth: 1n },
      { kind: "absorb", market: market(1), owners: [market(8), market(9)], worth: 2n ** 200n },
      {
        kind: "buy",
        market: market(1),
        orders: [{ owner: market(9), maxCollateral: 2n ** 255n }],
        minProfit: 0n,
        worth: 3n,
        sale: { capital: "flash", proceeds: 8n, gas: 9n, parts: [{ venue: "a:b", amount: 2n ** 255n, proceeds: 8n }] },
      },
      {
        kind: "buyInventory",
        market: market(1),
        amount: 5n,
        minProfit: 6n,
        worth: 4n,
        sale: { capital: "own", proceeds: 7n, gas: 0n, parts: [] },
      },
      { kind: "fulfil", controller: market(7), worth: 5n },
      { kind: "sync", market: market(2), worth: 6n },
    ],
  };

  it("come out of JSON as they went in", () => {
    const assignments = assignmentsOf(plan, 3);
    expect(assignments.size).to.equal(6);
    const back = [...assignments.values()].map((one) => readAssignment(JSON.parse(JSON.stringify(one))));
    expect(back.map((one) => one?.decision)).to.deep.equal(plan.decisions);
    expect(back[0]).to.include({ token: 3, block: 7 });
  });

  it("are refused where anything is not as it should be", () => {
    const [good, , buy] = assignmentsOf(plan, 3).values();
    for (const bad of [
      null,
      "text",
      {},
      { ...good, token: 0 },
      { ...good, block: -1 },
      { ...good, more: 1 },
      { ...good, decision: { ...good!.decision, worth: "-1" } },
      { ...good, decision: { ...good!.decision, worth: 1 } },
      { ...good, decision: { ...good!.decision, market: "0x12" } },
      { ...good, decision: { ...good!.decision, kind: "drain" } },
      { ...buy, decision: { ...buy!.decision, sale: undefined } },
      { ...buy, decision: { ...buy!.decision, sale: { capital: "borrowed", proceeds: "8", gas: "9", parts: [] } } },
      { ...buy, decision: { ...buy!.decision, sale: { capital: "own", proceeds: 8, gas: "9", parts: [] } } },
    ]) {
      expect(readAssignment(bad), JSON.stringify(bad)).to.equal(undefined);
    }
  });
});

describe("turns without a fleet", () => {
  it("are the same for all, different for each job, and never long", () => {
    const members = ["a", "b", "c"];
    const firsts = new Set<string>();
    for (let n = 0; n < 30; n++) {
      const places = members.map((me) => goBefore(job(n), me, members).length);
      expect([...places].sort()).to.deep.equal([0, 1, 2]);
      firsts.add(members[places.indexOf(0)]!);
    }
    expect(firsts.size).to.equal(3);
    expect(waitBehind(0)).to.equal(0);
    expect(waitBehind(100)).to.equal(3);
  });
});

describe("a fleet", function () {
  this.timeout(90_000);
  let redis: Redis;
  const members: Member[] = [];
  before(async function () {
    if (!Redis.isInstalled()) this.skip();
    redis = await Redis.start();
  });
  afterEach(async () => {
    for (const member of members.splice(0)) await member.kill();
    await redis.kill();
    await redis.restart();
  });
  after(async () => {
    for (const member of members) await member.kill();
    await (redis as Redis | undefined)?.stop();
  });

  /** Starts members; returns once one of them may publish. */
  async function fleet(...ids: string[]): Promise<Member[]> {
    const started = ids.map((id) => Member.spawn(redis.url, id));
    members.push(...started);
    await Promise.all(started.map((member) => member.joined()));
    await until("a watcher", () => started.some(({ role }) => role === "watcher"));
    return started;
  }
  const alive = (): Member[] => members.filter(({ child }) => child.connected);
  const tellAll = (order: Order): void => alive().forEach((member) => member.tell(order));
  const block = (number: number, ...markets: number[]): void =>
    tellAll({ kind: "block", number, markets: markets.map(market) });
  const claims = () =>
    members.flatMap((member) => member.claims().map((claim) => ({ ...claim, by: member }))).sort((a, b) => a.at - b.at);
  const claimsOf = (n: number) => claims().filter((claim) => claim.job === job(n));
  const watcher = (): Member | undefined => alive().find(({ role }) => role === "watcher");
  /** The holder of a job has a transaction mined that the given block shows. */
  const mined = (n: number, number: number): void =>
    claimsOf(n)
      .at(-1)!
      .by.tell({ kind: "release", job: job(n), ending: { result: "mined", block: number } });

  it("elects one watcher; each job is done by one member, and not again until it is over", async () => {
    const all = await fleet("a", "b", "c");
    expect(all.filter(({ role }) => role === "watcher").length).to.equal(1);
    block(10, 1, 2, 3, 4, 5, 6);
    await until("six jobs", () => claims().length === 6);
    block(11, 1, 2, 3, 4, 5, 6);
    await sleep(500);
    expect(
      claims()
        .map((claim) => claim.job)
        .sort(),
    ).to.deep.equal([1, 2, 3, 4, 5, 6].map(job));
    for (const member of all) expect(member.claims().length).to.be.most(4); // maxActions

    for (const n of [1, 2, 3, 4, 5, 6]) mined(n, 12);
    block(12, 1);
    await until("the first job again", () => claimsOf(1).length === 2);
    expect(claims().length).to.equal(7);

    await sleep(1_100); // a beat
    const [status] = await readFleets(redis.url);
    expect(status).to.include({ fleet: `${PREFIX}:test`, redis: `127.0.0.1:${redis.port}` });
    expect(status!.members.map(({ id, role, head }) => [id, role, head])).to.deep.equal(
      all.map((member) => [member.id, member === watcher() ? "watcher" : "executor", 12]),
    );
    expect(status!.jobs).to.deep.equal({ waiting: 0, active: 1, done: 6, failed: 0, refused: 0, takenOver: 0 });
    expect(status!.underWay.map((one) => one.job)).to.deep.equal([job(1)]);
    expect(status!.lease?.holder).to.equal(watcher()!.id);
  });

  slow(
    "replaces a dead watcher within 10 s, and one whose node fails at once; the old one's jobs are void",
    async () => {
      await fleet("a", "b", "c");
      const first = watcher()!;
      block(10);
      const killedAt = Date.now();
      await first.kill();
      block(11, 1);
      await until("a job by the next watcher", () => claimsOf(1).length > 0);
      expect(Date.now() - killedAt).to.be.below(10_000);

      const second = watcher()!;
      second.tell({ kind: "fit", isFit: false });
      await until("a third watcher", () => watcher() !== undefined && watcher() !== second);
      block(12, 2);
      await until("a job by the third", () => claimsOf(2).length > 0);
      expect(claimsOf(2)[0]!.by).not.to.equal(second);

      // a frozen watcher that wakes up has no lease any more
      await first.kill();
      const third = watcher()!;
      second.tell({ kind: "fit", isFit: true });
      third.child.kill("SIGSTOP");
      await until("the second again", () => second.role === "watcher");
      third.child.kill("SIGCONT");
      block(13, 3);
      await until("a job", () => claimsOf(3).length > 0);
      await until("one watcher", () => third.role !== "watcher");
      expect(claimsOf(3).length).to.equal(1);
    },
  );

  slow("does a dead executor's job, but only in a block that would show what it sent", async () => {
    await fleet("a", "b", "c");
    block(10, 1);
    await until("a taker", () => claimsOf(1).length > 0);
    const dead = claimsOf(1)[0]!.by;
    await dead.kill();
    await sleep(7_000); // its lock and its claim lapse
    expect(claimsOf(1).length).to.equal(1);

    // it shows that it was sent: nothing is left to do
    const other = await fleetWithout(dead);
    tellAll({ kind: "busy", accounts: [dead.signer] });
    block(11, 1);
    await sleep(1_000);
    expect(claimsOf(1).length, "its transaction is still in the pool").to.equal(1);
    tellAll({ kind: "busy", accounts: [] });
    block(12, 1);
    await until("another taker", () => claimsOf(1).length === 2);
    expect(claimsOf(1)[1]!.by).to.be.oneOf(other);
    expect((await readFleets(redis.url))[0]!.jobs.takenOver).to.equal(1);
  });
  const fleetWithout = async (dead: Member): Promise<Member[]> => {
    await until("a watcher", () => watcher() !== undefined);
    return members.filter((member) => member !== dead);
  };

  it("does nothing by a view that is older than what came of the job, nor by a forged or void job", async () => {
    const [a, b] = (await fleet("a", "b")) as [Member, Member];
    block(10, 1);
    await until("a taker", () => claimsOf(1).length > 0);
    mined(1, 12);
    await sleep(200);
    // nobody has seen block 12 yet: what these see is done already
    block(11, 1);
    await sleep(800);
    expect(claimsOf(1).length).to.equal(1);
    block(12, 1);
    await until("the job again", () => claimsOf(1).length === 2);

    const queue = new Queue("jobs", { connection: { url: redis.url }, prefix: `${PREFIX}:test` });
    try {
      const plan = { block: { number: 12 } as Plan["block"], weiPriceE36: 1n };
      const forged = (n: number, token: number) =>
        assignmentsOf({ ...plan, decisions: [{ kind: "sync", market: market(n), worth: 10n ** 30n }] }, token).get(
          job(n),
        );
      // not in anybody's plan, of a watcher long gone, and no job at all
      await queue.add("sync", forged(5, Date.now() * 2), { jobId: "one" });
      await queue.add("drain", { spend: "everything" }, { jobId: "two" });
      a.tell({ kind: "fit", isFit: false });
      b.tell({ kind: "fit", isFit: false });
      await until("no watcher", async () => (await readFleets(redis.url))[0]!.lease === undefined);
      await queue.add("sync", forged(6, 1), { jobId: "three" });
      for (const member of [a, b]) {
        member.tell({ kind: "fit", isFit: true });
        member.tell({ kind: "block", number: 13, markets: [] });
      }
      await until("an empty queue", async () => {
        const { waiting, active, delayed } = await queue.getJobCounts();
        return waiting! + active! + delayed! === 1; // the job that is under way
      });
      expect(claims().length).to.equal(2);
    } finally {
      await queue.close();
    }
  });

  it("does more of the same in the block that shows what came of it", async () => {
    await fleet("a", "b");
    for (let number = 10; number < 16; number++) {
      // the plan is published before its taker has seen what came of the last one
      block(number, 1);
      if (number > 10) {
        await sleep(100);
        mined(1, number);
      }
      await until(`block ${number}'s`, () => claimsOf(1).length === number - 9, 3);
      expect(claimsOf(1).at(-1)!.block).to.equal(number);
    }
  });

  slow("lets a job that fails rest, and gives one that a member is unable to do to another", async () => {
    await fleet("a", "b");
    block(10, 1, 2);
    await until("takers", () => claims().length === 2);
    const [refused] = claimsOf(1);
    refused!.by.tell({ kind: "release", job: job(1), ending: { result: "refused", block: 10 } });
    const [unable] = claimsOf(2);
    unable!.by.tell({ kind: "release", job: job(2), ending: { result: "unable", block: 10 } });
    await until("another taker", () => claimsOf(2).length === 2);
    expect(claimsOf(2)[1]!.by).not.to.equal(unable!.by);
    expect(claimsOf(1).length).to.equal(1);
    block(11, 1);
    await until("the refused job again", () => claimsOf(1).length === 2);
    claimsOf(1)[1]!.by.tell({ kind: "release", job: job(1), ending: { result: "refused", block: 11 } });
    await sleep(200);
    block(12, 1);
    await sleep(500);
    expect(claimsOf(1).length).to.equal(2);
    block(13, 1);
    await until("the job after its rest", () => claimsOf(1).length === 3);
  });

  slow("gives a job that a member's own plan does not have to one that has it", async () => {
    const [a, b] = (await fleet("a", "b")) as [Member, Member];
    for (let number = 10; number < 14; number++) {
      const has = watcher()!;
      const not = has === a ? b : a;
      not.tell({ kind: "block", number, markets: [] });
      has.tell({ kind: "block", number, markets: [market(number)] });
      await until(`job ${number}`, () => claimsOf(number).length > 0, 5);
      expect(claimsOf(number)[0]!.by).to.equal(has);
      mined(number, number);
    }
  });

  for (const [what, lose, find] of [
    ["killed", () => redis.kill(), () => redis.restart()],
    ["paused", async () => redis.signal("SIGSTOP"), async () => redis.signal("SIGCONT")],
    [
      "out of bounds",
      async () => void redis.ask("ACL", "SETUSER", "default", "-@all", "+acl", "+auth"),
      async () => void redis.ask("ACL", "SETUSER", "default", "+@all"),
    ],
  ] as const) {
    (what === "killed" ? it : slow)(`acts alone, in turns, while its Redis is ${what}, and comes back`, async () => {
      const all = await fleet("a", "b", "c");
      block(10, 1);
      await until("a taker", () => claimsOf(1).length > 0);
      await lose();
      await until("all alone", () => all.every(({ role }) => role === "alone"));
      // what was sent before shows in the next block
      block(10, 1, 2);
      await sleep(300);
      expect(claims().length).to.equal(1);
      block(11, 2, 3, 4, 5);
      for (let number = 12; number <= 13; number++) {
        await sleep(500);
        // what was done at a block is gone in the next one
        block(number, ...[2, 3, 4, 5].filter((n) => claimsOf(n).length === 0));
      }
      await sleep(500);
      expect(new Set(claims().map((claim) => claim.job)).size).to.equal(5);
      expect(claims().length).to.equal(5);
      await find();
      await until("all back", () => all.every(({ role }) => role === "watcher" || role === "executor"), 30);
      await until("a watcher", () => watcher() !== undefined);
      expect(all.filter(({ role }) => role === "watcher").length).to.equal(1);
      // 2 to 5 are still under way: nobody else begins them
      block(20, 2, 3, 4, 5, 6);
      await until("a job by the fleet", () => claimsOf(6).length > 0);
      await sleep(300);
      expect(claims().length).to.equal(6);
    });
  }

  it("goes on when its Redis is flushed, without doing anything twice", async () => {
    await fleet("a", "b", "c");
    block(10, 1, 2);
    await until("takers", () => claims().length === 2);
    const tokens = (await readFleets(redis.url))[0]!.lease!.token;
    redis.ask("FLUSHALL");
    block(11, 1, 2, 3);
    await until("the new job", () => claimsOf(3).length > 0);
    await sleep(500);
    expect(claims().length).to.equal(3);
    expect((await readFleets(redis.url))[0]!.lease!.token).to.be.above(tokens);
    for (const n of [1, 2, 3]) mined(n, 12);
    block(12, 1);
    await until("the first job again", () => claimsOf(1).length === 2);
  });

  slow("leaves at once when it is closed, with its claims standing", async () => {
    await fleet("a", "b");
    block(10, 1);
    await until("a taker", () => claimsOf(1).length > 0);
    const leaver = watcher()!;
    const closedAt = Date.now();
    leaver.tell({ kind: "close" });
    await until("an end", () => leaver.child.exitCode === 0);
    await until("another watcher", () => watcher() !== undefined);
    expect(Date.now() - closedAt).to.be.below(6_000);
    block(11, 2);
    await until("the next job", () => claimsOf(2).length > 0);
  });

  slow("has nothing to do with a fleet of another name", async () => {
    await fleet("a");
    const stranger = Member.spawn(redis.url, "z", "strangers");
    members.push(stranger);
    await stranger.joined();
    await until("two watchers", () => members.every(({ role }) => role === "watcher"));
    block(10, 1);
    await until("both at it", () => claimsOf(1).length === 2);
    const fleets = await readFleets(redis.url);
    expect(fleets.map((one) => one.members.map(({ id }) => id))).to.deep.equal([["z"], ["a"]]);
    expect((await readFleets(redis.url, "test")).length).to.equal(1);
  });

  it("says in one line why it can't use a Redis, and shows no password", async () => {
    redis.ask("ACL", "SETUSER", "weak", "on", ">secret", "~*", "+ping", "+info", "+client", "+command", "+select");
    redis.ask("SET", `${PREFIX}:future:version`, "99");
    const { port, url } = redis;
    const options = { chainId: 1, vault: "0xvault", signers: [], maxActions: 1, log, wake: () => undefined };
    const report = () => ({ head: 0, lagSeconds: 0, positions: 0, pending: 0, isFit: true });
    const join = (address: string, name: string): Promise<unknown> =>
      Fleet.join({ ...options, url: address, name, report, isBusy: async () => false });
    const cases: [string, () => Promise<unknown>, RegExp][] = [
      ["REDIS_UNREACHABLE", () => join("redis://u:secret@127.0.0.1:1", "test"), /^redis: no Redis at 127\.0\.0\.1:1: /],
      ["REDIS_DENIED", () => join(`redis://weak:wrong@127.0.0.1:${port}`, "test"), /WRONGPASS/],
      ["REDIS_DENIED", () => join(`redis://weak:secret@127.0.0.1:${port}`, "test"), /NOPERM|permission/],
      ["FLEET_MISMATCH", () => join(url, "future"), /format 99 .* has format 1/],
      ["BAD_CONFIG", () => join("http://secret.example", "test"), /^redis: is not the address of a Redis/],
      ["REDIS_UNREACHABLE", () => readFleets("redis://:secret@127.0.0.1:1"), /no Redis at/],
      ["FLEET_MISMATCH", () => readFleets(url, "nobody"), /^fleet: none nobody at /],
    ];
    for (const [code, attempt, words] of cases) {
      const error: unknown = await attempt().catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(SpillwayError).and.include({ code });
      const { message } = error as SpillwayError;
      expect(message).to.match(words);
      expect(message).not.to.include("\n");
      expect(message).not.to.include("secret");
    }
  });
});
