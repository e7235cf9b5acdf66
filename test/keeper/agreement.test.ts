// The keeper's model of the contracts, against the contracts.
import { loadFixture, mine, setNextBlockBaseFeePerGas, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import hre from "hardhat";

import { parseBlock } from "../../scripts/keeper/chain/block";
import { readAuctionHouse } from "../../scripts/keeper/chain/contracts";
import { MarketReader } from "../../scripts/keeper/markets/MarketReader";
import { Reads } from "../../scripts/keeper/chain/Reads";
import { INDEX_SCALE, PRICE_SCALE } from "../../scripts/lib";
import { decideAbsorb } from "../../scripts/keeper/strategy/absorb";
import { decideInventory, termsOf } from "../../scripts/keeper/strategy/buy";
import { GAS_UNITS, PAID_UNITS, payOfPosition, payOfRedemption } from "../../scripts/keeper/strategy/gas";
import { cost, emitted, head, sizeToTarget } from "../../scripts/keeper/strategy/gradualAuction";
import { type MarketView, type Policy, viewPosition } from "../../scripts/keeper/strategy/view";
import { joinQuotes } from "../../scripts/keeper/venues/joinQuotes";
import { INVENTORY } from "../contracts/fixture";
import { USDC, deployInventory, deployMarket, deployOpenLane, priceE36 } from "../contracts/periphery/fixture";
import { HardhatRpc } from "./world";

const market = () => deployMarket("MockERC20");
const openLane = () => deployOpenLane("MockERC20");
const inventory = () => deployInventory("MockERC20");
type Market = Awaited<ReturnType<typeof market>>;

const GWEI = 10n ** 9n;
const policy: Policy = { minProfit: 0n, maxOrders: 12, workAtLoss: false, maxLossBps: 0n, buyInventory: true };

/** What the keeper sees of the market at the latest block, if the next one has this base fee. Gas costs nothing. */
async function look(m: Market, baseFee = 0n): Promise<MarketView> {
  const rpc = new HardhatRpc();
  const block = parseBlock(await hre.network.provider.send("eth_getBlockByNumber", ["latest", false]));
  const [vault, auctionHouse, buffer, collateral] = await Promise.all(
    [m.vault, m.house, m.buffer, m.weth].map((contract) => contract.getAddress()),
  );
  const addresses = { vault: vault!, auctionHouse: auctionHouse!, buffer: buffer! };
  const reader = await MarketReader.open(rpc, block, addresses, collateral!, undefined);
  const reads = new Reads(block.number);
  const readGlance = reader.glance(reads);
  const readState = reader.read(reads, { absorbs: true, sells: true });
  const readPay = reads.call(readAuctionHouse.payParameters(addresses.auctionHouse));
  await reads.send(rpc);
  const [glance, state] = [readGlance()!, readState()!];
  const index = await m.vault.indexE27({ blockTag: block.number });
  const unhealthy = await Promise.all(
    m.borrowers.map(async ({ address: owner }) => {
      const { collateral: held, debtShares } = await m.vault.position(m.weth, owner);
      return viewPosition({ market: collateral!, owner, collateral: held, debtShares }, index, glance.priceE36);
    }),
  );
  return reader.view(glance, state, {
    now: block.timestamp,
    unhealthy,
    debt: (await m.vault.market(m.weth)).debtShares * (index / INDEX_SCALE),
    quote: undefined,
    gas: { wei: 0n, weiPriceE36: PRICE_SCALE },
    pay: { parameters: readPay.value(), baseFee, nativePriceE36: glance.priceE36 },
  });
}

/** The contracts round against the buyer and the keeper; a millionth of a millionth is theirs. */
const close = (amount: bigint): bigint => amount / 10n ** 12n + 1n;

describe("the keeper's model", () => {
  it("prices every position as the lane does, over the lane's whole life and from lltv to insolvency", async () => {
    const m = await loadFixture(openLane);
    for (const [seconds, price] of [
      [10, 2_400n],
      [100, 2_350n],
      [60, 2_250n],
      [200, 2_150n],
      [500, 2_050n],
      [200, 2_020n],
      [1, 2_300n],
    ] as const) {
      await time.increase(seconds);
      await m.oracle.setPrice(priceE36(price));
      const view = await look(m);
      for (const item of view.unhealthy) {
        const { position, debt } = item;
        const quote = await m.house.quote(m.weth, position.owner, MaxUint256, { blockTag: await time.latestBlock() });
        const { discountWad, feeWad, ratePerHour } = termsOf(view, item);
        const lane = {
          priceE36: view.priceE36,
          ageWad: view.lane.ageWad,
          ratePerHour,
          slopeWad: view.parameters.slopeWad,
        };
        const start = head(lane, view.lane.premiumWad, discountWad);
        const available = emitted(ratePerHour, lane.ageWad);
        expect(quote.refusal).to.equal(0);
        expect(item.ltvWad).to.equal(quote.ltvWad);
        expect(start.multipleWad).to.be.closeTo(quote.multipleWad, 1n);
        expect(available).to.be.closeTo(quote.available, close(quote.available));
        const { minDebt } = view;
        const { targetLtvBps } = view.parameters;
        const most = sizeToTarget(lane, start, {
          collateral: position.collateral,
          debt,
          minDebt,
          targetLtvBps,
          feeWad,
        });
        const amount = most < available ? most : available;
        expect(quote.collateral).to.be.closeTo(amount, amount / 10n ** 9n + 1n);
        expect(cost(lane, start, quote.collateral)).to.be.closeTo(quote.cost, 1n);
      }
      const { isOpen, diverged } = view.lane;
      expect({ isOpen, diverged }).to.deep.equal({ isOpen: true, diverged: false });
    }
  });

  for (const baseFee of [20n, 300n, 3_000n]) {
    it(`knows what opening pays at a base fee of ${baseFee} gwei`, async () => {
      const m = await loadFixture(market);
      await m.oracle.setPrice(priceE36(2350n));
      const { pay, priceE36: price, unhealthy } = await look(m, baseFee * GWEI);
      const { position, debt } = unhealthy[0]!;
      await setNextBlockBaseFeePerGas(baseFee * GWEI);
      await m.house.open(m.weth, position.owner, m.keeper);
      const [event] = await m.house.queryFilter(m.house.filters.LaneOpened, "latest");
      const modelled = payOfPosition(pay, PAID_UNITS.open, position.market, price, { ...position, debt });
      expect(modelled).to.be.gt(0n);
      expect(modelled).to.be.closeTo(event!.args.pay, close(modelled));
    });

    it(`knows what absorbing all of them pays at a base fee of ${baseFee} gwei`, async () => {
      const m = await loadFixture(market);
      await m.oracle.setPrice(priceE36(2150n));
      const view = await look(m, baseFee * GWEI);
      const [decision] = decideAbsorb(view, policy).decisions;
      if (decision?.kind !== "absorb") throw new Error("nothing is absorbed");
      expect(decision.owners.length).to.equal(3);
      await setNextBlockBaseFeePerGas(baseFee * GWEI);
      await m.house.absorbMany(m.weth, decision.owners, m.keeper);
      const events = await m.house.queryFilter(m.house.filters.Absorbed, "latest");
      expect(events.map(({ args }) => args.owner)).to.deep.equal(decision.owners);
      const paid = events.reduce((sum, { args }) => sum + args.pay, 0n);
      expect(decision.worth).to.be.closeTo((paid * view.priceE36) / PRICE_SCALE, 3n);
    });
  }

  it("knows what a part pays, where the buffer has no more cash", async () => {
    const m = await loadFixture(market);
    await m.oracle.setPrice(priceE36(2150n));
    const shares = await m.buffer.balanceOf(m.lender);
    await m.buffer.connect(m.lender).requestRedeem((shares * 9n) / 10n, m.lender, m.lender);
    await time.increase(86_400);
    await m.oracle.setPrice(priceE36(3000n));
    await m.buffer.fulfil(m.lender, m.keeper); // observes
    await time.increase(2_000);
    await m.buffer.fulfil(m.lender, m.keeper);
    expect(await m.buffer.cash()).to.be.within(9_000n * USDC, 11_000n * USDC);

    await m.oracle.setPrice(priceE36(2150n));
    const view = await look(m, 300n * GWEI);
    const [decision] = decideAbsorb(view, policy).decisions;
    if (decision?.kind !== "absorb") throw new Error("nothing is absorbed");
    await setNextBlockBaseFeePerGas(300n * GWEI);
    await m.house.absorbMany(m.weth, decision.owners, m.keeper);
    const events = await m.house.queryFilter(m.house.filters.Absorbed, "latest");
    expect(events.length).to.equal(1);
    expect(decision.worth).to.be.closeTo((events[0]!.args.pay * view.priceE36) / PRICE_SCALE, 3n);
  });

  it("knows what a fulfilment pays", async () => {
    const m = await loadFixture(market);
    const shares = await m.buffer.balanceOf(m.lender);
    await m.buffer.connect(m.lender).requestRedeem(shares / 2n, m.lender, m.lender);
    await time.increase(86_400);
    await m.buffer.fulfil(m.lender, m.keeper);
    await time.increase(2_000);
    const baseFee = 300n * GWEI;
    const { pay } = await look(m, baseFee);
    await setNextBlockBaseFeePerGas(baseFee);
    await m.buffer.fulfil(m.lender, m.keeper);
    const [event] = (await m.buffer.queryFilter(m.buffer.filters.RedeemFulfilled, "latest")).map(({ args }) => args);
    expect(payOfRedemption(pay, PAID_UNITS.fulfil, event!.assets + event!.pay)).to.be.closeTo(event!.pay, 1n);
    expect(event!.pay).to.be.gt(0n);
  });

  it("prices inventory as the buffer does, bite by bite", async () => {
    const m = await loadFixture(inventory);
    await m.buffer.setInventoryParameters(m.weth, { ...INVENTORY, emaToleranceBps: 10_000, biteTime: 1_200 });
    for (const seconds of [310, 30, 60, 600, 3_600]) {
      await time.increase(seconds);
      await mine();
      const venue = {
        most: MaxUint256,
        proceeds: (amount: bigint) => amount * 10n ** 6n,
        marginalE36: () => 10n ** 60n,
      };
      const view = { ...(await look(m)), quote: joinQuotes([{ venue: "all", gas: GAS_UNITS.leg, quote: venue }]) };
      const decision = decideInventory(view, policy); // the venue takes everything
      if (decision?.kind !== "buyInventory") throw new Error("nothing is bought");
      const blockTag = await time.latestBlock();
      const quote = await m.buffer.quoteInventory(m.weth, MaxUint256, { blockTag });
      expect(decision.amount).to.be.closeTo(quote.bought, close(quote.bought));
      const cost = venue.proceeds(quote.bought) - decision.worth;
      expect(cost).to.be.closeTo(quote.cost, close(venue.proceeds(quote.bought)));
    }
  });
});
