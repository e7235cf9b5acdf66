import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { loadFixture, setBalance } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { Wallet, id, parseEther } from "ethers";
import hre from "hardhat";

import { type FleetStatus, readFleets } from "../../scripts/keeper/coordination/status";
import { deployMarket, priceE36 } from "../contracts/periphery/fixture";
import { Redis } from "./redisServer";
import { HardhatRpc, serve } from "./world";

/** `npm run test:keeper` runs this; it takes too long for the project's default run. */
const slow = process.env["KEEPER_TESTS"] === "full" ? it : (): undefined => undefined;
const market = () => deployMarket("MockERC20");

describe("keepers of one fleet", function () {
  this.timeout(120_000);
  let redis: Redis;
  let folder: string;
  const children: ChildProcess[] = [];
  before(async function () {
    if (!Redis.isInstalled()) this.skip();
    redis = await Redis.start();
    folder = mkdtempSync(join(tmpdir(), "fleet-e2e-"));
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await (redis as Redis | undefined)?.stop();
    rmSync(folder, { recursive: true, force: true });
    await hre.network.provider.send("evm_setAutomine", [true]);
  });

  slow(
    "do each job once, go on when the watcher is killed and when their Redis is, and pay for no failed transaction",
    async () => {
      const m = await loadFixture(market);
      const node = await serve(new HardhatRpc());
      const [vault, flashLiquidator, weth, pool] = await Promise.all(
        [m.vault, m.liquidator, m.weth, m.venue.pool].map((contract) => contract.getAddress()),
      );
      const signers = ["a", "b", "c"].map((name) => new Wallet(id(`${name} of a fleet`)));
      const members = new Map<string, ChildProcess>();
      for (const [i, { address, privateKey }] of signers.entries()) {
        await setBalance(address, parseEther("100"));
        const member = `member-${i}`;
        const config = join(folder, `${member}.json`);
        const settings = {
          ...{ rpc: [node.url], chainId: 31_337, vault, flashLiquidator, pools: { [weth!]: pool }, nativeMarket: weth },
          ...{ redis: redis.url, member, store: join(folder, `${member}.sqlite`), metricsPort: 0, maxLag: 0 },
          ...{ pollInterval: 50, workAtLoss: true },
        };
        writeFileSync(config, JSON.stringify(settings));
        const env = { PATH: process.env["PATH"], KEEPER_PRIVATE_KEY: privateKey };
        const cli = ["--import", "tsx", "scripts/keeper/cli.ts", "--config", config];
        const child = spawn(process.execPath, cli, { env, stdio: ["ignore", "ignore", "inherit"] });
        children.push(child);
        members.set(member, child);
      }
      try {
        const status = async (): Promise<FleetStatus | undefined> => (await readFleets(redis.url).catch(() => []))[0];
        const watcher = async (): Promise<string | undefined> =>
          (await status())?.members.find(({ role }) => role === "watcher")?.id;
        for (let i = 0; i < 600 && ((await status())?.members.length !== 3 || !(await watcher())); i++) await sleep(50);
        await sleep(2_000); // the new watcher settles

        const { provider } = hre.network;
        await m.oracle.setPrice(priceE36(2350n));
        await provider.send("evm_setAutomine", [false]);
        const from = await hre.ethers.provider.getBlockNumber();
        /** Mines what was sent within the time that a block takes, and gives the senders. */
        const step = async (): Promise<string[]> => {
          await sleep(600);
          await provider.send("evm_increaseTime", [12]);
          await provider.send("evm_mine");
          const { transactions = [] } = (await hre.ethers.provider.getBlock("latest", true)) ?? {};
          return transactions.map(String);
        };
        /** Mines up to `blocks` until there was a transaction. */
        const next = async (blocks: number): Promise<number> => {
          for (let i = 0; i < blocks; i++) if ((await step()).length > 0) return i;
          throw new Error(`in ${blocks} blocks nothing was sent`);
        };
        await next(3);
        expect(await m.house.isOpen(m.weth)).to.equal(true);

        const table = spawnSync(process.execPath, [
          ...["--import", "tsx", "scripts/keeper/cli.ts", "fleet", "status", "--redis", redis.url],
        ]);
        expect(table.status).to.equal(0);
        expect(table.stdout.toString()).to.match(/member-0[^]*member-1[^]*member-2[^]*jobs: /);

        const refused = spawnSync(process.execPath, [
          ...["--import", "tsx", "scripts/keeper/cli.ts", "fleet", "status", "--redis", "redis://:secret@127.0.0.1:1"],
        ]);
        expect(refused.status).not.to.equal(0);
        expect(refused.stderr.toString()).to.match(/^error: redis: no Redis at 127\.0\.0\.1:1: [^\n]*\n$/);

        // the price falls on, so that there is always something to absorb or to sync
        const first = await watcher();
        members.get(first!)!.kill("SIGKILL");
        await m.oracle.setPrice(priceE36(2150n));
        await step();
        const killedAt = Date.now();
        for (let i = 0; i < 40 && [undefined, first].includes(await watcher()); i++) await step();
        expect(Date.now() - killedAt).to.be.below(10_000);
        await next(10);

        await redis.kill();
        await sleep(5_000);
        const before = await hre.ethers.provider.getBlockNumber();
        for (let i = 0; i < 4; i++) await step();
        await m.oracle.setPrice(priceE36(2000n));
        await step();
        for (let i = 0; i < 5; i++) await step();

        const outcomes = { done: 0, failed: 0, alone: 0 };
        const latest = await hre.ethers.provider.getBlockNumber();
        for (let number = from + 1; number <= latest; number++) {
          const { transactions = [] } = (await hre.ethers.provider.getBlock(number)) ?? {};
          for (const hash of transactions) {
            const receipt = await hre.ethers.provider.getTransactionReceipt(hash);
            if (!signers.some(({ address }) => address === receipt?.from)) continue;
            outcomes[receipt!.status === 1 ? "done" : "failed"]++;
            if (number > before) outcomes.alone++;
          }
        }
        expect(outcomes.failed).to.equal(0);
        expect(outcomes.alone).to.be.above(0);
        expect(outcomes.done).to.be.above(outcomes.alone);
      } finally {
        for (const child of children) child.kill("SIGKILL");
        await node.close();
      }
    },
  );
});
