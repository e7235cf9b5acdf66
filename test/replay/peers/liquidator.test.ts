import { expect } from "chai";
import { plan, type Offer } from "../../../scripts/replay/engines/peerLiquidator";
import { findScenario } from "../../../scripts/replay/scenarios";
import { runReplay } from "../../../scripts/replay/run";
import { quoteRanges, sqrtPriceAtTick } from "../../../scripts/lib";

const E36 = 10n ** 36n;

describe("the peers' liquidator", () => {
  // two tokens of no decimals, one to one, a million of each, no fee
  const quote = quoteRanges({
    ...{ sqrtPriceX96: 1n << 96n, fee: 0n, zeroForOne: true },
    ranges: [{ liquidity: 1_000_000n, sqrtPriceEndX96: sqrtPriceAtTick(-887_270) }],
  });
  /** A position is what is left of its collateral; each call may take a half, at 0.9. */
  const offer = (owner: string, most: bigint, left: bigint): Offer<bigint> => ({
    ...{ most, costE36: (9n * E36) / 10n },
    take: (amount) => ({
      seized: amount,
      repaid: (amount * 9n) / 10n,
      call: `${owner} ${amount}`,
      left: left - amount,
    }),
  });
  const book = (...sizes: bigint[]) =>
    sizes.map((state, index) => ({ request: { market: 0, owner: `#${index}`, collateral: 0n, debt: 0n }, state }));
  const half = ({ owner }: { owner: string }, left: bigint): Offer<bigint> | undefined =>
    left < 8n ? undefined : offer(owner, left / 2n, left);

  it("takes the largest first, and comes back to a position that is still unhealthy", () => {
    const { calls } = plan(quote, book(64n, 4000n, 800n), half, 0n, 6);
    expect(calls).to.deep.equal(["#1 2000", "#1 1000", "#1 500", "#2 400", "#1 250", "#2 200"]);
  });

  it("stops where the pool pays less for the next unit than it costs", () => {
    // the price 1 / (1 + sold / 1,000,000)² is 0.9 after 54,092
    const { calls, needed, gain } = plan(quote, book(80_000n, 70_000n), half, 0n, 100);
    expect(calls).to.deep.equal(["#0 40000", "#1 14092"]);
    expect(needed).to.be.within(36_000n + 12_682n, 36_000n + 12_682n + 3n);
    const proceeds = 1_000_000 - 1_000_000 / 1.054092;
    expect(Number(gain)).to.be.closeTo(proceeds - 48_682, 3);
  });

  it("leaves what gains less than its gas", () => {
    // about a tenth of what is taken
    expect(plan(quote, book(4000n, 300n), half, 40n, 100).calls).to.deep.equal(["#0 2000", "#0 1000", "#0 500"]);
    expect(plan(quote, book(4000n, 300n), half, 200n, 100).calls).to.deep.equal([]);
  });
});

describe("a replay of the peers", () => {
  it("runs through an hour of the fall, with and without price impact", async function () {
    this.timeout(400_000); // compiles Morpho Blue the first time
    const scenario = findScenario("black-thursday");
    const { result, series } = await runReplay({
      ...{ scenario: scenario.name, engines: ["aave-v3", "morpho-blue"], bookToDepth: 150, buffer: 0, seed: 1 },
      ...{ match: "distance" as const, keepers: "profit" as const },
      ...{ stepSeconds: 60, fromSeconds: 10.4 * 3600, toSeconds: 11.2 * 3600, amplification: true, command: "" },
      onProgress: () => undefined,
    });
    expect(result.versions).to.include({
      ...{ "@aave/core-v3": "1.19.3", "@morpho-org/morpho-blue": "1.0.0", "solc-0.8.19": "0.8.19" },
    });
    for (const name of ["aave-v3", "morpho-blue"]) {
      const { liquidatedPct, amplification, keeperProfitPct, borrowerLossPct, gasUsed, steps } = result.engines[name]!;
      expect(steps).to.equal(48);
      expect(liquidatedPct).to.be.above(5);
      expect(amplification).to.be.above(1);
      expect(keeperProfitPct).to.be.above(0);
      // the bonus, at prices of two thirds to nine tenths of the starting one
      expect(borrowerLossPct / liquidatedPct).to.be.within(0.02, 0.05);
      expect(gasUsed).to.be.above(500_000);
      expect(series[name]!.soldPct.at(-1)).to.be.closeTo(liquidatedPct, 1e-9);
    }
  });
});
