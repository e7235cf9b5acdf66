import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { Interface, MaxUint256, ZeroAddress } from "ethers";
import { ethers } from "hardhat";

import { Reads } from "../../scripts/keeper/chain/Reads";
import { GAS_UNITS } from "../../scripts/keeper/strategy/gas";
import { quoteCurve } from "../../scripts/keeper/venues/curve";
import { JoinedVenue } from "../../scripts/keeper/venues/JoinedVenue";
import { joinQuotes } from "../../scripts/keeper/venues/joinQuotes";
import { uniswapV3, venueSchema } from "../../scripts/keeper/venues/kinds";
import { openVenues } from "../../scripts/keeper/venues/open";
import { quoteOwn } from "../../scripts/keeper/venues/OwnCapital";
import { LEG_KIND, type Venue, type VenueChoice, type VenueContext } from "../../scripts/keeper/venues/Venue";
import { depthAt, quotePair, SpillwayError, type VenueQuote } from "../../scripts/lib";
import { USDC, WETH, deployInventory, deployMarket, priceE36 } from "../contracts/periphery/fixture";
import { deployPair, deployToken, deployVenue, MAX_TICK, MIN_TICK } from "../contracts/uniswap";
import { configOf, HardhatRpc, runKeeper, signer } from "./world";

/** Numbers that look random and are the same in every run. */
function seeded(seed: bigint): (below: bigint) => bigint {
  let state = seed;
  return (below) => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % (1n << 64n);
    return (state >> 20n) % below;
  };
}

/** A venue whose every unit has a price of its own. */
function unitByUnit(prices: readonly bigint[]): VenueQuote {
  const at = (amount: bigint): bigint => prices[Number(amount)] ?? prices.at(-1) ?? 0n;
  return {
    most: BigInt(prices.length),
    proceeds: (amount) => prices.slice(0, Number(amount)).reduce((sum, price) => sum + price, 0n),
    marginalE36: at,
  };
}

describe("joinQuotes", () => {
  it("sells every unit to who pays most for it, as trying all units one by one does", () => {
    for (let seed = 1n; seed <= 60n; seed++) {
      const below = seeded(seed);
      const venues = Array.from({ length: Number(below(4n)) + 1 }, () => {
        const units = Array.from({ length: Number(below(13n)) }, () => below(20n) + 1n);
        return units.sort((a, b) => Number(b - a));
      });
      const offers = venues.map((prices, i) => ({ venue: `${i}`, gas: 0n, quote: unitByUnit(prices) }));
      const joined = joinQuotes(offers);
      const taken = venues.map(() => 0);
      let proceeds = 0n;
      for (let amount = 0n; ; amount++) {
        expect(joined.proceeds(amount), `seed ${seed}, ${amount}`).to.equal(proceeds);
        const { parts } = joined.sale(amount, () => 0n);
        const amounts = venues.map((_, i) => parts.find(({ venue }) => venue === `${i}`)?.amount ?? 0n);
        expect(amounts, `seed ${seed}, ${amount}`).to.deep.equal(taken.map(BigInt));

        const next = venues.map((prices, i) => prices[taken[i]!] ?? -1n);
        const best = next.reduce((most, price) => (price > most ? price : most), -1n);
        if (best === -1n) {
          expect(joined.most).to.equal(amount);
          break;
        }
        expect(joined.marginalE36(amount), `seed ${seed}, ${amount}`).to.equal(best);
        const paid = Array.from({ length: 23 }, (_, price) => joined.pays(amount, BigInt(price)));
        expect(paid.lastIndexOf(true), `seed ${seed}, ${amount}`).to.equal(Number(best));
        expect(paid.indexOf(false)).to.equal(Number(best) + 1);
        taken[next.indexOf(best)]!++;
        proceeds += best;
      }
    }
  });

  it("splits real amounts where the marginal prices meet, and never quotes a rising price", () => {
    const quotes = [
      quotePair(1000n * WETH, 3_000_000n * USDC),
      quotePair(400n * WETH, 1_210_000n * USDC),
      quoteCurve([{ amount: 50n * WETH, proceeds: 145_000n * USDC }]),
    ];
    const joined = joinQuotes(quotes.map((quote, i) => ({ venue: `${i}`, gas: 0n, quote })));
    let last = joined.marginalE36(0n);
    for (const amount of [1n, WETH, 30n * WETH, 100n * WETH, 900n * WETH]) {
      const { parts, proceeds } = joined.sale(amount, () => 0n);
      expect(parts.reduce((sum, part) => sum + part.amount, 0n)).to.equal(amount);
      const price = joined.marginalE36(amount);
      expect(price).to.be.lte(last);
      last = price;
      for (const [i, quote] of quotes.entries()) {
        const part = parts.find(({ venue }) => venue === `${i}`)?.amount ?? 0n;
        if (part < quote.most) expect(quote.marginalE36(part)).to.be.lte(price);
        if (part > 0n) expect(quote.marginalE36(part - 1n)).to.be.gte(price);
      }
      const alone = quotes.map((quote) => (quote.most < amount ? 0n : quote.proceeds(amount)));
      for (const one of alone) expect(proceeds).to.be.gte(one - 1n); // each part is rounded down
    }
  });

  it("leaves out a venue whose leg costs more gas than it brings", () => {
    const big = { venue: "big", gas: 100n, quote: quotePair(10n ** 12n, 10n ** 12n) };
    const small = { venue: "small", gas: 100n, quote: quotePair(10n ** 9n, 10n ** 9n) };
    const joined = joinQuotes([small, big]);
    const venues = (price: bigint) => joined.sale(10n ** 8n, (units) => units * price).parts.map(({ venue }) => venue);
    expect(venues(0n)).to.deep.equal(["small", "big"]);
    expect(venues(1n)).to.deep.equal(["big"]);
    const { parts, proceeds, gas } = joined.sale(10n ** 8n, (units) => units);
    expect([parts.length, gas, proceeds]).to.deep.equal([1, 100n, big.quote.proceeds(10n ** 8n)]);
  });

  it("quotes nothing for no venue, and nothing past the end", () => {
    expect(joinQuotes([])).to.include({ most: 0n });
    expect(joinQuotes([]).pays(0n, 1n)).to.equal(false);
    const joined = joinQuotes([5n, 4n].map((price) => ({ venue: `${price}`, gas: 0n, quote: unitByUnit([price]) })));
    expect([0n, 1n, 2n, 3n].map((amount) => joined.proceeds(amount))).to.deep.equal([0n, 5n, 9n, 9n]);
  });
});

