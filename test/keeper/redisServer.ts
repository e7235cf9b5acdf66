import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 15): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`in ${seconds} s there was not: ${what}`);
    await sleep(20);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** A redis-server of the test's own. */
export class Redis {
  private child: ChildProcess | undefined;
  private constructor(
    readonly port: number,
    private readonly folder: string,
  ) {}

  /** Says what to install where there is none. */
  static isInstalled(): boolean {
    if (spawnSync("redis-server", ["--version"]).status === 0) return true;
    console.warn("      No redis-server found: install one (apt-get install redis-server) to run this.");
    return false;
  }

  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort(), mkdtempSync(join(tmpdir(), "fleet-")));
    await redis.restart();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    const settings = { port: String(this.port), bind: "127.0.0.1", save: "", appendonly: "no", dir: this.folder };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
    this.child = child;
    let said = "";
    child.stdout.on("data", (text: Buffer) => (said += text.toString()));
    await until("a Redis", () => said.includes("Ready to accept connections"));
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs a command beside the fleet. */
  ask(...words: string[]): string {
    const done = spawnSync("redis-cli", ["-p", String(this.port), ...words], { encoding: "utf8" });
    return done.stdout.trim();
  }
}
