import { expect } from "chai";

import { PRICE_SCALE, Q96, quoteRanges, type PoolState, WAD } from "../../scripts/lib";
import { planOf } from "../../scripts/keeper/plan";
import { joinQuotes } from "../../scripts/keeper/venues/joinQuotes";
import { quoteOwn } from "../../scripts/keeper/venues/OwnCapital";
import { decideAbsorb } from "../../scripts/keeper/strategy/absorb";
import { decideBuy, decideInventory, gainOnceOpen, termsOf } from "../../scripts/keeper/strategy/buy";
import { decide, decideFulfil, decideOpen, decideSync } from "../../scripts/keeper/strategy/decide";
import { GAS_UNITS, PAID_UNITS, payOfPosition } from "../../scripts/keeper/strategy/gas";
import { cost, head } from "../../scripts/keeper/strategy/gradualAuction";
import {
  type Decision,
  LANE,
  type MarketView,
  type Policy,
  type PositionView,
  type RedemptionView,
  mostCost,
  viewPosition,
} from "../../scripts/keeper/strategy/view";

const NOW = 1_000_000n;
const policy: Policy = { minProfit: 0n, maxOrders: 12, workAtLoss: false, maxLossBps: 50n, buyInventory: true };
const service: Policy = { ...policy, workAtLoss: true };

/** Pay and gas at `wei` for a unit of gas, of which `WEI` come to one unit of loan asset. */
const WEI = 10n ** 6n;
function fees(wei: bigint, capBps = 100n, marginBps = 2000n): Pick<MarketView, "gas" | "pay"> {
  const weiPriceE36 = PRICE_SCALE / WEI;
  const parameters = { nativeOracle: "N", wrappedNative: "W", feeCap: 10n ** 18n, tip: 0n, marginBps, capBps };
  return {
    gas: { wei, weiPriceE36 },
    pay: { parameters: { ...parameters, interval: 3600n }, baseFee: wei, nativePriceE36: weiPriceE36 },
  };
}

// A unit of collateral is worth 1 at the oracle and a unit of gas costs nothing, unless a case says otherwise. The lane
// lets out 100 a second at an LTV of 80 %, falls 0.01 % a second from +1 % to at most −6 %, and is open for 700 s.
const lane = {
  isOpen: true,
  diverged: false,
  priceE36: PRICE_SCALE,
  premiumWad: WAD / 100n,
  ratePerHour: 360_000n,
  ageWad: 700n * WAD,
  syncedAt: NOW,
  paidAt: 0n,
};
const closed = { ...lane, isOpen: false };

function market(positions: PositionView[], changes: Partial<MarketView> = {}): MarketView {
  return {
    market: "M",
    now: NOW,
    priceE36: PRICE_SCALE,
    lltvBps: 8000n,
    minDebt: 0n,
    lane,
    parameters: {
      slopeWad: 10n ** 14n,
      maxPremiumBps: 100n,
      maxDiscountBps: 600n,
      firstDiscountBps: 600n,
      targetLtvBps: 7500n,
      absorbLtvBps: 9000n,
      absorbDiscountBps: 300n,
      liquidationFeeBps: 0n,
      urgency: 0n,
    },
    borrowPriceE36: undefined,
    capacity: { cash: 10n ** 9n, room: 10n ** 9n },
    inventory: { amount: 0n, cursorWad: 0n },
    isForSale: false,
    inventoryParameters: {
      slopeWad: 10n ** 14n,
      paceShareBps: 5000n,
      premiumBps: 100n,
      maxDiscountBps: 100n,
      biteTime: 0n,
    },
    quote: venue(10n ** 9n),
    unhealthy: positions,
    debt: positions.reduce((sum, { debt }) => sum + debt, 0n),
    ...fees(0n),
    ...changes,
  };
}

function quotePool(pool: PoolState) {
  return joinQuotes([{ venue: "pool", gas: GAS_UNITS.leg, quote: quoteRanges(pool) }]);
}

/** A pool at a price of 1 without a fee; selling `liquidity / 100` moves it by about 2 %. */
function venue(liquidity: bigint, sqrtPriceX96 = Q96) {
  return quotePool({ sqrtPriceX96, fee: 0n, zeroForOne: true, ranges: [{ liquidity, sqrtPriceEndX96: Q96 / 2n }] });
}