describe("quoteCurve", () => {
  it("is concave and nowhere above what was offered, whatever was", () => {
    for (let seed = 1n; seed <= 200n; seed++) {
      const below = seeded(seed);
      let amount = 0n;
      const offers = Array.from({ length: 5 }, () => {
        amount += below(50n) + 1n;
        return { amount, proceeds: below(amount * 2n) };
      });
      const quote = quoteCurve(offers);
      for (const offer of offers) {
        if (offer.amount <= quote.most) expect(quote.proceeds(offer.amount)).to.be.lte(offer.proceeds);
      }
      for (let at = 1n; at <= quote.most; at++) {
        expect(quote.marginalE36(at)).to.be.lte(quote.marginalE36(at - 1n));
        expect(quote.proceeds(at)).to.be.gte(quote.proceeds(at - 1n));
      }
    }
  });

  it("gives back offers that are concave already, and stops at one that falls", () => {
    const offers = [
      { amount: 10n, proceeds: 100n },
      { amount: 20n, proceeds: 190n },
      { amount: 40n, proceeds: 189n },
    ];
    const quote = quoteCurve(offers);
    expect([quote.most, quote.proceeds(10n), quote.proceeds(15n), quote.proceeds(20n)]).to.deep.equal([
      20n,
      100n,
      145n,
      190n,
    ]);
    expect(quoteCurve([{ amount: 10n, proceeds: 0n }]).most).to.equal(0n);
  });
});

describe("depthAt", () => {
  it("finds the same with a hint as without", () => {
    const quote = quotePair(1000n * WETH, 3_000_000n * USDC);
    const blind = { ...quote, near: () => 0n };
    for (const price of [1n, 500n, 2000n, 2990n, 2991n, 3000n, 4000n]) {
      const depth = depthAt(quote, priceE36(price));
      expect(depth).to.equal(depthAt(blind, priceE36(price)));
    }
  });
});

