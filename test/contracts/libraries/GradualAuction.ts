import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { Rational, advance, cost, head, longestAge, quantityToTarget } from "./gradualAuctionModel";

const WAD = 10n ** 18n;
const CASES = 400;

/** A deterministic stream of numbers. */
function seeded(seed: string) {
  let count = 0;
  const next = (): bigint => BigInt(ethers.id(`${seed}/${++count}`));
  const between = (min: bigint, max: bigint): bigint => min + (next() % (max - min + 1n));
  return {
    between,
    pick: <T>(values: readonly T[]): T => values[Number(between(0n, BigInt(values.length - 1)))]!,
    /** Any order of magnitude up to 2^bits is as likely as any other. */
    magnitude: (bits: bigint): bigint => (next() % 2n ** between(1n, bits)) + 1n,
    /** Any part of a whole; none and all of it often. */
    part: (whole: bigint): bigint => [0n, whole][Number(between(0n, 7n))] ?? between(0n, whole),
  };
}

/** One lane and position within the bounds that the library states and the lanes' setter keeps. */
function randomCase(index: number) {
  const random = seeded(`gradual auction ${index}`);
  for (;;) {
    const collateralDecimals = random.pick([0n, 6n, 8n, 18n, 27n]);
    const loanDecimals = random.pick([6n, 8n, 18n]);
    const slopeWad = random.between(10n ** 12n, random.pick([10n ** 14n, 10n ** 16n]));
    const premiumWad = random.between(0n, WAD / 5n);
    const discountWad = random.between(0n, WAD / 10n);
    const longestAgeWad = ((premiumWad + discountWad) * WAD) / slopeWad;
    // the lane's: its greatest premium and discount may be over those of this moment and this position
    const longestLaneAgeWad = random.pick([1n, 2n]) * longestAgeWad;
    const ratePerHour = random.magnitude(111n);
    const laneAgeWad = random.part(longestLaneAgeWad);
    if (longestAgeWad === 0n || longestLaneAgeWad > 86_400n * WAD) continue;
    if ((ratePerHour * laneAgeWad) / (3600n * WAD) >= 2n ** 112n) continue;
    return {
      random,
      slopeWad,
      premiumWad,
      discountWad,
      longestAgeWad,
      ratePerHour,
      laneAgeWad,
      priceE36: random.magnitude(30n) * 10n ** (33n + loanDecimals - collateralDecimals),
    };
  }
}

type Case = ReturnType<typeof randomCase>;

const laneOf = (c: Case) => ({
  ratePerHour: c.ratePerHour,
  slope: Rational.wad(c.slopeWad),
  premium: Rational.wad(c.premiumWad),
  discount: Rational.wad(c.discountWad),
});

const modelHead = (c: Case) => head(laneOf(c), Rational.wad(c.laneAgeWad));

async function deploy() {
  const harness = await ethers.deployContract("GradualAuctionHarness");
  const contractHead = async (c: Case) =>
    harness.head(c.ratePerHour, c.slopeWad, c.laneAgeWad, c.premiumWad, c.discountWad);
  return { harness, contractHead };
}

type ContractHead = Awaited<ReturnType<Awaited<ReturnType<typeof deploy>>["contractHead"]>>;

const structOf = ({ multipleWad, available, flatWad, ratePerHour, slopeWad }: ContractHead) => ({
  multipleWad,
  available,
  flatWad,
  ratePerHour,
  slopeWad,
});

/** The contract's rounded head, taken as exact, so that one rounding is judged at a time. */
function exactly(h: ContractHead) {
  return {
    multiple: Rational.wad(h.multipleWad),
    available: Rational.of(h.available),
    flat: Rational.wad(h.flatWad),
    rate: Rational.of(h.ratePerHour, 3600n),
    slope: Rational.wad(h.slopeWad),
  };
}