/** A pool that pays a tenth more than the oracle says, for any amount. */
const generous = venue(10n ** 12n, (Q96 * 105n) / 100n);
/** A pool that takes a tenth. */
const stingy = quotePool({ sqrtPriceX96: Q96, fee: 100_000n, zeroForOne: true, ranges: [] });

function position(owner: string, collateral: bigint, debt: bigint): PositionView {
  return viewPosition({ market: "M", owner, collateral, debtShares: debt }, 10n ** 27n, PRICE_SCALE);
}

const none = new Set<string>();
const only = ({ decisions }: { decisions: Decision[] }): Decision => {
  expect(decisions.length).to.equal(1);
  return decisions[0]!;
};
const reasons = ({ skips }: { skips: { owner: string; reason: string }[] }) =>
  skips.map(({ owner, reason }) => [owner, reason]);
const bought = (view: MarketView, changes: Partial<Policy> = {}, spoken: ReadonlySet<string> = none) =>
  decideBuy(view, { ...policy, ...changes }, spoken).buy?.orders ?? [];

describe("decideBuy", () => {
  it("buys up to where the venue pays no more than the lane asks, and no further", () => {
    const view = market([position("a", 10n ** 8n, 82n * 10n ** 6n)], { lane: { ...lane, ageWad: 400n * WAD } });
    const [order] = bought(view);
    const now = { priceE36: PRICE_SCALE, ageWad: 400n * WAD, ratePerHour: 360_000n, slopeWad: 10n ** 14n };
    const start = head(now, WAD / 100n, (6n * WAD) / 100n); // 1 % premium less 4 % of age
    expect(start).to.deep.equal({ multipleWad: (97n * WAD) / 100n, flat: 0n });
    const gain = (amount: bigint) => view.quote!.proceeds(amount) - cost(now, start, amount);
    expect(decideBuy(view, policy, none).buy!.worth).to.equal(gain(order!.maxCollateral));
    for (const step of [1_000n, 5_000n, 20_000n]) {
      expect(gain(order!.maxCollateral)).to.be.gte(gain(order!.maxCollateral + step));
      expect(gain(order!.maxCollateral)).to.be.gte(gain(order!.maxCollateral - step));
    }
  });

  it("takes no more than the lane has let out, the target allows, or the venue is known to take", () => {
    const big = position("a", 10n ** 8n, 82n * 10n ** 6n);
    const amounts = (view: MarketView) => bought(view).map(({ maxCollateral }) => maxCollateral);
    expect(amounts(market([big], { quote: generous }))).to.deep.equal([70_000n]); // 700 s at 100 a second
    // (0.94 − 0.75)·q + 0.0001·q²/200 = 8,200 − 7,500
    expect(amounts(market([position("a", 10_000n, 8_200n)]))).to.deep.equal([3_648n]);
    const shallow = quotePool({
      sqrtPriceX96: Q96,
      fee: 0n,
      zeroForOne: true,
      ranges: [{ liquidity: 10n ** 12n, sqrtPriceEndX96: Q96 - Q96 / 10n ** 9n }],
    });
    expect(amounts(market([big], { quote: shallow }))).to.deep.equal([shallow.most]);
  });

  it("discounts a position that has just turned unhealthy little, more the higher its LTV, and within its equity", () => {
    const view = market([]);
    const parameters = { ...view.parameters, firstDiscountBps: 150n, liquidationFeeBps: 100n };
    const terms = (debt: bigint) => {
      const { discountWad, feeWad } = termsOf({ ...view, parameters }, position("a", 10_000n, debt));
      return [discountWad / 10n ** 14n, feeWad / 10n ** 14n];
    };
    expect(terms(8_000n)).to.deep.equal([150n, 100n]);
    expect(terms(8_200n)).to.deep.equal([350n, 100n]);
    expect(terms(8_700n)).to.deep.equal([600n, 50n]); // half of the equity: 6.5 %
    expect(terms(9_200n)).to.deep.equal([400n, 0n]);
    expect(terms(10_000n)).to.deep.equal([600n, 0n]);
  });

  it("buys first what brings most for the lane's time, ties by owner, and each fill makes the next dearer", () => {
    const parameters = { ...market([]).parameters, urgency: 16n, firstDiscountBps: 0n };
    const positions = [
      position("d", 10_000n, 8_001n), // no discount
      position("c", 10_000n, 8_200n),
      position("b", 10_000n, 8_400n),
      position("a", 10_000n, 8_400n),
    ];
    const view = market(positions, { parameters });
    expect(bought(view).map(({ owner }) => owner)).to.deep.equal(["a", "b", "c"]);
    // alone it would be bought as far as its target
    const alone = bought(market([position("b", 10_000n, 8_400n)], { parameters }))[0]!.maxCollateral;
    expect(bought(view, { maxOrders: 2 }).map(({ maxCollateral }) => maxCollateral)[0]).to.equal(alone);
    expect(bought(view, {}, new Set(["a"]))[0]?.owner).to.equal("b");
    // an insolvent one at five times the pace lets out five times as much
    const urgent = market([position("a", 10n ** 8n, 10n ** 8n)], {
      parameters: { ...parameters, urgency: 4n },
      capacity: { cash: 0n, room: 0n },
      quote: generous,
    });
    expect(bought(urgent)[0]?.maxCollateral).to.equal(350_000n);
  });

  it("counts its gas: leaves out what isn't worth an order's, and all where the rest isn't worth the call's", () => {
    const small = position("a", 100n, 82n);
    const large = position("b", 10_000n, 8_200n); // gains about 6 % of 3,648
    const at = (wei: bigint, positions = [small, large]) => decideBuy(market(positions, fees(wei)), policy, none);
    expect(at(100n).buy?.orders.map(({ owner }) => owner)).to.deep.equal(["b"]); // an order costs 4, a call 30
    expect(at(1_000n)).to.deep.equal({
      skips: [
        { market: "M", owner: "a", reason: "gas" },
        { market: "M", owner: "b", reason: "gas" },
      ],
    });
    expect(decideBuy(market([large]), { ...policy, minProfit: 1_000n }, none).skips[0]?.reason).to.equal("gas");
    const { buy } = decideBuy(market([large], fees(100n)), { ...policy, minProfit: 10n }, none);
    expect(buy!.minProfit).to.equal(((GAS_UNITS.buy + GAS_UNITS.order) * 100n) / WEI + 1n + 10n);
  });

  it("says why it buys nothing", () => {
    const item = position("a", 10_000n, 8_200n);
    const why = (changes: Partial<MarketView>) => reasons(decideBuy(market([item], changes), policy, none));
    expect(why({ lane: { ...lane, ageWad: 10n * WAD } })).to.deep.equal([["a", "unprofitable"]]);
    expect(why({ quote: undefined })).to.deep.equal([["a", "no-venue"]]);
    expect(why({ lane: closed })).to.deep.equal([["a", "lane-closed"]]);
  });

  it("leaves the insolvent to the buffer while that has room", () => {
    const insolvent = [position("a", 10_000n, 10_000n), position("b", 0n, 5n)];
    expect(decideBuy(market(insolvent), policy, none)).to.deep.equal({ skips: [] });
    const full = market(insolvent, { capacity: { cash: 0n, room: 10n ** 9n } });
    expect(bought(full).map(({ owner }) => owner)).to.deep.equal(["a"]);
  });
});

