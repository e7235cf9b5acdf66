import { expect } from "chai";

import type { Block } from "../../scripts/keeper/chain/block";
import { Tip, type Witness } from "../../scripts/keeper/chain/Tip";

const START = 1_700_000_000;

function at(number: number, fork = "a"): Block {
  const timestamp = BigInt(START + 12 * number);
  return { number, hash: `${fork}${number}`, parentHash: `${fork}${number - 1}`, timestamp, baseFeePerGas: 0n };
}

/** A node that reported some blocks, the last of which is its head. */
function node(host: string, ...reported: Block[]): Witness {
  const block = reported.at(-1);
  if (block === undefined) throw new Error("a node has a head");
  return {
    host,
    head: { block, seenMs: 0, delay: undefined },
    hasReported: (hash) => reported.some((one) => one.hash === hash),
  };
}

describe("Tip", () => {
  let nowMs: number;
  const tipOf = (nodes: number): Tip => new Tip({ nodes, maxLag: 0, nowMs: () => nowMs, clock: () => START });
  beforeEach(() => (nowMs = 0));

  it("waits before a shorter chain of known blocks is the chain, though the node that gave more says so", () => {
    const tip = tipOf(1);
    tip.judge([node("one", at(8))]);
    tip.judge([node("one", at(10))]);
    const lower = [node("one", at(10), at(8))];
    expect(tip.judge(lower).status).to.equal("behind");
    nowMs = 2_900;
    expect(tip.judge(lower).status).to.equal("behind");
    nowMs = 3_100;
    expect(tip.judge(lower)).to.deep.include({ status: "ok", block: at(8) });
  });

  it("forgets that it waited when the head is back", () => {
    const tip = tipOf(1);
    tip.judge([node("one", at(10))]);
    expect(tip.judge([node("one", at(10), at(9))]).status).to.equal("behind");
    tip.judge([node("one", at(10))]);
    nowMs = 4_000;
    expect(tip.judge([node("one", at(10), at(9))]).status).to.equal("behind");
  });

  it("waits forever for one node that never had the head", () => {
    const tip = tipOf(2);
    tip.judge([node("one", at(10))]);
    nowMs = 3_600_000;
    expect(tip.judge([node("two", at(9))]).status).to.equal("behind");
    nowMs *= 2;
    expect(tip.judge([node("two", at(9))]).status).to.equal("behind");
    expect(tip.judge([node("two", at(11))])).to.deep.include({ status: "ok", block: at(11) });
  });

  it("goes back with most nodes: at once where they have another chain, after a while where they have not come as far", () => {
    const tip = tipOf(3);
    tip.judge([node("one", at(9))]);
    tip.judge([node("one", at(10))]);
    expect(tip.judge([node("two", at(9, "b"))]).status).to.equal("behind");
    const most = [node("two", at(9, "b")), node("three", at(9, "b"))];
    expect(tip.judge(most)).to.deep.include({ status: "ok", block: at(9, "b") });

    tip.judge([node("one", at(1_000))]); // a lie, and its teller is gone
    const honest = [node("two", at(10, "b")), node("three", at(10, "b"))];
    expect(tip.judge(honest).status).to.equal("behind");
    nowMs = 31_000;
    expect(tip.judge(honest)).to.deep.include({ status: "ok", block: at(10, "b") });
  });

  it("stays with its block where two nodes differ, and goes with most where it has none", () => {
    const tip = tipOf(3);
    const three = [node("one", at(5)), node("two", at(5, "b")), node("three", at(5, "b"))];
    expect(tip.judge(three).block?.hash).to.equal("b5");
    expect(tip.judge([node("one", at(5)), node("two", at(5, "b"))]).block?.hash).to.equal("b5");
  });

  it("is none without nodes", () => {
    expect(tipOf(1).judge([])).to.include({ status: "none", block: undefined });
  });

  it("is stale when no block came for as long, whatever the clock says", () => {
    const tip = new Tip({ nodes: 1, maxLag: 30, nowMs: () => nowMs, clock: () => START });
    expect(tip.judge([node("one", at(1))]).status).to.equal("ok");
    nowMs = 31_001;
    expect(tip.judge([node("one", at(1))])).to.include({
      status: "stale",
      why: "no new block came for 31 s after block 1",
    });
  });
});
