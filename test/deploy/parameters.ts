import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checkParameters, hardhat, mainnet, parametersOf } from "../../deploy/parameters";
import { mockPrices } from "../../deploy/parameters/hardhat";
import { SpillwayError } from "../../scripts/lib";

/** The error that `run` throws. */
function errorOf(run: () => unknown): SpillwayError {
  try {
    run();
  } catch (error) {
    if (error instanceof SpillwayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("deployment parameters", () => {
  const [eth, btc] = mainnet.markets;
  const withEth = (change: object): object => ({ ...mainnet, markets: [{ ...eth!, ...change }, btc] });

  it("takes those of every known network, also after a way through JSON", () => {
    for (const known of [mainnet, hardhat]) {
      expect(parametersOf(known.chainId, undefined)).to.deep.equal(known);
      expect(checkParameters(JSON.parse(JSON.stringify(known)))).to.deep.equal(known);
    }
  });

  it("leave a lane a pace that still works while its venue seems empty", () => {
    for (const { name, lane } of mainnet.markets) {
      expect(Number(lane.minRatePerHour) * mockPrices[name]!, name).to.be.within(50_000, 200_000);
    }
  });

  it("takes any cooldown where there is no timelock to leave ahead of, and one as long as the timelock", () => {
    for (const timelock of [0, mainnet.buffer.cooldown]) {
      expect(checkParameters({ ...mainnet, timelock }).timelock).to.equal(timelock);
    }
  });

  it("takes one pool to four, and one feed or two", () => {
    for (const count of [1, 4]) {
      const pools = Array.from({ length: count }, (_, index) => ({ ...eth!.pools[0]!, fee: index + 1 }));
      expect(checkParameters(withEth({ pools })).markets[0]!.pools).to.deep.equal(pools);
    }
    expect([eth!.crossFeed, btc!.crossFeed?.address]).to.deep.equal([
      undefined,
      "0xF4030086522a5bEEa4988F8cA5B36dbC97BeE88c",
    ]);
  });

  const bad: [string, object, string][] = [
    ["a timelock below zero", { ...mainnet, timelock: -1 }, "timelock: "],
    ["a cooldown that the timelock doesn't outlast", { ...mainnet, timelock: 3 * 86_400 - 1 }, "buffer.cooldown: must not be longer than timelock"],
    ["a field that nobody knows", { ...mainnet, timeLock: 1 }, "timeLock"],
    ["a missing field", { ...mainnet, vault: { name: "Spillway USDC" } }, "vault.symbol: "],
    ["an address with a wrong checksum", { ...mainnet, uniswapV3Factory: "0x1f98431c8aD98523631AE4a59f267346ea31F984" }, "uniswapV3Factory: must be an address"],
    ["no market", { ...mainnet, markets: [] }, "markets: "],
    ["two markets of one collateral", withEth({ collateral: btc!.collateral }), "markets: no two may have the same collateral"],
    ["two markets of one name", withEth({ name: "btc" }), "markets: no two may have the same name"],
    ["an LTV above 100 %", withEth({ lltvBps: 10_001 }), "markets.0.lltvBps: "],
    ["a fraction of a Bps", withEth({ lltvBps: 8300.5 }), "markets.0.lltvBps: "],
    ["a maxLtv that is not under lltv", withEth({ maxLtvBps: 8300 }), "markets.0.maxLtvBps: must be under lltvBps"],
    ["a target that is not under lltv", withEth({ lane: { ...eth!.lane, targetLtvBps: 8300 } }), "markets.0.lane.targetLtvBps: must be under lltvBps"],
    ["an absorbLtv that is not over lltv", withEth({ lane: { ...eth!.lane, absorbLtvBps: 8300 } }), "markets.0.lane.absorbLtvBps: must be over lltvBps"],
    ["a discount for which there is no room", withEth({ lane: { ...eth!.lane, maxDiscountBps: 801 } }), "markets.0.lane.maxDiscountBps: "],
    ["a first discount beyond the greatest", withEth({ lane: { ...eth!.lane, firstDiscountBps: 601 } }), "markets.0.lane.firstDiscountBps: must be within maxDiscountBps"],
    ["a ceiling for no time", withEth({ lane: { ...eth!.lane, clearHours: 0 } }), "markets.0.lane.clearHours: "],
    ["a pay of more than 1 %", { ...mainnet, pay: { ...mainnet.pay, capBps: 101 } }, "pay.capBps: "],
    ["a fee cap that the house refuses", { ...mainnet, pay: { ...mainnet.pay, feeCapGwei: 10_001 } }, "pay.feeCapGwei: "],
    ["an amount as a number", withEth({ debtCeiling: 50_000_000 }), "markets.0.debtCeiling: "],
    ["an amount with a sign", withEth({ minDebt: "-1" }), "markets.0.minDebt: must be an amount"],
    ["no pool", withEth({ pools: [] }), "markets.0.pools: "],
    ["five pools", withEth({ pools: [1, 2, 3, 4, 5].map((fee) => ({ ...eth!.pools[0]!, fee })) }), "markets.0.pools: "],
    ["two pools of one fee", withEth({ pools: [eth!.pools[0]!, { ...eth!.pools[0]!, window: 60 }] }), "markets.0.pools: no two may have the same fee"],
    ["a pool whose fee is all of the trade", withEth({ pools: [{ ...eth!.pools[0]!, fee: 1_000_000 }] }), "markets.0.pools.0.fee: "],
    ["a later pool without a window", withEth({ pools: [eth!.pools[0]!, { ...eth!.pools[1]!, window: 0 }] }), "markets.0.pools.1.window: "],
    ["a guard without a bound", withEth({ guardBoundBps: 0 }), "markets.0.guardBoundBps: "],
    ["a guard that never parts", withEth({ guardBoundBps: 10_000 }), "markets.0.guardBoundBps: "],
    ["a cross feed that may be of any age", withEth({ crossFeed: { ...btc!.crossFeed!, maxAge: 0 } }), "markets.0.crossFeed.maxAge: "],
    ["a cross feed with a wrong checksum", withEth({ crossFeed: { ...btc!.crossFeed!, address: "0xf4030086522a5bEEa4988F8cA5B36dbC97BeE88c" } }), "markets.0.crossFeed.address: must be an address"],
    ["one feed twice", withEth({ crossFeed: { ...eth!.feed, address: eth!.feed.address.toLowerCase() } }), "markets.0.crossFeed.address: must be another feed"],
    ["a feed that may be of any age", withEth({ feed: { ...eth!.feed, maxAge: 0 } }), "markets.0.feed.maxAge: "],
  ]; // prettier-ignore
  for (const [what, parameters, words] of bad) {
    it(`refuses ${what} and names the field`, () => {
      const error = errorOf(() => checkParameters(parameters));
      expect(error.code).to.equal("BAD_CONFIG");
      expect(error.message).to.contain(words);
    });
  }

  it("names every bad field at once", () => {
    const { message } = errorOf(() => checkParameters({ ...mainnet, timelock: -1, chainId: "1" }));
    expect(message).to.contain("timelock: ").and.to.contain("chainId: ");
  });

  it("refuses a chain that it has no parameters for", () => {
    const error = errorOf(() => parametersOf(5, undefined));
    expect(error.code).to.equal("BAD_CONFIG");
    expect(error.message).to.contain("chain 5");
  });

  describe("from a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "spillway-parameters-"));
    after(() => rmSync(folder, { recursive: true }));
    const file = (text: string): string => {
      const path = join(folder, "parameters.json");
      writeFileSync(path, text);
      return path;
    };

    it("reads them", () => {
      expect(parametersOf(1, file(JSON.stringify({ ...mainnet, timelock: 7 * 86_400 })))).to.deep.equal({
        ...mainnet,
        timelock: 7 * 86_400,
      });
    });

    it("refuses those for another chain", () => {
      expect(errorOf(() => parametersOf(5, file(JSON.stringify(mainnet)))).code).to.equal("WRONG_CHAIN");
    });

    it("refuses what is not there, not JSON, or bad", () => {
      for (const path of [join(folder, "none.json"), file("{"), file("{}")]) {
        expect(errorOf(() => parametersOf(1, path)).code).to.equal("BAD_CONFIG");
      }
    });
  });
});
