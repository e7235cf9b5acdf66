import { expect } from "chai";

import { type Position } from "../../scripts/keeper/book/position";
import { PRICE_SCALE, WAD } from "../../scripts/keeper/fixedPoint";
import { decideBuy, decideInventory } from "../../scripts/keeper/strategy/buy";
import {
  bountyOf,
  decide,
  decideAbsorbs,
  decideCancels,
  decideStarts,
  decideSync,
} from "../../scripts/keeper/strategy/decide";
import { cost, head, laneAgeWad } from "../../scripts/keeper/strategy/gradualAuction";
import { type MarketView, type Policy, type PositionView, viewPosition } from "../../scripts/keeper/strategy/view";
import { Q96, quoteRanges } from "../../scripts/keeper/venues/uniswapV3Math";

const NOW = 1_000_000n;
const policy: Policy = {
  minProfit: 0n,
  maxOrders: 12,
  startAtLoss: false,
  absorbAtLoss: false,
  maxLossBps: 10_000n,
  cancelHealthy: true,
  cancelMarginBps: 50n,
  buyInventory: true,
  syncInterval: 1800n,
};

// A unit of collateral is worth 1 at the oracle and a unit of gas costs nothing, unless a case says otherwise. The lane
// lets out 100 a second, falls 0.01 % a second from at most +1 % to −6 %, and has not been bought from for long.
function market(positions: PositionView[], changes: Partial<MarketView> = {}): MarketView {
  return {
    market: "M",
    now: NOW,
    priceE36: PRICE_SCALE,
    lltvBps: 8000n,
    minDebt: 0n,
    lane: { cursorWad: 0n, ratePerHour: 360_000n, auctions: 0n, startedAt: 0n, emaE36: PRICE_SCALE, syncedAt: NOW },
    parameters: {
      slopeWad: 10n ** 14n,
      maxPremiumBps: 100n,
      maxDiscountBps: 600n,
      targetLtvBps: 7500n,
      absorbLtvBps: 9000n,
      absorbDiscountBps: 300n,
      liquidationFeeBps: 0n,
      paceBps: 100n,
      absorbDelay: 3600n,
      maxAuctionDuration: 14_400n,
      stressPaceBps: 400n,
      chipBps: 10n,
      tip: 5n,
      minRatePerHour: 1n,
      maxRatePerHour: 10n ** 9n,
      depthOracle: "D",
    },
    depth: 360_000n,
    capacity: { cash: 10n ** 9n, room: 10n ** 9n },
    inventory: { amount: 0n, heldSince: 0n, cursorWad: 0n },
    inventoryParameters: {
      slopeWad: 10n ** 14n,
      paceShareBps: 5000n,
      premiumBps: 100n,
      maxDiscountBps: 100n,
      emaToleranceBps: 100n,
      maxHold: 86_400n,
    },
    emaE36: PRICE_SCALE,
    quote: venue(10n ** 9n),
    unhealthy: positions.filter(({ ltvWad }) => ltvWad > (8n * WAD) / 10n),
    inAuction: positions.filter(({ position }) => position.auction !== undefined),
    gas: { wei: 0n, weiPriceE36: PRICE_SCALE },
    ...changes,
  };
}

/** A pool at a price of 1 without a fee; selling `liquidity / 100` moves it by about 2 %. */
function venue(liquidity: bigint, sqrtPriceX96 = Q96) {
  return quoteRanges({ sqrtPriceX96, fee: 0n, zeroForOne: true, ranges: [{ liquidity, sqrtPriceEndX96: Q96 / 2n }] });
}

/** A pool that pays a tenth more than the oracle says, for any amount. */
const generous = venue(10n ** 12n, (Q96 * 105n) / 100n);

/** @param age Seconds since the start of its auction; undefined for none. */
function position(
  owner: string,
  collateral: bigint,
  debt: bigint,
  age?: bigint,
  changes: Partial<Position> = {},
): PositionView {
  const auction = age === undefined ? undefined : { startedAt: NOW - age, premiumWad: WAD / 100n };
  const base = { market: "M", owner, collateral, debtShares: debt, riskAt: 0n, bountyAt: 0n, auction };
  return viewPosition({ ...base, ...changes }, 10n ** 27n, PRICE_SCALE);
}

const none = new Set<string>();
const owners = (decisions: readonly object[]) => decisions.map((decision) => (decision as { owner?: string }).owner);

