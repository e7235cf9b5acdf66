import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import {
  loadFixture,
  mine,
  setBalance,
  setNextBlockBaseFeePerGas,
  time,
} from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import hre from "hardhat";

import type { Position } from "../../scripts/keeper/book/position";
import { SqliteStore } from "../../scripts/keeper/store/SqliteStore";
import type { Store } from "../../scripts/keeper/store/Store";
import { PAY } from "../contracts/fixture";
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

/** The positions of a store's last checkpoint. */
async function positionsIn(store: Store): Promise<Position[]> {
  const positions: Position[] = [];
  expect(await store.loadPositions((some) => positions.push(...some))).to.equal(true);
  return positions;
}

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

  it("opens the lane once, for pay, buys from all at a profit, and stops when they are healthy", async () => {
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

    expect(kinds(await step())).to.deep.equal(["open"]);
    expect(await m.weth.balanceOf(signer.address)).to.be.gt(0);
    expect(await m.house.isOpen(m.weth)).to.equal(true);

    const seen: string[] = [];
    for (let i = 0; i < 100 && (await ltvs()).some((ltv) => ltv > 8300); i++) seen.push(...kinds(await step(30)));
    await step(); // picks up the last outcome
    expect(new Set(seen)).to.deep.equal(new Set(["buy"]));
    for (const ltv of await ltvs()) expect(ltv).to.be.within(7880, 8300);
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
    expect(await step(30)).to.deep.equal([]);
    expect(await metric("keeper_book_corrections_total")).to.equal(0);
    expect(await metric("keeper_missed_total")).to.equal(0);
    expect(await metric("keeper_pending_transactions")).to.equal(0);
  });

  it("opens no lane where that doesn't pay, unless it is told to", async () => {
    const m = await loadFixture(market);
    await m.house.setPay({ ...PAY, capBps: 0, wrappedNative: m.weth });
    await m.oracle.setPrice(priceE36(2350n));
    const settings = { ...(await config(m)), pools: new Map<string, string>() };
    const forProfit = await runKeeper(settings);
    expect(await forProfit.step()).to.deep.equal([]);
    const service = await runKeeper({ ...settings, policy: { ...settings.policy, workAtLoss: true } });
    expect(kinds(await service.step())).to.deep.equal(["open"]);
  });

  it("has the buffer absorb all that is past absorbLtv in one transaction, at any base fee that pays", async () => {
    for (const gwei of [20n, 250n]) {
      const m = await loadFixture(market);
      await m.house.setPay({ ...PAY, marginBps: 6_000, nativeOracle: m.oracle, wrappedNative: m.weth });
      const { step } = await runKeeper(await config(m));
      await step();
      await fall(m, 2150n); // 93 %
      await setNextBlockBaseFeePerGas(gwei * 10n ** 9n);
      await mine();
      const actions = await step();
      expect(kinds(actions)).to.include("absorb");
      expect((await m.buffer.inventory(m.weth)).amount).to.be.gt(WETH);
      for (const owner of m.borrowers) expect(await m.vault.debtOf(m.weth, owner)).to.be.lt(20_000n * USDC);
      expect(await m.weth.balanceOf(signer.address)).to.be.gt(0);
    }
  });

  it("opens and buys at a base fee of 700 gwei, where that earns more", async () => {
    const m = await loadFixture(market);
    const { step } = await runKeeper(await config(m));
    await step();
    await m.oracle.setPrice(priceE36(2350n)); // the pool pays 3,000 still
    const dear = async () => {
      await setNextBlockBaseFeePerGas(700n * 10n ** 9n);
      await mine();
      return kinds(await step());
    };
    expect(await dear()).to.deep.equal(["open"]);
    expect(await m.house.isOpen(m.weth)).to.equal(true);
    const seen: string[] = [];
    for (let i = 0; i < 10; i++) seen.push(...(await dear()));
    expect(seen).to.include("buy");
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
  });

  it("fulfils a request when its cooldown is over, for pay", async () => {
    const m = await loadFixture(market);
    const { step, store, keeper } = await runKeeper(await config(m));
    await m.buffer.connect(m.lender).requestRedeem(await m.buffer.balanceOf(m.lender), m.lender, m.lender);
    expect(await step()).to.deep.equal([]);
    await keeper.save();
    expect(store.loadCheckpoint()?.controllers).to.deep.equal([m.lender.address]);
    await time.increase(86_400);
    await mine();
    expect(await step()).to.deep.equal([]); // the market was not watched, and nobody pays for that
    await m.house.observe(m.weth);
    await time.increase(1_800);
    await mine();
    // a restart in between changes nothing
    const second = await runKeeper(await config(m), store);
    expect(kinds(await second.step())).to.deep.equal(["fulfil"]);
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
    expect((await m.buffer.claimable(m.lender)).assets).to.be.gt(0);
    expect(await second.step()).to.deep.equal([]);
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

  it("says why it missed what another did", async () => {
    const m = await loadFixture(market);
    const { step, store, latest } = await runKeeper(await config(m, { minProfit: 10n ** 15n }));
    await step();
    await m.oracle.setPrice(priceE36(2350n));
    const [owner] = m.borrowers;
    await m.house.connect(m.trader).open(m.weth, owner!, m.trader); // before it could look
    const seen = await latest();
    for (let i = 0; i < 10; i++) expect(await step(60)).to.deep.equal([]);
    await m.usdc.mint(m.trader, 100_000n * USDC);
    await m.usdc.connect(m.trader).approve(m.vault, MaxUint256);
    const bought = await m.house.connect(m.trader).buy(m.weth, owner!, WETH, MaxUint256, m.trader, "0x");
    const receipt = (await bought.wait())!;
    const { timestamp, baseFeePerGas } = await latest();
    await step();
    const [opened, missed, ...rest] = store.opportunities();
    expect(rest).to.deep.equal([]);
    expect(opened).to.include({
      ...{ kind: "open", owner: owner!.address, taker: m.trader.address, reason: "not-seen" },
      ...{ firstSeenBlock: undefined, firstSeenAt: undefined, oraclePriceE36: priceE36(2350n) },
    });
    expect(missed).to.include({
      ...{ kind: "buy", owner: owner!.address, taker: m.trader.address, amount: WETH, reason: "gas" },
      ...{ block: receipt.blockNumber, transaction: receipt.hash, takenAt: timestamp },
      ...{ firstSeenBlock: seen.number, firstSeenAt: seen.timestamp, oraclePriceE36: priceE36(2350n) },
      ...{ gasUsed: receipt.gasUsed, gasPrice: receipt.gasPrice, tip: receipt.gasPrice - baseFeePerGas },
    });
    // the pool pays some 3,000 USDC for an ether still; gas at 2,350 USDC for one
    const gas = (receipt.gasUsed * receipt.gasPrice * priceE36(2350n)) / 10n ** 36n;
    const proceeds = missed!.wouldHaveEarned! + gas + missed!.cost;
    expect(proceeds).to.be.within(2_800n * USDC, 3_000n * USDC);
    expect(store.opportunities({ block: receipt.blockNumber })).to.deep.equal([missed]);
    expect(store.opportunities({ time: Number(timestamp) + 1 })).to.deep.equal([]);
  });

  it("takes up its work from the store after a restart, also when the chain went on without it", async () => {
    const m = await loadFixture(market);
    const settings = await config(m);
    const first = await runKeeper(settings);
    await first.step();
    await m.oracle.setPrice(priceE36(2350n));
    await first.step();
    await first.keeper.save();
    await mine(40);
    const second = await runKeeper({ ...settings, fromBlock: 1_000_000 }, first.store); // can't read the past again
    await second.step();
    expect(await second.metric("keeper_positions")).to.equal(3);
    expect(await second.metric("keeper_unhealthy_positions")).to.equal(3);
    expect(await second.metric("keeper_book_corrections_total")).to.equal(0);
  });

  it("undoes a reorganisation", async () => {
    const m = await loadFixture(market);
    const { step, metric, keeper, latest } = await runKeeper(await config(m));
    await step();
    const snapshot: unknown = await hre.network.provider.send("evm_snapshot", []);
    await m.oracle.setPrice(priceE36(2350n));
    expect(kinds(await step())).to.deep.equal(["open"]);
    await step();
    await hre.network.provider.send("evm_revert", [snapshot]);
    await time.increase(7);
    await mine(3, { interval: 11 });
    await keeper.onBlock(await latest());
    expect(await metric("keeper_reorgs_total")).to.equal(1);
    expect(await metric("keeper_unhealthy_positions")).to.equal(0);
    expect(await metric("keeper_book_corrections_total")).to.equal(0);
    expect(await m.house.isOpen(m.weth)).to.equal(false);
    await m.oracle.setPrice(priceE36(2350n));
    expect(kinds(await step())).to.deep.equal(["open"]); // with a nonce that is free again
    expect(await m.house.isOpen(m.weth)).to.equal(true);
  });

  it("brings back its own transactions that a reorganisation undid, and goes on after them", async () => {
    const m = await loadFixture(market);
    const { step, metric } = await runKeeper(await config(m));
    await step();
    await fall(m, 2350n);
    const snapshot: unknown = await hre.network.provider.send("evm_snapshot", []);
    expect(kinds(await step())).to.deep.equal(["open"]);
    await step();
    await hre.network.provider.send("evm_revert", [snapshot]);
    await mine(4, { interval: 11 });
    expect(await m.house.isOpen(m.weth)).to.equal(false);
    expect(kinds(await step())).to.deep.equal([]); // the same transaction as before
    expect(await metric("keeper_reorgs_total")).to.equal(1);
    expect(await m.house.isOpen(m.weth)).to.equal(true);
    const seen: string[] = [];
    for (let i = 0; i < 10; i++) seen.push(...kinds(await step(60)));
    expect(seen).to.include("buy");
    expect(await metric("keeper_pending_transactions")).to.be.lte(1);
  });

  it("reads changed settings again until it has them", async () => {
    const m = await loadFixture(market);
    const { step, rpc } = await runKeeper(await config(m));
    await step();
    const oracle = await hre.ethers.deployContract("MockOracle", [priceE36(2350n)]);
    const { maxLtvBps, lltvBps, debtCeiling, minDebt } = await m.vault.market(m.weth);
    await m.vault.setMarket(m.weth, { oracle, borrowOracle: oracle, maxLtvBps, lltvBps, debtCeiling, minDebt });
    const settings = m.house.interface.encodeFunctionData("laneParameters", [await m.weth.getAddress()]);
    rpc.dropped = (requests) => requests.some(({ params }) => JSON.stringify(params).includes(settings));
    let error: unknown;
    await step().catch((thrown: unknown) => (error = thrown));
    expect(error).to.include({ code: "RPC_UNREACHABLE" });
    rpc.dropped = () => false;
    await step(); // reads the settings
    expect(kinds(await step())).to.deep.equal(["open"]);
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
    await first.keeper.save();
    const checkpoint = first.store.loadCheckpoint()!;
    const positions = await positionsIn(first.store);
    const [position, ...others] = positions;
    const whole = { ...checkpoint, whole: true, count: positions.length };
    await m.weth.mint(m.vault, position!.collateral);
    for (const collateral of [position!.collateral / 2n, position!.collateral * 2n]) {
      await first.store.saveCheckpoint({ ...whole, positions: [{ ...position!, collateral }, ...others] });
      const second = await runKeeper(settings, first.store);
      await second.step();
      expect(await second.metric("keeper_book_corrections_total")).to.equal(1);
      await second.step();
      expect(await second.metric("keeper_book_corrections_total")).to.equal(1);
      await second.keeper.save();
      expect(await positionsIn(second.store)).to.deep.equal(positions);
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
    expect(kinds(await step())).to.deep.equal(["open"]);
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
      pools: { [await m.weth.getAddress()]: await m.venue.pool.getAddress() },
      nativeMarket: await m.weth.getAddress(),
      maxLag: 0,
      metricsPort: 0,
      pollInterval: 20,
      store,
    };
    writeFileSync(file, JSON.stringify(settings));
    // in the very process, so that its end is the end of all
    const cli = ["--import", "tsx", "scripts/keeper/cli.ts", "--config", file];
    const env = { PATH: process.env["PATH"], KEEPER_PRIVATE_KEY: signer.privateKey };
    const child = spawn(process.execPath, cli, { env, stdio: ["ignore", "ignore", "inherit"] });
    try {
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      for (let i = 0; i < 300 && !(await m.house.isOpen(m.weth)); i++) await sleep(100);
      expect(await m.house.isOpen(m.weth)).to.equal(true);
      await sleep(500);
      child.kill("SIGTERM");
      expect(await ended).to.equal(0);
      const kept = new SqliteStore(store, `31337:${addresses.vault}:${signer.address}`);
      expect((await positionsIn(kept)).length).to.equal(3);
      expect(kept.pending.marks(signer.address)?.last.nonce).to.be.gte(1);
      kept.close();
    } finally {
      child.kill("SIGKILL");
      await node.close();
      rmSync(folder, { recursive: true });
    }
  });
});
