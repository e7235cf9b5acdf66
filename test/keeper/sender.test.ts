import { expect } from "chai";
import { type TransactionLike, Wallet, id, parseEther } from "ethers";

import { type Block, readBlock } from "../../scripts/keeper/chain/block";
import { HttpRpc } from "../../scripts/keeper/chain/HttpRpc";
import { Reads } from "../../scripts/keeper/chain/Reads";
import { type Rpc, type RpcReply, type RpcRequest, toHex, unwrap } from "../../scripts/keeper/chain/rpc";
import { bumpedFees, firstFees } from "../../scripts/keeper/sender/fees";
import { type Job, type Outcome, Sender } from "../../scripts/keeper/sender/Sender";
import { SqliteStore } from "../../scripts/keeper/store/SqliteStore";
import { type Anvil, startAnvil } from "../../scripts/replay/chain/anvil";

const GWEI = 10n ** 9n;
const limits = { priorityFee: GWEI, maxFeePerGas: 500n * GWEI };
const wallet = new Wallet(id("a sender's key for tests"));
const someone = new Wallet(id("somebody else")).address;

/** A node whose next `failures` sends are answered with an error, without reaching it. */
class FlakyRpc implements Rpc {
  failures = 0;
  constructor(private readonly node: Rpc) {}

  async batch(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    const failing = requests.filter(({ method }) => method === "eth_sendRawTransaction" && this.failures-- > 0);
    const replies = await this.node.batch(requests.filter((request) => !failing.includes(request)));
    const error = { code: -32000, message: "the pool is full" };
    return requests.map((request) => (failing.includes(request) ? { ok: false, error } : replies.shift()!));
  }
}

describe("fees", () => {
  it("leave room for the base fee to double, within the limits and what the transaction is worth", () => {
    expect(firstFees(10n * GWEI, limits, 100_000n, undefined)).to.deep.equal({
      maxFeePerGas: 21n * GWEI,
      maxPriorityFeePerGas: GWEI,
    });
    expect(firstFees(10n * GWEI, limits, 100_000n, 100_000n * 15n * GWEI)?.maxFeePerGas).to.equal(15n * GWEI);
    expect(firstFees(10n * GWEI, limits, 100_000n, 100_000n * 12n * GWEI)).to.equal(undefined); // 12.25 is the least
    expect(firstFees(400n * GWEI, limits, 100_000n, undefined)?.maxFeePerGas).to.equal(500n * GWEI);
    expect(firstFees(600n * GWEI, limits, 100_000n, undefined)).to.equal(undefined);
    expect(firstFees(10n * GWEI, limits, 100_000n, -1n)).to.equal(undefined);
  });

  it("are bumped by an eighth or to today's, and not past the bound", () => {
    const old = { maxFeePerGas: 40n * GWEI, maxPriorityFeePerGas: 2n * GWEI };
    expect(bumpedFees(old, 10n * GWEI, limits, 1n, undefined)).to.deep.equal({
      maxFeePerGas: 45n * GWEI + 1n,
      maxPriorityFeePerGas: (9n * GWEI) / 4n + 1n,
    });
    expect(bumpedFees(old, 100n * GWEI, limits, 1n, undefined)?.maxFeePerGas).to.equal(
      200n * GWEI + (9n * GWEI) / 4n + 1n,
    );
    expect(bumpedFees(old, 10n * GWEI, limits, 100n, 100n * 45n * GWEI)).to.equal(undefined);
    expect(bumpedFees(old, 10n * GWEI, limits, 100n, 100n * 45n * GWEI + 100n)?.maxFeePerGas).to.equal(45n * GWEI + 1n);
  });
});

