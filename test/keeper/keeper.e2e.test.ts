import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { loadFixture, mine, setBalance, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import hre from "hardhat";

import { Store } from "../../scripts/keeper/store/Store";
import { USDC, WETH, deployInventory, deployMarket, priceE36 } from "../contracts/periphery/fixture";
import { HardhatRpc, configOf, runKeeper, serve, signer } from "./world";

const market = () => deployMarket("MockERC20");
const inventory = () => deployInventory("MockERC20");
type Market = Awaited<ReturnType<typeof market>>;

async function config(m: Market, changes: Parameters<typeof configOf>[3] = {}) {
  const [vault, auctionHouse, buffer, flashLiquidator, collateral, pool] = await Promise.all(
    [m.vault, m.house, m.buffer, m.liquidator, m.weth, m.venue.pool].map((contract) => contract.getAddress()),
  );
  const addresses = { vault: vault!, auctionHouse: auctionHouse!, buffer: buffer!, flashLiquidator: flashLiquidator! };
  return configOf(addresses, collateral!, pool!, changes);
}

/** The outside market falls: the pool by selling, the oracle by setting it. */
async function fall(m: Market, price: bigint): Promise<void> {
  await m.oracle.setPrice(priceE36(price));
  const wanted = BigInt(Math.floor(Math.sqrt(Number(price) * 1e-12) * 2 ** 96));
  const { sqrtPriceX96 } = await m.venue.pool.slot0();
  const liquidity = await m.venue.pool.liquidity();
  const wethIsToken0 = m.venue.token0 === m.weth;
  const now = wethIsToken0 ? sqrtPriceX96 : (1n << 192n) / sqrtPriceX96;
  if (now > wanted) {
    const amount = (liquidity * (1n << 96n) * (now - wanted)) / (now * wanted);
    await m.venue.sell(m.weth, (amount * 1_000_500n) / 1_000_000n);
  }
}

const kinds = (actions: { decision: { kind: string } }[]) => actions.map(({ decision }) => decision.kind).sort();

describe("Keeper", () => {
  it("reads the book from events and does nothing while all are healthy, in one round trip a block", async () => {
    const m = await loadFixture(market);
    const { step, rpc, metric } = await runKeeper(await config(m));
    expect(await step()).to.deep.equal([]);
    expect(await metric("keeper_positions")).to.equal(3);
    const before = rpc.roundTrips;
    expect(await step()).to.deep.equal([]);
    expect(rpc.roundTrips - before).to.equal(2); // one for the block, one for the check of the sums
    expect(await metric("keeper_book_corrections_total")).to.equal(0);
  });

  it("starts unhealthy positions once, buys from them at a profit, and frees them when they are healthy", async () => {
    const m = await loadFixture(market);
    const { step, metric } = await runKeeper(await config(m));
    await step();
    await fall(m, 2350n);
    const ltvs = () =>
      Promise.all(
        m.borrowers.map(async (owner) => {
          const { collateral } = await m.vault.position(m.weth, owner);
          return Number((await m.vault.debtOf(m.weth, owner)) * 10_000n * 10n ** 12n) / Number(collateral * 2350n);
        }),
      );

    expect(kinds(await step())).to.deep.equal(["start", "start", "start"]);
    const bounty = await m.weth.balanceOf(signer.address);
    expect(bounty).to.be.gt(0);

    const seen: string[] = [];
    for (let i = 0; i < 200 && (await m.house.lane(m.weth)).auctions > 0n; i++) {
      seen.push(...kinds(await step(30)));
    }
    await step(); // picks up the last outcome
    expect(new Set(seen)).to.deep.equal(new Set(["buy", "cancel"]));
    expect((await m.house.lane(m.weth)).auctions).to.equal(0);
    for (const ltv of await ltvs()) expect(ltv).to.be.within(7880, 8300);
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
    expect(await metric("keeper_book_corrections_total")).to.equal(0);
    expect(await metric("keeper_missed_auctions_total")).to.equal(0);
    expect(await metric("keeper_pending_transactions")).to.equal(0);
  });

  it("has the buffer take over what is past absorbLtv", async () => {
    const m = await loadFixture(market);
    const { step } = await runKeeper(await config(m));
    await step();
    await fall(m, 2150n); // 93 %
    expect(kinds(await step())).to.deep.equal(["absorb", "absorb", "absorb"]);
    expect((await m.buffer.inventory(m.weth)).amount).to.be.gt(WETH);
    for (const owner of m.borrowers) expect(await m.vault.debtOf(m.weth, owner)).to.be.lt(20_000n * USDC);
  });

  it("cancels auctions of positions that are healthy again, and also those without debt", async () => {
    const m = await loadFixture(market);
    const { step } = await runKeeper(await config(m));
    await step();
    await m.oracle.setPrice(priceE36(2350n));
    expect(kinds(await step())).to.deep.equal(["start", "start", "start"]);
    const [first] = m.borrowers;
    await m.usdc.mint(first!, 1000n * USDC);
    await m.usdc.connect(first).approve(m.vault, MaxUint256);
    await m.vault.connect(first).repay(m.weth, MaxUint256, first!);
    expect(kinds(await step())).to.include("cancel");
    await m.oracle.setPrice(priceE36(3000n));
    expect(kinds(await step())).to.deep.equal(["cancel", "cancel"]);
    expect((await m.house.lane(m.weth)).auctions).to.equal(0);
  });

  it("buys inventory at a profit", async () => {
    const m = await loadFixture(inventory);
    const { step } = await runKeeper(await config(m));
    const held = (await m.buffer.inventory(m.weth)).amount;
    const seen: string[] = [];
    for (let i = 0; i < 30 && !seen.includes("buyInventory"); i++) seen.push(...kinds(await step(60)));
    expect(seen).to.include("buyInventory");
    expect((await m.buffer.inventory(m.weth)).amount).to.be.lt(held);
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
  });

  it("says why it missed an auction that another took", async () => {
    const m = await loadFixture(market);
    const { step, store } = await runKeeper(await config(m, { minProfit: 10n ** 15n }));
    await step();
    await m.oracle.setPrice(priceE36(2350n));
    await step();
    for (let i = 0; i < 10; i++) expect(await step(60)).to.deep.equal([]);
    const [owner] = m.borrowers;
    await m.usdc.mint(m.trader, 100_000n * USDC);
    await m.usdc.connect(m.trader).approve(m.vault, MaxUint256);
    await m.house.connect(m.trader).buy(m.weth, owner!, WETH, MaxUint256, m.trader, "0x");
    await step();
    const [missed, ...rest] = store.missed();
    expect(rest).to.deep.equal([]);
    expect(missed).to.include({
      kind: "buy",
      owner: owner!.address,
      taker: m.trader.address,
      amount: WETH,
      reason: "gas",
    });
  });

  it("takes up its work from the store after a restart, also when the chain went on without it", async () => {
    const m = await loadFixture(market);
    const settings = await config(m);
    const first = await runKeeper(settings);
    await first.step();
    await m.oracle.setPrice(priceE36(2350n));
    await first.step();
    first.keeper.save();
    await mine(40);
    const second = await runKeeper({ ...settings, fromBlock: 1_000_000 }, first.store); // can't read the past again
    await second.step();
    expect(await second.metric("keeper_positions")).to.equal(3);
    expect(await second.metric("keeper_auctions")).to.equal(3);
    expect(await second.metric("keeper_book_corrections_total")).to.equal(0);
  });

  it("undoes a reorganisation", async () => {
    const m = await loadFixture(market);
    const { step, metric, keeper, latest } = await runKeeper(await config(m));
    await step();
    const snapshot: unknown = await hre.network.provider.send("evm_snapshot", []);
    await m.oracle.setPrice(priceE36(2350n));
    await step();
    await step();
    expect(await metric("keeper_auctions")).to.equal(3);
    await hre.network.provider.send("evm_revert", [snapshot]);
    await time.increase(7);
    await mine(3, { interval: 11 });
    await keeper.onBlock(await latest());
    expect(await metric("keeper_reorgs_total")).to.equal(1);
    expect(await metric("keeper_auctions")).to.equal(0);
    expect(await metric("keeper_book_corrections_total")).to.equal(0);
    await m.oracle.setPrice(priceE36(2350n));
    expect(kinds(await step())).to.deep.equal(["start", "start", "start"]); // with nonces that are free again
    expect((await m.house.lane(m.weth)).auctions).to.equal(3);
  });

  it("finds a book that is wrong and reads it anew", async () => {
    const m = await loadFixture(market);
    const settings = await config(m);
    const late = { ...settings, fromBlock: (await hre.ethers.provider.getBlockNumber()) - 1 };
    const { step, metric, rpc } = await runKeeper(late);
    await step();
    expect(await metric("keeper_book_corrections_total")).to.equal(1); // the positions are older than fromBlock
    rpc.broken.add("eth_getLogs");
    let error: unknown;
    await step().catch((thrown: unknown) => (error = thrown));
    expect(error).to.include({ code: "RPC_ERROR" });
  });

  it("finds a position that is wrong, whatever the vault was sent", async () => {
    const m = await loadFixture(market);
    const settings = await config(m);
    const first = await runKeeper(settings);
    await first.step();
    first.keeper.save();
    const checkpoint = first.store.loadCheckpoint()!;
    const [position, ...others] = checkpoint.positions;
    await m.weth.mint(m.vault, position!.collateral);
    for (const collateral of [position!.collateral / 2n, position!.collateral * 2n]) {
      first.store.saveCheckpoint({ ...checkpoint, positions: [{ ...position!, collateral }, ...others] });
      const second = await runKeeper(settings, first.store);
      await second.step();
      expect(await second.metric("keeper_book_corrections_total")).to.equal(1);
      await second.step();
      expect(await second.metric("keeper_book_corrections_total")).to.equal(1);
      second.keeper.save();
      expect(second.store.loadCheckpoint()!.positions).to.deep.equal(checkpoint.positions);
    }
  });

  it("keeps out of a market whose oracle is broken", async () => {
    const m = await loadFixture(market);
    const { step, metric } = await runKeeper(await config(m));
    await step();
    await m.oracle.setPrice(priceE36(2350n));
    await m.oracle.setBroken(true);
    expect(await step()).to.deep.equal([]);
    await m.oracle.setBroken(false);
    expect(kinds(await step())).to.deep.equal(["start", "start", "start"]);
    expect(await metric("keeper_transactions_refused_total")).to.equal(0);
  });

  it("does the same things on the same chain", async () => {
    const play = async () => {
      const m = await loadFixture(market);
      const { step } = await runKeeper(await config(m));
      await step();
      await fall(m, 2350n);
      const hashes: string[] = [];
      for (let i = 0; i < 20; i++) hashes.push(...(await step(60)).map(({ hash }) => hash));
      return hashes;
    };
    const first = await play();
    expect(first.length).to.be.gt(3);
    expect(await play()).to.deep.equal(first);
  });

  it("runs as a process over HTTP, and ends in good order when told to", async () => {
    const m = await loadFixture(market);
    const { addresses } = await config(m);
    await setBalance(signer.address, WETH);
    await m.oracle.setPrice(priceE36(2350n));
    const node = await serve(new HardhatRpc());
    const folder = mkdtempSync(join(tmpdir(), "keeper-"));
    const file = join(folder, "keeper.json");
    const store = join(folder, "keeper.sqlite");
    const settings = {
      rpc: ["http://127.0.0.1:1", node.url],
      chainId: 31_337,
      vault: addresses.vault,
      flashLiquidator: addresses.flashLiquidator,
      nativeMarket: await m.weth.getAddress(),
      syncInterval: 0,
      maxLag: 0,
      metricsPort: 0,
      pollInterval: 20,
      store,
    };
    writeFileSync(file, JSON.stringify(settings));
    const cli = [require.resolve("tsx/cli"), "scripts/keeper/cli.ts", "--config", file];
    const env = { PATH: process.env["PATH"], KEEPER_PRIVATE_KEY: signer.privateKey };
    const child = spawn(process.execPath, cli, { env, stdio: ["ignore", "ignore", "inherit"] });
    try {
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      for (let i = 0; i < 300 && (await m.house.lane(m.weth)).auctions < 3n; i++) await sleep(100);
      expect((await m.house.lane(m.weth)).auctions).to.equal(3);
      await sleep(500);
      child.kill("SIGTERM");
      expect(await ended).to.equal(0);
      const kept = new Store(store, `31337:${addresses.vault}:${signer.address}`);
      expect(kept.loadCheckpoint()?.positions.length).to.equal(3);
      expect(kept.nonceFloor).to.equal(3);
      kept.close();
    } finally {
      child.kill("SIGKILL");
      await node.close();
      rmSync(folder, { recursive: true });
    }
  });
});
