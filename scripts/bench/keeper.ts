import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";

import { Book, HttpRpc, readBlock, SqliteStore } from "../keeper";
import { endWithUs, SpillwayError } from "../lib";
import { keeperOf, signerWith } from "./book/keeper";
import { PollingBot } from "./book/polling";
import { Proxy } from "./book/proxy";
import { benchPositions, type BenchPosition, BenchWorld, type Deployment } from "./book/world";

/** What was measured for one number of positions. Times in milliseconds but where the name says seconds. */
interface Figures {
  positions: number;
  coldStartSeconds: number;
  restartSeconds: number;
  memoryMb: number;
  checkpointSeconds: number;
  checkpointLongestMs: number;
  hits: { few: Spread; many: Spread };
  blockToSigned: Spread;
  quietBlock: Cost;
  polling: Cost;
}

/** Of many measurements; `hits` is how many positions each found. */
interface Spread {
  p50: number;
  p99: number;
  hits: number;
}

/** What one block takes. */
interface Cost {
  ms: number;
  bytes: number;
  calls: number;
  requests: number;
}

interface Target {
  what: string;
  limit: string;
  isMet: (figures: Figures) => boolean;
}

const TARGETS: readonly Target[] = [
  {
    what: "price to ordered hits, p50",
    limit: "< 5 ms",
    isMet: ({ hits }) => Math.max(hits.few.p50, hits.many.p50) < 5,
  },
  { what: "cold start", limit: "< 15 s", isMet: ({ coldStartSeconds }) => coldStartSeconds < 15 },
  { what: "restart", limit: "< 5 s", isMet: ({ restartSeconds }) => restartSeconds < 5 },
  {
    what: "loop held up by a checkpoint",
    limit: "< 50 ms",
    isMet: ({ checkpointLongestMs }) => checkpointLongestMs < 50,
  },
  { what: "memory", limit: "< 300 MB", isMet: ({ memoryMb }) => memoryMb < 300 },
  {
    what: "bytes a block, of polling's",
    limit: "≥ 100 × fewer",
    isMet: (f) => f.polling.bytes >= 100 * f.quietBlock.bytes,
  },
  { what: "block to signed, p99", limit: "< 250 ms", isMet: ({ blockToSigned }) => blockToSigned.p99 < 250 },
];
const TICKS = 200;
const ROUNDS = 60;
const QUIET_BLOCKS = 20;
const POLLS = 3;
/** Far above every position's, and one at which some 1 % are unhealthy. */
const PRICE = { calm: 400, falling: 186 };
/** A lane has closed by then, so that it is opened again. */
const ROUND_SECONDS = 7_200;
const CHILD_DEADLINE_MS = 300_000;

const program = new Command("bench:keeper")
  .description("How fast the keeper is, and beside it a bot that reads every position at each block.")
  .option("--json", "print the figures as JSON and nothing else")
  .option(
    "--positions <list>",
    "how many positions, such as 1000,10000,100000",
    parsePositions,
    [1_000, 10_000, 100_000],
  )
  .allowExcessArguments(false);

function parsePositions(text: string): number[] {
  const counts = text.split(",").map(Number);
  if (counts.every((count) => Number.isInteger(count) && count > 0 && count <= 1_000_000)) return counts;
  throw new InvalidArgumentError("It must be whole numbers up to 1000000, such as 1000,10000.");
}

async function main(): Promise<void> {
  const { json, positions } = program.parse().opts<{ json?: true; positions: number[] }>();
  const log = (words: string): void => void process.stderr.write(`${words}\n`);
  const all: Figures[] = [];
  for (const count of positions) all.push(await measure(count, (words) => log(`${count}: ${words}`)));
  process.stdout.write(json ? `${JSON.stringify({ figures: all }, null, 2)}\n` : `${render(all)}\n`);
}

