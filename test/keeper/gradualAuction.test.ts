import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";

import { WAD, bpsToWad } from "../../scripts/keeper/fixedPoint";
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
  sizeToTarget,
} from "../../scripts/keeper/strategy/gradualAuction";
import { deployAuctions } from "../contracts/periphery/fixture";

// σ = 0.01 % a second, 3,600 units of collateral an hour (one a second), a unit is worth 1,000
const lane: LaneNow = {
  priceE36: 1000n * 10n ** 36n,
  now: 1_000n,
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

  it("prices the head at the least of the lane's age, the auction's and the floor's", () => {
    expect(head(lane, 0n, premiumWad, discountWad)).to.deep.equal({ multipleWad: (98n * WAD) / 100n, flat: 0n });
    expect(head(lane, 900n, premiumWad, discountWad)).to.deep.equal({ multipleWad: WAD, flat: 200n });
    expect(head(lane, 1_000n, premiumWad, discountWad)).to.deep.equal({ multipleWad: WAD + premiumWad, flat: 300n });
    const shallow = bpsToWad(50n); // the floor is at 150 s
    expect(head(lane, 0n, premiumWad, shallow)).to.deep.equal({ multipleWad: WAD - shallow, flat: 150n });
  });

  it("asks p·(m·q + σ·max(0, q − flat)²/(2r)), rounded up", () => {
    const start = head(lane, 900n, premiumWad, discountWad); // 1, flat for 200
    expect(cost(lane, start, 200n)).to.equal(200_000n);
    expect(cost(lane, start, 300n)).to.equal(300_500n); // 100² · 0.0001 / 2 = 0.5 units more
    expect(cost({ ...lane, priceE36: 10n ** 36n }, start, 300n)).to.equal(301n); // 300.5, up
    expect(marginalMultipleWad(lane, start, 200n)).to.equal(WAD);
    expect(marginalMultipleWad(lane, start, 300n)).to.equal((101n * WAD) / 100n);
  });

  it("costs the same in one buy as in two, up to rounding against the buyer", () => {
    for (const first of [1n, 77n, 200n, 250n, 299n]) {
      const start = head(lane, 900n, premiumWad, discountWad);
      const after = { ...lane, ageWad: ageAfterWad(lane.ageWad, first, lane.ratePerHour) };
      const second = cost(after, head(after, 900n, premiumWad, discountWad), 300n - first);
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
    const start = head(lane, 900n, premiumWad, discountWad);
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
    const start = head(lane, 900n, premiumWad, discountWad);
    const size = { collateral: 100n, debt: 85_000n, minDebt: 60_001n, targetLtvBps: 8000n, feeWad: 0n };
    expect(sizeToTarget(lane, start, size)).to.equal(85n); // 60,000 would be left
    expect(sizeToTarget(lane, start, { ...size, minDebt: 60_000n })).to.equal(25n);
  });

  it("agrees with the contracts, over the whole life of an auction", async () => {
    const { house, vault, weth, borrowers } = await loadFixture(deployed);
    const [owner] = borrowers;
    const p = await house.laneParameters(weth);
    for (let step = 0; step < 12; step++) {
      await time.increase(1 + step * 20);
      const now = BigInt(await time.latest());
      const { cursorWad, ratePerHour } = await house.lane(weth);
      const { startedAt, premiumWad: premium } = await house.auction(weth, owner!);
      const { priceE36, minDebt, positions } = await vault.snapshot(weth, [owner!]);
      const { collateral, debt } = positions[0]!;
      const quote = await house.quote(weth, owner!, MaxUint256);

      const longest = longestAgeWad(p.maxPremiumBps, p.maxDiscountBps, p.slopeWad);
      const ageWad = laneAgeWad(now, cursorWad, longest);
      const current: LaneNow = { priceE36, now, ageWad, ratePerHour, slopeWad: p.slopeWad };
      const allowance = equityShareWad(quote.ltvWad);
      const widest = bpsToWad(p.maxDiscountBps);
      const discount = widest < allowance ? widest : allowance;
      const rest = allowance - discount;
      const feeWad = rest < bpsToWad(p.liquidationFeeBps) ? rest : bpsToWad(p.liquidationFeeBps);
      const start = head(current, startedAt, premium, discount);
      expect(start.multipleWad).to.equal(quote.multipleWad);
      expect(emitted(ratePerHour, ageWad)).to.equal(quote.available);

      const toTarget = sizeToTarget(current, start, {
        collateral,
        debt,
        minDebt,
        targetLtvBps: p.targetLtvBps,
        feeWad,
      });
      const amount = toTarget < quote.available ? toTarget : quote.available;
      expect(quote.collateral).to.be.closeTo(amount, amount / 10n ** 9n + 1n);
      expect(cost(current, start, quote.collateral)).to.be.closeTo(quote.cost, 1n);
    }
  });
});

const deployed = () => deployAuctions("MockERC20");
