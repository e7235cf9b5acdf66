import { expect } from "chai";
import { Wallet, id } from "ethers";

import { toHex } from "../../scripts/keeper/chain/rpc";
import type { Outcome } from "../../scripts/keeper/sender/job";
import { Sender, type SenderConfig } from "../../scripts/keeper/sender/Sender";
import { SignerPool } from "../../scripts/keeper/sender/SignerPool";
import { SqliteStore } from "../../scripts/keeper/store/SqliteStore";
import { FaultyRpc, GWEI, ONCE, ONCE_A_BLOCK, REVERTS, job, limits, rival, startChain, wallet } from "./senderWorld";

const sixteen = Array.from({ length: 16 }, (_, i) => `job ${i}`);
const keysOf = (outcomes: readonly Outcome[]) => outcomes.map(({ job: done, result }) => [done?.key, result]);

describe("Sender under faults", () => {
  let chain: Awaited<ReturnType<typeof startChain>>;
  let rpc: FaultyRpc;
  let store: SqliteStore;
  let sender: Sender;

  before(async () => {
    chain = await startChain();
  });
  after(() => chain.stop());
  beforeEach(async () => {
    rpc = new FaultyRpc(chain.node);
    store = new SqliteStore(":memory:", "test");
    await chain.fund(wallet.address);
    await chain.call("anvil_dropAllTransactions");
    await chain.mine(GWEI);
    sender = await open();
  });

  async function open(changes: Partial<SenderConfig> = {}): Promise<Sender> {
    const opened = new Sender(rpc, wallet, { chainId: 1, limits, stuckBlocks: 2, ...changes }, store);
    await opened.open(await chain.latest());
    return opened;
  }
  const outcomes = () => chain.outcomes(sender, rpc);
  const send = async (...jobs: ReturnType<typeof job>[]) => sender.send(jobs, await chain.latest());
  const reasons = ({ refused }: Awaited<ReturnType<typeof send>>) => refused.map((one) => [one.job.key, one.reason]);

  it("takes up 16 pending transactions after it was killed, and sends none of them again", async () => {
    const nonce = await chain.count();
    const { sent } = await send(...sixteen.map((key) => job(key)));
    sender = await open();
    expect(sender.pendingJobs.map(({ key }) => key)).to.deep.equal(sixteen);
    expect(reasons(await send(...sixteen.map((key) => job(key))))).to.deep.equal(
      sixteen.map((key) => [key, "pending"]),
    );
    expect(rpc.raws.length).to.equal(16);
    expect(sent.every(({ hash }) => sender.isOwn(hash))).to.equal(true);
    await chain.mine();
    expect(keysOf(await outcomes())).to.deep.equal(sixteen.map((key) => [key, "mined"]));
    expect(await chain.count()).to.equal(nonce + 16);
  });

  it("sends the same transaction when it was killed between saving and sending", async () => {
    rpc.dies = true;
    let code: unknown;
    await send(job("a")).catch((error: unknown) => (code = (error as { code: string }).code));
    expect(code).to.equal("RPC_UNREACHABLE");
    const [saved] = store.pending.load(wallet.address);
    rpc.dies = false;
    sender = await open();
    expect(await outcomes()).to.deep.equal([]);
    expect(reasons(await send(job("a")))).to.deep.equal([["a", "pending"]]);
    expect(rpc.raws).to.deep.equal([saved!.raw]);
    await chain.mine();
    expect(keysOf(await outcomes())).to.deep.equal([["a", "mined"]]);
  });

  it("brings back what a reorganisation of 4 blocks took out of the chain, without a gap", async () => {
    const nonce = await chain.count();
    for (const key of ["a", "b", "c"]) {
      await send(job(key));
      await chain.mine();
      expect(keysOf(await outcomes())).to.deep.equal([[key, "mined"]]);
    }
    await send(job("d"));
    await chain.mine();
    await chain.call("anvil_reorg", 4, []);
    expect(await chain.count()).to.equal(nonce);
    sender.recount();
    expect(keysOf(await outcomes())).to.deep.equal([
      ["a", "unmined"],
      ["b", "unmined"],
      ["c", "unmined"],
    ]);
    const before = rpc.raws.slice(0, 4);
    const next = await send(job("e"));
    expect(next.sent.map(({ nonce: used }) => used)).to.deep.equal([nonce + 4]);
    expect(rpc.raws.slice(4, 8)).to.deep.equal(before);
    await chain.mine();
    const done = await outcomes();
    expect(keysOf(done)).to.deep.equal(["a", "b", "c", "d", "e"].map((key) => [key, "mined"]));
    expect(sender.pendingCount).to.equal(0);
  });

  it("takes what an unrelated reorganisation left in the chain as it was", async () => {
    await send(job("a"));
    await chain.mine();
    await outcomes();
    await chain.mine();
    await chain.call("anvil_reorg", 1, []);
    sender.recount();
    expect(await outcomes()).to.deep.equal([]);
    expect(sender.pendingCount).to.equal(0);
  });

  it("believes a chain that went back while it was down, after it gave the node time to catch up", async () => {
    const snapshot = await chain.call("evm_snapshot");
    const nonce = await chain.count();
    for (const key of ["a", "b", "c", "d", "e"]) {
      await send(job(key));
      await chain.mine();
      await outcomes();
      await send();
    }
    await chain.call("evm_revert", snapshot);
    sender = await open();
    expect(sender.status.trouble).to.equal("node-lags");
    for (let i = 0; i < 3; i++) {
      await outcomes();
      expect(reasons(await send(job("f")))).to.deep.equal([["f", "node-lags"]]);
      await chain.mine();
    }
    await outcomes();
    await send(job("f"));
    await chain.mine();
    await outcomes();
    await send(job("g"));
    await chain.mine();
    await outcomes();
    expect(await chain.count()).to.be.gt(nonce + 1);
    expect(sender.pendingCount).to.equal(0);
  });

  it("starts from the chain's count on a dev chain that was restarted", async () => {
    const head = await chain.latest();
    store.pending.setMark(wallet.address, { nonce: 20, block: head.number, hash: id("a block of another chain") });
    sender = await open();
    const nonce = await chain.count();
    expect((await send(job("a"))).sent.map(({ nonce: used }) => used)).to.deep.equal([nonce]);
  });

  it("sends the first of 16 again when the pool lost it, and leaves the others alone", async () => {
    rpc.swallow = 1;
    await send(...sixteen.map((key) => job(key)));
    await chain.mine();
    await chain.mine();
    await chain.mine();
    expect(await outcomes()).to.deep.equal([]); // all wait behind the first
    await send();
    expect(rpc.raws.length).to.equal(17);
    expect(rpc.raws[16]).to.equal(rpc.raws[0]);
    await chain.mine();
    expect(keysOf(await outcomes())).to.deep.equal(sixteen.map((key) => [key, "mined"]));
  });

  it("sends all again that anvil_dropTransaction took out of the pool", async () => {
    const { sent } = await send(job("a"), job("b"), job("c"));
    await chain.call("anvil_dropTransaction", sent[0]!.hash);
    await chain.mine();
    expect(await outcomes()).to.deep.equal([]);
    await send();
    await chain.mine();
    expect(keysOf(await outcomes())).to.deep.equal([
      ["a", "mined"],
      ["b", "mined"],
      ["c", "mined"],
    ]);
  });

  it("frees the nonce of one that the pool lost, would revert now, and has nothing behind it", async () => {
    const once = await chain.place(ONCE);
    rpc.swallow = 1;
    const nonce = await chain.count();
    await send(job("a", { to: once, gas: 60_000n }));
    await chain.call("anvil_setStorageAt", once, toHex(0), `0x${"1".padStart(64, "0")}`);
    await chain.mine();
    await outcomes();
    expect((await send()).refused.map((one) => one.job.key)).to.deep.equal(["a"]);
    expect(sender.pendingCount).to.equal(0);
    expect((await send(job("b"))).sent.map(({ nonce: used }) => used)).to.deep.equal([nonce]);
  });

  it("fills a gap that nothing else fills", async () => {
    rpc.lies.set("eth_sendRawTransaction", (reply) => {
      rpc.lies.clear();
      return reply.ok ? { ok: false, error: { code: -32000, message: "the pool is full" } } : reply;
    });
    rpc.swallow = 1;
    const nonce = await chain.count();
    await send(job("a"), job("b"));
    expect(sender.pendingCount).to.equal(1);
    for (let i = 0; i < 2; i++) await chain.mine();
    await outcomes();
    await send();
    await chain.mine();
    expect(keysOf(await outcomes())).to.deep.equal([
      [undefined, "mined"],
      ["b", "mined"],
    ]);
    expect(await chain.count()).to.equal(nonce + 2);
  });

  it("raises all 16 at once when the base fee rises fifty times", async () => {
    await send(...sixteen.map((key) => job(key)));
    for (let i = 0; i < 2; i++) await chain.mine(50n * GWEI);
    await outcomes();
    await send();
    await chain.mine(50n * GWEI);
    expect(keysOf(await outcomes())).to.deep.equal(sixteen.map((key) => [key, "mined"]));
  });

  it("sends at any base fee below its limit", async () => {
    await chain.mine(490n * GWEI);
    const { sent } = await send(job("a"));
    expect(sent.length).to.equal(1);
    expect(BigInt((await chain.pool())[0]!.maxFeePerGas)).to.equal(limits.maxFeePerGas);
  });

  it("outbids a rival with a tip of 3 gwei after one loss, and comes down again", async () => {
    const scarce = await chain.place(ONCE_A_BLOCK);
    await chain.fund(rival.address);
    // anvil puts the highest maximal fee first: the base fee twice, and the tip
    const compete = async (): Promise<Outcome[]> => {
      const raw = await rival.signTransaction({
        ...{ type: 2, chainId: 1, nonce: await chain.count(rival.address), to: scarce, gasLimit: 60_000n },
        ...{ maxFeePerGas: 5n * GWEI, maxPriorityFeePerGas: 3n * GWEI },
      });
      await send(job("a", { to: scarce, gas: 60_000n, worth: 60_000n * 100n * GWEI }));
      await chain.call("eth_sendRawTransaction", raw);
      await chain.mine(GWEI);
      const done = await outcomes();
      await chain.mine(GWEI);
      return done;
    };
    const results: string[] = [];
    for (let i = 0; i < 4; i++) results.push(...(await compete()).map(({ result }) => result));
    expect(results[0]).to.equal("reverted");
    expect(results.slice(1).filter((result) => result === "mined").length).to.be.gte(2);
  });

  it("never tips away more than half of what a job earns", async () => {
    const scarce = await chain.place(ONCE_A_BLOCK);
    await chain.fund(rival.address);
    const raw = await rival.signTransaction({
      ...{ type: 2, chainId: 1, nonce: await chain.count(rival.address), to: scarce, gasLimit: 60_000n },
      ...{ maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: 90n * GWEI },
    });
    const poor = job("a", { to: scarce, gas: 60_000n, worth: 60_000n * 21n * GWEI });
    await send(poor);
    await chain.call("eth_sendRawTransaction", raw);
    await chain.mine(GWEI);
    await outcomes();
    await chain.mine(GWEI);
    await send(poor);
    const [pooled] = await chain.pool();
    expect(BigInt(pooled!.maxPriorityFeePerGas))
      .to.be.gt(GWEI)
      .and.lte(10n * GWEI);
  });

  it("says no-funds where the signer has no ether, and is well again when it has", async () => {
    await chain.fund(wallet.address, "0");
    sender = await open();
    expect(reasons(await send(job("a")))).to.deep.equal([["a", "no-funds"]]);
    expect(rpc.raws).to.deep.equal([]);
    expect(sender.status).to.include({ trouble: "no-funds", balanceWei: 0n });
    await chain.fund(wallet.address, "1");
    await outcomes();
    expect(sender.status.trouble).to.equal(undefined);
    expect((await send(job("a"))).sent.length).to.equal(1);
  });

  it("sends only what goes through after its other transactions of the block, each with its reason", async () => {
    const [once, broken] = [await chain.place(ONCE), await chain.place(REVERTS)];
    const result = await send(
      job("a", { to: once, gas: 60_000n }),
      job("b", { to: once, gas: 60_000n }),
      job("c", { to: broken, gas: 60_000n }),
      job("d"),
    );
    expect(result.sent.map((one) => one.job.key)).to.deep.equal(["a", "d"]);
    expect(result.refused[0]).to.include({ reason: "own" });
    expect(result.refused[1]!.reason).to.match(/revert/i);
    // nor what goes through after one that is pending
    expect(reasons(await send(job("e", { to: once, gas: 60_000n })))).to.deep.equal([["e", "own"]]);
    await chain.mine();
    expect(keysOf(await outcomes())).to.deep.equal([
      ["a", "mined"],
      ["d", "mined"],
    ]);
  });

  it("runs each on its own where the node can't run them in order", async () => {
    rpc.lies.set("eth_simulateV1", () => ({ ok: false, error: { code: -32601, message: "Method not found" } }));
    const once = await chain.place(ONCE);
    const { sent } = await send(job("a", { to: once, gas: 60_000n }), job("b", { to: once, gas: 60_000n }));
    expect(sent.length).to.equal(2);
  });

  it("bids no more than a job earns by its simulation", async () => {
    // returns the word 21,000 × 5 gwei: PUSH8 … PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
    const word = (21_000n * 5n * GWEI).toString(16).padStart(16, "0");
    const paying = await chain.place(`0x67${word}5f5260205ff3`);
    const gain = { word: 0, keep: 0n, weiPriceE36: 10n ** 36n };
    const rich = 21_000n * 400n * GWEI;
    const { sent } = await send(job("a", { to: paying, worth: rich, gain }));
    expect(sent.length).to.equal(1);
    await chain.call("anvil_dropAllTransactions");
    await chain.mine(10n * GWEI);
    sender = await open();
    const dear = await send(job("b", { to: paying, worth: rich, gain }));
    expect(reasons(dear)).to.deep.include(["b", "gas"]);
  });

  it("doesn't believe a receipt of a transaction that the chain has not counted", async () => {
    const { sent } = await send(job("a"));
    const receipt = { transactionHash: sent[0]!.hash, blockNumber: "0x1", status: "0x1", gasUsed: "0x5208" };
    rpc.lies.set("eth_getTransactionReceipt", () => ({ ok: true, result: receipt }));
    expect(await outcomes()).to.deep.equal([]);
    expect(sender.pendingCount).to.equal(1);
    rpc.lies.set("eth_getTransactionReceipt", () => ({ ok: true, result: { status: "garbage" } }));
    expect(await outcomes()).to.deep.equal([]);
  });

  it("goes on with the next nonce where a second program on its key took one, also in the pool", async () => {
    const nonce = await chain.count();
    const raw = await wallet.signTransaction({
      ...{ type: 2, chainId: 1, nonce, to: rival.address, value: 1n, gasLimit: 21_000n },
      ...{ maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: 2n * GWEI },
    });
    await chain.call("eth_sendRawTransaction", raw);
    const { sent, refused } = await send(job("a"));
    expect(refused).to.deep.equal([]);
    expect(sent.map(({ nonce: used }) => used)).to.deep.equal([nonce + 1]);
    expect(sender.status.trouble).to.equal("foreign");
    await chain.mine();
    expect(keysOf(await outcomes())).to.deep.equal([
      [undefined, "lost"],
      ["a", "mined"],
    ]);
  });

  it("stops a kind whose loss budget is used up, and only that, until the hour is over", async () => {
    const scarce = await chain.place(ONCE_A_BLOCK);
    await chain.fund(rival.address);
    const losses = { perKind: { test: 1n } };
    sender = await open({ losses });
    const risky = job("a", { to: scarce, gas: 60_000n, worth: 60_000n * 100n * GWEI });
    await send(risky);
    const raw = await rival.signTransaction({
      ...{ type: 2, chainId: 1, nonce: await chain.count(rival.address), to: scarce, gasLimit: 60_000n },
      ...{ maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: 3n * GWEI },
    });
    await chain.call("eth_sendRawTransaction", raw);
    await chain.mine(GWEI);
    expect((await outcomes())[0]!.result).to.equal("reverted");
    await chain.mine(GWEI);
    const other = job("b", { kind: "other" });
    expect(reasons(await send(risky, other))).to.deep.equal([["a", "budget"]]);
    sender = await open({ losses }); // also after a restart
    expect(reasons(await send(risky))).to.deep.equal([["a", "budget"]]);
    await chain.call("evm_increaseTime", 3700);
    await chain.mine(GWEI);
    await outcomes();
    expect((await send(risky)).refused).to.deep.equal([]);
  });

  it("raises the fee of what nobody pays for no further than may be lost", async () => {
    const perTransaction = 21_000n * 5n * GWEI;
    sender = await open({ losses: { perTransaction } });
    await send(job("a", { kind: "sync", worth: 21_000n * 400n * GWEI, paid: 0n }));
    const [first] = await chain.pool();
    expect(BigInt(first!.maxFeePerGas) * 21_000n).to.be.lte(perTransaction);
    for (let i = 0; i < 2; i++) await chain.mine(50n * GWEI);
    await outcomes();
    expect(reasons(await send())).to.deep.equal([["a", "gas"]]);
    expect(rpc.raws.length).to.equal(1); // not even an empty one, which costs too much as well
  });

  it("sends nothing once it was stopped, waits for what is pending, and leaves the rest in the store", async () => {
    await send(job("a"));
    const drained = sender.drain(Date.now() + 5_000, 20);
    expect(reasons(await send(job("b")))).to.deep.equal([["b", "stopping"]]);
    await chain.mine();
    expect(keysOf(await drained)).to.deep.equal([["a", "mined"]]);
    sender = await open();
    await send(job("c"));
    expect(await sender.drain(Date.now(), 20)).to.deep.equal([]);
    expect(store.pending.load(wallet.address).filter(({ settled }) => settled === undefined).length).to.equal(1);
  });

  it("learns from receipts what a kind takes", async () => {
    for (let i = 0; i < 3; i++) {
      await send(job("a", { gas: 42_000n, kind: "learnt" }));
      await chain.mine();
      await outcomes();
    }
    // an eighth of the way from 1 to a half, three times
    expect(Number(store.gas.load().get("learnt"))).to.be.closeTo(500_000 + 500_000 * (7 / 8) ** 3, 2);
  });

  describe("with two accounts", () => {
    const second = new Wallet(id("a second account"));
    let pool: SignerPool;

    beforeEach(async () => {
      await chain.fund(second.address);
      pool = new SignerPool(rpc, [wallet, second], { chainId: 1, limits, stuckBlocks: 2 }, store);
      await pool.open(await chain.latest());
    });
    const pending = () => pool.signers().map((signer) => signer.pending);

    it("sends each market's jobs from one of them, the one with fewest pending", async () => {
      const jobs = ["open:x", "buy:x", "buy:y", "absorb:y"].map((key) => job(key));
      const { sent } = await pool.send(jobs, await chain.latest());
      expect(sent.length).to.equal(4);
      expect(pending()).to.deep.equal([2, 2]);
      await pool.send([job("absorb:x")], await chain.latest());
      expect(pending()).to.deep.equal([3, 2]);
      await chain.mine();
      expect((await chain.outcomes(pool)).map(({ result }) => result)).to.deep.equal(Array(5).fill("mined"));
    });

    it("sends from the one that has ether", async () => {
      await chain.fund(wallet.address, "0");
      await chain.outcomes(pool);
      const { sent } = await pool.send([job("buy:x"), job("buy:y")], await chain.latest());
      expect(sent.length).to.equal(2);
      expect(pending()).to.deep.equal([0, 2]);
    });

    it("sends what one of them has to pay for from that one, with the rest of its market", async () => {
      await pool.send([job("buy:x")], await chain.latest());
      expect(pending()).to.deep.equal([1, 0]);
      const jobs = [job("buy:y", { from: wallet.address }), job("absorb:y"), job("open:z")];
      const { sent } = await pool.send(jobs, await chain.latest());
      expect(sent.length).to.equal(3);
      expect(pending()).to.deep.equal([3, 1]);
      // even where the other one has the market's earlier transaction, or this one lacks the ether
      await chain.fund(wallet.address, "0");
      await chain.outcomes(pool);
      await pool.send([job("buy:z", { from: wallet.address })], await chain.latest());
      expect(pending()[1]).to.equal(1);
    });

    it("sees where one account closes the other's way", async () => {
      const once = await chain.place(ONCE);
      const { sent, refused } = await pool.send(
        [job("buy:x", { to: once, gas: 60_000n }), job("buy:y", { to: once, gas: 60_000n })],
        await chain.latest(),
      );
      expect([sent.length, refused.length]).to.deep.equal([1, 1]);
      expect(refused[0]!.reason).to.equal("own");
    });
  });
});