async function measure(count: number, log: (words: string) => void): Promise<Figures> {
  const positions = benchPositions(count);
  const hits = { few: priceTicks(positions, 0.99), many: priceTicks(positions, 0.24) };
  const world = await BenchWorld.create(positions, log);
  const folder = mkdtempSync(join(tmpdir(), "keeper-bench-"));
  const proxy = await Proxy.start(world.url, world.events);
  try {
    log("starting cold");
    const store = join(folder, "keeper.sqlite");
    const cold = await child(proxy.url, world.deployment, store);
    log("starting again");
    const warm = await child(proxy.url, world.deployment, store);
    log("running the keeper");
    const running = await run(world, proxy);
    log("polling");
    const polling = await poll(world, proxy, positions);
    return {
      ...{ positions: count, coldStartSeconds: cold.readySeconds, restartSeconds: warm.readySeconds },
      ...{ memoryMb: Math.max(cold.memoryMb, warm.memoryMb), checkpointSeconds: cold.checkpointSeconds },
      ...{ checkpointLongestMs: cold.longestMs, hits, ...running, polling },
    };
  } finally {
    await proxy.stop();
    await world.stop();
    rmSync(folder, { recursive: true });
  }
}

/** New prices over a book in memory, each around one at which a share of the positions is unhealthy. */
function priceTicks(positions: readonly BenchPosition[], share: number): Spread {
  const market = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
  const book = new Book();
  for (const { owner, collateral, debtShares } of positions)
    book.apply({ market, owner, collateral, debtShares }, 1, false);
  const ltvs = positions.map((one) => (one.debtShares * 10n ** 24n) / one.collateral).sort((a, b) => (a < b ? -1 : 1));
  // 80 % of this price is what that share of the positions owes less than, a unit of collateral
  const around = ((ltvs[Math.floor(share * (ltvs.length - 1))] ?? 0n) * 10n ** 12n * 10n) / 8n;
  const times: number[] = [];
  let found = 0;
  for (let tick = 0; tick < TICKS; tick++) {
    const priceE36 = (around * BigInt(9_990 + ((tick * 7) % 20))) / 10_000n;
    const started = performance.now();
    const unhealthy = book.unhealthy(market, 10n ** 27n, priceE36, 8_000n);
    unhealthy.first(300);
    times.push(performance.now() - started);
    found += unhealthy.count;
  }
  return { ...spread(times), hits: Math.round(found / TICKS) };
}

/** A keeper's start in a process of its own, from when that is made until its book is up to the latest block. */
function child(
  url: string,
  deployment: Deployment,
  store: string,
): Promise<{ readySeconds: number; checkpointSeconds: number; longestMs: number; memoryMb: number }> {
  const started = performance.now();
  const args = ["--import", "tsx", join(__dirname, "book", "child.ts"), url, JSON.stringify(deployment), store];
  const keeper = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], timeout: CHILD_DEADLINE_MS });
  endWithUs(keeper);
  let [text, readySeconds] = ["", 0];
  keeper.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    if (readySeconds === 0) readySeconds = (performance.now() - started) / 1_000;
  });
  return new Promise((resolve, reject) => {
    keeper.on("error", reject);
    keeper.on("close", (code) => {
      const last = text.trim().split("\n").at(-1) ?? "";
      if (code !== 0) {
        reject(new SpillwayError("INTERNAL", `the keeper ended with ${code ?? "a signal"}`));
        return;
      }
      const figures = JSON.parse(last) as { checkpointSeconds: number; longestMs: number; memoryMb: number };
      resolve({ readySeconds, ...figures });
    });
  });
}