describe("decideOpen", () => {
  const gas = (wei: bigint) => (GAS_UNITS.open * wei) / WEI;
  const paid = (wei: bigint) => (PAID_UNITS.open * wei * 12n) / (10n * WEI);

  it("opens for pay with the witness that pays most, once an interval", () => {
    const positions = [position("a", 1_000n, 900n), position("b", 100_000n, 84_000n), position("c", 90_000n, 74_000n)];
    const at = (wei: bigint, changes: object = {}) =>
      decideOpen(
        market(positions, { ...fees(wei, 100n, 9000n), quote: stingy, lane: { ...closed, ...changes } }),
        policy,
        none,
      );
    // 1 % of 100,000 is the most, and b has it; c has 900
    const wei = 2_000n;
    expect(gas(wei)).to.equal(520n);
    expect(only(at(wei))).to.deep.equal({ kind: "open", market: "M", owner: "b", worth: 969n });
    expect(only(at(3_000n))).to.include({ owner: "b", worth: 1_000n });
    expect(reasons(at(4_000n))).to.deep.equal([[LANE, "gas"]]); // 1,040 of gas
    expect(reasons(at(wei, { paidAt: NOW - 3_599n }))).to.deep.equal([[LANE, "gas"]]);
    expect(at(wei, { paidAt: NOW - 3_600n }).decisions.length).to.equal(1);
    expect(at(wei, { isOpen: true })).to.deep.equal({ decisions: [], skips: [] });
    // not with one that the buffer takes away before
    const without = decideOpen(
      market(positions, { ...fees(wei, 100n, 9000n), quote: stingy, lane: closed }),
      policy,
      new Set(["b"]),
    );
    expect(only(without)).to.include({ owner: "c" });
  });

  it("counts half of what one buy of all positions together would gain", () => {
    const item = (owner: string) => position(owner, 10n ** 6n, 82n * 10n ** 4n);
    const view = (positions: PositionView[], wei: bigint) => market(positions, { ...fees(wei, 0n), lane: closed });
    const one = gainOnceOpen(view([item("a")], 0n), policy);
    expect(one).to.be.gt(0n);
    const buy = decideBuy(market([item("a")]), policy, none).buy!; // an open lane of that age: (1 % + 6 %) / 0.01 %
    expect(one).to.equal((buy.worth - buy.minProfit) / 2n);
    // a second position shares lane and pool: it brings less than the first
    expect(gainOnceOpen(view([item("a"), item("b")], 0n), policy)).to.be.lt(2n * one);
    expect(only(decideOpen(view([item("a")], 1n), policy, none)).worth).to.be.within(one - 10n, one);
    expect(reasons(decideOpen(view([item("a")], 10_000n), policy, none))).to.deep.equal([[LANE, "gas"]]);
  });

  it("opens at a loss where it is told to, within its bound", () => {
    const view = market([position("a", 100_000n, 82_000n)], { ...fees(1_000n, 0n), quote: stingy, lane: closed });
    expect(decideOpen(view, policy, none).decisions).to.deep.equal([]);
    const within = (maxLossBps: bigint) => decideOpen(view, { ...service, maxLossBps }, none).decisions;
    expect(within(31n)).to.deep.equal([]); // 254 of 261
    expect(within(32n)).to.deep.equal([{ kind: "open", market: "M", owner: "a", worth: 262n }]);
    expect(paid(1_000n)).to.equal(306n);
  });
});