/** A market with a second pool of another fee, a pair, and two pools that lead through DAI, all near 3,000. */
async function venues() {
  const m = await deployMarket("MockERC20");
  const { trader, weth, usdc } = m;
  const other = await deployVenue(trader, weth, usdc, WETH, 3000n * USDC, 200, 3000);
  await other.addLiquidity(-887_220, 887_220, 5n * 10n ** 17n);
  const pair = await deployPair(trader, weth, usdc, 2000n * WETH, 6_000_000n * USDC);
  const dai = await deployToken("DAI", 18);
  const first = await deployVenue(trader, weth, dai, WETH, 3000n * WETH);
  await first.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 23n);
  const second = await deployVenue(trader, dai, usdc, WETH, USDC);
  await second.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 19n);
  const at = async (contract: { getAddress(): Promise<string> }) => contract.getAddress();
  const addresses = {
    weth: await at(weth),
    usdc: await at(usdc),
    dai: await at(dai),
    pool: await at(m.venue.pool),
    other: await at(other.pool),
    pair: await at(pair),
    first: await at(first.pool),
    second: await at(second.pool),
  };
  const context: VenueContext = {
    rpc: new HardhatRpc(),
    block: await ethers.provider.getBlockNumber(),
    chainId: 31_337,
    collateral: addresses.weth,
    loanAsset: addresses.usdc,
    flashLiquidator: await at(m.liquidator),
  };
  return { ...m, other, pair, dai, first, second, addresses, context };
}
type World = Awaited<ReturnType<typeof venues>>;

const chosen = (settings: unknown): VenueChoice => venueSchema.parse(settings);

async function quoteOf(venue: Venue, times = 3): Promise<VenueQuote> {
  let quote: VenueQuote | undefined;
  for (let i = 0; i < times; i++) {
    const reads = new Reads(await ethers.provider.getBlockNumber());
    const done = venue.read(reads);
    await reads.send(new HardhatRpc());
    quote = done();
  }
  return quote!;
}