describe("decideBuy", () => {
  it("buys up to where the venue pays no more than the auction asks, and no further", () => {
    const view = market([position("a", 10n ** 8n, 82n * 10n ** 6n, 400n)]);
    const { buy } = decideBuy(view, policy, none);
    expect(buy).to.include({ kind: "buy" });
    if (buy?.kind !== "buy") throw new Error("no buy");
    // 1 % premium less 4 % of age: m = 0.97; the lane's 700 s at 100 leave 30,000 flat; a small position's share
    const lane = {
      ...{ priceE36: PRICE_SCALE, now: NOW, ratePerHour: 360_000n, slopeWad: 10n ** 14n },
      ageWad: laneAgeWad(NOW, 0n, 700n * WAD),
    };
    const start = head(lane, NOW - 400n, WAD / 100n, (6n * WAD) / 100n);
    expect(start).to.deep.equal({ multipleWad: (97n * WAD) / 100n, flat: 30_000n });
    const [order] = buy.orders;
    const gain = (amount: bigint) => view.quote!.proceeds(amount) - cost(lane, start, amount);
    expect(buy.worth).to.equal(gain(order!.maxCollateral));
    for (const step of [1_000n, 5_000n, 20_000n]) {
      expect(gain(order!.maxCollateral)).to.be.gte(gain(order!.maxCollateral + step));
      expect(gain(order!.maxCollateral)).to.be.gte(gain(order!.maxCollateral - step));
    }
  });

  it("takes no more than the lane has let out, the target allows, or the venue is known to take", () => {
    const big = position("a", 10n ** 8n, 82n * 10n ** 6n, 700n);
    const amounts = (view: MarketView) => {
      const { buy } = decideBuy(view, policy, none);
      return buy?.kind === "buy" ? buy.orders.map(({ maxCollateral }) => maxCollateral) : [];
    };
    expect(amounts(market([big], { quote: generous }))).to.deep.equal([70_000n]); // 700 s at 100 a second
    // (0.94 − 0.75)·q + 0.0001·q²/200 = 8,200 − 7,500
    expect(amounts(market([position("a", 10_000n, 8_200n, 700n)]))).to.deep.equal([3_648n]);
    const shallow = quoteRanges({
      sqrtPriceX96: Q96,
      fee: 0n,
      zeroForOne: true,
      ranges: [{ liquidity: 10n ** 12n, sqrtPriceEndX96: Q96 - Q96 / 10n ** 9n }],
    });
    expect(amounts(market([big], { quote: shallow }))).to.deep.equal([shallow.most]);
  });

  it("buys from the cheapest first, ties by owner, and each fill makes the next dearer", () => {
    const view = market([
      position("c", 10_000n, 8_200n, 300n),
      position("b", 10_000n, 8_200n, 500n),
      position("a", 10_000n, 8_200n, 500n),
      position("d", 10_000n, 8_200n, 50n), // above the oracle price still
    ]);
    const { buy, skips } = decideBuy(view, policy, none);
    if (buy?.kind !== "buy") throw new Error("no buy");
    expect(buy.orders.map(({ owner }) => owner)).to.deep.equal(["a", "b", "c"]);
    expect(skips).to.deep.equal([]);
    expect(decideBuy(view, { ...policy, maxOrders: 2 }, none).buy).to.have.nested.property("orders.length", 2);
    expect(decideBuy(view, policy, new Set(["a"])).buy).to.have.nested.property("orders[0].owner", "b");
  });

  it("counts its gas: leaves out what isn't worth an order's, and all where the rest isn't worth the call's", () => {
    const small = position("a", 100n, 82n, 700n);
    const large = position("b", 10_000n, 8_200n, 700n); // gains about 6 % of 3,648
    const at = (wei: bigint, positions = [small, large]) =>
      decideBuy(market(positions, { gas: { wei, weiPriceE36: PRICE_SCALE / 10n ** 6n } }), policy, none);
    expect(at(100n).buy).to.have.nested.property("orders[0].owner", "b"); // an order costs 6, a call 30
    expect(at(100n).buy).to.have.nested.property("orders.length", 1);
    expect(at(1_000n)).to.deep.equal({
      skips: [
        { market: "M", owner: "a", reason: "gas" },
        { market: "M", owner: "b", reason: "gas" },
      ],
    });
    expect(decideBuy(market([large]), { ...policy, minProfit: 1_000n }, none).skips[0]?.reason).to.equal("gas");
  });

  it("says why it buys nothing", () => {
    const young = [position("a", 10_000n, 8_200n, 10n)];
    expect(decideBuy(market(young), policy, none).skips).to.deep.equal([
      { market: "M", owner: "a", reason: "unprofitable" },
    ]);
    expect(decideBuy(market(young, { quote: undefined }), policy, none).skips[0]?.reason).to.equal("no-venue");
  });

  it("passes over what can't be bought: expired, enlarged, healthy, insolvent while the buffer has room", () => {
    const cannot = [
      position("a", 10_000n, 8_200n, 14_401n),
      position("b", 10_000n, 8_200n, 700n, { riskAt: NOW - 700n }),
      position("c", 10_000n, 8_000n, 700n),
      position("d", 10_000n, 10_000n, 700n),
    ];
    expect(decideBuy(market(cannot), policy, none)).to.deep.equal({ skips: [] });
    const full = market(cannot, { capacity: { cash: 0n, room: 10n ** 9n } });
    expect(decideBuy(full, policy, none).buy).to.have.nested.property("orders[0].owner", "d");
  });

  it("gets more out of the lane past absorbLtv while the buffer is full", () => {
    const deep = position("a", 10n ** 8n, 92n * 10n ** 6n, 700n);
    const changes = { quote: generous };
    const amount = (view: MarketView) => {
      const { buy } = decideBuy(view, policy, none);
      return buy?.kind === "buy" ? buy.orders[0]?.maxCollateral : undefined;
    };
    expect(amount(market([deep], changes))).to.equal(70_000n);
    expect(amount(market([deep], { ...changes, capacity: { cash: 0n, room: 0n } }))).to.equal(280_000n);
  });
});