/** The whole keeper on the node: blocks with nothing to do, then blocks at each of which it signs something. */
async function run(world: BenchWorld, proxy: Proxy): Promise<Pick<Figures, "blockToSigned" | "quietBlock">> {
  let signedAt = 0;
  const signer = signerWith(() => (signedAt = performance.now()));
  await world.fund(signer.address);
  const store = new SqliteStore(":memory:", "bench");
  const keeper = keeperOf(proxy.url, world.deployment, store, signer);
  const rpc = new HttpRpc(proxy.url, 60_000);
  const step = async (): Promise<number> => {
    const started = performance.now();
    await keeper.onBlock(await readBlock(rpc, "latest"));
    return started;
  };
  try {
    await world.publish(PRICE.calm, 12);
    await step(); // reads the book, and brings the rate up to date
    await world.publish(PRICE.calm, 12);
    await step();
    const quiet: number[] = [];
    proxy.take();
    for (let block = 0; block < QUIET_BLOCKS; block++) {
      await world.publish(PRICE.calm, 12);
      const started = await step();
      quiet.push(performance.now() - started);
    }
    const { bytes, calls, requests } = proxy.take();
    const each = (sum: number): number => Math.round(sum / QUIET_BLOCKS);
    const quietBlock = { ms: spread(quiet).p50, bytes: each(bytes), calls: each(calls), requests: each(requests) };

    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await world.publish(PRICE.falling, ROUND_SECONDS);
      signedAt = 0;
      const started = await step();
      if (signedAt > 0) times.push(signedAt - started);
    }
    if (times.length < ROUNDS / 2) throw new SpillwayError("INTERNAL", `only ${times.length} blocks had work to do`);
    return { quietBlock, blockToSigned: { ...spread(times), hits: times.length } };
  } finally {
    rpc.close();
    store.close();
  }
}

async function poll(world: BenchWorld, proxy: Proxy, positions: readonly BenchPosition[]): Promise<Cost> {
  const bot = new PollingBot(proxy.url, world.deployment, positions);
  try {
    proxy.take();
    const times: number[] = [];
    for (let block = 0; block < POLLS; block++) {
      await world.publish(PRICE.calm, 12);
      const started = performance.now();
      await bot.look();
      times.push(performance.now() - started);
    }
    const { bytes, calls, requests } = proxy.take();
    const each = (sum: number): number => Math.round(sum / POLLS);
    return { ms: spread(times).p50, bytes: each(bytes), calls: each(calls), requests: each(requests) };
  } finally {
    bot.close();
  }
}

function spread(times: readonly number[]): { p50: number; p99: number } {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

const NOTES = `Hits: a book in memory, ${TICKS} prices; ordered are the first 300, all are counted. All else: real contracts on anvil, with the
positions written into the vault's storage and their events served by a proxy before the node. Starts: a process of its own,
from when it is made until its book is up to the latest block; checkpoint: of the whole book. Quiet block: nothing to do, 500
positions audited. Block to signed: from asking for the block to the signature. Polling: every position through Multicall3,
500 a call, the same node.`;

function render(all: readonly Figures[]): string {
  const table = new Table({
    head: ["", ...all.map(({ positions }) => `${positions.toLocaleString("en-US")} positions`)],
    colAligns: ["left", ...all.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  const row = (name: string, figure: (figures: Figures) => string): void => void table.push([name, ...all.map(figure)]);
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const hits = ({ p50, p99, hits: count }: Spread): string =>
    `${ms(p50)}, ${ms(p99)} (${count.toLocaleString("en-US")})`;
  const cost = ({ ms: time, bytes, calls, requests }: Cost): string =>
    `${ms(time)}, ${(bytes / 1_000).toLocaleString("en-US", { maximumFractionDigits: 1 })} kB, ${calls} calls in ${requests}`;
  row("price to hits: p50, p99 (hits)", (f) => hits(f.hits.few));
  row("the same, many hits", (f) => hits(f.hits.many));
  row("block to signed: p50, p99", (f) => `${ms(f.blockToSigned.p50)}, ${ms(f.blockToSigned.p99)}`);
  row("cold start", (f) => `${f.coldStartSeconds.toFixed(1)} s`);
  row("restart", (f) => `${f.restartSeconds.toFixed(1)} s`);
  row("memory", (f) => `${f.memoryMb.toFixed(0)} MB`);
  row("checkpoint, loop held up", (f) => `${f.checkpointSeconds.toFixed(1)} s, ${ms(f.checkpointLongestMs)}`);
  row("quiet block", (f) => cost(f.quietBlock));
  row("polling, a block", (f) => cost(f.polling));
  row("bytes, of polling's", (f) => `1/${Math.round(f.polling.bytes / f.quietBlock.bytes)}`);
  const most = all.reduce((a, b) => (b.positions > a.positions ? b : a));
  const verdicts = TARGETS.map(({ what, limit, isMet }) => `${isMet(most) ? "met   " : "missed"} ${what} ${limit}`);
  return [table.toString(), NOTES, "", ...verdicts].join("\n");
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
