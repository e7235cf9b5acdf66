// Black Thursday's worst hours over a world, block by block, for any number of keepers, some of which are killed on the way.
import { type Random, seededRandom } from "../../../scripts/replay/random";
import { pricePath, scenarioPoints } from "../../../scripts/replay/market/path";
import { findScenario } from "../../../scripts/replay/scenarios";
import type { KeeperProcess } from "./keeperProcess";
import { START_PRICE } from "./state";
import { GWEI, type Mined, type World } from "./world";

/** One block of a crash. */
export interface Step {
  /** USD. */
  price: number;
  /** Wei. */
  baseFee: bigint;
}

/**
 * The hours of Black Thursday in which ether fell furthest, in blocks of `seconds`, with the gas of that time; prices are scaled so that they begin
 * where the worlds of fault tests do.
 */
export function worstHours(hours: number, seconds: number): Step[] {
  const scenario = findScenario("black-thursday");
  const ether = scenario.collaterals.find(({ asset }) => asset === "ETH");
  if (ether === undefined) throw new Error("Black Thursday has no ether");
  const path = pricePath(scenarioPoints(scenario, ether), scenario.start, scenario.end, seconds);
  const length = Math.round((hours * 3600) / seconds);
  const fallFrom = (at: number): number => Math.min(...path.slice(at, at + length)) / (path[at] ?? 1);
  let worst = 0;
  for (let at = 0; at + length <= path.length; at++) if (fallFrom(at) < fallFrom(worst)) worst = at;
  const { gwei, everyMinutes, multiplier } = scenario.gas;
  const first = path[worst] ?? 1;
  return path.slice(worst, worst + length).map((price, index) => {
    const minute = ((worst + index) * seconds) / 60;
    const fee = gwei[Math.min(gwei.length - 1, Math.floor(minute / everyMinutes))] ?? 0;
    return { price: (price / first) * START_PRICE, baseFee: BigInt(Math.round(fee * multiplier)) * GWEI };
  });
}

/** One of the processes that a crash is for. */
export interface Member {
  name: string;
  /** Starts it, with the store of its last run if there was one. */
  start(store: string | undefined): Promise<KeeperProcess>;
}

export interface CrashOptions {
  steps: readonly Step[];
  /** Seconds from block to block. */
  seconds: number;
  members: readonly Member[];
  /** Decides, sends nothing: a keeper with `--dry-run`, whose log says what was worth it at each block. */
  judge: KeeperProcess;
  seed: number;
  /** A member is killed every so many blocks, and started again half as many later. 0 for never. */
  killEvery: number;
  /** Real milliseconds that every block lasts at least, for what goes by the clock, such as an election. */
  blockMs?: number;
}

/** What a crash showed. */
export interface CrashResult {
  /** Jobs that were worth it at three blocks in a row and that nobody did in the two after the first, as `block kind:market`. */
  missed: string[];
  /** Transactions of members, in order. */
  mined: Mined[];
  members: KeeperProcess[];
  kills: number;
}

interface Running {
  member: Member;
  process: KeeperProcess;
  /** The block at which it is started again, while it is dead. */
  backAt: number | undefined;
}

/** Drives a crash. Each block comes when the judge and every living member have dealt with the one before. */
export async function driveCrash(world: World, options: CrashOptions): Promise<CrashResult> {
  const random: Random = seededRandom(options.seed, "killed members");
  const running: Running[] = [];
  for (const member of options.members) {
    running.push({ member, process: await member.start(undefined), backAt: undefined });
  }
  for (const { process } of running) await process.reaches(await world.head(), 60_000);
  const from = await world.head();
  let kills = 0;
  for (const [index, { price, baseFee }] of options.steps.entries()) {
    const begun = Date.now();
    const number = await world.mine(world.priceCalls(price), { seconds: options.seconds, baseFee });
    if (options.killEvery > 0 && index % options.killEvery === options.killEvery - 1) {
      const alive = running.filter(({ backAt }) => backAt === undefined);
      const victim = alive[Math.floor(random.uniform() * alive.length)];
      if (victim !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, random.between(0, 300)));
        await victim.process.kill("SIGKILL");
        victim.backAt = index + Math.ceil(options.killEvery / 2);
        kills++;
      }
    }
    for (const one of running) {
      if (one.backAt === undefined || one.backAt > index) continue;
      one.process = await one.member.start(one.process.store);
      one.backAt = undefined;
    }
    await options.judge.reaches(number, 30_000);
    for (const { process, backAt } of running) if (backAt === undefined) await process.reaches(number, 60_000);
    const rest = (options.blockMs ?? 0) - (Date.now() - begun);
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
  // what waits is mined, and seen by all
  for (const one of running) {
    if (one.backAt === undefined) continue;
    one.process = await one.member.start(one.process.store);
  }
  const last = options.steps.at(-1);
  for (let i = 0; i < 3; i++) {
    const number = await world.mine([], { seconds: options.seconds, ...(last && { baseFee: last.baseFee }) });
    for (const { process } of running) await process.reaches(number, 60_000);
    await options.judge.reaches(number, 30_000);
  }
  const accounts = new Set(running.map(({ process }) => process.account.address.toLowerCase()));
  const all = await world.transactions(from);
  const mined = all.filter((one) => accounts.has(one.from.toLowerCase()));
  return { missed: missedJobs(options.judge, mined), mined, members: running.map(({ process }) => process), kills };
}

/** @param mined What members did. */
function missedJobs(judge: KeeperProcess, mined: readonly Mined[]): string[] {
  const wanted = new Map<number, Set<string>>();
  for (const line of judge.logs) {
    if (typeof line["block"] !== "number" || !Array.isArray(line["would"])) continue;
    wanted.set(line["block"], new Set((line["would"] as string[]).map((key) => key.toLowerCase())));
  }
  const done = new Set(mined.filter(({ ok }) => ok).map(({ block, job }) => `${block} ${job}`));
  const missed: string[] = [];
  for (const [block, keys] of wanted) {
    for (const key of keys) {
      if (wanted.get(block + 1)?.has(key) !== true || wanted.get(block + 2)?.has(key) !== true) continue;
      if (!done.has(`${block + 1} ${key}`) && !done.has(`${block + 2} ${key}`)) missed.push(`${block} ${key}`);
    }
  }
  return missed;
}
