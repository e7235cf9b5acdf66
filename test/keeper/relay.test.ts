import { type IncomingHttpHeaders, createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect } from "chai";
import { Wallet, id, keccak256, verifyMessage } from "ethers";

import { HttpRelay, type RelaySettings } from "../../scripts/keeper/sender/relay";
import { openRelays } from "../../scripts/keeper/sender/settings";
import { SignerPool } from "../../scripts/keeper/sender/SignerPool";
import { SqliteStore } from "../../scripts/keeper/store/SqliteStore";
import { FaultyRpc, GWEI, job, limits, startChain, wallet } from "./senderWorld";

interface Asked {
  method: string;
  params: unknown[];
  text: string;
  headers: IncomingHttpHeaders;
}

const HASH = `0x${"1".repeat(64)}`;
const relayKey = new Wallet(id("a relay's key"));

/** A relay on the loopback that answers what a test tells it to. */
async function startRelay() {
  const asked: Asked[] = [];
  const relay = { asked, answer: (call: { id: number }): string => JSON.stringify({ id: call.id, result: HASH }) };
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part: Buffer) => (text += part.toString()));
    request.on("end", () => {
      const call = JSON.parse(text) as { id: number; method: string; params: unknown[] };
      asked.push({ ...call, text, headers: request.headers });
      const answer = relay.answer(call);
      if (answer !== "silence") response.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { relay, host, url: `http://${host}/secret-key`, stop };
}

describe("private relays", () => {
  let chain: Awaited<ReturnType<typeof startChain>>;
  let served: Awaited<ReturnType<typeof startRelay>>;
  let rpc: FaultyRpc;
  let troubles: string[];

  before(async () => {
    chain = await startChain();
  });
  after(() => chain.stop());
  beforeEach(async () => {
    served = await startRelay();
    rpc = new FaultyRpc(chain.node);
    troubles = [];
    await chain.fund(wallet.address);
    await chain.call("anvil_dropAllTransactions");
    await chain.mine(GWEI);
  });
  afterEach(() => served.stop());

  async function open(method: RelaySettings["method"], timeoutMs?: number): Promise<SignerPool> {
    const relay = new HttpRelay({ url: served.url, method }, relayKey, (reason) => troubles.push(reason), timeoutMs);
    const config = { chainId: 1, limits, stuckBlocks: 5, relays: [relay], publicAfterBlocks: 2 };
    const pool = new SignerPool(rpc, [wallet], config, new SqliteStore(":memory:", "test"));
    await pool.open(await chain.latest());
    return pool;
  }
  const send = async (pool: SignerPool, ...keys: string[]) =>
    pool.send(
      keys.map((key) => job(key)),
      await chain.latest(),
    );

  it("get a transaction first, signed for, and the public after the deadline", async () => {
    const pool = await open("eth_sendPrivateTransaction");
    const { number } = await chain.latest();
    const { sent } = await send(pool, "a");
    const [first] = served.relay.asked;
    const { tx, maxBlockNumber } = first!.params[0] as { tx: string; maxBlockNumber: string };
    expect(keccak256(tx)).to.equal(sent[0]!.hash);
    expect(Number(maxBlockNumber)).to.equal(number + 2);
    const [address, signature] = String(first!.headers["x-flashbots-signature"]).split(":");
    expect(address).to.equal(relayKey.address);
    expect(verifyMessage(id(first!.text), signature!)).to.equal(relayKey.address);

    for (let i = 0; i < 2; i++) {
      expect(rpc.raws).to.deep.equal([]);
      await chain.mine();
      await chain.outcomes(pool);
      await send(pool);
    }
    expect(rpc.raws).to.deep.equal([tx]);
    await chain.mine();
    expect((await chain.outcomes(pool)).map(({ result }) => result)).to.deep.equal(["mined"]);
    expect(pool.paths()).to.deep.equal([
      { path: served.host, sent: 1, included: 0 },
      { path: "public", sent: 1, included: 1 },
    ]);
  });

  it("are counted for what is mined from there", async () => {
    const pool = await open("eth_sendRawTransaction");
    await send(pool, "a");
    await chain.call("eth_sendRawTransaction", served.relay.asked[0]!.params[0]);
    await chain.mine();
    await chain.outcomes(pool);
    expect(pool.paths()).to.deep.equal([
      { path: served.host, sent: 1, included: 1 },
      { path: "public", sent: 0, included: 0 },
    ]);
  });

  it("get a bundle of all that waits, anew for each block", async () => {
    const pool = await open("eth_sendBundle");
    served.relay.answer = ({ id: asked }) => JSON.stringify({ id: asked, result: { bundleHash: HASH } });
    const { number } = await chain.latest();
    await send(pool, "a", "b");
    await chain.mine();
    await chain.outcomes(pool);
    await send(pool);
    const bundles = served.relay.asked.map(({ params }) => params[0] as { txs: string[]; blockNumber: string });
    expect(bundles.map(({ blockNumber }) => Number(blockNumber))).to.deep.equal([number + 1, number + 2]);
    expect(bundles[1]!.txs).to.deep.equal(bundles[0]!.txs);
    expect(bundles[0]!.txs.length).to.equal(2);
    expect(rpc.raws).to.deep.equal([]);
  });

  for (const [what, answer] of [
    ["an error", ({ id: asked }) => JSON.stringify({ id: asked, error: { code: -1, message: "no" } })],
    ["garbage", () => "<html>"],
    ["a result that is none", ({ id: asked }) => JSON.stringify({ id: asked, result: { ok: true } })],
    ["another call's answer", () => JSON.stringify({ id: 77, result: HASH })],
    ["silence", () => "silence"],
  ] as [string, (call: { id: number }) => string][]) {
    it(`that answer ${what} have the transaction go to the public at once`, async () => {
      served.relay.answer = answer;
      const pool = await open("eth_sendPrivateTransaction", 200);
      const { sent } = await send(pool, "a");
      expect(sent.length).to.equal(1);
      expect(rpc.raws.length).to.equal(1);
      await chain.mine();
      expect((await chain.outcomes(pool)).map(({ result }) => result)).to.deep.equal(["mined"]);
      expect(pool.paths()[0]).to.include({ sent: 0, included: 0 });
      expect(troubles.length).to.equal(1);
      expect(troubles[0]).to.include(served.host).and.not.include("secret-key");
    });
  }

  it("need a key that is one, and never show it", () => {
    expect(() => openRelays([], { KEEPER_RELAY_KEY: "0xabc" }, () => undefined))
      .to.throw(/KEEPER_RELAY_KEY/)
      .with.property("message")
      .that.does.not.include("0xabc");
  });
});