async function errorOf(promise: Promise<unknown>): Promise<SpillwayError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SpillwayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("venues", () => {
  it("quote to the rounding what the flash liquidator gets from the real contracts", async () => {
    const m = await loadFixture(venues);
    const { addresses: at, context, liquidator, weth, usdc, house, borrowers, keeper, receiver } = m;
    const choices = [
      chosen({ kind: "uniswap-v3", pool: at.pool }),
      chosen({ kind: "uniswap-v3", pool: at.other }),
      chosen({ kind: "uniswap-v3-path", pools: [at.first, at.second], middle: at.dai }),
      chosen({ kind: "uniswap-v2", pair: at.pair }),
    ];
    await m.venue.sell(weth, 22n * WETH); // a little above the others, whose fees are higher
    await m.oracle.setPrice(priceE36(2350n));
    await house.open(weth, borrowers[0]!, keeper);
    await time.increase(300);
    const orders = borrowers.map(({ address: owner }) => ({ owner, maxCollateral: WETH }));
    const sell = async (route: Parameters<typeof liquidator.liquidate>[0]): Promise<bigint> => {
      const call = [route, weth, orders, 0n, receiver] as const;
      const { bought, cost, profit } = await liquidator.connect(keeper).liquidate.staticCall(...call);
      expect(bought).to.equal(3n * WETH);
      return cost + profit;
    };
    const joined = (await openVenues(choices, context))!;
    const venuesAlone = await Promise.all(choices.map((choice) => choice.open(context)));
    for (const venue of venuesAlone) {
      const quote = await quoteOf(venue);
      expect(quote.most, venue.name).to.be.gt(3n * WETH);
      const quoted = quote.proceeds(3n * WETH);
      const leg = (await venue.leg(3n * WETH, quoted))!;
      expect(await sell([{ ...leg, shareWad: 0n }]), venue.name).to.be.closeTo(quoted, 10n);
    }

    for (let i = 0; i < 2; i++) {
      const reads = new Reads(await ethers.provider.getBlockNumber());
      const done = joined.read(reads);
      await reads.send(context.rpc);
      const quote = done()!;
      if (i === 0) continue; // the first read learns where ticks are
      const sale = quote.sale(3n * WETH, () => 0n);
      expect(sale.parts.length).to.be.gte(2);
      const route = (await joined.route(sale.parts))!;
      const together = await sell(route);
      expect(together).to.be.closeTo(sale.proceeds, 40n);
      for (const leg of route) expect(together).to.be.gte(await sell([{ ...leg, shareWad: 0n }]));
    }
    expect(await usdc.balanceOf(liquidator)).to.equal(0);
  });

  it("are refused where they are of other tokens, named twice, too many, or no contract", async () => {
    const { addresses: at, context } = await loadFixture(venues);
    const open = (...settings: unknown[]) => errorOf(openVenues(settings.map(chosen), context));
    for (const settings of [
      { kind: "uniswap-v3", pool: at.first },
      { kind: "uniswap-v2", pair: at.first },
      { kind: "uniswap-v3-path", pools: [at.first, at.pool], middle: at.dai },
    ]) {
      expect(await open(settings), settings.kind).to.include({ code: "BAD_CONFIG" });
    }
    const pool = { kind: "uniswap-v3", pool: at.pool };
    expect((await open(pool, pool)).message).to.match(/is named twice/);
    expect((await open(pool, pool, pool, pool, pool)).message).to.match(/5 are too many/);
    const { error } = venueSchema.safeParse({ kind: "uniswap-v9", pool: at.pool });
    expect(error?.issues[0]?.message).to.include("is none of uniswap-v3, ");
  });

  it("that can't be read are left out for the block, and all of them are no quote", async () => {
    const good: Venue = {
      name: "good",
      gas: 1n,
      read: () => () => quotePair(WETH, WETH),
      leg: async () => undefined,
    };
    const bad: Venue = {
      ...good,
      name: "bad",
      read: () => () => {
        throw new SpillwayError("RPC_ERROR", "no answer");
      },
    };
    const read = (...all: Venue[]) => new JoinedVenue(all).read(new Reads(0))();
    const { parts } = read(bad, good)!.sale(1000n, () => 0n);
    expect(parts.map(({ venue }) => venue)).to.deep.equal(["good"]);
    expect(read(bad)).to.equal(undefined);
    const broken: Venue = {
      ...good,
      read: () => () => {
        throw new TypeError("a bug");
      },
    };
    expect(() => read(broken)).to.throw(TypeError); // is not hidden
  });

  it("have no route where one of them can't be asked, and don't hide a bug", async () => {
    const throwing = (error: Error): Venue => ({
      name: "throws",
      gas: 1n,
      read: () => () => quotePair(WETH, WETH),
      leg: () => Promise.reject(error),
    });
    const route = (error: Error) =>
      new JoinedVenue([throwing(error)]).route([{ venue: "throws", amount: WETH, proceeds: 1n }]);
    expect(await route(new SpillwayError("RPC_ERROR", "no answer"))).to.equal(undefined);
    const bug: unknown = await route(new TypeError("a bug")).catch((thrown: unknown) => thrown);
    expect(bug).to.be.instanceOf(TypeError);
  });

  it("get shares that come to their amounts, calls first, the last one the rest", async () => {
    const names = ["a", "call", "b"];
    const asked = new Map<string, bigint>();
    const joined = new JoinedVenue(
      names.map((name) => ({
        name,
        gas: 1n,
        read: () => () => quotePair(WETH, WETH),
        leg: async (amount) => {
          asked.set(name, amount);
          return { kind: name === "call" ? LEG_KIND.call : LEG_KIND.uniswapV3, venue: name, minOut: 0n, data: "0x" };
        },
      })),
    );
    for (const amounts of [
      [1n, 1n, 1n],
      [10n ** 20n / 3n, 7n, 10n ** 21n],
      [5n, 10n ** 24n, 1n],
      [10n ** 24n, 5n, 1n],
    ]) {
      const route = (await joined.route(amounts.map((amount, i) => ({ venue: names[i]!, amount, proceeds: 0n }))))!;
      expect(route.map(({ venue }) => venue)).to.deep.equal(["call", "a", "b"]);
      const total = amounts.reduce((sum, amount) => sum + amount);
      const unit = total / WETH + 1n;
      const [call, first] = route.map(({ shareWad }) => (total * shareWad) / WETH);
      expect(call).to.be.within(amounts[1]!, amounts[1]! + unit);
      expect(first).to.be.within(amounts[0]! - unit, amounts[0]! + unit);
      expect(asked.get("call")).to.equal(amounts[1]! - amounts[1]! / 100_000n);
      expect(route[0]!.shareWad + route[1]!.shareWad).to.be.lte(WETH);
    }
  });
});

