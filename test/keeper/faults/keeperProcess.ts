// The keeper as operators run it: a process of its own, by its command line.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Wallet } from "ethers";

import { end, endWithUs } from "../../../scripts/lib";
import { freePort } from "./node";
import { accountOf, type World } from "./world";

const ROOT = join(__dirname, "../../..");
/** How often what a test waits for is looked at, milliseconds. */
const LOOK = 15;

export interface KeeperOptions {
  /** Names its account; keepers of one name have one key. */
  name?: string;
  /** URLs of its nodes; the world's own where none is given. */
  rpc?: readonly string[];
  /** Its store; one in a folder of its own where none is given. */
  store?: string;
  /** Settings on top of those that every keeper of a test has. */
  settings?: Readonly<Record<string, unknown>>;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What runs node, such as a shell that limits it: gets node's path and arguments behind its own. */
  runner?: readonly string[];
  /** Arguments of node itself. */
  nodeArgs?: readonly string[];
}

export interface LogLine {
  level: number;
  msg: string;
  [field: string]: unknown;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
const funded = new WeakMap<World, Set<string>>();

export class KeeperProcess {
  readonly logs: LogLine[] = [];
  /** What it wrote that is not a line of its log. */
  words = "";
  exit: Exit | undefined;
  private readonly exited: Promise<Exit>;

  private constructor(
    private readonly child: ChildProcess,
    readonly account: Wallet,
    readonly store: string,
    readonly port: number,
  ) {
    for (const stream of [child.stdout, child.stderr]) this.collect(stream);
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  /** Starts it and does not wait for anything. */
  static async start(world: World, options: KeeperOptions): Promise<KeeperProcess> {
    const account = accountOf(options.name ?? "one");
    const before = funded.get(world) ?? new Set();
    funded.set(world, before);
    if (!before.has(account.address)) await world.setBalance(account.address, 100n * 10n ** 18n);
    before.add(account.address);

    const folder = mkdtempSync(join(tmpdir(), "spillway-keeper-"));
    folders.push(folder);
    const { state } = world;
    const port = await freePort();
    const store = options.store ?? join(folder, "keeper.sqlite");
    const settings = {
      rpc: options.rpc ?? [world.url],
      chainId: 1,
      vault: state.addresses.vault,
      flashLiquidator: state.addresses.flashLiquidator,
      pools: Object.fromEntries(state.markets.map(({ collateral, pool }) => [collateral, pool])),
      fromBlock: state.fromBlock,
      nativeMarket: state.markets[0]?.collateral,
      ...{ store, metricsPort: port, pollInterval: 20, rpcTimeout: 2000, maxLag: 0, checkBlocks: 5 },
      ...options.settings,
    };
    const config = join(folder, "keeper.json");
    writeFileSync(config, JSON.stringify(settings));
    const args = [
      ...(options.nodeArgs ?? []),
      ...["--import", "tsx", join(ROOT, "scripts/keeper/cli.ts"), "--config", config, ...(options.args ?? [])],
    ];
    const [program = process.execPath, ...rest] = [...(options.runner ?? []), process.execPath, ...args];
    const child = spawn(program, rest, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], KEEPER_PRIVATE_KEY: account.privateKey, ...options.env },
    });
    endWithUs(child);
    return new KeeperProcess(child, account, store, port);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.exit === undefined;
  }

  /** Waits for the condition. @throws Error with what the keeper said, where it doesn't come about. */
  async waitFor(what: string, condition: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
    if (!(await this.comes(condition, ms))) throw new Error(`${what}: not after ${ms} ms. ${this.lastWords()}`);
  }

  /** Whether the condition comes about in that time. */
  async comes(condition: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (!(await condition())) {
      if (Date.now() > deadline) return false;
      await sleep(LOOK);
    }
    return true;
  }

  /** Waits until it has dealt with that block. @throws Error where it doesn't, or has ended. */
  async reaches(block: number, ms = 15_000): Promise<void> {
    const reached = async (): Promise<boolean> => !this.isRunning || (await this.metric("keeper_head_block")) >= block;
    await this.waitFor(`block ${block} is dealt with`, reached, ms);
    if (!this.isRunning) throw new Error(`It ended ahead of block ${block}. ${this.lastWords()}`);
  }

  /** The sum of a metric over its labels, or over those series that have all of these; 0 for none, -1 without an answer. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await this.get("/metrics");
    if (text?.status !== 200) return -1;
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text.body
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => wanted.every((part) => line.includes(part)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  /** HTTP status of whether it is fit to work: `/readyz`, or `/health` where there is no such page. 0 without an answer. */
  async readiness(): Promise<number> {
    const ready = await this.get("/readyz");
    if (ready === undefined) return 0;
    return ready.status === 404 ? ((await this.get("/health"))?.status ?? 0) : ready.status;
  }

  async get(path: string): Promise<{ status: number; body: string } | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { signal: AbortSignal.timeout(3000) });
      return { status: response.status, body: await response.text() };
    } catch {
      return undefined; // it doesn't listen yet, or not any more
    }
  }

  /** Sends a signal and waits for its end. */
  async kill(signal: NodeJS.Signals = "SIGKILL", ms = 15_000): Promise<Exit> {
    this.child.kill(signal);
    return this.ended(ms);
  }

  /** Waits for its end. @throws Error where it goes on. */
  async ended(ms = 15_000): Promise<Exit> {
    const late = sleep(ms).then(() => undefined);
    const exit = await Promise.race([this.exited, late]);
    if (exit === undefined) throw new Error(`It did not end in ${ms} ms. ${this.lastWords()}`);
    return exit;
  }

  /** Ends it in any case. */
  async end(): Promise<void> {
    if (this.isRunning) await end(this.child);
  }

  /** Contents of its store's file. */
  storeBytes(): Buffer {
    return readFileSync(this.store);
  }

  lastWords(): string {
    const lines = this.logs.slice(-6).map(({ time: _, pid: __, hostname: ___, name: ____, ...line }) => line);
    const end = this.exit === undefined ? "It runs." : `It ended: ${JSON.stringify(this.exit)}.`;
    return `${end} ${this.words.slice(-1500)} ${lines.map((line) => JSON.stringify(line)).join("\n")}`;
  }

  private collect(stream: ChildProcess["stdout"]): void {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("{")) this.logs.push(JSON.parse(line) as LogLine);
        else this.words += `${line}\n`;
      }
    });
    stream?.on("end", () => (this.words += rest));
  }
}
