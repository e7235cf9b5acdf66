import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";

import { Audit } from "../../scripts/keeper/book/audit";
import { Book } from "../../scripts/keeper/book/Book";
import type { Position } from "../../scripts/keeper/book/position";
import { deployMarket } from "../contracts/periphery/fixture";
import { HardhatRpc, latestBlock } from "./world";

const market = () => deployMarket("MockERC20");

/** A book as the chain has it, and an audit of it. */
async function audited() {
  const m = await loadFixture(market);
  const [vault, weth] = await Promise.all([m.vault.getAddress(), m.weth.getAddress()]);
  const book = new Book();
  const actual: Position[] = [];
  for (const { address: owner } of m.borrowers) {
    const { collateral, debtShares } = await m.vault.position(weth, owner);
    actual.push({ market: weth, owner, collateral, debtShares });
    book.apply(actual.at(-1)!, 1);
  }
  const rpc = new HardhatRpc();
  const audit = new Audit(book, vault);
  const turn = async (most: number) => audit.turn(rpc, await latestBlock(), [weth], most);
  return { m, book, audit, rpc, weth, actual, turn };
}

describe("Audit", () => {
  it("goes through all positions in turn, in one round trip of a few calls, and says when it was through", async () => {
    const { audit, rpc, turn } = await audited();
    expect(audit.state).to.deep.equal({ auditedAt: undefined, differs: false });
    for (let i = 0; i < 3; i++) {
      expect(audit.state.auditedAt).to.equal(undefined);
      const before = rpc.roundTrips;
      expect(await turn(1)).to.deep.equal({ corrected: [], broken: [] });
      expect(rpc.roundTrips - before).to.equal(1);
    }
    const { number } = await latestBlock();
    expect(audit.state).to.deep.equal({ auditedAt: number, differs: false });
  });

  it("puts one wrong position right, and leaves the others alone", async () => {
    const { book, audit, turn, weth, actual } = await audited();
    for (const wrong of [{ collateral: 5n }, { debtShares: -1n, collateral: 1n }, { debtShares: 10n ** 12n }]) {
      book.apply({ market: weth, owner: actual[1]!.owner, ...wrong }, 2);
      const { corrected, broken } = await turn(200);
      expect(broken).to.deep.equal([]);
      expect(corrected.length).to.equal(1);
      expect(audit.state.differs).to.equal(false);
      for (const { owner, ...rest } of actual) expect(book.position(weth, owner)).to.deep.equal({ ...rest, owner });
    }
  });

  it("puts right a position that the chain doesn't know", async () => {
    const { book, m, turn, weth } = await audited();
    book.apply({ market: weth, owner: m.lender.address, collateral: 7n }, 2);
    expect((await turn(200)).corrected.map(({ collateral }) => collateral)).to.deep.equal([0n]);
    expect(book.size).to.equal(3);
  });

  it("has the book read anew where the sums differ all the same", async () => {
    const { book, audit, turn, weth, actual } = await audited();
    book.correct({ ...actual[0]!, collateral: 0n, debtShares: 0n }, 2); // one that it has never heard of
    expect(await turn(200)).to.deep.equal({ corrected: [], broken: [weth] });
    expect(audit.state.differs).to.equal(true);
    book.correct(actual[0]!, 3);
    expect(await turn(200)).to.deep.equal({ corrected: [], broken: [] });
    expect(audit.state.differs).to.equal(false);
  });

  it("is not through while an oracle says nothing", async () => {
    const { m, audit, turn, book, weth, actual } = await audited();
    await m.oracle.setBroken(true);
    book.apply({ market: weth, owner: actual[0]!.owner, collateral: 1n }, 2);
    expect(await turn(200)).to.deep.equal({ corrected: [], broken: [] });
    expect(audit.state.auditedAt).to.equal(undefined);
    await m.oracle.setBroken(false);
    expect((await turn(200)).corrected.length).to.equal(1);
    expect(audit.state.auditedAt).to.be.a("number");
  });

  it("looks at the riskiest more often than at the others", async () => {
    const { book, turn, weth, actual } = await audited();
    // a wrong position that is riskiest is found in the first turn, wherever it stands
    book.apply({ market: weth, owner: actual[2]!.owner, collateral: -1n }, 2);
    const { corrected } = await turn(4);
    expect(corrected.map(({ owner }) => owner)).to.include(actual[2]!.owner);
  });
});