/** The market's config, sold on `choices` and nothing else. */
async function keeperConfig(m: World, choices: VenueChoice[], changes: object = {}) {
  const [vault, auctionHouse, buffer, flashLiquidator] = await Promise.all(
    [m.vault, m.house, m.buffer, m.liquidator].map((contract) => contract.getAddress()),
  );
  const addresses = { vault: vault!, auctionHouse: auctionHouse!, buffer: buffer!, flashLiquidator: flashLiquidator! };
  const config = configOf(addresses, m.addresses.weth, ZeroAddress);
  return { ...config, venues: new Map([[m.addresses.weth, choices]]), ...changes };
}

/** All three borrowers turn unhealthy, and the lane has been open for a while. The keeper has seen where ticks are. */
async function crash(m: World, { step }: Running): Promise<void> {
  await m.oracle.setPrice(priceE36(2350n));
  await step();
  if (!(await m.house.isOpen(m.weth))) await m.house.open(m.weth, m.borrowers[0]!, m.keeper);
  await time.increase(300);
}

type Running = Awaited<ReturnType<typeof runKeeper>>;

async function buys({ step }: Running, steps = 1): Promise<string[][]> {
  const seen: string[][] = [];
  for (let i = 0; i < steps; i++) {
    const actions = await step(12);
    seen.push(
      ...actions.flatMap(({ decision }) =>
        decision.kind === "buy" ? [decision.sale.parts.map(({ venue }) => venue.split(":")[0]!)] : [],
      ),
    );
  }
  return seen;
}

describe("a keeper of several venues", () => {
  it("sells one buy on two pools, so that their marginal prices meet", async () => {
    const m = await loadFixture(venues);
    await m.venue.sell(m.weth, 22n * WETH); // a little above the other one, whose fee is higher
    const { pool, other } = m.addresses;
    const choices = [pool, other].map(uniswapV3);
    const running = await runKeeper(await keeperConfig(m, choices));
    await running.step();
    await crash(m, running);
    const before = await Promise.all([pool, other].map((at) => m.weth.balanceOf(at)));
    const seen = await buys(running, 3);
    expect(seen).to.deep.include(["uniswap-v3", "uniswap-v3"]);
    const after = await Promise.all([pool, other].map((at) => m.weth.balanceOf(at)));
    expect(after[0]! > before[0]! && after[1]! > before[1]!).to.equal(true);

    const price = async (at: typeof m.venue, fee: number): Promise<number> => {
      const root = Number((await at.pool.slot0()).sqrtPriceX96) / 2 ** 96;
      return (at.token0 === m.weth ? root ** 2 : 1 / root ** 2) * (1 - fee / 1e6) * 1e12;
    };
    expect((await price(m.venue, 500)) / (await price(m.other, 3000))).to.be.closeTo(1, 1e-6);
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
  });

  it("sells through a middle token and on a pair", async () => {
    const m = await loadFixture(venues);
    const { first, second, dai, pair } = m.addresses;
    const choices = [
      chosen({ kind: "uniswap-v3-path", pools: [first, second], middle: dai }),
      chosen({ kind: "uniswap-v2", pair }),
    ];
    const running = await runKeeper(await keeperConfig(m, choices));
    await running.step();
    await crash(m, running);
    const seen = (await buys(running, 4)).flat();
    expect(new Set(seen)).to.deep.equal(new Set(["uniswap-v3-path", "uniswap-v2"]));
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
    expect(await m.dai.balanceOf(m.liquidator)).to.equal(0);
  });
});