describe("Sender", () => {
  let anvil: Anvil;
  let rpc: FlakyRpc;
  let store: SqliteStore;
  let sender: Sender;

  before(async () => {
    anvil = await startAnvil({ timestamp: 1_700_000_000 });
  });
  after(() => anvil.stop());

  beforeEach(async () => {
    rpc = new FlakyRpc(new HttpRpc(anvil.url, 5_000));
    store = new SqliteStore(":memory:", "test");
    await call("anvil_setBalance", wallet.address, toHex(parseEther("1000")));
    await call("anvil_dropAllTransactions");
    await mine();
    sender = await open();
  });

  async function open(): Promise<Sender> {
    const opened = new Sender(rpc, wallet, { chainId: 1, limits, stuckBlocks: 2 }, store);
    await opened.open(await latest());
    return opened;
  }

  async function call(method: string, ...params: unknown[]): Promise<unknown> {
    return unwrap((await rpc.batch([{ method, params }]))[0], method);
  }
  const latest = (): Promise<Block> => readBlock(rpc, "latest");
  const count = async (): Promise<number> => Number(await call("eth_getTransactionCount", wallet.address, "latest"));
  const mine = (): Promise<unknown> => call("evm_mine");
  const transaction = async (hash: string) =>
    (await call("eth_getTransactionByHash", hash)) as Record<
      "nonce" | "maxFeePerGas" | "maxPriorityFeePerGas" | "to",
      string
    >;

  async function outcomes(): Promise<Outcome[]> {
    const reads = new Reads((await latest()).number);
    const done = sender.read(reads);
    await reads.send(rpc);
    return done();
  }

  const job = (key: string, changes: Partial<Job> = {}): Job => ({
    key,
    kind: "test",
    to: someone,
    data: "0x",
    gas: 21_000n,
    worth: undefined,
    ...changes,
  });

  it("sends in order without waiting, and tells what came of it with the next block", async () => {
    const first = await count();
    const { sent, refused } = await sender.send([job("a"), job("b")], await latest());
    expect(refused).to.deep.equal([]);
    expect(sent.map(({ nonce, job: { key } }) => [key, nonce])).to.deep.equal([
      ["a", first],
      ["b", first + 1],
    ]);
    expect(await outcomes()).to.deep.equal([]);
    await mine();
    const done = await outcomes();
    expect(done.map(({ job: done, result }) => [done?.key, result])).to.deep.equal([
      ["a", "mined"],
      ["b", "mined"],
    ]);
    expect(done[0]!.gasPaid).to.be.gt(21_000n);
    await sender.send([], await latest());
    expect(store.pending.marks(wallet.address)?.last.nonce).to.equal(first + 2);
    expect(sender.pendingCount).to.equal(0);
  });

  it("simulates first, and doesn't send what would revert or isn't worth its gas", async () => {
    // runtime code that always reverts: PUSH0 PUSH0 REVERT
    const reverting = "0x00000000000000000000000000000000000ffffe";
    await call("anvil_setCode", reverting, "0x5f5ffd");
    const before = await count();
    const jobs = [job("reverts", { to: reverting }), job("poor", { worth: 1_000n }), job("good")];
    const { sent, refused } = await sender.send(jobs, await latest());
    expect(sent.map(({ job: { key }, nonce }) => [key, nonce])).to.deep.equal([["good", before]]);
    expect(refused.map(({ job: { key } }) => key)).to.deep.equal(["reverts", "poor"]);
    expect(refused[0]!.reason).to.match(/revert/i);
    expect(refused[1]!.reason).to.equal("gas");
  });

  it("estimates what runs out of its gas", async () => {
    // runtime code that writes a word: PUSH1 1 PUSH0 SSTORE STOP
    const hungry = "0x00000000000000000000000000000000000fffff";
    await call("anvil_setCode", hungry, "0x60015f5500");
    const { sent, refused } = await sender.send([job("a", { to: hungry, gas: 11_000n })], await latest());
    expect(refused).to.deep.equal([]);
    expect(sent.length).to.equal(1);
    await mine();
    expect((await outcomes())[0]).to.include({ result: "mined" });
  });

  it("never bids more than a transaction is worth", async () => {
    const { baseFeePerGas } = await latest();
    const worth = 21_000n * (2n * baseFeePerGas + GWEI - 1_000n);
    const { sent } = await sender.send([job("a", { worth })], await latest());
    const { maxFeePerGas } = await transaction(sent[0]!.hash);
    expect(BigInt(maxFeePerGas) * 21_000n).to.be.lte(worth);
  });

  it("uses the nonce of a send that the node refused for the next one", async () => {
    const before = await count();
    rpc.failures = 1;
    const { sent, refused } = await sender.send([job("a"), job("b")], await latest());
    expect(refused.map(({ job: { key }, reason }) => [key, reason])).to.deep.equal([["a", "the pool is full"]]);
    expect(sent.map(({ nonce }) => nonce)).to.deep.equal([before + 1]);
    await mine();
    expect(await outcomes()).to.deep.equal([]); // b waits behind the gap
    const again = await sender.send([job("c")], await latest());
    expect(again.sent.map(({ nonce }) => nonce)).to.deep.equal([before]);
    await mine();
    expect((await outcomes()).map(({ job: done, result }) => [done?.key, result])).to.have.deep.members([
      ["b", "mined"],
      ["c", "mined"],
    ]);
  });

  it("replaces what is stuck at a higher fee under the same nonce", async () => {
    const { sent } = await sender.send([job("a")], await latest());
    const before = await transaction(sent[0]!.hash);
    await call("anvil_setNextBlockBaseFeePerGas", toHex(60n * GWEI));
    await mine();
    await call("anvil_setNextBlockBaseFeePerGas", toHex(60n * GWEI));
    await mine();
    expect(await outcomes()).to.deep.equal([]);
    await sender.send([], await latest());
    const pending = (await call("txpool_content")) as { pending: Record<string, Record<string, TransactionLike>> };
    const [replacement, ...others] = Object.values(
      Object.entries(pending.pending).find(([from]) => from.toLowerCase() === wallet.address.toLowerCase())![1],
    );
    expect(others).to.deep.equal([]);
    expect(Number(replacement!.nonce)).to.equal(sent[0]!.nonce);
    expect(BigInt(replacement!.maxFeePerGas!)).to.be.gte((BigInt(before.maxFeePerGas) * 9n) / 8n);
    expect(BigInt(replacement!.maxPriorityFeePerGas!)).to.be.gt((BigInt(before.maxPriorityFeePerGas) * 9n) / 8n);
    await call("anvil_setNextBlockBaseFeePerGas", toHex(60n * GWEI));
    await mine();
    expect((await outcomes()).map(({ job: done, result }) => [done?.key, result])).to.deep.equal([["a", "mined"]]);
    await call("anvil_setNextBlockBaseFeePerGas", toHex(GWEI));
    await mine();
  });

  it("gives up what isn't worth a higher fee, and frees its nonce for those behind it", async () => {
    const { baseFeePerGas } = await latest();
    const nonce = await count();
    const worth = 21_000n * (2n * baseFeePerGas + GWEI);
    await sender.send([job("a", { worth }), job("b")], await latest());
    for (let i = 0; i < 2; i++) {
      await call("anvil_setNextBlockBaseFeePerGas", toHex(90n * GWEI));
      await mine();
    }
    const { refused } = await sender.send([], await latest());
    expect(refused.map(({ job: { key }, reason }) => [key, reason])).to.deep.equal([["a", "gas"]]);
    await call("anvil_setNextBlockBaseFeePerGas", toHex(90n * GWEI));
    await mine();
    expect((await outcomes()).map(({ job: done, nonce: used, result }) => [done?.key, used, result])).to.deep.equal([
      [undefined, nonce, "mined"],
      ["b", nonce + 1, "mined"],
    ]);
    await call("anvil_setNextBlockBaseFeePerGas", toHex(GWEI));
    await mine();
  });

  it("frees nonces that an earlier run left stuck", async () => {
    const nonce = await count();
    await sender.send([job("a")], await latest());
    store = new SqliteStore(":memory:", "test");
    sender = await open(); // a restart that knows nothing of it
    expect(sender.pendingCount).to.equal(1);
    const { sent } = await sender.send([job("b")], await latest());
    expect(sent[0]!.nonce).to.equal(nonce + 1);
    await mine();
    const results = (await outcomes()).map(({ nonce: used, result }) => [used, result]);
    expect(results).to.deep.equal([
      [nonce, "lost"], // mined, but not known to this run
      [nonce + 1, "mined"],
    ]);
  });

  it("counts anew when another program has taken its nonce", async () => {
    const nonce = await count();
    await sender.send([job("a")], await latest());
    await mine();
    await outcomes();
    const fees = { maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: GWEI };
    const raw = await wallet.signTransaction({
      ...{ type: 2, chainId: 1, nonce: nonce + 1, to: someone, value: 1n, gasLimit: 21_000n },
      ...fees,
    });
    await call("eth_sendRawTransaction", raw);
    await mine();
    const { sent, refused } = await sender.send([job("b")], await latest());
    expect(refused).to.deep.equal([]);
    expect(sent.map(({ nonce: used }) => used)).to.deep.equal([nonce + 2]);
    expect(sender.status.trouble).to.equal("foreign");
  });
});
