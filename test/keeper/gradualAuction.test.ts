import { expect } from "chai";

import { bpsToWad, WAD } from "../../scripts/lib";
import {
  type LaneNow,
  ageAfterWad,
  cost,
  emitted,
  equityShareWad,
  head,
  laneAgeWad,
  longestAgeWad,
  marginalMultipleWad,
  paceOf,
  sizeToTarget,
} from "../../scripts/keeper/strategy/gradualAuction";

// σ = 0.01 % a second, 3,600 units of collateral an hour (one a second), a unit is worth 1,000
const lane: LaneNow = {
  priceE36: 1000n * 10n ** 36n,
  ageWad: 300n * WAD,
  ratePerHour: 3600n,
  slopeWad: 10n ** 14n,
};
const premiumWad = bpsToWad(100n);
const discountWad = bpsToWad(300n);

describe("gradualAuction", () => {
  it("ages up to (π + δ)/σ", () => {
    const longest = longestAgeWad(100n, 300n, lane.slopeWad); // 4 % at 0.01 % a second
    expect(longest).to.equal(400n * WAD);
    expect(laneAgeWad(1_000n, 900n * WAD, longest)).to.equal(100n * WAD);
    expect(laneAgeWad(1_000n, 100n * WAD, longest)).to.equal(400n * WAD);
    expect(laneAgeWad(1_000n, 1_001n * WAD, longest)).to.equal(0n);
  });

  it("lets out rate times age, rounded down", () => {
    expect(emitted(3600n, 300n * WAD)).to.equal(300n);
    expect(emitted(3601n, 1n * WAD)).to.equal(1n);
    expect(ageAfterWad(300n * WAD, 100n, 3600n)).to.equal(200n * WAD);
    expect(ageAfterWad(300n * WAD, 100n, 3601n)).to.equal(300n * WAD - 99_972_229_936_128_853_097n); // 100·3600/3601 s, up
    expect(ageAfterWad(10n * WAD, 100n, 3600n)).to.equal(0n);
  });

  it("prices the head by the lane's age, down to the position's floor", () => {
    expect(head(lane, premiumWad, discountWad)).to.deep.equal({ multipleWad: (98n * WAD) / 100n, flat: 0n });
    const shallow = bpsToWad(50n); // the floor is at 150 s
    expect(head(lane, premiumWad, shallow)).to.deep.equal({ multipleWad: WAD - shallow, flat: 150n });
    const fresh = { ...lane, ageWad: 0n };
    expect(head(fresh, premiumWad, discountWad)).to.deep.equal({ multipleWad: WAD + premiumWad, flat: 0n });
  });

  it("sells the faster the nearer a position is to insolvency: r·(1 + u·x²)", () => {
    const at = (ltv: bigint) => paceOf(1_000_000n, 4n, ltv, (80n * WAD) / 100n);
    const pace = (percent: bigint) => at((percent * WAD) / 100n);
    expect([80n, 85n, 90n, 100n].map(pace)).to.deep.equal([1_000_000n, 1_250_000n, 2_000_000n, 5_000_000n]);
    // past it by 1 / LTV, and at the lane's own pace from 1 / lltv on
    expect(at((WAD * 10n) / 9n)).to.equal(2_000_000n);
    expect([125n, 150n, 100_000n].map(pace)).to.deep.equal([1_000_000n, 1_000_000n, 1_000_000n]);
    expect(paceOf(1_000_000n, 0n, WAD, (80n * WAD) / 100n)).to.equal(1_000_000n);
  });

  it("asks p·(m·q + σ·max(0, q − flat)²/(2r)), rounded up", () => {
    const start = { multipleWad: WAD, flat: 200n };
    expect(cost(lane, start, 200n)).to.equal(200_000n);
    expect(cost(lane, start, 300n)).to.equal(300_500n); // 100² · 0.0001 / 2 = 0.5 units more
    expect(cost({ ...lane, priceE36: 10n ** 36n }, start, 300n)).to.equal(301n); // 300.5, up
    expect(marginalMultipleWad(lane, start, 200n)).to.equal(WAD);
    expect(marginalMultipleWad(lane, start, 300n)).to.equal((101n * WAD) / 100n);
  });

  it("costs the same in one buy as in two, up to rounding against the buyer", () => {
    for (const first of [1n, 77n, 200n, 250n, 299n]) {
      const floored = bpsToWad(50n);
      const start = head(lane, premiumWad, floored);
      const after = { ...lane, ageWad: ageAfterWad(lane.ageWad, first, lane.ratePerHour) };
      const second = cost(after, head(after, premiumWad, floored), 300n - first);
      const split = cost(lane, start, first) + second;
      expect(split - cost(lane, start, 300n)).to.be.within(0n, 2n);
    }
  });

  it("never gives away more than half of the equity", () => {
    expect(equityShareWad((90n * WAD) / 100n)).to.equal((5n * WAD) / 100n);
    expect(equityShareWad(WAD)).to.equal(0n);
    expect(equityShareWad(2n * WAD)).to.equal(0n);
  });

  it("sells what brings a position to its target, and not one unit more", () => {
    const start = { multipleWad: WAD, flat: 200n };
    // at m = 1 and τ = 80 %: (85,000 − 80,000) / (1,000 · 0.2) = 25
    const size = { collateral: 100n, debt: 85_000n, minDebt: 0n, targetLtvBps: 8000n, feeWad: 0n };
    expect(sizeToTarget(lane, start, size)).to.equal(25n);
    // a fee of 1 % repays 990.099 a unit: 5,000 / 190.099 = 26.30
    expect(sizeToTarget(lane, start, { ...size, feeWad: WAD / 100n })).to.equal(26n);
    expect(sizeToTarget(lane, start, { ...size, debt: 79_000n })).to.equal(0n);
    // at 1 % a second the rise counts from 12 units on: 200·22 + 5·10² = 4,900, and 5,205 with one unit more
    const risen = { multipleWad: start.multipleWad, flat: 12n };
    expect(sizeToTarget({ ...lane, slopeWad: 10n ** 16n }, risen, size)).to.equal(22n);
    // all of it where the debt is above the value
    expect(sizeToTarget(lane, start, { ...size, debt: 120_000n })).to.equal(100n);
  });

  it("closes a position where less than minDebt would be left", () => {
    const start = { multipleWad: WAD, flat: 200n };
    const size = { collateral: 100n, debt: 85_000n, minDebt: 60_001n, targetLtvBps: 8000n, feeWad: 0n };
    expect(sizeToTarget(lane, start, size)).to.equal(85n); // 60,000 would be left
    expect(sizeToTarget(lane, start, { ...size, minDebt: 60_000n })).to.equal(25n);
  });
});