describe("decide", () => {
  it("starts for the bounty, for the buying, or as a service", () => {
    const item = position("a", 10_000n, 8_200n);
    expect(bountyOf(market([item]), item)).to.equal(9n); // 5 + 0.1 % of 8,200 = 13, at most 10,000 / 1001 = 9
    const starts = (view: MarketView, changes: Partial<Policy> = {}) =>
      decideStarts(view, { ...policy, ...changes }, none);
    const wei = (units: bigint) => ({ gas: { wei: units, weiPriceE36: PRICE_SCALE / 180_000n } }); // a start costs `units` + 1
    expect(starts(market([item], wei(7n))).decisions[0]).to.include({ kind: "start", owner: "a", worth: 9n });
    expect(starts(market([item], wei(20n))).decisions[0]!.worth).to.be.gt(20n); // it may gain 6 % of what it buys
    const quote = quoteRanges({ sqrtPriceX96: Q96, fee: 100_000n, zeroForOne: true, ranges: [] });
    expect(starts(market([item], { ...wei(20n), quote })).skips).to.deep.equal([
      { market: "M", owner: "a", reason: "gas" },
    ]);
    const service = starts(market([item], { ...wei(20n), quote }), { startAtLoss: true });
    expect(service.decisions).to.deep.equal([{ kind: "start", market: "M", owner: "a", worth: undefined }]);
    // 20 of gas are more than 0.24 % of the debt of 8,200, and less than 0.25 %
    const within = (maxLossBps: bigint) =>
      starts(market([item], { ...wei(20n), quote }), { startAtLoss: true, maxLossBps }).decisions.length;
    expect([within(24n), within(25n)]).to.deep.equal([0, 1]);
  });

  it("pays one bounty a period in its sums, and none without equity", () => {
    const again = position("a", 10_000n, 8_200n, undefined, { bountyAt: NOW - 14_399n });
    expect(bountyOf(market([again]), again)).to.equal(0n);
    const later = position("a", 10_000n, 8_200n, undefined, { bountyAt: NOW - 14_400n });
    expect(bountyOf(market([later]), later)).to.equal(9n);
    const thin = position("a", 10_000n, 9_990n);
    expect(bountyOf(market([thin]), thin)).to.equal(5n); // half of the equity
    const under = position("a", 10_000n, 10_000n);
    expect(bountyOf(market([under]), under)).to.equal(0n);
  });

  it("starts again what is expired or enlarged, and not what runs", () => {
    const view = market([
      position("a", 10_000n, 8_200n, 14_401n),
      position("b", 10_000n, 8_200n, 700n, { riskAt: NOW - 5n }),
      position("c", 10_000n, 8_200n, 14_400n),
    ]);
    expect(owners(decideStarts(view, policy, none).decisions)).to.deep.equal(["a", "b"]);
  });

  it("absorbs from absorbLtv on or after absorbDelay, riskiest first, as long as there is cash", () => {
    const view = market([
      position("a", 10_000n, 10_500n), // insolvent
      position("b", 10_000n, 9_000n),
      position("c", 10_000n, 8_999n, 3_599n),
      position("d", 10_000n, 8_500n, 3_600n),
    ]);
    const service = { ...policy, absorbAtLoss: true };
    expect(owners(decideAbsorbs(view, service).decisions)).to.deep.equal(["a", "b", "d"]);
    expect(owners(decideAbsorbs(view, policy).decisions)).to.deep.equal(["b"]); // only b pays a bounty
    // and nobody is paid for a part: at 90 %, (9,000 - 7,500)·0.97 / (0.97 - 0.75) has to be covered
    const paid = (cash: bigint) =>
      owners(decideAbsorbs(market([view.unhealthy[1]!], { capacity: { cash, room: 10n ** 9n } }), policy).decisions);
    expect([paid(6_613n), paid(6_612n)]).to.deep.equal([["b"], []]);
    // a's debt is covered up to 10,000; what is left is too little for another
    const poor = market([...view.unhealthy], { capacity: { cash: 10_000n, room: 10n ** 9n } });
    const { decisions, skips } = decideAbsorbs(poor, service);
    expect(owners(decisions)).to.deep.equal(["a"]);
    expect(skips.map(({ owner, reason }) => [owner, reason])).to.deep.equal([
      ["b", "buffer-full"],
      ["d", "buffer-full"],
    ]);
    // and a position that is absorbed is neither started nor bought from
    const all = decide(view, { ...service, startAtLoss: true }).decisions;
    expect(
      all.flatMap((d) => (d.kind === "start" || d.kind === "absorb" ? [`${d.kind} ${d.owner}`] : [])),
    ).to.deep.equal(["absorb a", "absorb b", "absorb d"]);
  });

  it("cancels what is well under lltv at once, and what is near it when no other is in trouble", () => {
    const near = position("a", 10_000n, 7_980n, 700n);
    const far = position("b", 10_000n, 7_950n, 700n);
    const old = position("c", 10_000n, 7_990n, 14_401n);
    const bad = position("d", 10_000n, 8_001n, 700n);
    const paid = position("e", 10_000n, 0n, 700n);
    expect(owners(decideCancels(market([near, far, old, bad, paid]), policy))).to.deep.equal(["b", "c", "e"]);
    expect(owners(decideCancels(market([near, far]), policy))).to.deep.equal(["a", "b"]);
    expect(decideCancels(market([near]), { ...policy, cancelHealthy: false })).to.deep.equal([]);
    // what costs more than it is worth to the borrower is left, but for what has no debt
    const dear = { gas: { wei: 1n, weiPriceE36: PRICE_SCALE } };
    expect(owners(decideCancels(market([near, far, paid], dear), policy))).to.deep.equal(["e"]);
  });

  it("syncs in time, and ahead of it when the venue got shallower", () => {
    const kinds = (view: MarketView, changes: Partial<Policy> = {}) =>
      decideSync(view, { ...policy, ...changes }).map(({ kind }) => kind);
    const synced = (ago: bigint) => ({ lane: { ...market([]).lane, syncedAt: NOW - ago } });
    expect(kinds(market([]))).to.deep.equal([]);
    expect(kinds(market([], synced(1799n)))).to.deep.equal([]);
    expect(kinds(market([], synced(1800n)))).to.deep.equal(["sync"]);
    expect(kinds(market([], synced(1800n)), { syncInterval: 0n })).to.deep.equal([]);
    expect(kinds(market([], { depth: 324_000n }))).to.deep.equal([]); // a tenth less, exactly
    expect(kinds(market([], { depth: 323_999n }))).to.deep.equal(["sync"]);
    expect(kinds(market([], { depth: undefined, ...synced(9_999n) }))).to.deep.equal([]);
    const bounded = { ...market([]).parameters, minRatePerHour: 360_000n };
    expect(kinds(market([], { depth: 1n, parameters: bounded }))).to.deep.equal([]); // it can't fall further
  });

  it("buys inventory only while the buffer sells it", () => {
    const held = { amount: 10_000n, heldSince: NOW - 1_000n, cursorWad: (NOW - 200n) * WAD };
    const inventory = (changes: Partial<MarketView> = {}) =>
      decideInventory(market([], { inventory: held, ...changes }), policy);
    const buy = inventory();
    // 200 s at 50 a second; from 0.99 at the head to 1.01: 0 % at 100 s on
    expect(buy).to.include({ kind: "buyInventory" });
    expect(buy?.kind === "buyInventory" && buy.amount).to.be.within(4_990n, 5_000n);
    const running = { lane: { ...market([]).lane, auctions: 1n, startedAt: NOW - 14_400n } };
    expect(inventory(running)).to.equal(undefined);
    // expired, and nobody cancelled it
    const expired = { lane: { ...running.lane, startedAt: NOW - 14_401n } };
    expect(inventory(expired)).to.include({ kind: "buyInventory" });
    expect(inventory({ ...running, inventory: { ...held, heldSince: NOW - 86_400n } })).to.include({
      kind: "buyInventory",
    });
    expect(inventory({ emaE36: (PRICE_SCALE * 102n) / 100n })).to.equal(undefined);
    expect(inventory({ inventory: { ...held, amount: 0n } })).to.equal(undefined);
    expect(inventory({ quote: undefined })).to.equal(undefined);
    expect(inventory({ inventory: { ...held, heldSince: NOW - 50n } })).to.equal(undefined); // still at its premium
  });
});
