import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { HttpRpc } from "../../scripts/keeper/chain/HttpRpc";
import { FailoverRpc } from "../../scripts/keeper/chain/FailoverRpc";
import { parseSettings, readPrivateKey, readSettingsFile } from "../../scripts/keeper/config";
import { Metrics } from "../../scripts/keeper/metrics/Metrics";
import { serveMetrics } from "../../scripts/keeper/metrics/server";
import type { SpillwayError } from "../../scripts/lib";
import { type Anvil, startAnvil } from "../../scripts/replay/chain/anvil";
import { serve } from "./world";

const SOME = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const KEY = `0x${"1".repeat(64)}`;
const good = {
  rpc: ["http://127.0.0.1:1"],
  chainId: 1,
  vault: SOME.toLowerCase(),
  flashLiquidator: SOME,
  nativeMarket: SOME,
};

const quotes = { kind: "quote-service", url: "http://127.0.0.1:1", targets: [SOME], most: "1" };

function errorOf(run: () => unknown): SpillwayError {
  try {
    run();
  } catch (error) {
    return error as SpillwayError;
  }
  throw new Error("nothing was thrown");
}

/** Runs the keeper's command line. */
function keeper(args: string[], env: Record<string, string> = { KEEPER_PRIVATE_KEY: KEY }) {
  const child: ChildProcess = spawn(process.execPath, [require.resolve("tsx/cli"), "scripts/keeper/cli.ts", ...args], {
    env: { PATH: process.env["PATH"], ...env },
  });
  let [out, err] = ["", ""];
  child.stdout!.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr!.on("data", (text: Buffer) => (err += text.toString()));
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

describe("settings", () => {
  it("have defaults, take addresses in any case, and options before the file", () => {
    const settings = parseSettings({ ...good, minProfit: "5", chainId: 7 }, { chainId: "1", store: undefined });
    expect(settings).to.include({ chainId: 1, vault: SOME, minProfit: 5n, store: "keeper.sqlite", dryRun: false });
  });

  for (const [field, changes, words] of [
    ["vault", { vault: undefined }, "vault: is missing"],
    ["vault", { vault: "0x12" }, "vault: is not an address"],
    ["rpc", { rpc: [] }, "rpc: is missing"],
    ["rpc", { rpc: ["not a url"] }, "rpc.0: is not a URL"],
    ["chainId", { chainId: "main" }, "chainId: is not a number"],
    ["minProfit", { minProfit: "-1" }, "minProfit: is not a whole number"],
    ["maxFeePerGas", { maxFeePerGas: "1.5" }, "maxFeePerGas: is not a whole number"],
    ["metricsPort", { metricsPort: 70_000 }, "metricsPort: must be at most 65535"],
    ["pollInterval", { pollInterval: 0 }, "pollInterval: must be above 0"],
    ["pools", { pools: { [SOME]: "pool" } }, `pools.${SOME}: is not an address`],
    ["venues", { venues: { [SOME]: [{ kind: "uniswap-v9" }] } }, "kind: is none of uniswap-v3, uniswap-v3-path"],
    ["venues", { venues: { [SOME]: [{ kind: "uniswap-v3", pool: "x" }] } }, `venues.${SOME}.0.pool: is not an address`],
    ["venues", { venues: { [SOME]: [{ ...quotes, targets: [] }] } }, "must name at least one contract"],
    ["venues", { venues: { [SOME]: [{ ...quotes, url: "ftp://x" }] } }, "is not a URL of http or https"],
    ["venues", { venues: { [SOME]: [{ ...quotes, most: "0" }] } }, `venues.${SOME}.0.most: must be above 0`],
    ["capital", { capital: "borrowed" }, "capital: is neither flash nor own"],
    ["nativeMarket", { nativeMarket: undefined }, "nativeMarket: give either"],
    ["nativeMarket", { weiPriceE36: "1" }, "nativeMarket: give either"],
    ["typo", { minProfitt: "1" }, "minProfitt: no such setting"],
  ] as const) {
    it(`name the field that is wrong: ${words}`, () => {
      const error = errorOf(() => parseSettings({ ...good, ...changes }, {}));
      expect(error).to.include({ code: "BAD_CONFIG" });
      expect(error.message, field).to.include(words);
      expect(error.message).not.to.include("\n");
    });
  }

  it("come from a JSON file that must be one", () => {
    const folder = mkdtempSync(join(tmpdir(), "keeper-"));
    try {
      const path = join(folder, "config.json");
      expect(errorOf(() => readSettingsFile(path)).message).to.match(/^config: .* can't be read as JSON/);
      writeFileSync(path, "{ oops");
      expect(errorOf(() => readSettingsFile(path))).to.include({ code: "BAD_CONFIG" });
      writeFileSync(path, "[]");
      expect(errorOf(() => parseSettings(readSettingsFile(path), {})).message).to.match(
        /^config: must be a JSON object/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("take the key from the environment and never show it", () => {
    expect(readPrivateKey({ KEEPER_PRIVATE_KEY: KEY })).to.equal(KEY);
    for (const key of [undefined, "", "secret"]) {
      const error = errorOf(() => readPrivateKey({ KEEPER_PRIVATE_KEY: key }));
      expect(error).to.include({ code: "BAD_CONFIG" });
      expect(error.message).to.match(/^KEEPER_PRIVATE_KEY: /);
      expect(error.message).not.to.include("secret");
    }
  });
});

describe("keeper's command line", () => {
  let anvil: Anvil;
  let args: string[];
  before(async () => {
    anvil = await startAnvil({ timestamp: 1_700_000_000 });
    args = ["--rpc", anvil.url, "--vault", SOME, "--flash-liquidator", SOME, "--native-market", SOME];
  });
  after(() => anvil.stop());

  it("explains itself", async () => {
    const { code, out } = await keeper(["--help"]);
    expect(code).to.equal(0);
    for (const option of ["--rpc", "--chain-id", "--pool", "--dry-run", "KEEPER_PRIVATE_KEY"])
      expect(out).to.include(option);
  });

  it("refuses a bad start with one line and exit code 2", async () => {
    const runs: [RegExp, string[], Record<string, string>?][] = [
      [/^error: unknown option '--bogus'$/, ["--bogus"]],
      [/^error: chainId: is missing\.$/, args],
      [/^error: KEEPER_PRIVATE_KEY: is not set/, [...args, "--chain-id", "1"], {}],
      [/^error: chainId: the node is on chain 1, the settings say 5;/, [...args, "--chain-id", "5"]],
      [
        /^error: vault: there is no contract at 0x5FbDB2315678afecb367f032d93F642f64180aa3 on chain 1\.$/,
        [...args, "--chain-id", "1"],
      ],
      [
        /^error: No answer from the node at 127\.0\.0\.1:1/,
        [...args.with(1, "http://127.0.0.1:1/secret"), "--chain-id", "1"],
      ],
    ];
    const ends = await Promise.all(runs.map(([, given, env]) => keeper(given, env)));
    ends.forEach(({ code, err }, i) => {
      expect(err.trim()).to.match(runs[i]![0]);
      expect(err).not.to.include("secret");
      expect(code).to.equal(2);
    });
  });

  it("refuses a contract that is not the vault", async () => {
    await anvil.rpc.call("anvil_setCode", SOME, "0x5f5ffd");
    const { code, err } = await keeper([...args, "--chain-id", "1"]);
    expect(err.trim()).to.equal(`error: vault: ${SOME} is not a vault with an auction house.`);
    expect(code).to.equal(2);
  });
});

describe("FailoverRpc", () => {
  it("goes on to a node that answers, stays there, and throws when none does", async () => {
    const node = await serve({ batch: async (calls) => calls.map(() => ({ ok: true, result: "0x1" })) });
    const dead = new HttpRpc("http://127.0.0.1:1", 500);
    const reasons: string[] = [];
    const rpc = new FailoverRpc([dead, new HttpRpc(node.url, 500)], (reason) => reasons.push(reason));
    const ask = () => rpc.batch([{ method: "eth_chainId", params: [] }]);
    expect(await ask()).to.deep.equal([{ ok: true, result: "0x1" }]);
    expect(await ask()).to.deep.equal([{ ok: true, result: "0x1" }]);
    expect(reasons.length).to.equal(1);
    await node.close();
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: "RPC_UNREACHABLE" });
  });
});

describe("metrics", () => {
  it("are served on the loopback, with a health that can be bad", async () => {
    let healthy = true;
    const metrics = new Metrics();
    metrics.missed.inc({ reason: "gas" });
    const server = await serveMetrics(metrics, 0, () => healthy);
    try {
      const { port, address } = server.address() as { port: number; address: string };
      expect(address).to.equal("127.0.0.1");
      const get = async (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
      expect(await (await get("/metrics")).text()).to.include('keeper_missed_total{reason="gas"} 1');
      expect((await get("/health")).status).to.equal(200);
      healthy = false;
      expect((await get("/health")).status).to.equal(503);
      expect((await get("/other")).status).to.equal(404);
      const error: unknown = await serveMetrics(metrics, port, () => true).catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: "PORT_IN_USE" });
    } finally {
      server.close();
    }
  });
});
