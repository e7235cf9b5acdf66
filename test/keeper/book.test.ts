import { expect } from "chai";
import { getAddress } from "ethers";

import { Book, type Cursor, UNDO_BLOCKS, boundAt } from "../../scripts/keeper/book/Book";
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

const MARKET = "0x00000000000000000000000000000000000000AA";
const OTHER = "0x00000000000000000000000000000000000000bb";
const address = (number: number): string => getAddress(`0x${number.toString(16).padStart(40, "0")}`);
const LLTV = 8_300n;

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
      return difference === 0n ? (BigInt(a.owner) < BigInt(b.owner) ? -1 : 1) : difference > 0n ? 1 : -1;
    })
    .map(({ owner }) => owner);
}

/** Applies changes, one of three of which empties a position, to a book and beside it to a plain map. */
function play(book: Book, plain: Map<string, Position>, next: (limit: number) => number, block: number): void {
  const market = next(4) === 0 ? OTHER : MARKET;
  const owner = address(next(60));
  const key = `${market}:${owner}`;
  const old = plain.get(key) ?? { market, owner, collateral: 0n, debtShares: 0n };
  const collateral = next(3) === 0 ? -old.collateral : BigInt(next(1000));
  const debtShares = next(3) === 0 ? -old.debtShares : BigInt(next(800));
  book.apply({ market, owner: next(2) === 0 ? owner : owner.toLowerCase(), collateral, debtShares }, block);
  const position = { ...old, collateral: old.collateral + collateral, debtShares: old.debtShares + debtShares };
  if (position.collateral === 0n && position.debtShares === 0n) plain.delete(key);
  else plain.set(key, position);
}

const owners = (positions: readonly Position[]): string[] => positions.map(({ owner }) => owner);
const keyed = (positions: Iterable<Position>): string[] =>
  [...positions].map((p) => `${p.market} ${p.owner.toLowerCase()} ${p.collateral} ${p.debtShares}`).sort();

/** All positions that a book gives out slice by slice. */
function sliced(book: Book, most: number): Position[] {
  const all: Position[] = [];
  for (let cursor: Cursor | undefined = { market: 0, place: 0 }; cursor !== undefined;) {
    const { positions, next } = book.slice(cursor, most);
    expect(positions.length).to.be.at.most(most);
    all.push(...positions);
    cursor = next;
  }
  return all;
}

