import { expect } from "chai";

import type { Block } from "../../scripts/keeper/chain/block";
import { Journal } from "../../scripts/keeper/Journal";
import type { Job, Outcome } from "../../scripts/keeper/sender/job";

const block: Block = { number: 7, hash: "0x7", parentHash: "0x6", timestamp: 84n, baseFeePerGas: 1n };
const valuation = { loanAsset: "0xA", priceE36: new Map<string, bigint>(), accounts: [] };
const jobIn = (market: string): Job => ({
  ...{ key: `open:${market}`, kind: "open", to: "0x1", data: "0x", gas: 1n, worth: 1n },
});
const outcome = (job: Job, result: Outcome["result"], gasPaid = 0n): Outcome => ({
  ...{ job, nonce: 5, result, gasPaid, gasUsed: 1n, logs: [] },
});

describe("Journal", () => {
  it("tells transactions of two accounts apart that have one nonce", () => {
    const journal = new Journal();
    const [first, second] = [jobIn("M"), jobIn("N")];
    for (const [job, market] of [
      [first, "M"],
      [second, "N"],
    ] as const)
      journal.sent({ kind: "open", market, owner: "o", worth: 9n }, job, 5, `0x${market}`, block);
    journal.settled(outcome(first, "mined", 3n), valuation, 10n ** 36n);
    const state = journal.last.map(({ market, result, gas }) => ({ market, result, gas }));
    expect(state).to.deep.equal([
      { market: "N", result: "pending", gas: undefined },
      { market: "M", result: "mined", gas: 3n },
    ]);
  });

  it("takes back what a reorganisation undid, and counts it again where it is mined again", () => {
    const journal = new Journal();
    const job = jobIn("M");
    journal.sent({ kind: "open", market: "M", owner: "o", worth: 9n }, job, 5, "0x", block);
    journal.settled(outcome(job, "mined", 3n), valuation, 10n ** 36n);
    journal.settled(outcome(job, "unmined"), valuation, 10n ** 36n);
    expect(journal.profit.get("open")).to.deep.equal({ count: 0, earned: 0n, gas: 0n });
    expect(journal.last[0]!.result).to.equal("pending");
    journal.settled(outcome(job, "mined", 4n), valuation, 10n ** 36n);
    expect(journal.profit.get("open")).to.deep.equal({ count: 1, earned: 0n, gas: 4n });
  });
});
