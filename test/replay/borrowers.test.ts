import { expect } from "chai";
import {
  drawBorrowers,
  openRequest,
  units,
  WatchfulBorrowers,
  type Borrower,
} from "../../scripts/replay/agents/borrowers";
import { findScenario } from "../../scripts/replay/scenarios";

const scenario = findScenario("black-thursday");
const market = { startPrice: 200, collateralDecimals: 18, loanDecimals: 6 };
const WAD = 10n ** 18n;
const limits = { lltv: (83n * WAD) / 100n, maxLtv: (80n * WAD) / 100n };

describe("borrowers", () => {
  it("are the same for a seed, others for another, and a longer list begins with the shorter one", () => {
    const drawn = drawBorrowers(scenario, [market], 7);
    expect(drawBorrowers(scenario, [market], 7)).to.deep.equal(drawn);
    expect(drawBorrowers(scenario, [market], 8)).to.not.deep.equal(drawn);
    const few = { ...scenario, borrowers: { ...scenario.borrowers, count: 20 } };
    expect(drawBorrowers(few, [market], 7)).to.deep.equal(drawn.slice(0, 20));
  });

  it("follow the scenario's figures", () => {
    const many = { ...scenario, borrowers: { ...scenario.borrowers, count: 4000 } };
    const drawn = drawBorrowers(many, [market], 1);
    const sizes = drawn.map(({ collateral }) => Number(collateral) / 1e18).sort((a, b) => a - b);
    expect((sizes[2000] ?? 0) * market.startPrice).to.be.closeTo(scenario.borrowers.medianUsd, 3000);
    const distances = drawn.map(({ distance }) => distance);
    const { mean, min, max } = scenario.borrowers.distance;
    expect(distances.reduce((sum, one) => sum + one, 0) / 4000).to.be.closeTo(mean, 0.01);
    expect(Math.min(...distances)).to.be.at.least(min);
    expect(Math.max(...distances)).to.be.at.most(max);
    const watching = drawn.filter(({ watch }) => watch !== null).length / 4000;
    expect(watching).to.be.closeTo(scenario.borrowers.watchful.share, 0.03);
    expect(new Set(drawn.map(({ address }) => address)).size).to.equal(4000);
  });

  it("open at their distance from the lltv, and never over the maximal LTV", () => {
    const one: Borrower = { address: "0x", market: 0, collateral: WAD, distance: 0.5, watch: null };
    expect(openRequest(one, market, limits).debt).to.equal(units(200 * 0.415, 6));
    const { debt } = openRequest({ ...one, distance: 0.01 }, market, limits);
    expect(debt).to.equal(units(200 * 0.8 * 0.9999, 6));
  });

  describe("who watch", () => {
    const watch = {
      ...{ actsBelowHealth: 1.1, delaySeconds: 120, restoresToHealth: 1.25 },
      ...{ collateralBudget: WAD, loanBudget: units(1000, 6) },
    };
    const watcher = (repays: boolean): WatchfulBorrowers => {
      const borrower = { address: "0x", market: 0, collateral: 10n * WAD, distance: 0.2, watch: { ...watch, repays } };
      return new WatchfulBorrowers([borrower], [market], [limits.lltv]);
    };
    // lltv · 10 · 200 = 1660: a debt of 1600 is a health of 1.0375
    const position = [{ collateral: 10n * WAD, debt: units(1600, 6) }];

    it("act after their delay, and bring health to where they want it", () => {
      const repaying = watcher(true);
      expect(repaying.act(0, position, [200])).to.deep.equal([]);
      expect(repaying.act(60, position, [200])).to.deep.equal([]);
      expect(repaying.act(120, position, [200])).to.deep.equal([
        { kind: "repay", position: 0, assets: units(1600 - 1660 / 1.25, 6) },
      ]);
    });

    it("top up no more than they have, in all", () => {
      const topping = watcher(false);
      topping.act(0, position, [200]);
      expect(topping.act(120, position, [200])).to.deep.equal([{ kind: "topUp", position: 0, collateral: WAD }]);
      topping.act(180, position, [200]);
      expect(topping.act(900, position, [200])).to.deep.equal([]);
    });

    it("calm down when health is back", () => {
      const repaying = watcher(true);
      repaying.act(0, position, [200]);
      repaying.act(60, position, [230]);
      expect(repaying.act(120, position, [200])).to.deep.equal([]);
      expect(repaying.act(240, position, [200])).to.have.lengthOf(1);
    });

    it("leave a healthy and an empty position alone", () => {
      const repaying = watcher(true);
      for (const at of [0, 600]) {
        expect(repaying.act(at, [{ collateral: 10n * WAD, debt: units(1000, 6) }], [200])).to.deep.equal([]);
        expect(repaying.act(at, [{ collateral: 0n, debt: 0n }], [200])).to.deep.equal([]);
      }
    });
  });
});