describe(`GradualAuction against exact rational numbers, ${CASES} seeded cases each`, () => {
  // drawn anew for each test, so that one alone gets the same numbers
  const cases = () => Array.from({ length: CASES }, (_, i) => randomCase(i));

  it("longestAge: to the unit, rounded down", async () => {
    const { harness } = await loadFixture(deploy);
    for (const c of cases()) {
      const exact = longestAge(Rational.wad(c.premiumWad), Rational.wad(c.discountWad), Rational.wad(c.slopeWad));
      const expected = exact.mul(Rational.of(WAD)).floor();
      expect(await harness.longestAge(c.premiumWad, c.discountWad, c.slopeWad)).to.equal(expected);
    }
  });

  it("laneAge: to the unit, and never over the longest", async () => {
    const { harness } = await loadFixture(deploy);
    for (const c of cases()) {
      const { timestamp: now } = await harness.laneAge(0n, 0n);
      for (const from of [now - 100_000n, now + 1n]) {
        const cursorWad = c.random.between(from * WAD, (now + 10n) * WAD);
        const { age, timestamp } = await harness.laneAge(cursorWad, c.longestAgeWad);
        const since = timestamp * WAD - cursorWad;
        const expected = since < 0n ? 0n : since < c.longestAgeWad ? since : c.longestAgeWad;
        expect(age).to.equal(expected);
      }
    }
  });

  it("head: available to the unit, rounded down; the multiple rounded up, at most a Wad's last digit over", async () => {
    const { contractHead } = await loadFixture(deploy);
    let capped = 0;
    for (const c of cases()) {
      const h = await contractHead(c);
      const model = modelHead(c);
      expect(h.available).to.equal(model.available.floor());
      const multiple = model.multiple.mul(Rational.of(WAD)).ceil();
      const flatWad = model.flat.mul(Rational.of(WAD)).floor();
      const ageIsExact = c.laneAgeWad < c.longestAgeWad;
      if (ageIsExact) {
        expect(h.multipleWad).to.equal(multiple);
        expect(h.flatWad).to.equal(flatWad);
      } else {
        // the greatest age is itself rounded down, by less than 1e-18 s
        ++capped;
        expect(h.multipleWad).to.be.within(multiple, multiple + 1n);
        expect(h.flatWad).to.be.within(flatWad, flatWad + c.ratePerHour / 3600n + 1n);
      }
      expect([h.ratePerHour, h.slopeWad]).to.deep.equal([c.ratePerHour, c.slopeWad]);
    }
    expect(capped).to.be.gt(5);
  });

  it("cost: rounded up, at most one unit and 2e-18 of a collateral unit's price over the exact one", async () => {
    const { harness, contractHead } = await loadFixture(deploy);
    let steep = 0;
    let toTheUnit = 0;
    for (const c of cases()) {
      const h = await contractHead(c);
      const quantity = c.random.part(h.available);
      const exact = cost(exactly(h), Rational.of(c.priceE36, 10n ** 36n), quantity).ceil();
      const actual = await harness.cost(structOf(h), c.priceE36, quantity);
      expect(actual).to.be.within(exact, exact + 1n + (2n * c.priceE36) / 10n ** 54n);
      if (quantity * WAD > h.flatWad) ++steep;
      if (actual === exact) ++toTheUnit;
    }
    expect(steep).to.be.gt(CASES / 4);
    expect(toTheUnit).to.be.gt((CASES * 9) / 10);
  });

  it("head and cost together stay within the last digit of the multiple over the exact cost, never under it", async () => {
    const { harness, contractHead } = await loadFixture(deploy);
    for (const c of cases()) {
      const h = await contractHead(c);
      const quantity = c.random.part(h.available);
      const exact = cost(modelHead(c), Rational.of(c.priceE36, 10n ** 36n), quantity).ceil();
      const actual = await harness.cost(structOf(h), c.priceE36, quantity);
      const lastDigits = (c.priceE36 * (2n * quantity + 4n)) / 10n ** 54n;
      expect(actual).to.be.within(exact, exact + 2n + lastDigits);
    }
  });

  it("advance: to the unit, rounded up, never past now", async () => {
    const { harness, contractHead } = await loadFixture(deploy);
    for (const c of cases()) {
      const quantity = c.random.part((await contractHead(c)).available);
      const { cursorWad, timestamp } = await harness.advance(c.laneAgeWad, c.ratePerHour, quantity);
      const exact = advance(Rational.of(timestamp), Rational.wad(c.laneAgeWad), c.ratePerHour, quantity);
      expect(cursorWad).to.equal(exact.mul(Rational.of(WAD)).ceil());
      expect(cursorWad).to.be.lte(timestamp * WAD);
      // callers stay within what is available; more than that would empty the lane, and not borrow from the future
      const more = (c.ratePerHour * c.laneAgeWad) / (3600n * WAD) + c.ratePerHour / 3600n + 2n;
      const emptied = await harness.advance(c.laneAgeWad, c.ratePerHour, more);
      expect(emptied.cursorWad).to.equal(emptied.timestamp * WAD);
    }
  });

  it("quantityToTarget: rounded down, at most two units and 1e-14 of it under the exact root", async () => {
    const { harness, contractHead } = await loadFixture(deploy);
    let positive = 0;
    for (const c of cases()) {
      const h = await contractHead(c);
      const feeWad = c.random.between(0n, WAD / 20n);
      const collateral = c.random.magnitude(111n);
      const value = (collateral * c.priceE36) / 10n ** 36n;
      const targetWad = c.random.pick([0n, (WAD * 3n) / 4n, (WAD * 8n) / 10n]);
      // from under the target to insolvent
      const debt = (value * c.random.between((WAD * 7n) / 10n, (WAD * 12n) / 10n)) / WAD;
      const actual = await harness.quantityToTarget(structOf(h), c.priceE36, collateral, debt, targetWad, feeWad);
      const exact = quantityToTarget(
        exactly(h),
        Rational.of(c.priceE36, 10n ** 36n),
        collateral,
        debt,
        Rational.wad(targetWad),
        Rational.wad(feeWad),
      );
      expect(actual).to.be.lte(exact);
      expect(actual).to.be.gte(exact - 2n - exact / 10n ** 14n);
      if (actual > 0n) ++positive;
    }
    expect(positive).to.be.gt(CASES / 2);
  });
});
