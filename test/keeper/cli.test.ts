import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { environmentName, parseSettings, readSettingsFile, SETTING_NAMES } from "../../scripts/keeper/config";
import { Metrics } from "../../scripts/keeper/metrics/Metrics";
import { serveMetrics } from "../../scripts/keeper/metrics/server";
import type { SpillwayError } from "../../scripts/lib";
import { type Anvil, startAnvil } from "../../scripts/replay/chain/anvil";
import { KEY, keeper } from "./commandLine";

const SOME = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
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
    ["rpc", { rpc: ["ftp://127.0.0.1"] }, "rpc.0: is not a URL of http(s):// or ws(s)://"],
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
    ["dryRun", { dryRun: "yes" }, 'dryRun: must be of type boolean; for example "dryRun": true'],
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
      expect(errorOf(() => readSettingsFile(path)).message).to.match(/^config: .* can't be read \(ENOENT\)/);
      writeFileSync(path, '{ "chainId": 1\n  "rpc": ["http://secret"] }');
      const broken = errorOf(() => readSettingsFile(path));
      expect(broken).to.include({ code: "BAD_CONFIG" });
      expect(broken.message).to.include("not JSON at line 2, column 3").and.not.to.include("secret");
      writeFileSync(path, "secret");
      expect(errorOf(() => readSettingsFile(path)).message)
        .to.match(/it is not JSON\.$/)
        .and.not.to.include("secret");
      writeFileSync(path, '{ "chainId": 1, "rpc": ["http://secr');
      const half = errorOf(() => readSettingsFile(path));
      expect(half.message).to.include("was it written to the end?").and.not.to.include("secr");
      writeFileSync(path, "[]");
      expect(errorOf(() => parseSettings(readSettingsFile(path), {})).message).to.match(
        /^config: must be a JSON object/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("go from file to environment to command line, each before the last", () => {
    const env = { KEEPER_CHAIN_ID: "2", KEEPER_MIN_PROFIT: "7", KEEPER_RPC: "http://a.example, http://b.example" };
    const settings = parseSettings({ ...good, minProfit: "5" }, { minProfit: "9" }, env);
    expect(settings).to.deep.include({ chainId: 2, minProfit: 9n, rpc: ["http://a.example", "http://b.example"] });
    expect(parseSettings(good, {}, { KEEPER_DRY_RUN: "true", KEEPER_STORE: "" })).to.include({
      dryRun: true,
      store: "keeper.sqlite",
    });
    const pools = parseSettings(good, {}, { KEEPER_POOLS: `{"${SOME}":"${SOME}"}` });
    expect(pools.pools).to.deep.equal({ [SOME]: SOME });
  });

  for (const [variable, text, words] of [
    ["KEEPER_MIN_PROFITT", "1", "KEEPER_MIN_PROFITT: no such setting"],
    ["KEEPER_CHAIN_ID", "main", "chainId: is not a number; for example KEEPER_CHAIN_ID=1."],
    ["KEEPER_RPC", "[oops", "KEEPER_RPC: it is not JSON"],
    ["KEEPER_DRY_RUN", "yes", "dryRun: must be of type boolean; for example KEEPER_DRY_RUN=true."],
  ] as const) {
    it(`name the variable that is wrong: ${words}`, () => {
      const error = errorOf(() => parseSettings(good, {}, { [variable]: text }));
      expect(error).to.include({ code: "BAD_CONFIG" });
      expect(error.message).to.include(words);
    });
  }

  it("have an example each that is right, and a line each in the documentation", () => {
    const docs = readFileSync("docs/keeper.md", "utf8");
    for (const name of SETTING_NAMES) {
      expect(docs, name).to.include(`\`${name}\``);
      const message = errorOf(() => parseSettings({ ...good, [name]: { not: "this" } }, {})).message;
      const example = message.slice(message.indexOf("for example ") + "for example ".length, -1);
      const given = JSON.parse(`{${example}}`) as Record<string, unknown>;
      if (name === "weiPriceE36") given["nativeMarket"] = undefined;
      parseSettings({ ...good, ...given }, {});
    }
    expect(environmentName("maxFeePerGas")).to.equal("KEEPER_MAX_FEE_PER_GAS");
  });

  for (const secret of [
    { privateKey: "x" },
    { rpc: [KEY] },
    { venues: { a: { signingKey: "x" } } },
    { mnemonic: "x" },
  ]) {
    it(`refuse ${Object.keys(secret).join()} with a secret in a file, and don't show it`, () => {
      const error = errorOf(() => parseSettings({ ...good, ...secret }, {}));
      expect(error).to.include({ code: "BAD_CONFIG" });
      expect(error.message).to.include("never stands in a config file").and.not.to.include(KEY);
    });
  }
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
    const [program, run] = await Promise.all([keeper(["--help"]), keeper(["help", "run"])]);
    expect([program.code, run.code]).to.deep.equal([0, 0]);
    for (const command of ["run", "init", "check", "postmortem"]) expect(program.out).to.include(command);
    for (const option of ["--rpc", "--chain-id", "--pool", "--dry-run", "--keystore"])
      expect(run.out).to.include(option);
  });

  it("ends with one line with a code, and 2 for what must be mended, 3 for what may pass", async () => {
    const on = [...args, "--chain-id", "1"];
    const runs: [number, RegExp, string[], Record<string, string>?][] = [
      [2, /^error: unknown option '--bogus' \(BAD_INPUT\)$/, ["--bogus"]],
      [2, /^error: too many arguments for 'run'.* \(BAD_INPUT\)$/, ["frobnicate"]],
      [2, /^error: chainId: is missing; for example "chainId": 1\. \(BAD_CONFIG\)$/, args],
      [2, /^error: chainId: is not a number; for example --chain-id 1\. \(BAD_CONFIG\)$/, [...args, "--chain-id", "x"]],
      [2, /^error: config: none\.json can't be read \(ENOENT\).* \(BAD_CONFIG\)$/, ["--config", "none.json"]],
      [2, /^error: KEEPER_PRIVATE_KEY: is not set; .* \(BAD_KEY\)$/, on, {}],
      [
        2,
        /^error: chainId: the node is on chain 1, the settings say 5;.* \(WRONG_CHAIN\)$/,
        [...args, "--chain-id", "5"],
      ],
      [2, new RegExp(`^error: vault: there is no contract at ${SOME} on chain 1\\. \\(MISSING_CONTRACT\\)$`), on],
      // an open socket does not keep it from ending
      [2, /^error: vault: there is no contract/, on.with(1, anvil.url.replace("http", "ws"))],
      [
        3,
        /^error: No answer from the node at 127\.0\.0\.1:1.* \(RPC_UNREACHABLE\)$/,
        on.with(1, "http://127.0.0.1:1/secret"),
      ],
    ];
    const ends = await Promise.all(runs.map(([, , given, env]) => keeper(given, env)));
    ends.forEach(({ code, err }, i) => {
      expect(err.trim()).to.match(runs[i]![1]);
      expect(err).not.to.include("secret");
      expect(code, err).to.equal(runs[i]![0]);
    });
  });

  it("ends with 1 and a stack where it has a bug", async () => {
    const folder = mkdtempSync(join(tmpdir(), "keeper-"));
    try {
      const preload = join(folder, "bug.cjs");
      writeFileSync(preload, 'globalThis.AbortController = class { constructor() { throw new TypeError("boom"); } };');
      const { code, err } = await keeper([...args, "--chain-id", "1"], undefined, { node: ["--require", preload] });
      expect(err).to.match(/^error: this is a bug of the keeper, please report it: TypeError: boom\n\s+at /);
      expect(code).to.equal(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses a contract that is not the vault", async () => {
    await anvil.rpc.call("anvil_setCode", SOME, "0x5f5ffd");
    const { code, err } = await keeper([...args, "--chain-id", "1"]);
    expect(err.trim()).to.equal(`error: vault: ${SOME} is not a vault with an auction house. (MISSING_CONTRACT)`);
    expect(code).to.equal(2);
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