describe("own capital", () => {
  it("quotes the oracle's price as far as the money goes", () => {
    const quote = quoteOwn(6000n * USDC, priceE36(3000n));
    expect(quote.most).to.equal(2n * WETH);
    expect(quote.proceeds(3n * WETH)).to.equal(6000n * USDC);
    expect(quoteOwn(1n, 0n).most).to.equal(0n);
  });

  it("buys from the lane with the signer's money, within balance and allowance, and keeps the collateral", async () => {
    const m = await loadFixture(venues);
    const config = await keeperConfig(m, [], { capital: "own" });
    const running = await runKeeper(config);
    await running.step();
    await crash(m, running);
    await time.increase(600); // under the oracle's price
    expect(await buys(running, 2)).to.deep.equal([]);

    const money = 2000n * USDC;
    await m.usdc.mint(signer.address, money);
    const owner = signer.connect(ethers.provider);
    await m.usdc.connect(owner).approve(m.vault, MaxUint256);
    expect(await buys(running, 1)).to.deep.equal([]); // the buffer is not allowed yet
    await m.usdc.connect(owner).approve(m.buffer, MaxUint256);
    const before = await m.weth.balanceOf(signer.address);
    // the second with what the first one, under the oracle's price, has left
    expect(await buys(running, 2)).to.deep.equal([[], []]);

    const spent = money - (await m.usdc.balanceOf(signer.address));
    const kept = (await m.weth.balanceOf(signer.address)) - before;
    expect(spent).to.be.within(1n, money);
    expect((kept * 2350n * USDC) / WETH).to.be.gt(spent);
  });

  it("buys inventory of the buffer too", async () => {
    const m = { ...(await deployInventory("MockERC20")) };
    const weth = await m.weth.getAddress();
    const world = { ...m, addresses: { weth } } as unknown as World;
    const running = await runKeeper(await keeperConfig(world, [], { capital: "own" }));
    await m.usdc.mint(signer.address, 100_000n * USDC);
    const owner = signer.connect(ethers.provider);
    await m.usdc.connect(owner).approve(m.vault, MaxUint256);
    await m.usdc.connect(owner).approve(m.buffer, MaxUint256);
    await m.oracle.setPrice(priceE36(2200n)); // all of them healthy, the sale's price below
    let kinds: string[] = [];
    for (let i = 0; i < 30 && !kinds.includes("buyInventory"); i++) {
      kinds = (await running.step(300)).map(({ decision }) => decision.kind);
    }
    expect(kinds).to.include("buyInventory");
    expect(await m.weth.balanceOf(signer.address)).to.be.gt(0);
  });
});

type Answer = (question: { amount: string; sellToken: string; taker: string }, response: ServerResponse) => void;