describe("decideAbsorb", () => {
  it("absorbs from absorbLtv on, riskiest first, in one call, as long as there is cash", () => {
    const positions = [
      position("a", 10_000n, 10_500n), // insolvent: its debt is covered up to 10,000
      position("b", 10_000n, 9_000n),
      position("c", 10_000n, 8_999n),
    ];
    const free = fees(100n, 100n, 9000n);
    expect(only(decideAbsorb(market(positions, free), policy))).to.deep.include({ kind: "absorb", owners: ["a", "b"] });
    const poor = market(positions, { ...free, capacity: { cash: 9_900n, room: 10n ** 9n } });
    expect(only(decideAbsorb(poor, policy))).to.deep.include({ owners: ["a"] });
    expect(reasons(decideAbsorb(poor, policy))).to.deep.equal([["b", "buffer-full"]]);
    expect(only(decideAbsorb(market(positions, free), { ...policy, maxOrders: 1 }))).to.deep.include({ owners: ["a"] });
    // what is absorbed is not bought from
    const all = decide(market(positions, { ...free, lane }), policy).decisions;
    expect(all.flatMap((one) => (one.kind === "buy" ? one.orders.map(({ owner }) => owner) : []))).to.deep.equal(["c"]);
  });

  it("is worth it where pay covers the gas of each and of all", () => {
    // with these a call is paid 617 and costs 335, a further position 60 and 32
    const many = (count: number, collateral: bigint) =>
      Array.from({ length: count }, (_, i) => position(`p${i}`, collateral, (collateral * 92n) / 100n));
    const at = (positions: PositionView[]) => decideAbsorb(market(positions, fees(1_000n, 100n, 9000n)), policy);
    expect(only(at(many(1, 100_000n)))).to.include({ worth: 617n });
    expect(reasons(at(many(1, 25_000n)))).to.deep.equal([["p0", "gas"]]); // 1 % of it is 250
    // 250 and 60 for each more, of 336 and 33
    expect(at(many(4, 25_000n)).decisions).to.deep.equal([]);
    expect(only(at(many(5, 25_000n)))).to.deep.include({ owners: ["p0", "p1", "p2", "p3", "p4"], worth: 490n });
    expect(reasons(at(many(9, 3_000n)))).to.deep.equal(Array.from({ length: 9 }, (_, i) => [`p${i}`, "gas"])); // 30
  });

  it("is paid for a part in proportion, and not for dust", () => {
    const item = position("a", 100_000n, 92_000n);
    const at = (cash: bigint) =>
      decideAbsorb(market([item], { ...fees(100n, 100n, 0n), capacity: { cash, room: 10n ** 9n } }), policy);
    // (92,000 − 75,000)·0.97 / (0.97 − 0.75) would be needed, for a pay of 32; the call's gas is 34
    expect(reasons(at(10n ** 9n))).to.deep.equal([["a", "gas"]]);
    const dear = (cash: bigint) =>
      decideAbsorb(market([item], { ...fees(100n, 100n, 9000n), capacity: { cash, room: 10n ** 9n } }), policy);
    expect(only(dear(10n ** 9n)).worth).to.equal(61n);
    expect(reasons(dear(10_000n))).to.deep.equal([["a", "gas"]]);
    expect(reasons(dear(0n))).to.deep.equal([["a", "buffer-full"]]);
  });

  it("pays by the lower price while oracle and pool have parted, and leaves what is solvent at one of them only", () => {
    const positions = [position("a", 10_000n, 9_600n), position("b", 10_000n, 9_100n)];
    const view = market(positions, {
      ...fees(100n, 100n, 9000n),
      lane: { ...lane, diverged: true },
      borrowPriceE36: (PRICE_SCALE * 95n) / 100n,
    });
    expect(only(decideAbsorb(view, policy))).to.deep.include({ owners: ["b"] });
    expect(reasons(decideAbsorb(view, policy))).to.deep.equal([["a", "diverged"]]);
    expect(only(decideAbsorb({ ...view, borrowPriceE36: undefined }, policy))).to.deep.include({ owners: ["a", "b"] });
  });

  it("absorbs at a loss where it is told to, what is large beside its gas", () => {
    const item = position("a", 100_000n, 92_000n); // the buffer pays about 75,000
    const view = market([item], fees(1_000n, 0n));
    expect(decideAbsorb(view, policy).decisions).to.deep.equal([]);
    expect(only(decideAbsorb(view, service)).worth).to.be.within(370n, 378n);
    expect(decideAbsorb(view, { ...service, maxLossBps: 35n }).decisions).to.deep.equal([]);
  });
});

