import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import type { Opportunity } from "../../scripts/keeper/explain/opportunity";
import { parseSince } from "../../scripts/keeper/explain/since";
import { SqliteStore } from "../../scripts/keeper/store/SqliteStore";
import type { SpillwayError } from "../../scripts/lib";
import { keeper } from "./commandLine";

const NOW = Math.floor(Date.now() / 1000);
const opportunity: Opportunity = {
  ...{ block: 120, transaction: `0x${"ab".repeat(32)}`, kind: "buy", market: `0x${"1".repeat(40)}` },
  ...{ owner: `0x${"2".repeat(40)}`, taker: `0x${"3".repeat(40)}`, amount: 10n ** 18n, cost: 1_970_000_000n },
  ...{ takenAt: BigInt(NOW - 60), firstSeenBlock: 117, firstSeenAt: BigInt(NOW - 96), reason: "NotBuyable(0x22, 5)" },
  ...{ oraclePriceE36: 2_000n * 10n ** 24n, gasUsed: 321_000n, gasPrice: 33n * 10n ** 9n, tip: 3n * 10n ** 9n },
  wouldHaveEarned: -1_234_567n,
};
const unseen: Opportunity = {
  ...{ ...opportunity, block: 121, kind: "absorb", reason: "not-seen", takenAt: undefined, cost: 0n },
  ...{ firstSeenBlock: undefined, firstSeenAt: undefined, oraclePriceE36: undefined, wouldHaveEarned: undefined },
  ...{ gasUsed: undefined, gasPrice: undefined, tip: undefined },
};

describe("postmortem", () => {
  let folder: string;
  let store: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "postmortem-"));
    store = join(folder, "keeper.sqlite");
    const open = new SqliteStore(store, "test");
    open.addOpportunities([unseen, opportunity]);
    open.addOpportunities([opportunity]); // as after a reorganisation: once, all the same
    open.close();
  });
  after(() => rmSync(folder, { recursive: true }));

  it("prints a table, and a line that sums it up", async () => {
    const { code, out } = await keeper(["postmortem", "--store", store, "--since", "100"], {});
    expect(code).to.equal(0);
    const [, , , first] = out.split("\n");
    expect(first).to.include("buy").and.include("3 blocks before, 36 s").and.include("NotBuyable(0x22, 5)");
    expect(first).to.include("0.9850 × oracle").and.include("321,000 at 33.00 gwei, tip 3.00");
    expect(first).to.include("-1,234,567");
    expect(out.trim().split("\n").at(-1)).to.equal("2 missed: 1 NotBuyable(0x22, 5), 1 not-seen");
  });

  it("prints JSON with all that is known, since a block, a time or so long ago", async () => {
    const ask = async (since: string) => {
      const { code, out, err } = await keeper(["postmortem", "--since", since, "--json"], { KEEPER_STORE: store });
      expect(code, err).to.equal(0);
      return JSON.parse(out) as Record<string, unknown>[];
    };
    const [byBlock, hour, second, time] = await Promise.all(
      ["121", "1h", "1s", new Date((NOW - 60) * 1000).toISOString()].map(ask),
    );
    expect(byBlock!.map(({ kind }) => kind)).to.deep.equal(["absorb"]);
    expect(byBlock![0]).to.include({ gasPrice: null, firstSeenBlock: null, wouldHaveEarned: null });
    expect(second).to.deep.equal([]);
    expect(time).to.deep.equal(hour);
    expect(hour).to.deep.equal([
      {
        ...{
          ...opportunity,
          amount: "1000000000000000000",
          cost: "1970000000",
          takenAt: NOW - 60,
          firstSeenAt: NOW - 96,
        },
        ...{
          oraclePriceE36: "2000000000000000000000000000",
          gasUsed: "321000",
          gasPrice: "33000000000",
          tip: "3000000000",
        },
        wouldHaveEarned: "-1234567",
      },
    ]);
  });

  it("reads the store of a running keeper without locking it out", async () => {
    const running = new SqliteStore(store, "test");
    try {
      const end = keeper(["postmortem", "--store", store], {});
      for (let i = 0; i < 50; i++) {
        running.addOpportunities([]);
        running.pending.setMark("0xsigner", { nonce: i, block: i, hash: `0x${i}` });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const { code, out, err } = await end;
      expect(code, err).to.equal(0);
      expect(out).to.include("2 missed");
    } finally {
      running.close();
    }
  });

  it("says what is wrong with what it was given", async () => {
    const none = join(folder, "none.sqlite");
    const other = join(folder, "other.sqlite");
    writeFileSync(other, "this is no database at all, though it is long enough to be looked at".repeat(30));
    const runs: [RegExp, string[]][] = [
      [/^error: since: "yesterday" is no block.* \(BAD_INPUT\)$/, ["--since", "yesterday"]],
      [/^error: store: there is none at .*none\.sqlite.* \(BAD_STORE\)$/, ["--store", none]],
      [/^error: store: .*other\.sqlite can't be read.* \(BAD_STORE\)$/, ["--store", other]],
    ];
    const ends = await Promise.all(runs.map(([, args]) => keeper(["postmortem", ...args], {})));
    ends.forEach(({ code, err }, i) => {
      expect(err.trim()).to.match(runs[i]![0]);
      expect(code).to.equal(2);
    });
    expect(() => parseSince("1w", 0))
      .to.throw()
      .and.satisfy((error: SpillwayError) => error.code === "BAD_INPUT");
  });
});
