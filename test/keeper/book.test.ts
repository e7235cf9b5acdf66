import { expect } from "chai";

import { Book, UNDO_BLOCKS } from "../../scripts/keeper/book/Book";
import { Requests } from "../../scripts/keeper/book/Requests";
import { type Position, debtOf, ltvWad } from "../../scripts/keeper/book/position";
import { WAD } from "../../scripts/lib";

const ONE = 10n ** 27n;
const PRICE = 10n ** 36n;

/** A seeded stream of whole numbers below `limit` (xorshift, 32 bits). */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

function bruteForce(
  all: Iterable<Position>,
  market: string,
  indexE27: bigint,
  priceE36: bigint,
  lltvBps: bigint,
): string[] {
  return [...all]
    .filter((p) => p.market === market)
    .filter((p) => p.debtShares * indexE27 * PRICE * 10_000n > p.collateral * priceE36 * lltvBps * ONE)
    .sort((a, b) => {
      const difference = b.debtShares * a.collateral - a.debtShares * b.collateral;
      return difference === 0n ? (a.owner < b.owner ? -1 : 1) : difference > 0n ? 1 : -1;
    })
    .map(({ owner }) => owner);
}

describe("Book", () => {
  it("finds what is above lltv, riskiest first, and nothing at lltv itself", () => {
    const book = new Book();
    const add = (owner: string, collateral: bigint, debtShares: bigint) =>
      book.apply({ market: "M", owner, collateral, debtShares }, 1);
    add("a", 100n, 80n);
    add("b", 100n, 81n);
    add("c", 200n, 164n);
    add("d", 0n, 1n); // bad debt
    add("e", 100n, 0n);
    const unhealthy = (price: bigint, index = ONE) =>
      book.unhealthy("M", index, price, 8000n).map(({ owner }) => owner);
    expect(unhealthy(PRICE)).to.deep.equal(["d", "c", "b"]);
    expect(unhealthy(2n * PRICE)).to.deep.equal(["d"]);
    expect(unhealthy(PRICE / 2n)).to.deep.equal(["d", "c", "b", "a"]);
    expect(unhealthy(PRICE, (ONE * 101n) / 100n)).to.deep.equal(["d", "c", "b", "a"]); // interest alone
    expect(book.debtShares("M")).to.equal(326n);
    expect(book.size).to.equal(5);
  });

  it("forgets a position that holds and owes nothing", () => {
    const book = new Book();
    book.apply({ market: "M", owner: "a", collateral: 5n, debtShares: 3n }, 1);
    book.apply({ market: "M", owner: "a", collateral: -5n, debtShares: -3n }, 2);
    expect(book.size).to.equal(0);
    expect(book.unhealthy("M", ONE, 1n, 1n)).to.deep.equal([]);
  });

  it("says what a position owes and its LTV, both rounded up", () => {
    const position = { market: "M", owner: "a", collateral: 3n, debtShares: 2n };
    expect(debtOf(position, ONE + 1n)).to.equal(3n);
    expect(ltvWad(3n, 2n, PRICE)).to.equal((2n * WAD) / 3n + 1n);
    expect(ltvWad(0n, 2n, PRICE)).to.equal(undefined);
  });

  for (const seed of [1, 2, 3]) {
    it(`agrees with brute force through 2,000 changes, and undoes them (seed ${seed})`, () => {
      const next = random(seed * 7919);
      const book = new Book();
      const plain = new Map<string, Position>();
      const history: { block: number; positions: Map<string, Position> }[] = [];
      for (let block = 1; block <= 400; block++) {
        for (let i = 0; i < 5; i++) {
          const market = next(4) === 0 ? "N" : "M";
          const owner = `0x${next(60).toString(16).padStart(2, "0")}`;
          const key = `${market}:${owner}`;
          const old = plain.get(key) ?? { market, owner, collateral: 0n, debtShares: 0n };
          const collateral = next(5) === 0 ? -old.collateral : BigInt(next(1000));
          const debtShares = next(5) === 0 ? -old.debtShares : BigInt(next(800));
          book.apply({ market, owner, collateral, debtShares }, block);
          const position = { ...old, collateral: old.collateral + collateral, debtShares: old.debtShares + debtShares };
          if (position.collateral === 0n && position.debtShares === 0n) plain.delete(key);
          else plain.set(key, position);
        }
        history.push({ block, positions: new Map(plain) });
        const index = ONE + (ONE * BigInt(block)) / 1000n;
        const price = (PRICE * BigInt(50 + next(100))) / 100n;
        for (const market of ["M", "N"]) {
          const found = book.unhealthy(market, index, price, 8300n).map(({ owner }) => owner);
          expect(found).to.deep.equal(bruteForce(plain.values(), market, index, price, 8300n));
        }
        expect(book.size).to.equal(plain.size);
      }

      let head = 400;
      for (const back of [399, 390, 350, 400 - UNDO_BLOCKS + 1]) {
        expect(book.undoTo(back, head)).to.equal(true);
        head = back;
        const { positions } = history[back - 1]!;
        const found = book.unhealthy("M", ONE, PRICE, 8300n).map(({ owner }) => owner);
        expect(found).to.deep.equal(bruteForce(positions.values(), "M", ONE, PRICE, 8300n));
        expect(book.size).to.equal(positions.size);
      }
      expect(book.undoTo(1, head)).to.equal(false);
    });
  }

  it("answers a price tick over 100,000 positions in far less than reading them all takes", () => {
    const book = new Book();
    for (let i = 0; i < 100_000; i++) {
      book.apply(
        { market: "M", owner: String(i), collateral: 1_000_000n, debtShares: BigInt(400_000 + ((i * 7919) % 400_000)) },
        1,
      );
    }
    // 80 % is owed at most, so at lltv 79.999 % only the top few are hit
    const hits = book.unhealthy("M", ONE, PRICE, 7999n);
    expect(hits.length).to.be.within(1, 100);
    const started = process.hrtime.bigint();
    for (let i = 0; i < 100; i++) book.unhealthy("M", ONE, PRICE, 7999n);
    expect(Number(process.hrtime.bigint() - started) / 1e8).to.be.lessThan(2); // milliseconds each
  });
});

describe("Requests", () => {
  it("gives out those whose cooldown is over or not known, a few at a time, in turn", () => {
    const requests = new Requests();
    for (const controller of ["a", "b", "c"]) requests.add(controller, 1);
    requests.note("b", 5n, 1_000n, 1);
    expect(requests.due(999n, 2)).to.deep.equal(["a", "c"]);
    expect(requests.due(1_000n, 2)).to.deep.equal(["b", "a"]);
    expect(requests.due(1_000n, 2)).to.deep.equal(["c", "b"]);
    requests.add("b", 2); // asked for more: its cooldown is not known
    expect(requests.due(0n, 9)).to.include("b");
  });

  it("forgets one that is fulfilled, once no reorganisation can bring it back", () => {
    const requests = new Requests();
    requests.add("a", 10);
    requests.note("a", 0n, 500n, 10 + UNDO_BLOCKS - 1);
    expect(requests.controllers()).to.deep.equal(["a"]);
    expect(requests.due(499n, 1)).to.deep.equal([]);
    requests.recheck();
    expect(requests.due(499n, 1)).to.deep.equal(["a"]);
    requests.note("a", 0n, 500n, 10 + UNDO_BLOCKS);
    expect(requests.controllers()).to.deep.equal([]);
  });
});
