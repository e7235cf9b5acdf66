import { expect } from "chai";
import { ethers } from "hardhat";

import { coreWithoutInterest } from "../fixture";
import { deployMarket } from "../periphery/fixture";
import { BPS, End, INVENTORY, LANE, MARKET, WAD, auctioned, ltvWad, opened, priceE36, time, usdc, weth } from "./setup";

const ceilDiv = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** What the buffer pays a unit, as a multiple of the oracle price. */
const multipleWad = (ltv: bigint): bigint => {
  const discount = (BigInt(LANE.absorbDiscountBps) * WAD) / BPS;
  const allowance = (WAD - ltv) / 2n;
  return WAD - (discount < allowance ? discount : allowance);
};

describe("AuctionHouse.absorb", () => {
  it("has the buffer take over, at its discount, what brings a position past absorbLtv to its target", async () => {
    const { house, vault, buffer, loan, collateral, borrower, keeper, setPrice, position } = await opened();
    await setPrice(1740);
    const price = priceE36(1740);
    const bounty = weth(10) / 1001n;
    const held = weth(10) - bounty;
    // the bounty comes first, and the take-over is priced at what it leaves
    const ltvAfterBounty = ltvWad(held, usdc(15_900), price);
    const multiple = multipleWad(ltvAfterBounty);
    const cash = await buffer.cash();

    const transaction = await house.connect(keeper).absorb(collateral, borrower);

    const [event] = await house.queryFilter(house.filters.Absorbed, transaction.blockNumber ?? undefined);
    const { amount, cost } = event!.args;
    await expect(transaction)
      .to.emit(house, "Absorbed")
      .withArgs(collateral, borrower, keeper, amount, cost, price, ltvAfterBounty)
      .and.to.emit(buffer, "TakenOver")
      .withArgs(collateral, amount, cost)
      .and.to.emit(vault, "Settled")
      .withArgs(collateral, borrower, buffer, amount, cost, cost)
      .and.to.emit(vault, "Paid")
      .withArgs(collateral, borrower, keeper, bounty);
    // 3 % under the oracle price, rounded up against the buffer
    expect(multiple).to.equal((97n * WAD) / 100n);
    expect(cost).to.equal(ceilDiv(amount * multiple * price, 10n ** 54n));
    expect(await position()).to.deep.equal({ collateral: held - amount, debt: usdc(15_900) - cost });
    const target = (BigInt(LANE.targetLtvBps) * WAD) / BPS;
    expect(ltvWad(held - amount, usdc(15_900) - cost, price)).to.be.closeTo(target, WAD / usdc(5_000));
    expect(cash - (await buffer.cash())).to.equal(cost);
    expect((await buffer.inventory(collateral)).amount).to.equal(amount);
    expect(await collateral.balanceOf(buffer)).to.equal(amount);
    expect(await loan.balanceOf(buffer)).to.equal(await buffer.cash());
  });

  it("ends the auction, if there is one, and pays no second bounty", async () => {
    const { house, vault, collateral, borrower, setPrice } = await auctioned();
    await setPrice(1700);
    const transaction = house.absorb(collateral, borrower);
    await expect(transaction).to.emit(house, "AuctionEnded").withArgs(collateral, borrower, End.Absorbed);
    await expect(transaction).not.to.emit(vault, "Paid");
    expect((await house.lane(collateral)).auctions).to.equal(0);
  });

  it("pays the bounty of a start where none was paid, and a start after it none", async () => {
    const { house, vault, collateral, borrower, setPrice, start } = await opened();
    await setPrice(1740);
    await expect(house.absorb(collateral, borrower)).to.emit(vault, "Paid");
    expect((await house.auction(collateral, borrower)).bountyAt).to.equal(await time.latest());
    await setPrice(1600);
    await expect(start()).not.to.emit(vault, "Paid");
  });

  describe("pays no bounty for a part", () => {
    const isPart = async (market: Awaited<ReturnType<typeof opened>>, taken: bigint) => {
      const { house, vault, collateral, borrower, keeper, position, start } = market;
      const before = await position();
      const ltv = ltvWad(before.collateral, before.debt, priceE36(1740));
      const cost = ceilDiv(taken * multipleWad(ltv) * priceE36(1740), 10n ** 54n);
      const transaction = house.connect(keeper).absorb(collateral, borrower);
      await expect(transaction).not.to.emit(vault, "Paid");
      await expect(transaction)
        .to.emit(house, "Absorbed")
        .withArgs(collateral, borrower, keeper, taken, cost, priceE36(1740), ltv);
      expect(await position()).to.deep.equal({ collateral: before.collateral - taken, debt: before.debt - cost });
      expect((await house.auction(collateral, borrower)).bountyAt).to.equal(0);
      // it is left for who has the rest put in auction
      await expect(start()).to.emit(vault, "Paid");
    };

    it("where the buffer's cap has room for no more", async () => {
      const market = await opened();
      await market.setCap(weth(1));
      await market.setPrice(1740);
      await isPart(market, weth(1));
    });

    it("where the buffer has cash for no more", async () => {
      const market = await opened(weth(300), usdc(477_000));
      await market.setPrice(1740);
      const cash = await market.buffer.cash();
      const unitPrice = ceilDiv(priceE36(1740) * multipleWad(ltvWad(weth(300), usdc(477_000), priceE36(1740))), WAD);
      await isPart(market, (cash * 10n ** 36n) / unitPrice);
    });
  });

  it("takes over under absorbLtv what has been in auction for absorbDelay, not a second before", async () => {
    const { house, collateral, borrower, auctionOf } = await withAuction();
    const { startedAt } = await auctionOf();
    await time.setNextBlockTimestamp(startedAt + BigInt(LANE.absorbDelay) - 1n);
    await expect(house.absorb(collateral, borrower)).to.be.revertedWithCustomError(house, "NotAbsorbable");
    await time.setNextBlockTimestamp(startedAt + BigInt(LANE.absorbDelay));
    await expect(house.absorb(collateral, borrower)).to.emit(house, "Absorbed");
  });

  it("lets an expired auction wait for nothing: it has to be started again", async () => {
    const { house, collateral, borrower, auctionOf, position } = await withAuction();
    const { startedAt } = await auctionOf();
    await time.setNextBlockTimestamp(startedAt + BigInt(LANE.maxAuctionDuration) + 1n);
    const { collateral: held, debt } = await position();
    await expect(house.absorb(collateral, borrower))
      .to.be.revertedWithCustomError(house, "NotAbsorbable")
      .withArgs(borrower, ltvWad(held, debt, priceE36(1900)));
  });

  it("closes a position of which less than minDebt would be left, and leaves the rest to the borrower", async () => {
    const { house, vault, oracle, borrowOracle, collateral, borrower, setPrice, position } = await opened(
      weth(1) / 2n,
      usdc(600),
    );
    await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: usdc(590) });
    await setPrice(1300);
    await house.absorb(collateral, borrower);
    const after = await position();
    expect(after.debt).to.equal(0);
    expect(after.collateral).to.be.gt(0);
  });

  describe("an insolvent position", () => {
    it("is taken over whole at the oracle price; the buffer bears what is left after the reserves", async () => {
      const { house, vault, buffer, collateral, borrower, setPrice, position } = await opened();
      await setPrice(1400);
      const cash = await buffer.cash();
      const assets = await vault.totalAssets();
      await expect(house.absorb(collateral, borrower))
        .to.emit(vault, "WrittenOff")
        .withArgs(collateral, borrower, usdc(1_900), usdc(1_900), 0, usdc(1_900), 0)
        .and.not.to.emit(vault, "Paid");
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
      expect((await buffer.inventory(collateral)).amount).to.equal(weth(10));
      expect(cash - (await buffer.cash())).to.equal(usdc(15_900));
      expect(await vault.totalAssets()).to.equal(assets);
    });

    it("is paid for at its debt, no more, at the edge of solvency", async () => {
      const { house, collateral, borrower, setPrice, position } = await opened();
      await setPrice(1590);
      const [taken, cost] = await house.absorb.staticCall(collateral, borrower);
      expect([taken, cost]).to.deep.equal([weth(10), usdc(15_900)]);
      await house.absorb(collateral, borrower);
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
    });

    it("is taken over as far as there is cash, and the rest stays in auction", async () => {
      const { house, vault, buffer, collateral, borrower, setPrice, position } = await auctioned(
        1900,
        weth(150),
        usdc(238_500),
      );
      await setPrice(1500);
      const cash = await buffer.cash();
      const before = await position();
      const taken = (cash * 10n ** 54n) / (priceE36(1500) * WAD);
      const transaction = house.absorb(collateral, borrower);
      await expect(transaction).not.to.emit(vault, "WrittenOff");
      await expect(transaction).not.to.emit(house, "AuctionEnded");
      const cost = ceilDiv(taken * WAD * priceE36(1500), 10n ** 54n);
      expect(await position()).to.deep.equal({
        collateral: before.collateral - taken,
        debt: before.debt - cost,
      });
      expect(await buffer.cash()).to.equal(cash - cost);
    });
  });

  describe("regression: with next to no equity, of which the bounty is paid", () => {
    // from 99.8 % to a unit under insolvency: the take-over is priced after the bounty, so that it can't be toxic
    for (const price of [1594, 1593, 1592, 1591.7, 1591, 1590.5, 1590.1, 1590.001, 1590.000001]) {
      it(`at ${price} USDC`, async () => {
        const { house, vault, collateral, borrower, setPrice, position } = await opened();
        await setPrice(price);
        const before = await position();
        const transaction = await house.absorb(collateral, borrower);
        await expect(transaction).to.emit(house, "Absorbed");
        await expect(transaction).not.to.emit(vault, "WrittenOff");
        const [event] = await vault.queryFilter(vault.filters.Paid, transaction.blockNumber ?? undefined);
        const held = before.collateral - event!.args.amount;
        expect(ltvWad(held, before.debt, priceE36(price))).to.be.lt(WAD);
        const after = await position();
        expect(after.debt === 0n || after.debt * held < before.debt * after.collateral).to.be.true;
      });
    }
  });

  it("takes no more than the buffer's cap has room for", async () => {
    const { house, collateral, borrower, buffer, setPrice, setCap } = await auctioned();
    await setCap(weth(1));
    await setPrice(1700);
    await expect(house.absorb(collateral, borrower)).not.to.emit(house, "AuctionEnded");
    expect((await buffer.inventory(collateral)).amount).to.equal(weth(1));
    expect((await house.lane(collateral)).auctions).to.equal(1);
    await expect(house.absorb(collateral, borrower))
      .to.be.revertedWithCustomError(house, "BufferFull")
      .withArgs(collateral);
  });

  describe("refuses", () => {
    it("a market without a lane", async () => {
      const { house, loan, borrower } = await opened();
      await expect(house.absorb(loan, borrower)).to.be.revertedWithCustomError(house, "LaneNotSet").withArgs(loan);
    });

    it("a healthy position", async () => {
      const { house, collateral, borrower, setPrice } = await opened();
      await setPrice(1920);
      await expect(house.absorb(collateral, borrower))
        .to.be.revertedWithCustomError(house, "PositionHealthy")
        .withArgs(borrower, ltvWad(weth(10), usdc(15_900), priceE36(1920)));
    });

    it("one under absorbLtv that has not waited, and takes it from absorbLtv on", async () => {
      const { house, collateral, borrower, setPrice } = await opened(weth(10), usdc(15_925));
      await setPrice(1750.1);
      await expect(house.absorb(collateral, borrower))
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(borrower, ltvWad(weth(10), usdc(15_925), priceE36(1750.1)));
      await setPrice(1750);
      // 15,925 / 17,500 is 91 % exactly
      await expect(house.absorb(collateral, borrower)).to.emit(house, "Absorbed");
    });

    it("one that was enlarged in this block", async () => {
      const { house, vault, collateral, oracle, loan, borrower } = await opened();
      const actor = await ethers.deployContract("MockActor");
      const [market, self] = [collateral.target as string, actor.target as string];
      await vault.connect(borrower).supplyCollateral(market, weth(10), actor);
      await actor.setCalls([
        { target: vault, data: vault.interface.encodeFunctionData("borrow", [market, usdc(16_000), self, self]) },
        { target: oracle, data: oracle.interface.encodeFunctionData("setPrice", [priceE36(1700)]) },
        { target: house, data: house.interface.encodeFunctionData("absorb", [market, self]) },
      ]);
      await expect(actor.onBuy(loan, 0, 0, "0x"))
        .to.be.revertedWithCustomError(house, "EnlargedInThisBlock")
        .withArgs(actor);
    });

    it("every way back in from a token that calls out while the bounty is paid", async () => {
      const { house, oracle, weth: token, borrowers } = await deployMarket("MockERC20Hook");
      const [owner, other] = borrowers.map(({ address }) => address) as [string, string];
      await oracle.setPrice(priceE36(2350));
      await house.start(token, other);
      await oracle.setPrice(priceE36(2150));
      const hook = await ethers.getContractAt("MockERC20Hook", token.target);
      // none but the last would meet the vault's own lock
      const calls = [
        house.interface.encodeFunctionData("sync", [token.target]),
        house.interface.encodeFunctionData("start", [token.target, owner]),
        house.interface.encodeFunctionData("absorb", [token.target, other]),
      ];
      for (const call of calls) {
        await hook.setHook(house, call);
        await expect(house.absorb(token, owner)).to.be.revertedWithCustomError(house, "ReentrancyGuardReentrantCall");
      }
      await hook.setHook(ethers.ZeroAddress, "0x");
      await expect(house.absorb(token, owner)).to.emit(house, "Absorbed");
    });

    it("one of which a single unit of collateral is worth more than the buffer's cash", async () => {
      const { house, vault, oracle, borrowOracle, buffer, collateral, lender, underwriter, borrower, open } =
        await coreWithoutInterest();
      const setUnit = async (assets: bigint) => {
        for (const each of [oracle, borrowOracle]) await each.setPrice(assets * 10n ** 36n);
      };
      await vault.connect(lender).deposit(usdc(4_000_000), lender);
      await setUnit(usdc(250_000));
      await open(borrower, 20n, usdc(4_000_000));
      // an LTV of 91.7 %; at 3 % under the oracle price a unit costs 211,460, and there are 200,000
      await setUnit(usdc(218_000));
      expect(await buffer.cash()).to.equal(usdc(200_000));
      await expect(house.absorb(collateral, borrower))
        .to.be.revertedWithCustomError(house, "BufferFull")
        .withArgs(collateral);
      await buffer.connect(underwriter).deposit(usdc(11_460), underwriter);
      await expect(house.absorb(collateral, borrower)).to.emit(house, "Absorbed");
      expect((await buffer.inventory(collateral)).amount).to.equal(1);
    });

    it("with a full or an empty buffer, or a broken oracle", async () => {
      const { house, buffer, oracle, collateral, borrower, setPrice } = await opened();
      await setPrice(1700);
      await buffer.setInventoryParameters(collateral, { ...INVENTORY, cap: 0 });
      await expect(house.absorb(collateral, borrower))
        .to.be.revertedWithCustomError(house, "BufferFull")
        .withArgs(collateral);
      await oracle.setBroken(true);
      await expect(house.absorb(collateral, borrower)).to.be.revertedWithCustomError(oracle, "Broken");
    });
  });
});

async function withAuction() {
  const market = await auctioned();
  return { ...market, auctionOf: async () => market.house.auction(market.collateral, market.borrower) };
}
