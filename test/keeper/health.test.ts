import { expect } from "chai";

import { type HealthFacts, type SignerFacts, isReady, reasonsOf } from "../../scripts/keeper/health";

const LIMITS = { stalledMs: 60_000, leastBalanceWei: 10n ** 16n };
const signer: SignerFacts = { address: "0xA", balanceWei: 10n ** 18n, trouble: undefined };
const GOOD: HealthFacts = {
  sinceBlockMs: 1_000,
  head: "ok",
  signers: [signer],
  bookDiffers: false,
  storeFailure: undefined,
  redisLost: false,
};

function verdict(changes: Partial<HealthFacts>): { codes: string[]; ready: boolean } {
  const facts = { ...GOOD, ...changes };
  const reasons = reasonsOf(facts, LIMITS);
  return { codes: reasons.map(({ code }) => code), ready: isReady(reasons, facts.signers.length) };
}

describe("health", () => {
  it("is good when nothing is wrong", () => {
    expect(verdict({})).to.deep.equal({ codes: [], ready: true });
  });

  const cases: [string, Partial<HealthFacts>, string[], boolean][] = [
    ["no block was dealt with yet", { sinceBlockMs: undefined }, ["stalled"], false],
    ["the loop has stalled", { sinceBlockMs: 60_001 }, ["stalled"], false],
    ["no node answers", { head: "none" }, ["no-node"], false],
    ["the head is stale", { head: "stale" }, ["stale-head"], false],
    ["the nodes are behind", { head: "behind" }, ["node-behind"], false],
    ["the book differs", { bookDiffers: true }, ["book-differs"], false],
    ["a nonce is stuck", { signers: [{ ...signer, trouble: "stuck" }] }, ["stuck-nonce"], false],
    ["the signer has no ether", { signers: [{ ...signer, balanceWei: 1n }] }, ["low-balance"], false],
    ["another program uses the key", { signers: [{ ...signer, trouble: "foreign" }] }, ["foreign-nonce"], true],
    ["the store fails", { storeFailure: "disk full" }, ["store-failed"], true],
    ["Redis is gone", { redisLost: true }, ["redis-lost"], true],
  ];
  for (const [name, changes, codes, ready] of cases) {
    it(`says so when ${name}`, () => {
      expect(verdict(changes)).to.deep.equal({ codes, ready });
    });
  }

  it("is ready while one of several signers can send", () => {
    const poor = { address: "0xB", balanceWei: 0n, trouble: "stuck" as const };
    expect(verdict({ signers: [signer, poor] })).to.deep.equal({ codes: ["stuck-nonce", "low-balance"], ready: true });
    expect(verdict({ signers: [{ ...poor, address: "0xC" }, poor] }).ready).to.equal(false);
  });
});