/** A quote service over HTTP. */
async function serveQuotes(first: Answer) {
  let answer = first;
  let questions = 0;
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part: Buffer) => (text += part.toString()));
    request.on("end", () => {
      questions++;
      answer(JSON.parse(text) as Parameters<Answer>[0], response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-key`,
    become: (next: Answer) => (answer = next),
    questions: () => questions,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a quote service", () => {
  const desks = new Interface(["function sell(uint256 amount)"]);
  let service: Awaited<ReturnType<typeof serveQuotes>>;
  beforeEach(async () => (service = await serveQuotes((_, response) => response.end())));
  afterEach(() => service.close());

  /** A desk that buys at 2,900, where the pool is at 2,700; the service offers it. */
  async function desk() {
    const m = await loadFixture(venues);
    const target = await ethers.deployContract("MockDesk", [m.weth, m.usdc, priceE36(2900n)]);
    await m.usdc.mint(target, 1_000_000n * USDC);
    const at = await target.getAddress();
    const honest: Answer = ({ amount }, response) =>
      response.end(
        JSON.stringify({
          amountOut: String((BigInt(amount) * 2900n * USDC) / WETH),
          target: at,
          data: desks.encodeFunctionData("sell", [amount]),
        }),
      );
    const settings = {
      kind: "quote-service",
      url: service.url,
      targets: [at],
      most: String(10n * WETH),
      timeout: 1000,
    };
    const choices = [uniswapV3(m.addresses.pool), chosen(settings)];
    const running = await runKeeper(await keeperConfig(m, choices));
    await running.step();
    await m.venue.sell(m.weth, 1500n * WETH);
    service.become(honest);
    await crash(m, running);
    return { ...m, target, at, honest, settings, running };
  }

  it("is sold to by its calldata where it pays more", async () => {
    const { running, usdc, weth, target, liquidator } = await desk();
    const seen = (await buys(running, 3)).flat();
    expect(seen).to.include("quote-service");
    expect(await weth.balanceOf(target)).to.be.gt(0);
    expect(await usdc.balanceOf(signer.address)).to.be.gt(0);
    expect(await weth.allowance(liquidator, target)).to.equal(0);
  });

  for (const [what, answer] of [
    ["answers nothing", (_, response) => response.end()],
    ["never answers", () => undefined],
    ["answers with an error", (_, response) => response.writeHead(500).end("{}")],
    ["answers no JSON", (_, response) => response.end("<html>")],
    ["answers other fields", (_, response) => response.end(JSON.stringify({ amountOut: 5, target: "x" }))],
    [
      "answers without end",
      (_, response) => {
        const more = (): boolean =>
          response.writableEnded || response.destroyed || response.write("x".repeat(65_536), () => more());
        more();
      },
    ],
    ["sends on to somebody else", (_, response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end()],
    ["hangs up", (_, response) => response.destroy()],
    [
      "names a target that is not allowed",
      ({ taker }, response) => response.end(JSON.stringify({ amountOut: "99999999999", target: taker, data: "0x" })),
    ],
    [
      "offers nothing",
      (_, response) => response.end(JSON.stringify({ amountOut: "0", target: ZeroAddress, data: "0x" })),
    ],
  ] as [string, Answer][]) {
    it(`costs nothing where it ${what}: the rest is sold on the pool`, async () => {
      const { running } = await desk();
      service.become(answer);
      const seen = (await buys(running, 2)).flat();
      expect(new Set(seen)).to.deep.equal(new Set(["uniswap-v3"]));
    });
  }

  it("that takes its quote back at sending is not sold to, for the reason no-venue, and is left alone", async () => {
    const { honest, running, weth, target, at } = await desk();
    const quiet: Answer = (question, response) => {
      // the four sizes are quoted; what is bought in the end is none of them
      const isSize = [64n, 16n, 4n, 1n].some((part) => BigInt(question.amount) === (10n * WETH) / part);
      if (isSize) honest(question, response);
      else response.end(JSON.stringify({ amountOut: "1", target: at, data: "0x" }));
    };
    service.become(quiet);
    const refused = await running.metric("keeper_transactions_refused_total");
    expect(await buys(running)).to.deep.equal([]);
    expect(
      (await running.metric("keeper_transactions_refused_total")) - (Number.isNaN(refused) ? 0 : refused),
    ).to.equal(1);
    const asked = service.questions();
    expect(new Set((await buys(running)).flat())).to.deep.equal(new Set(["uniswap-v3"]));
    expect(service.questions()).to.equal(asked);
    expect(await weth.balanceOf(target)).to.equal(0);
  });

  it("that lies about what its call does is refused by the simulation, and loses nothing but a block", async () => {
    const { running, weth, usdc, target, at, liquidator } = await desk();
    const steal = weth.interface.encodeFunctionData("transferFrom", [await liquidator.getAddress(), at, WETH]);
    for (const data of [desks.encodeFunctionData("sell", [1n]), "0x", "0xdeadbeef", steal]) {
      service.become(({ amount }, response) =>
        response.end(JSON.stringify({ amountOut: String((BigInt(amount) * 2900n * USDC) / WETH), target: at, data })),
      );
      const before = await ethers.provider.getTransactionCount(signer.address);
      const seen: string[] = [];
      for (let i = 0; i < 6; i++) seen.push(...(await buys(running)).flat());
      expect(seen).not.to.include("quote-service");
      const count = (await ethers.provider.getTransactionCount(signer.address)) - before;
      expect(count).to.be.gte(0);
    }
    expect(await weth.balanceOf(target)).to.equal(0);
    expect(await usdc.balanceOf(signer.address)).to.be.gt(0); // the pool bought meanwhile
    expect(await running.metric("keeper_transactions_refused_total")).to.be.gt(0);
  });

  it("never has its URL shown, which may hold a key", async () => {
    const m = await loadFixture(venues);
    const settings = { kind: "quote-service", url: service.url, targets: [m.addresses.pool], most: "10" };
    const venue = await chosen(settings).open(m.context);
    expect(venue.name).to.match(/^quote-service:127\.0\.0\.1:\d+$/);
    const error = await errorOf(quoteOf(venue, 1));
    expect(error).to.include({ code: "VENUE_ERROR" });
    expect(error.message).not.to.include("secret");
    expect(venue.gas).to.equal(GAS_UNITS.call);
  });
});
