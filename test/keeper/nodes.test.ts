import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { readVault } from "../../scripts/keeper/chain/contracts";
import { Bell } from "../../scripts/keeper/Bell";
import { watchHeads } from "../../scripts/keeper/chain/heads";
import { NodePool, type NodeRole, type PoolOptions } from "../../scripts/keeper/chain/NodePool";
import { Reads } from "../../scripts/keeper/chain/Reads";
import type { RpcReply, RpcRequest } from "../../scripts/keeper/chain/rpc";
import type { SpillwayError } from "../../scripts/lib";
import { type Anvil, startAnvil } from "../../scripts/replay/chain/anvil";
import { type Answer, FakeNode, block, refusal } from "./fakeNode";

const CALL: RpcRequest = { method: "eth_call", params: [{ to: "0x1", data: "0x" }, "0xa"] };
const LOGS: RpcRequest = { method: "eth_getLogs", params: [{ fromBlock: "0x9", toBlock: "0xa" }] };
const SEND: RpcRequest = { method: "eth_sendRawTransaction", params: ["0x02"] };

async function until(condition: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`);
    await sleep(10);
  }
}

async function errorOf(promise: Promise<unknown>): Promise<SpillwayError> {
  try {
    await promise;
  } catch (error) {
    return error as SpillwayError;
  }
  throw new Error("nothing was thrown");
}

describe("NodePool", () => {
  let pools: NodePool[] = [];
  let first: FakeNode;
  let second: FakeNode;
  let third: FakeNode;
  const open = (urls: string[], options: Partial<PoolOptions> = {}): NodePool => {
    const pool = new NodePool(urls, { chainId: 1, timeoutMs: 400, maxLag: 120, ...options });
    pools.push(pool);
    return pool;
  };
  const answererOf = (reply: RpcReply | undefined): number => (reply?.ok === true ? Number(reply.result) : -1);
  const answerer = async (pool: NodePool): Promise<number> => answererOf((await pool.batch([CALL]))[0]);
  const roles = (pool: NodePool): NodeRole[] => pool.nodes().map(({ role }) => role);
  const look = async (pool: NodePool): Promise<[string, number | undefined]> => {
    const { status, block: head } = await pool.head();
    return [status, head?.number];
  };

  beforeEach(async () => {
    [first, second, third] = await Promise.all([FakeNode.start(), FakeNode.start(), FakeNode.start()]);
  });
  afterEach(async () => {
    for (const pool of pools) pool.close();
    pools = [];
    await Promise.all([first, second, third].map((node) => node.stop()));
  });

  describe("reads", () => {
    it("stay with a node that answers, and go on when it is gone", async () => {
      const pool = open([first.http, second.http]);
      expect(await look(pool)).to.deep.equal(["ok", 10]);
      for (let i = 0; i < 5; i++) expect(await answerer(pool)).to.equal(first.port);
      await first.stop();
      expect(await answerer(pool)).to.equal(second.port);
      expect(await answerer(pool)).to.equal(second.port);
      await second.stop();
      const error = await errorOf(pool.batch([CALL]));
      expect(error).to.include({ code: "RPC_UNREACHABLE" });
      expect(error.message).not.to.include("secret");
      expect(await pool.head()).to.include({ status: "none", block: undefined });
      [first, second] = [await FakeNode.start(), await FakeNode.start()]; // for what runs after the test
    });

    for (const [name, breakdown] of [
      ["an HTTP error", 503],
      ["a text", "Bad gateway"],
      ["JSON that is no JSON-RPC", '{"hello":"world"}'],
      ["an answer to the wrong request", '[{"jsonrpc":"2.0","id":99999,"result":"0x1"}]'],
    ] as const) {
      it(`go on from ${name}`, async () => {
        const pool = open([first.http, second.http]);
        await pool.head();
        first.breakdown = breakdown;
        expect(await answerer(pool)).to.equal(second.port);
        expect(await look(pool)).to.deep.equal(["ok", 10]);
        expect(roles(pool)).to.deep.equal(["down", "primary"]);
      });
    }

    const errors: [string, RpcRequest, Answer][] = [
      ["a refused method", LOGS, refusal(-32_601, "the method eth_getLogs does not exist/is not available")],
      ["a refused method of no code", LOGS, refusal(-32_000, "eth_getLogs: method not allowed on this plan")],
      ["a limit on requests", LOGS, refusal(-32_005, "rate limit exceeded")],
      ["a limit on requests for a call", CALL, refusal(429, "Too many requests")],
      ["missing state", CALL, refusal(-32_000, "missing trie node abc")],
      ["a missing header", CALL, refusal(-32_000, "header not found")],
      ["a block that is out of its range", CALL, refusal(-32_602, "BlockOutOfRangeError: block height is 5")],
      ["an internal error", CALL, refusal(-32_603, "Internal error")],
      ["a number for a call", CALL, { result: 5 }],
      ["nothing for a call", CALL, { result: null }],
      ["a text for a call", CALL, { result: "garbage" }],
      ["half a byte for a call", CALL, { result: "0x123" }],
      ["a text for logs", LOGS, { result: "0x" }],
      ["logs that are none", LOGS, { result: [{ address: 5 }] }],
    ];
    for (const [name, request, answer] of errors) {
      it(`go on from ${name}`, async () => {
        const pool = open([first.http, second.http]);
        await pool.head();
        first.faults.set(request.method, answer);
        const [reply] = await pool.batch([request]);
        expect(reply?.ok).to.equal(true);
        expect(second.asked).to.include(request.method);
      });
    }

    it("ask a node that refused a method last for it, and first for the rest", async () => {
      first.faults.set("eth_getLogs", refusal(-32_601, "the method eth_getLogs is not available"));
      const pool = open([first.http, second.http]);
      await pool.head();
      for (let i = 0; i < 3; i++) expect(await pool.batch([LOGS])).to.deep.equal([{ ok: true, result: [] }]);
      expect(first.asked.filter((method) => method === "eth_getLogs").length).to.equal(1);
      expect(await answerer(pool)).to.equal(first.port);
    });

    it("ask again only for what was not answered", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      first.faults.set("eth_getLogs", refusal(-32_005, "limit exceeded"));
      const [logs, call] = await pool.batch([LOGS, CALL]);
      expect(logs).to.deep.equal({ ok: true, result: [] });
      expect(answererOf(call)).to.equal(first.port);
      expect(second.asked).not.to.include("eth_call");
    });

    it("take a revert for an answer", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      for (const error of [
        refusal(3, "execution reverted", "0x08c379a0"),
        refusal(-32_000, "execution reverted"),
        refusal(-32_603, "Internal error", "0x12345678"),
        refusal(-32_000, "out of gas"),
      ]) {
        first.faults.set("eth_call", error);
        const [reply] = await pool.batch([CALL]);
        expect(reply?.ok).to.equal(false);
      }
      expect(second.asked).not.to.include("eth_call");
      expect(pool.nodes()[0]?.errors).to.equal(0);
    });

    it("give the node's error where all nodes have one", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      for (const node of [first, second]) node.faults.set("eth_simulateV1", refusal(-32_601, "method not found"));
      const [reply] = await pool.batch([{ method: "eth_simulateV1", params: [{}, "0xa"] }]);
      expect(reply).to.deep.include({ ok: false });
      expect(reply?.ok === false && reply.error.message).to.equal("method not found");
    });

    it("leave a node that gives garbage for one that doesn't, until it does well again", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      first.faults.set("eth_call", { result: 5 });
      await answerer(pool);
      await pool.head();
      expect(roles(pool)).to.deep.equal(["standby", "primary"]);
      expect(pool.nodes()[0]).to.include({ errors: 1 });
    });

    it("ask a second node when the first is slow, and take the first answer", async () => {
      const pool = open([first.http, second.http], { timeoutMs: 5_000 });
      await pool.head();
      for (let i = 0; i < 20; i++) await answerer(pool); // it is quick, usually
      first.delayMs = 2_000;
      const start = performance.now();
      expect(await answerer(pool)).to.equal(second.port);
      expect(performance.now() - start).to.be.lessThan(1_000);
    });

    it("go on from what a contract can't return, and blame the node where all give it", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      const read = async () => {
        const reads = new Reads(10);
        const index = reads.call(readVault.indexE27(`0x${"11".repeat(20)}`));
        await reads.send(pool);
        return index;
      };
      first.faults.set("eth_call", { result: "0x1234" });
      expect(Number((await read()).value())).to.equal(second.port);
      second.faults.set("eth_call", { result: "0x1234" });
      const index = await read();
      for (const get of [() => index.value(), () => index.valueOrNone()]) {
        const error = await errorOf(Promise.resolve().then(get));
        expect(error).to.include({ name: "SpillwayError", code: "RPC_ERROR" });
      }
    });
  });

  describe("transactions", () => {
    const refused = (reply: RpcReply | undefined): string => (reply?.ok === false ? reply.error.message : "");

    it("go to all nodes, and are taken where one took them", async () => {
      const pool = open([first.http, second.http, third.http]);
      await pool.head();
      first.faults.set(SEND.method, refusal(-32_601, "the method eth_sendRawTransaction is not available"));
      second.faults.set(SEND.method, refusal(-32_000, "nonce too low"));
      const [reply] = await pool.batch([SEND]);
      expect(reply?.ok).to.equal(true);
      expect(third.transactions).to.deep.equal(["0x02"]);
    });

    it("are taken where a node has them already", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      first.faults.set(SEND.method, refusal(-32_005, "rate limit exceeded"));
      second.faults.set(SEND.method, refusal(-32_000, "already known"));
      expect(refused((await pool.batch([SEND]))[0])).to.equal("already known");
    });

    it("are refused for the transaction's reason, not for the node's", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      first.faults.set(SEND.method, refusal(-32_601, "the method eth_sendRawTransaction is not available"));
      second.faults.set(SEND.method, refusal(-32_000, "replacement transaction underpriced"));
      expect(refused((await pool.batch([SEND]))[0])).to.equal("replacement transaction underpriced");
    });

    it("don't wait for a node that is silent", async () => {
      const pool = open([first.http, second.http], { timeoutMs: 5_000 });
      await pool.head();
      first.delayMs = 3_000;
      const start = performance.now();
      expect((await pool.batch([SEND]))[0]?.ok).to.equal(true);
      second.faults.set(SEND.method, refusal(-32_000, "insufficient funds for gas"));
      expect(refused((await pool.batch([SEND]))[0])).to.equal("insufficient funds for gas");
      expect(performance.now() - start).to.be.lessThan(2_000);
    });

    it("keep their places among reads", async () => {
      const pool = open([first.http]);
      await pool.head();
      const [call, sent, logs] = await pool.batch([CALL, SEND, LOGS]);
      expect(answererOf(call)).to.equal(first.port);
      expect(sent).to.deep.equal({ ok: true, result: `0x${"ab".repeat(32)}` });
      expect(logs).to.deep.equal({ ok: true, result: [] });
    });

    it("are unreachable where no node answers", async () => {
      const pool = open([first.http]);
      await pool.head();
      first.breakdown = 500;
      expect(await errorOf(pool.batch([SEND]))).to.include({ code: "RPC_UNREACHABLE" });
    });
  });

  describe("the chain", () => {
    it("is checked before a node is used: one of another chain never is", async () => {
      second.chainId = 2;
      second.extend();
      const pool = open([first.http, second.http]);
      await until(async () => {
        await pool.head();
        return roles(pool)[1] === "wrong-chain";
      });
      expect(await look(pool)).to.deep.equal(["ok", 10]);
      first.breakdown = 500;
      expect(await errorOf(pool.batch([CALL]))).to.include({ code: "RPC_UNREACHABLE" });
      expect(await pool.batch([SEND]).catch((error: unknown) => error)).to.be.instanceOf(Error);
      expect(second.asked).not.to.include.members(["eth_call"]);
      expect(second.transactions).to.deep.equal([]);
      expect(pool.nodes()[1]).to.include({ chainId: 2, score: 0 });
    });

    it("that no node is on ends the start", async () => {
      first.chainId = second.chainId = 5;
      const pool = open([first.http, second.http]);
      const error = await errorOf(pool.batch([CALL]));
      expect(error).to.include({ code: "WRONG_CHAIN" });
      expect(error.message).to.match(/^chainId: the node is on chain 5, the settings say 1;/);
      expect(await pool.head()).to.include({ status: "none" });
    });

    it("is checked again after a node was away", async () => {
      const pool = open([first.http]);
      await pool.head();
      first.breakdown = 500;
      await errorOf(pool.batch([CALL]));
      [first.breakdown, first.chainId] = [undefined, 2];
      expect(await errorOf(pool.batch([CALL]))).to.include({ code: "WRONG_CHAIN" });
    });
  });

  describe("the head", () => {
    it("is that of the fresh node when another freezes, within seconds", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      for (let i = 0; i < 3; i++) second.extend();
      await until(async () => (await look(pool))[1] === 13, 2_000);
      expect(roles(pool)).to.deep.equal(["standby", "primary"]);
      expect(await answerer(pool)).to.equal(second.port);
      await until(async () => {
        await pool.head();
        return roles(pool)[0] === "behind";
      });
    });

    it("does not change nodes where the other one is quicker by a moment only", async () => {
      const pool = open([first.http, second.http]);
      await pool.head();
      for (let i = 0; i < 3; i++) {
        for (const node of [first, second]) node.extend();
        await until(async () => {
          first.slips.set("eth_getBlockByNumber", { result: block(10 + i) }); // it has the new block a moment later
          return (await look(pool))[1] === 11 + i;
        });
        expect(roles(pool)).to.deep.equal(["primary", "standby"]);
      }
    });

    it("does not go back with the node that had it: those left are behind until they have it", async () => {
      const pool = open([first.http, second.http]);
      for (let i = 0; i < 4; i++) first.extend();
      expect(await look(pool)).to.deep.equal(["ok", 14]);
      first.breakdown = 500;
      for (let i = 0; i < 4; i++) {
        expect(await look(pool)).to.deep.equal(["behind", 10 + i]);
        expect(await errorOf(pool.batch([CALL]))).to.include({ code: "RPC_UNREACHABLE" });
        second.extend();
      }
      expect(await look(pool)).to.deep.equal(["ok", 14]);
      expect(await answerer(pool)).to.equal(second.port);
    });

    it("goes back at once where the node that gave it says that the chain did", async () => {
      const pool = open([first.http]);
      for (const number of [11, 12]) {
        first.extend();
        expect(await look(pool)).to.deep.equal(["ok", number]);
      }
      first.blocks.splice(11, 2, block(11, { fork: "b" }));
      const { status, block: head } = await pool.head();
      expect(status).to.equal("ok");
      expect(head?.hash).to.equal(block(11, { fork: "b" }).hash);
    });

    it("changes at once to another block of the same height", async () => {
      const pool = open([first.http]);
      await pool.head();
      first.blocks.splice(10, 1, block(10, { fork: "b" }));
      expect((await pool.head()).block?.hash).to.equal(block(10, { fork: "b" }).hash);
    });

    it("is read from nodes that are on its chain", async () => {
      second.blocks.splice(10, 1, block(10, { fork: "b" }));
      const pool = open([first.http, second.http]);
      const { block: head } = await pool.head();
      expect(head?.hash).to.equal(block(10).hash);
      first.faults.set("eth_call", refusal(-32_005, "rate limit exceeded"));
      const [reply] = await pool.batch([CALL]);
      expect(reply?.ok).to.equal(false);
      expect(second.asked).not.to.include("eth_call");
      second.blocks.splice(10, 1, block(10)); // it finds back
      second.extend();
      expect(await answerer(pool)).to.equal(second.port);
    });

    it("is stale when it is too old, by the machine's clock", async () => {
      first.extend({ timestamp: Math.floor(Date.now() / 1000) - 60 });
      const pool = open([first.http], { maxLag: 30 });
      const head = await pool.head();
      expect(head.status).to.equal("stale");
      expect(head.why).to.match(/^block 11 is (60|61) s old$/);
      first.extend();
      expect(await look(pool)).to.deep.equal(["ok", 12]);
      expect(await look(open([first.http], { maxLag: 0 }))).to.deep.equal(["ok", 12]);
    });

    for (const [seconds, status] of [
      [60, "ok"],
      [-60, "ok"],
      [300, "stale"],
    ] as const) {
      it(`is ${status} when the clock is ${seconds} s off and two nodes agree`, async () => {
        const pool = open([first.http, second.http], { maxLag: 30, clock: () => Date.now() / 1000 + seconds });
        await pool.head();
        for (const node of [first, second]) node.extend({ timestamp: Math.floor(Date.now() / 1000) });
        await until(async () => {
          await pool.head();
          return pool.nodes().every(({ head }) => head === 11);
        });
        expect(await look(pool)).to.deep.equal([status, 11]);
      });
    }

    it("is stale when the clock is a minute off and one node says so", async () => {
      const pool = open([first.http], { maxLag: 30, clock: () => Date.now() / 1000 + 60 });
      await pool.head();
      first.extend();
      expect(await look(pool)).to.deep.equal(["stale", 11]);
    });

    it("is never of a node that answers with what is no block", async () => {
      first.faults.set("eth_getBlockByNumber", { result: { number: 5 } });
      const pool = open([first.http, second.http]);
      expect(await look(pool)).to.deep.equal(["ok", 10]);
      expect(roles(pool)).to.deep.equal(["down", "primary"]);
    });

    it("is looked for at the other nodes when the first choice is silent", async () => {
      const pool = open([first.http, second.http], { timeoutMs: 5_000 });
      await pool.head();
      first.delayMs = 3_000;
      second.extend();
      await until(async () => (await look(pool))[1] === 11, 2_000);
    });
  });

  describe("a WebSocket", () => {
    it("answers, and tells of heads at once", async () => {
      const pool = open([first.ws]);
      expect(await look(pool)).to.deep.equal(["ok", 10]);
      expect(await answerer(pool)).to.equal(first.port);
      const stop = new AbortController();
      const heads: number[] = [];
      const start = performance.now();
      for await (const { block: head } of watchHeads(pool, 10_000, new Bell(), stop.signal)) {
        heads.push(head?.number ?? -1);
        if (heads.length < 4) first.extend();
        else stop.abort();
      }
      expect(heads).to.deep.equal([10, 11, 12, 13]);
      expect(performance.now() - start).to.be.lessThan(2_000);
      expect(first.asked.filter((method) => method === "eth_subscribe").length).to.equal(1);
    });

    it("tells of a head that came while nobody waited", async () => {
      const pool = open([first.ws]);
      await pool.head();
      first.extend();
      await until(() => pool.nodes()[0]?.head === 11);
      const start = performance.now();
      await pool.newHead(10_000, new AbortController().signal);
      expect(performance.now() - start).to.be.lessThan(1_000);
    });

    it("is polled when it is silent", async () => {
      const pool = open([first.ws]);
      await pool.head();
      first.pushes = false;
      first.extend();
      expect(await look(pool)).to.deep.equal(["ok", 11]);
    });

    it("connects anew after it was dropped, subscribes, and has its chain checked", async () => {
      const pool = open([first.ws, second.http]);
      await pool.head();
      first.drop();
      await until(() => pool.nodes()[0]?.score === 0); // it has noticed
      expect(await answerer(pool)).to.equal(second.port);
      await until(async () => {
        await pool.head();
        return pool.nodes()[0]?.score !== 0;
      });
      expect(first.asked.filter((method) => method === "eth_subscribe").length).to.equal(2);
      first.drop();
      first.chainId = 2;
      await until(async () => {
        await pool.head();
        return roles(pool)[0] === "wrong-chain";
      });
    });

    for (const [name, breakdown] of [
      ["garbage", "garbage"],
      ["a refusal of the batch", '{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"limit exceeded"}}'],
    ] as const) {
      it(`is left for ${name}`, async () => {
        const pool = open([first.ws, second.http]);
        await pool.head();
        first.breakdown = breakdown;
        expect(await answerer(pool)).to.equal(second.port);
      });
    }

    it("is left when it does not answer in time", async () => {
      const pool = open([first.ws]);
      await pool.head();
      first.delayMs = 1_000;
      const error = await errorOf(pool.batch([CALL]));
      expect(error.message).to.match(/^No answer from the node at 127\.0\.0\.1:\d+: TIMEOUT\.$/);
    });

    it("that nobody listens at is a node that is down", async () => {
      const pool = open(["ws://127.0.0.1:1/secret", second.http]);
      await until(async () => {
        await pool.head();
        return roles(pool)[1] === "primary";
      });
      expect(roles(pool)).to.deep.equal(["down", "primary"]);
      expect(pool.nodes()[0]?.trouble).to.equal("No answer from the node at 127.0.0.1:1: ECONNREFUSED.");
    });
  });

  describe("with anvil", () => {
    let anvil: Anvil;
    before(async () => {
      anvil = await startAnvil({ timestamp: 1_700_000_000 });
    });
    after(() => anvil.stop());
    const mine = (): Promise<unknown> => anvil.rpc.call("evm_mine");

    it("follows heads over a WebSocket, through a reorganisation, beside a node that is frozen", async () => {
      first.blocks = [];
      first.blocks.push(block(0));
      const pool = open([anvil.url, anvil.url.replace("http", "ws"), first.http], { maxLag: 0 });
      for (let i = 0; i < 5; i++) await mine();
      await until(async () => (await look(pool))[1] === 5);
      const before = await pool.head();
      await anvil.rpc.call("anvil_reorg", 3, []);
      await until(async () => {
        const { block: head } = await pool.head();
        return head?.number === 5 && head.hash !== before.block?.hash;
      });

      const [code, revert] = await pool.batch([
        { method: "eth_getCode", params: [`0x${"11".repeat(20)}`, "0x5"] },
        { method: "eth_call", params: [{ data: "0x5f5ffd" }, "0x5"] }, // reverts with nothing
      ]);
      expect(code).to.deep.equal({ ok: true, result: "0x" });
      expect(revert?.ok).to.equal(false);
      expect(first.asked).not.to.include("eth_call");

      const stop = new AbortController();
      const heads = watchHeads(pool, 20_000, new Bell(), stop.signal);
      await heads.next();
      const next = heads.next();
      await mine(); // the socket tells of it long before the next look
      expect((await next).value).to.include({ status: "ok" });
      stop.abort();
      await until(async () => {
        await pool.head();
        return roles(pool)[2] === "behind";
      });
      expect(roles(pool).sort()).to.deep.equal(["behind", "primary", "standby"]);
    });

    it("says that it is behind when the block of a request is not there yet", async () => {
      const pool = open([anvil.url], { maxLag: 0 });
      await pool.head();
      const request = { method: "eth_call", params: [{ data: "0x00" }, "0xffff"] };
      const error = await errorOf(pool.batch([request]));
      expect(error.message).to.include("does not have block 65535");
    });
  });
});
