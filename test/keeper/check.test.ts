import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { computeAddress, id, Interface, toQuantity } from "ethers";

import { check } from "../../scripts/keeper/check/check";
import { exitCodeFor, type Finding } from "../../scripts/keeper/check/finding";
import { HttpRpc } from "../../scripts/keeper/chain/HttpRpc";
import { parseSettings, readSettingsFile } from "../../scripts/keeper/config";
import { KEY, keeper } from "./commandLine";
import { deployment, type Deployment } from "./deployment";
import { serve } from "./world";

describe("init and check", () => {
  let world: Deployment;
  let folder: string;
  let record: string;
  let config: string;
  const env = { KEEPER_PRIVATE_KEY: KEY };

  before(async function () {
    this.timeout(180_000);
    world = await deployment();
    folder = mkdtempSync(join(tmpdir(), "check-"));
    record = join(folder, "deployment.json");
    config = join(folder, "keeper.json");
    writeFileSync(record, world.record);
    await world.anvil.rpc.call("anvil_setBalance", computeAddress(KEY), toQuantity(10n ** 19n));
  });
  after(async () => {
    await world.stop();
    rmSync(folder, { recursive: true });
  });

  /** What `check` finds, by what it looked at. */
  async function findings(
    { positions = 0, ...options }: Record<string, unknown> & { positions?: number },
    variables: Record<string, string> = env,
  ) {
    const settings = parseSettings(readSettingsFile(config), { store: join(folder, "check.sqlite"), ...options });
    const list = await check(settings, variables, { positions });
    return { code: exitCodeFor(list), of: (what: string) => pick(list, what) };
  }

  function pick(list: readonly Finding[], what: string): Finding {
    const found = list.find((one) => one.what.includes(what));
    if (found === undefined) throw new Error(`nothing about ${what} in ${JSON.stringify(list)}`);
    return found;
  }

  it("write a config that is right, from a deployment's record and the chain", async () => {
    const { code, out, err } = await keeper(
      ["init", "--deployment", record, "--rpc", world.anvil.url, "--out", config],
      {},
    );
    expect(code, err).to.equal(0);
    expect(out).to.include("keeper -- check");
    const settings = JSON.parse(readFileSync(config, "utf8")) as Record<string, unknown>;
    const { Vault, FlashLiquidator, WETH, WBTC } = world.addresses;
    expect(settings).to.include({
      chainId: 31_337,
      vault: Vault,
      flashLiquidator: FlashLiquidator,
      nativeMarket: WETH,
    });
    expect(Object.keys(settings["pools"] as object)).to.have.members([WETH, WBTC]);
    const code1 = async (block: number) => world.anvil.rpc.call("eth_getCode", Vault, toQuantity(block));
    const first = settings["fromBlock"] as number;
    // a node that keeps no old state leaves it at 0
    if (first > 0)
      expect(await Promise.all([code1(first - 1), code1(first)].map(async (c) => (await c) === "0x"))).to.deep.equal([
        true,
        false,
      ]);
    const again = await keeper(["init", "--deployment", record, "--rpc", world.anvil.url, "--out", config], {});
    expect([again.code, again.err]).to.deep.equal([
      2,
      `error: out: ${config} is there already; give another --out, or --force to overwrite it. (BAD_CONFIG)\n`,
    ]);
  });

  it("read a folder of deployments too", async () => {
    const live = join(folder, "live");
    const out = join(folder, "live.json");
    mkdirSync(live);
    writeFileSync(join(live, ".chainId"), "31337\n");
    const receipt = { blockNumber: 7 };
    writeFileSync(join(live, "Vault.json"), JSON.stringify({ address: world.addresses["Vault"], receipt }));
    const args = ["init", "--deployment", live, "--out", out];
    const half = await keeper(args, { KEEPER_RPC: world.anvil.url });
    expect(half.code).to.equal(2);
    expect(half.err).to.include("holds no FlashLiquidator.json");
    writeFileSync(join(live, "FlashLiquidator.json"), JSON.stringify({ address: world.addresses["FlashLiquidator"] }));
    const whole = await keeper(args, { KEEPER_RPC: world.anvil.url });
    expect(whole.code, whole.err).to.equal(0);
    expect(JSON.parse(readFileSync(out, "utf8"))).to.include({ fromBlock: 7 });
  });

  it("refuse a bad record and a wrong chain with a line that names it", async () => {
    const wrong = join(folder, "wrong.json");
    writeFileSync(wrong, world.record.replace("31337", "1"));
    writeFileSync(join(folder, "empty.json"), "{}");
    const runs: [RegExp, string][] = [
      [/^error: rpc: the node is on chain 31337, the deployment on 1;.* \(WRONG_CHAIN\)$/, wrong],
      [/^error: deployment: .*empty\.json does not name Vault.* \(BAD_CONFIG\)$/, join(folder, "empty.json")],
      [/^error: deployment: .*none\.json can't be read \(ENOENT\).* \(BAD_CONFIG\)$/, join(folder, "none.json")],
    ];
    const given = (path: string) => [
      "init",
      "--deployment",
      path,
      "--rpc",
      world.anvil.url,
      "--out",
      join(folder, "x.json"),
    ];
    const ends = await Promise.all(runs.map(([, path]) => keeper(given(path), {})));
    ends.forEach(({ code, err }, i) => {
      expect(err.trim()).to.match(runs[i]![0]);
      expect(code).to.equal(2);
    });
  });

  it("find all well, and try each position on a fork", async () => {
    const { code, out, err } = await keeper(
      ["check", "--config", config, "--store", join(folder, "a.sqlite"), "--json"],
      env,
    );
    expect(err).to.equal("");
    expect(out).not.to.include(KEY.slice(2));
    const list = JSON.parse(out) as Finding[];
    const of = (what: string) => pick(list, what);
    expect(list.filter(({ status }) => status === "fail")).to.deep.equal([]);
    for (const what of ["methods", "vault", "auction house", "buffer", "flash liquidator", "balance"]) {
      expect(of(what).status, what).to.equal("ok");
    }
    expect(of("book").detail).to.equal("3 positions, 3 of them tried");
    for (const action of ["open in", "buy in", "absorb in"]) {
      expect(of(action)).to.include({ status: "ok", detail: "3 of 3 would go through" });
    }
    expect(code).to.equal(0);
    // nothing of it happened on the chain
    const log = { fromBlock: "0x0", address: world.addresses["AuctionHouse"], topics: [] };
    const logs = (await world.anvil.rpc.call("eth_getLogs", log)) as { topics: string[] }[];
    const opened = id("LaneOpened(address,address,address,uint256,uint256,uint256,uint256)");
    expect(logs.some(({ topics }) => topics[0] === opened)).to.equal(false);
  });

  it("try no more positions than asked, the riskiest first", async () => {
    const { of } = await findings({ positions: 1 });
    expect(of("book").detail).to.equal("3 positions, 1 of them tried");
    expect(of("buy in").detail).to.equal("1 of 1 would go through");
  });

  it("count what would fail, and why", async () => {
    const snapshot = await world.anvil.rpc.call("evm_snapshot");
    try {
      const pool = Object.values((JSON.parse(readFileSync(config, "utf8")) as { pools: Record<string, string> }).pools);
      for (const address of pool) await drain(address);
      const { code, of } = await findings({ positions: 2 });
      expect(of("buy in")).to.include({ status: "fail" });
      expect(of("buy in").detail).to.match(/^0 of 2 would go through; 2 /);
      expect(of("open in").status).to.equal("ok");
      expect(code).to.equal(2);
    } finally {
      await world.anvil.rpc.call("evm_revert", snapshot);
    }
  });

  /** Takes a pool's loan asset away, so that it can't pay. */
  async function drain(pool: string): Promise<void> {
    const token = world.addresses["USDC"]!;
    const abi = new Interface([
      "function balanceOf(address) view returns (uint256)",
      "function transfer(address, uint256)",
    ]);
    const balance = await world.anvil.rpc.text(
      "eth_call",
      { to: token, data: abi.encodeFunctionData("balanceOf", [pool]) },
      "latest",
    );
    await world.anvil.rpc.call("anvil_setBalance", pool, toQuantity(10n ** 18n));
    await world.anvil.rpc.call("anvil_impersonateAccount", pool);
    const data = abi.encodeFunctionData("transfer", [`0x${"99".repeat(20)}`, BigInt(balance)]);
    await world.anvil.rpc.call("eth_sendTransaction", { from: pool, to: token, data, gas: toQuantity(100_000) });
    await world.anvil.rpc.call("evm_mine");
  }

  it("tell a key without ether, foreign bytecode and no key at all", async () => {
    const poor = await findings({}, { KEEPER_PRIVATE_KEY: `0x${"7".repeat(64)}` });
    expect(poor.of("balance")).to.include({ status: "fail" });
    expect(poor.of("balance").detail).to.include("0.0 ether: it can't pay for gas").and.include("BAD_KEY");
    expect(poor.of("rehearsal").status).to.equal("skipped");
    expect(poor.code).to.equal(2);
    const keyless = await findings({}, {});
    expect(keyless.of("keys").detail).to.match(/^KEEPER_PRIVATE_KEY: is not set/);
    expect(keyless.code).to.equal(2);

    const liquidator = world.addresses["FlashLiquidator"]!;
    const code = await world.anvil.rpc.text("eth_getCode", liquidator, "latest");
    await world.anvil.rpc.call("anvil_setCode", liquidator, `${code}00`);
    try {
      const foreign = await findings({});
      expect(foreign.of("flash liquidator")).to.include({ status: "fail" });
      expect(foreign.code).to.equal(2);
    } finally {
      await world.anvil.rpc.call("anvil_setCode", liquidator, code);
    }
  });

  it("tell a node that refuses a method, is on another chain, or is not there", async () => {
    const behind = new HttpRpc(world.anvil.url, 10_000);
    const refusing = await serve({
      batch: async (requests) => {
        const replies = await behind.batch(requests);
        return replies.map((reply, i) => {
          const method = requests[i]!.method;
          const refused = ["eth_getLogs", "eth_sendRawTransaction", "eth_simulateV1"].includes(method);
          return refused
            ? { ok: false, error: { code: -32_601, message: `the method ${method} does not exist` } }
            : reply;
        });
      },
    });
    try {
      const without = await findings({ rpc: [refusing.url] });
      expect(without.of("methods")).to.include({ status: "fail" });
      expect(without.of("methods").detail).to.include("eth_getLogs, eth_sendRawTransaction, eth_simulateV1");
      expect(without.code).to.equal(2);
    } finally {
      await refusing.close();
      behind.close();
    }
    const other = await findings({ chainId: "1" });
    expect(other.of("node").detail).to.include("it is on chain 31337, the settings say 1");
    expect(other.code).to.equal(2);
    const gone = await findings({ rpc: ["http://127.0.0.1:1/secret"] });
    expect(gone.of("node").detail).to.include("RPC_UNREACHABLE").and.not.to.include("secret");
    expect(gone.code).to.equal(3);
  });

  it("print a table for people", async () => {
    const { code, out } = await keeper(
      ["check", "--config", config, "--store", join(folder, "t.sqlite"), "--positions", "0"],
      env,
    );
    expect(code).to.equal(0);
    expect(out).to.match(/│ vault +│ ok +│/);
    expect(out.trim().split("\n").at(-1)).to.match(/^\d+ ok, \d+ warnings, 0 failed, 1 skipped$/);
  });
});
