import { expect } from "chai";
import { ethers } from "hardhat";

import { coreWithoutInterest } from "../fixture";
import { expWad, mulDiv, mulDivUp } from "../math";
import {
  HOUR,
  INVENTORY,
  LANE,
  MARKET,
  Refusal,
  WAD,
  auctioned,
  opened,
  priceE36,
  time,
  usdc,
  weth,
  withDearShares,
} from "./setup";

const ALL = ethers.MaxUint256;
const NO_BOUNTY = { tip: 0n, chipBps: 0 };

/** In auction since a moment ago, without a bounty, so that `debt` over `amount` at `price` is the LTV exactly. */
async function exactly(price: number, debt: bigint, amount = weth(10)) {
  const market = await opened(amount, debt);
  await market.setLane(NO_BOUNTY);
  await market.setPrice(price - 1);
  await market.start();
  await market.setPrice(price);
  return market;
}

describe("AuctionHouse at its edges", () => {
  describe("at lltv exactly", () => {
    // 15,770 / 19,000 is 83 %
    const atLltv = async () => exactly(1900, usdc(15_770));

    it("a position is healthy to buyers and to the buffer", async () => {
      const { house, collateral, borrower, buy, later } = await atLltv();
      await time.increaseTo(await later(LANE.absorbDelay as number));
      await expect(buy()).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, Refusal.Healthy);
      await expect(house.absorb(collateral, borrower))
        .to.be.revertedWithCustomError(house, "PositionHealthy")
        .withArgs(borrower, (83n * WAD) / 100n);
    });

    it("its auction can be cancelled", async () => {
      const { house, collateral, borrower } = await atLltv();
      await expect(house.cancel(collateral, borrower)).to.emit(house, "AuctionEnded");
    });
  });

  it("at absorbLtv exactly a full buffer lets it out at stressPace", async () => {
    // 928,200 / 1,020,000 is 91 %
    const { house, collateral, borrower, setCap, later } = await exactly(1700, usdc(928_200), weth(600));
    await setCap(0n);
    await time.increaseTo(await later(300));
    const { available, ltvWad } = await house.quote(collateral, borrower, ALL);
    expect(ltvWad).to.equal((91n * WAD) / 100n);
    expect(available).to.be.closeTo(weth(160), 10n ** 9n);
  });

  describe("at 100 % exactly", () => {
    /** 15,900 and nine tenths of a unit, which don't count: the LTV is 1, though there is a hair of equity. */
    async function worthItsDebt() {
      const market = await opened();
      await market.oracle.setPrice(priceE36(1590) + 9n * 10n ** 16n);
      return market;
    }

    it("nobody is paid a bounty, buyers are refused while the buffer has room, and it takes all", async () => {
      const { house, vault, collateral, borrower, start, later, position } = await worthItsDebt();
      await expect(start()).not.to.emit(vault, "Paid");
      await time.increaseTo(await later(1800));
      const { refusal, ltvWad } = await house.quote(collateral, borrower, weth(1));
      expect([refusal, ltvWad]).to.deep.equal([Refusal.Insolvent, WAD]);
      await house.absorb(collateral, borrower);
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
    });

    it("a full buffer leaves it to buyers at the deepest discount", async () => {
      const { house, start, setCap, buy, later, position } = await worthItsDebt();
      await start();
      await setCap(0n);
      const transaction = await buy(weth(1), await later(1800));
      const [event] = await house.queryFilter(house.filters.Bought, transaction.blockNumber ?? undefined);
      expect(event!.args.multipleWad).to.be.closeTo((94n * WAD) / 100n, 1n);
      expect(event!.args.cost).to.equal(event!.args.repaid);
      expect(await position()).to.deep.equal({ collateral: weth(9), debt: usdc(15_900) - event!.args.repaid });
    });

    it("nothing bought is too small then, too", async () => {
      const { house, collateral, borrower, start, setCap, buy, later } = await worthItsDebt();
      await start();
      await setCap(0n);
      await time.increaseTo(await later(1800));
      await expect(buy(0n)).to.be.revertedWithCustomError(house, "NotBuyable").withArgs(borrower, Refusal.TooSmall);
      expect((await house.quote(collateral, borrower, 0n)).collateral).to.equal(0);
    });
  });

  it("a fill is too small while two units more of debt would leave the LTV where it was", async () => {
    const { house, vault, collateral, borrower, later } = await auctioned(1900);
    await time.increaseTo(await later(1800));
    const { collateral: held, debtShares: debt } = await vault.position(collateral, borrower);
    const seen = new Set<bigint>();
    for (let amount = 10n ** 8n; amount < 20n * 10n ** 9n; amount += 10n ** 8n) {
      const { refusal, repaid, collateral: sold } = await house.quote(collateral, borrower, amount);
      const lower = (debt - repaid + 2n) * held < debt * (held - sold);
      expect(refusal, `${amount} for ${repaid}`).to.equal(lower ? Refusal.None : Refusal.TooSmall);
      seen.add(refusal);
    }
    expect(seen.size).to.equal(2);
  });

  describe("with a collateral of which the smallest part is worth many units", () => {
    /** 40,000,000 parts at 23.5 units, 940 USDC, against 790: an LTV of 84 %. */
    async function coarse(minDebt = 0n) {
      const market = await coreWithoutInterest();
      const { vault, house, oracle, borrowOracle, collateral, borrower, depth, guard, open } = market;
      const setPart = async (tenths: bigint) => {
        for (const each of [oracle, borrowOracle]) await each.setPrice(tenths * 10n ** 35n);
      };
      await setPart(250n);
      await open(borrower, 40_000_000n, usdc(790));
      await house.setLane(collateral, { ...LANE, ...NO_BOUNTY, depthOracle: depth, guard });
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt });
      await setPart(235n);
      await house.start(collateral, borrower);
      return market;
    }

    it("a single part can be bought, and is paid for", async () => {
      const { house, vault, loan, collateral, borrower, keeper } = await coarse();
      await time.increase(600);
      const [paid, got] = [await loan.balanceOf(keeper), await collateral.balanceOf(keeper)];
      await house.connect(keeper).buy(collateral, borrower, 1n, ALL, keeper, "0x");
      expect((await collateral.balanceOf(keeper)) - got).to.equal(1);
      // 23.5 units at a multiple of 0.955, rounded up, of which the fee's 0.5 % takes one
      expect(paid - (await loan.balanceOf(keeper))).to.equal(23);
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(usdc(790) - 22n);
    });

    it("closing leaves no last unit of debt, and sells no part more than that takes", async () => {
      const { house, vault, collateral, borrower, keeper } = await coarse(usdc(789));
      // long enough for the lane to be at its last price throughout
      await time.increase(3600);
      const { collateral: held, debtShares: debt } = await vault.position(collateral, borrower);
      const { multipleWad } = await house.quote(collateral, borrower, ALL);
      await house.connect(keeper).buy(collateral, borrower, ALL, ALL, keeper, "0x");
      const after = await vault.position(collateral, borrower);
      expect(after.debtShares).to.equal(0);
      const sold = held - after.collateral;
      const repays = (parts: bigint) =>
        mulDiv((parts * 235n * multipleWad + 10n * WAD - 1n) / (10n * WAD), BigInt(1000), 1005n);
      expect(repays(sold)).to.be.gte(debt);
      expect(repays(sold - 1n)).to.be.lt(debt);
    });
  });

  it("closes what would be left with a unit less than minDebt, and only that", async () => {
    const { house, vault, oracle, borrowOracle, collateral, borrower, later } = await auctioned();
    // at its last price throughout, so that time changes nothing
    await time.increaseTo(await later(3000));
    const toTarget = await house.quote(collateral, borrower, ALL);
    const { collateral: held, debtShares: debt } = await vault.position(collateral, borrower);
    const value = ((held - toTarget.collateral) * priceE36(1900)) / 10n ** 36n;
    const rest = (value * BigInt(LANE.targetLtvBps)) / 10_000n;
    expect((value * BigInt(LANE.targetLtvBps)) % 10_000n).to.not.equal(0n);

    await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: rest });
    expect((await house.quote(collateral, borrower, ALL)).collateral).to.equal(toTarget.collateral);
    await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: rest + 1n });
    expect((await house.quote(collateral, borrower, ALL)).repaid).to.equal(debt);
  });

  it("a position that is not for sale has no price, and no quantity", async () => {
    const { house, collateral, borrower, setPrice } = await opened();
    await setPrice(1900);
    const {
      refusal,
      collateral: amount,
      cost,
      repaid,
      multipleWad,
      available,
    } = await house.quote(collateral, borrower, ALL);
    expect([refusal, amount, cost, repaid, multipleWad, available]).to.deep.equal([
      Refusal.NotStarted,
      ...[0n, 0n, 0n, 0n, 0n],
    ]);
  });

  it("a position can't stand first and second in a batch", async () => {
    const { house, collateral, borrower, keeper } = await auctioned();
    const order = { owner: borrower.address, maxCollateral: weth(1) };
    await expect(house.connect(keeper).buyMany(collateral, [order, order], ALL, keeper, "0x"))
      .to.be.revertedWithCustomError(house, "DuplicateOrder")
      .withArgs(borrower);
  });

  describe("of starts and bounties", () => {
    it("a take-over pays none for an auction that runs, though its start paid none", async () => {
      const { house, vault, collateral, borrower, setPrice, start } = await opened();
      await setPrice(1500);
      await expect(start()).not.to.emit(vault, "Paid");
      await setPrice(1740);
      const transaction = house.absorb(collateral, borrower);
      await expect(transaction).to.emit(house, "Absorbed");
      await expect(transaction).not.to.emit(vault, "Paid");
    });

    it("the next one is paid from maxAuctionDuration after the last on, to the second", async () => {
      const { house, vault, collateral, borrower, setPrice, start } = await auctioned();
      const { bountyAt } = await house.auction(collateral, borrower);
      await setPrice(2100);
      await vault.connect(borrower).borrow(collateral, 1, borrower, borrower);
      await setPrice(1900);
      const again = bountyAt + BigInt(LANE.maxAuctionDuration);
      const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
      await time.setNextBlockTimestamp(again - 1n);
      await expect(start()).not.to.emit(vault, "Paid");
      await ethers.provider.send("evm_revert", [snapshot]);
      await time.setNextBlockTimestamp(again);
      await expect(start()).to.emit(vault, "Paid");
    });

    it("an auction is over for a position that borrowed in the block of its start", async () => {
      const { house, vault, oracle, borrowOracle, loan, collateral } = await opened();
      const actor = await ethers.deployContract("MockActor");
      const [market, self] = [collateral.target as string, actor.target as string];
      const set = (target: typeof oracle, price: number) => ({
        target,
        data: target.interface.encodeFunctionData("setPrice", [priceE36(price)]),
      });
      const borrow = (assets: bigint) => ({
        target: vault,
        data: vault.interface.encodeFunctionData("borrow", [market, assets, self, self]),
      });
      const [owner] = await ethers.getSigners();
      await collateral.mint(owner!, weth(10));
      await collateral.connect(owner).approve(vault, weth(10));
      await vault.connect(owner).supplyCollateral(collateral, weth(10), actor);
      await actor.setCalls([borrow(usdc(15_900))]);
      await actor.onBuy(loan, 0, 0, "0x");
      const start = { target: house, data: house.interface.encodeFunctionData("start", [market, self]) };
      await actor.setCalls([
        set(oracle, 1900),
        start,
        set(oracle, 2100),
        set(borrowOracle, 2100),
        borrow(1n),
        set(oracle, 1900),
      ]);
      await actor.onBuy(loan, 0, 0, "0x");
      const { startedAt } = await house.auction(collateral, actor);
      expect(startedAt).to.equal((await vault.position(collateral, actor)).riskAt);
      expect((await house.quote(collateral, actor, ALL)).refusal).to.equal(Refusal.Enlarged);
      await expect(house.start(collateral, actor)).to.emit(house, "AuctionStarted");
    });
  });

  describe("of take-overs", () => {
    it("each notes the price, and settles one fill", async () => {
      const { house, vault, collateral, borrower, setPrice } = await opened();
      await setPrice(1740);
      const transaction = await house.absorb(collateral, borrower);
      const { lastPriceE36, observedAt, emaE36 } = await house.lane(collateral);
      expect([lastPriceE36, observedAt]).to.deep.equal([priceE36(1740), BigInt(await time.latest())]);
      expect(emaE36).to.be.closeTo(priceE36(2000), 2n);
      const settled = await vault.queryFilter(vault.filters.Settled, transaction.blockNumber ?? undefined);
      expect(settled.map(({ args }) => args.owner)).to.deep.equal([borrower.address]);
    });

    it("the buffer's discount is half of the equity's share where that is less", async () => {
      const { house, collateral, borrower, keeper, setPrice } = await opened();
      await setPrice(1640);
      const transaction = await house.connect(keeper).absorb(collateral, borrower);
      const [event] = await house.queryFilter(house.filters.Absorbed, transaction.blockNumber ?? undefined);
      const { amount, cost, ltvWad } = event!.args;
      const multipleWad = WAD - (WAD - ltvWad) / 2n;
      expect(multipleWad).to.be.gt((97n * WAD) / 100n);
      expect(cost).to.equal(mulDivUp(amount * multipleWad, priceE36(1640), 10n ** 54n));
    });

    it("are whole where the buffer has room or cash for exactly that", async () => {
      const { house, vault, buffer, underwriter, collateral, borrower, keeper, setPrice, setCap } = await opened(
        weth(300),
        usdc(477_000),
      );
      await setPrice(1740);
      const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
      await buffer.connect(underwriter).deposit(usdc(1_000_000), underwriter);
      const [taken, cost] = await house.connect(keeper).absorb.staticCall(collateral, borrower);
      await ethers.provider.send("evm_revert", [snapshot]);

      await buffer.connect(underwriter).deposit(cost - (await buffer.cash()), underwriter);
      await setCap(taken);
      const transaction = house.connect(keeper).absorb(collateral, borrower);
      await expect(transaction).to.emit(vault, "Paid");
      await expect(transaction).to.emit(buffer, "TakenOver").withArgs(collateral, taken, cost);
      expect(await buffer.cash()).to.equal(0);
    });

    it("of so little that rounding to shares raises the LTV are refused", async () => {
      const { house, vault, buffer, oracle, borrowOracle, borrower, collateral, crumb } = await withDearShares(1740);
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: 0 });
      await buffer.setInventoryParameters(collateral, { ...INVENTORY, cap: await crumb() });
      await expect(house.absorb(collateral, borrower))
        .to.be.revertedWithCustomError(house, "FillIsToxic")
        .withArgs(borrower);
    });

    it("need a buffer that could take the smallest position, to the unit", async () => {
      const { house, vault, oracle, borrowOracle, collateral, borrower, setPrice, setCap, start } = await opened();
      await setPrice(1500);
      await start();
      /** The least collateral that is worth so much. */
      const worth = (assets: bigint) => mulDivUp(assets, 10n ** 36n, priceE36(1500));
      const isFull = async (cap: bigint) => {
        await setCap(cap);
        return (await house.quote(collateral, borrower, ALL)).refusal !== Refusal.Insolvent;
      };
      expect(await isFull(worth(MARKET.minDebt))).to.be.false;
      expect(await isFull(worth(MARKET.minDebt) - 1n)).to.be.true;
      await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: 0 });
      expect(await isFull(worth(1n))).to.be.false;
      expect(await isFull(worth(1n) - 1n)).to.be.true;
    });
  });

  it("a lane opens for 24 hours' growth at a time, to the last digits", async () => {
    const { house, collateral, depth, setLane } = await opened();
    await setLane({ maxRatePerHour: 2n ** 104n - 1n });
    const { ratePerHour, syncedAt } = await house.lane(collateral);
    await depth.setDepth(2n ** 127n);
    await time.setNextBlockTimestamp(syncedAt + 30n * HOUR);
    await house.sync(collateral);
    const LN2_WAD = 693_147_180_559_945_309n;
    const expected = mulDiv(ratePerHour, expWad(24n * LN2_WAD), WAD);
    expect((await house.lane(collateral)).ratePerHour).to.be.closeTo(expected, expected / 10n ** 17n);
  });
});