describe("pay", () => {
  it("is capped by the fee, by a share of the collateral, and by half of the equity", () => {
    const { pay } = fees(1_000n);
    const of = (collateral: bigint, debt: bigint, terms = pay) =>
      payOfPosition(terms, PAID_UNITS.open, "M", PRICE_SCALE, { collateral, debt });
    expect(of(10n ** 6n, 0n)).to.equal(306n); // 255,000 · 1,000 · 1.2 wei
    expect(of(10_000n, 0n)).to.equal(100n);
    expect(of(10_000n, 9_900n)).to.equal(50n);
    expect(of(10_000n, 10_000n)).to.equal(100n); // where there is none it is paid too
    expect(of(10n ** 6n, 0n, { ...pay, parameters: { ...pay.parameters, feeCap: 500n } })).to.equal(153n);
    expect(of(10n ** 6n, 0n, { ...pay, nativePriceE36: 0n })).to.equal(0n);
    // the native coin itself is paid one to one
    const native = { ...pay, nativePriceE36: 0n, parameters: { ...pay.parameters, wrappedNative: "M", capBps: 100n } };
    expect(of(10n ** 12n, 0n, native)).to.equal(306n * WEI);
  });
});

describe("decideFulfil", () => {
  const view = (changes: Partial<RedemptionView> = {}): RedemptionView => ({
    ready: [{ controller: "a", assets: 100_000n }],
    inTrouble: false,
    ...fees(1_000n),
    ...changes,
  });

  it("fulfils for pay, at most its share of what is redeemed", () => {
    expect(only(decideFulfil(view(), policy))).to.deep.equal({ kind: "fulfil", controller: "a", worth: 444n });
    const small = view({ ready: [{ controller: "a", assets: 37_000n }] });
    expect(reasons(decideFulfil(small, policy))).to.deep.equal([["a", "gas"]]); // 370 for 376 of gas
  });

  it("waits while a market is in trouble, unless it works at a loss", () => {
    const waiting = view({ inTrouble: true });
    expect(reasons(decideFulfil(waiting, policy))).to.deep.equal([["a", "in-trouble"]]);
    expect(only(decideFulfil(waiting, service))).to.deep.include({ controller: "a", worth: 500n });
    expect(decideFulfil(waiting, { ...service, maxLossBps: 32n }).decisions).to.deep.equal([]);
  });
});