describe("Book", () => {
  it("finds what is above lltv, riskiest first, and nothing at lltv itself", () => {
    const book = new Book();
    const [a, b, c, d, e] = [1, 2, 3, 4, 5].map(address) as [string, string, string, string, string];
    const add = (owner: string, collateral: bigint, debtShares: bigint) =>
      book.apply({ market: MARKET, owner, collateral, debtShares }, 1);
    add(a, 100n, 80n);
    add(b, 100n, 81n);
    add(c, 200n, 164n);
    add(d, 0n, 1n); // bad debt
    add(e, 100n, 0n);
    const unhealthy = (price: bigint, index = ONE) => owners(book.unhealthy(MARKET, index, price, 8000n).first(9));
    expect(unhealthy(PRICE)).to.deep.equal([d, c, b]);
    expect(unhealthy(2n * PRICE)).to.deep.equal([d]);
    expect(unhealthy(PRICE / 2n)).to.deep.equal([d, c, b, a]);
    expect(unhealthy(0n)).to.deep.equal([d, c, b, a]); // what is worth nothing backs no debt
    expect(unhealthy(PRICE, (ONE * 101n) / 100n)).to.deep.equal([d, c, b, a]); // interest alone
    expect(book.debtShares(MARKET)).to.equal(326n);
    expect(book.size).to.equal(5);
    const hits = book.unhealthy(MARKET, ONE, PRICE, 8000n);
    expect(hits.count).to.equal(3);
    expect(owners(hits.first(2))).to.deep.equal([d, c]);
    expect(owners(hits.firstUpTo(boundAt(ONE, PRICE, 8150n), 9))).to.deep.equal([b]);
    expect([a, b, e, address(9)].map((owner) => hits.has(owner))).to.deep.equal([false, true, false, false]);
    expect(book.unhealthy(OTHER, ONE, PRICE, 8000n).count).to.equal(0);
  });

  it("compares exactly what floating point can't tell apart", () => {
    const book = new Book();
    const huge = 10n ** 30n;
    const debts = [8n * huge + 1n, 8n * huge, 8n * huge - 1n];
    debts.forEach((debtShares, i) =>
      book.apply({ market: MARKET, owner: address(i), collateral: 10n * huge, debtShares }, 1),
    );
    expect(owners(book.riskiest(MARKET, 9))).to.deep.equal([0, 1, 2].map(address));
    const hits = book.unhealthy(MARKET, ONE, PRICE, 8000n);
    expect(hits.count).to.equal(1);
    expect(owners(hits.first(9))).to.deep.equal([address(0)]);
  });

  it("forgets a position that holds and owes nothing", () => {
    const book = new Book();
    book.apply({ market: MARKET, owner: address(1), collateral: 5n, debtShares: 3n }, 1);
    book.apply({ market: MARKET, owner: address(1), collateral: -5n, debtShares: -3n }, 2);
    expect(book.size).to.equal(0);
    expect(book.unhealthy(MARKET, ONE, 1n, 1n).count).to.equal(0);
    expect(sliced(book, 5)).to.deep.equal([]);
  });

  it("says what a position owes and its LTV, both rounded up", () => {
    expect(debtOf({ debtShares: 2n }, ONE + 1n)).to.equal(3n);
    expect(ltvWad(3n, 2n, PRICE)).to.equal((2n * WAD) / 3n + 1n);
    expect(ltvWad(0n, 2n, PRICE)).to.equal(undefined);
  });

  for (const seed of [1, 2, 3]) {
    it(`agrees with brute force through 2,000 changes, and undoes them (seed ${seed})`, () => {
      const next = random(seed * 7919);
      const book = new Book();
      const plain = new Map<string, Position>();
      const kept = new Map<string, string>();
      const history: Map<string, Position>[] = [];
      for (let block = 1; block <= 400; block++) {
        for (let i = 0; i < 5; i++) play(book, plain, next, block);
        history.push(new Map(plain));
        const index = ONE + (ONE * BigInt(block)) / 1000n;
        const price = (PRICE * BigInt(50 + next(100))) / 100n;
        for (const market of [MARKET, OTHER]) {
          const hits = book.unhealthy(market, index, price, LLTV);
          const expected = bruteForce(plain.values(), market, index, price, LLTV);
          expect(hits.count).to.equal(expected.length);
          expect(owners(hits.first(100)).join()).to.equal(expected.join());
          expect(owners(hits.first(3)).join()).to.equal(expected.slice(0, 3).join());
          const insolvent = new Set(bruteForce(plain.values(), market, index, price, 10_000n));
          const solvent = owners(hits.firstUpTo(boundAt(index, price, 10_000n), 100));
          expect(solvent.join()).to.equal(expected.filter((owner) => !insolvent.has(owner)).join());
        }
        expect(book.size).to.equal(plain.size);
        expect(keyed(sliced(book, 7)).join()).to.equal(keyed(plain.values()).join());
        // what checkpoints say adds up to what there is
        if (next(10) === 0) {
          for (const p of book.takeChanges().positions) {
            if (p.collateral === 0n && p.debtShares === 0n) kept.delete(`${p.market}:${p.owner}`);
            else kept.set(`${p.market}:${p.owner}`, keyed([p]).join());
          }
          expect([...kept.values()].sort().join()).to.equal(keyed(plain.values()).join());
        }
      }

      let head = 400;
      for (const back of [399, 390, 350, 400 - UNDO_BLOCKS + 1]) {
        expect(book.undoTo(back, head)).to.equal(true);
        head = back;
        const positions = history[back - 1]!;
        const found = owners(book.unhealthy(MARKET, ONE, PRICE, LLTV).first(100));
        expect(found).to.deep.equal(bruteForce(positions.values(), MARKET, ONE, PRICE, LLTV));
        expect(keyed(sliced(book, 100))).to.deep.equal(keyed(positions.values()));
      }
      expect(book.undoTo(1, head)).to.equal(false);
    });
  }

  it("tells a checkpoint what it was, whatever comes while that is written, and all where the last one failed", () => {
    const book = new Book();
    for (let i = 0; i < 5; i++) book.apply({ market: MARKET, owner: address(i), collateral: 10n }, 1);
    const first = book.takeChanges();
    book.apply({ market: MARKET, owner: address(0), collateral: -10n }, 2);
    book.apply({ market: MARKET, owner: address(7), collateral: 1n }, 2);
    expect(first).to.include({ whole: true, count: 5 });
    expect([...first.positions].map(({ collateral }) => collateral)).to.deep.equal([10n, 10n, 10n, 10n, 10n]);
    const second = book.takeChanges();
    expect(second).to.include({ whole: false, count: 5 });
    expect(keyed(second.positions)).to.have.length(2);
    expect([...book.takeChanges().positions]).to.deep.equal([]);
    book.giveBack();
    const third = book.takeChanges();
    expect(third).to.include({ whole: true, count: 5 });
    expect(keyed(third.positions)).to.deep.equal(keyed(sliced(book, 9)));
  });

  it("answers a price tick over 100,000 positions in far less than reading them all takes", () => {
    const book = new Book();
    for (let i = 0; i < 100_000; i++) {
      const debtShares = BigInt(400_000 + ((i * 7919) % 400_000));
      book.apply({ market: MARKET, owner: address(i), collateral: 1_000_000n, debtShares }, 1, false);
    }
    const millisecondsFor = (lltvBps: bigint): number => {
      book.unhealthy(MARKET, ONE, PRICE, lltvBps).first(300); // names them
      const started = process.hrtime.bigint();
      for (let i = 0; i < 20; i++) book.unhealthy(MARKET, ONE, PRICE, lltvBps).first(300);
      return Number(process.hrtime.bigint() - started) / 20e6;
    };
    // 80 % is owed at most, so at lltv 79.999 % only the top few are hit
    expect(book.unhealthy(MARKET, ONE, PRICE, 7999n).count).to.be.within(1, 100);
    expect(millisecondsFor(7999n)).to.be.lessThan(2);
    expect(book.unhealthy(MARKET, ONE, PRICE, 5000n).count).to.be.greaterThan(70_000);
    expect(millisecondsFor(5000n)).to.be.lessThan(40); // some 2 on a machine with nothing else to do
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