describe("decide", () => {
  it("syncs at a loss only, when half an hour has passed", () => {
    const synced = (ago: bigint, wei = 0n) =>
      market([position("a", 100_000n, 82_000n)], { ...fees(wei), lane: { ...lane, syncedAt: NOW - ago } });
    expect(decideSync(synced(9_999n), policy)).to.deep.equal([]);
    expect(decideSync(synced(1_799n), service)).to.deep.equal([]);
    expect(decideSync(synced(1_800n), service)).to.deep.equal([{ kind: "sync", market: "M", worth: 410n }]);
    expect(decideSync(synced(1_800n, 3_000n), service)).to.deep.equal([]); // 450 of gas
  });

  it("buys inventory while the buffer sells it, and not in the block in which it opens the lane", () => {
    const held = { amount: 10_000n, cursorWad: (NOW - 200n) * WAD };
    const on = (changes: Partial<MarketView> = {}) =>
      market([], { inventory: held, isForSale: true, lane: closed, ...changes });
    const buy = decideInventory(on(), policy);
    // 200 s at 50 a second; from 0.99 at the head to 1.01: 0 % at 100 s on
    expect(buy).to.include({ kind: "buyInventory" });
    expect(buy?.kind === "buyInventory" && buy.amount).to.be.within(4_990n, 5_000n);
    // a bite more is sold at the head's price
    const bite = { ...market([]).inventoryParameters, biteTime: 100n };
    const older = { amount: 20_000n, cursorWad: (NOW - 300n) * WAD };
    const more = decideInventory(on({ inventory: older, inventoryParameters: bite }), policy);
    expect(more?.kind === "buyInventory" && more.amount).to.be.within(9_980n, 10_000n);
    expect(decideInventory(on({ isForSale: false }), policy)).to.equal(undefined);
    expect(decideInventory(on({ quote: undefined }), policy)).to.equal(undefined);
    expect(decideInventory(on(), { ...policy, buyInventory: false })).to.equal(undefined);
    const opens = on({ unhealthy: [position("a", 10n ** 6n, 82n * 10n ** 4n)] });
    expect(decide(opens, policy).decisions.map(({ kind }) => kind)).to.deep.equal(["open"]);
  });
});

describe("planOf with own capital", () => {
  /** What two markets would buy that both see `budget`, the same money: at its worth, and at most cost. */
  function buysOf(budget: bigint): { proceeds: bigint; most: bigint }[] {
    const markets = ["M", "N"].map((name) => {
      const unhealthy = [position("a", 10n ** 8n, 82n * 10n ** 6n)];
      const view = market(unhealthy, { market: name, quote: quoteOwn(budget, PRICE_SCALE) });
      // a plan rests on the view alone
      return { market: name, unhealthy: undefined, view, isDark: false };
    });
    const redemptions = { ready: [], inTrouble: false, ...fees(0n) };
    const block = { number: 1, hash: "0x", parentHash: "0x", timestamp: NOW, baseFeePerGas: 0n };
    const { plan } = planOf({ events: [], markets, redemptions, weiPriceE36: 1n }, block, policy);
    return plan.decisions.flatMap((decision) =>
      decision.kind === "buy" ? [{ proceeds: decision.sale.proceeds, most: mostCost(decision) }] : [],
    );
  }

  it("spends no money twice: a later market gets what the earlier ones leave", () => {
    const [first, second] = buysOf(10n ** 9n);
    expect(first!.proceeds).to.be.gt(50_000n);
    expect(second).to.deep.equal(first);
    const budget = first!.proceeds + 10_000n;
    const both = buysOf(budget);
    expect(both[0]).to.deep.equal(first);
    expect(both[1]!.proceeds).to.equal(budget - first!.most);
    expect(both[0]!.most + both[1]!.most).to.be.within(budget - 10n, budget);
    expect(buysOf(first!.most).length).to.equal(1);
  });
});
