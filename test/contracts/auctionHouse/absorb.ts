import { expect } from "chai";
import { ethers } from "hardhat";

import { coreWithoutInterest } from "../fixture";
import { mulDivUp } from "../math";
import { deployMarket } from "../periphery/fixture";
import { TARGET_WAD, costOf, expected, multipleWad, toTarget } from "./absorption";
import {
  AbsorbRefusal,
  MARKET,
  PaidGas,
  WAD,
  baseFeeOf,
  ltvWad,
  opened,
  payInWei,
  priceE36,
  selling,
  setBaseFee,
  time,
  usdc,
  weth,
  withActor,
} from "./setup";

describe("AuctionHouse.absorb", () => {
  it("has the buffer take, at its discount, what brings a position past absorbLtv to its target", async () => {
    const { house, vault, buffer, loan, collateral, borrower, keeper, other, setPrice, position } = await opened();
    await setPrice(1740);
    const price = priceE36(1740);
    const cash = await buffer.cash();
    const before = await collateral.balanceOf(other);

    const transaction = await house.connect(keeper).absorb(collateral, borrower, other);

    const gasPay = payInWei(PaidGas.absorb, await baseFeeOf(transaction));
    // pay comes first, and what is absorbed is priced at what it leaves
    const { pay, taken, cost, ltv } = expected(weth(10), usdc(15_900), price, gasPay);
    expect(pay).to.equal(gasPay);
    await expect(transaction)
      .to.emit(house, "Absorbed")
      .withArgs(collateral, borrower, keeper, taken, cost, price, ltv, pay)
      .and.to.emit(buffer, "InventoryAbsorbed")
      .withArgs(collateral, taken, cost)
      .and.to.emit(vault, "Settled")
      .withArgs(collateral, borrower, buffer, taken, cost, cost);
    // 3 % under the oracle price
    expect(multipleWad(ltv)).to.equal((97n * WAD) / 100n);
    expect((await collateral.balanceOf(other)) - before).to.equal(pay);
    const held = weth(10) - pay - taken;
    expect(await position()).to.deep.equal({ collateral: held, debt: usdc(15_900) - cost });
    expect(ltvWad(held, usdc(15_900) - cost, price)).to.be.closeTo(TARGET_WAD, WAD / usdc(5_000));
    expect(cash - (await buffer.cash())).to.equal(cost);
    expect((await buffer.inventory(collateral)).amount).to.equal(taken);
    expect(await collateral.balanceOf(buffer)).to.equal(taken);
    expect(await loan.balanceOf(buffer)).to.equal(await buffer.cash());
  });

  it("returns what the buffer got and paid", async () => {
    const { house, collateral, borrower, keeper, setPrice } = await opened();
    await setPrice(1740);
    const { taken, cost } = expected(weth(10), usdc(15_900), priceE36(1740), payInWei(PaidGas.absorb, 0n));
    const returned = await house.connect(keeper).absorb.staticCall(collateral, borrower, keeper);
    expect([...returned]).to.deep.equal([taken, cost]);
  });

  it("needs no open lane, opens none, and leaves the cursor of one", async () => {
    const { house, collateral, setPrice, absorb } = await opened();
    const before = await house.lane(collateral);
    await setPrice(1740);
    await absorb();
    expect(await house.isOpen(collateral)).to.be.false;
    expect((await house.lane(collateral)).cursorWad).to.equal(before.cursorWad);
    const open = await selling();
    const { cursorWad } = await open.house.lane(open.collateral);
    await open.setPrice(1700);
    await open.absorb();
    expect((await open.house.lane(open.collateral)).cursorWad).to.equal(cursorWad);
  });

  it("notes the price, and settles one fill", async () => {
    const { house, vault, collateral, borrower, setPrice, absorb } = await opened();
    await setPrice(1740);
    const { blockNumber } = await absorb();
    const { lastPriceE36, observedAt, emaE36 } = await house.lane(collateral);
    expect([lastPriceE36, observedAt]).to.deep.equal([priceE36(1740), BigInt(await time.latest())]);
    expect(emaE36).to.be.closeTo(priceE36(2000), 2n);
    const settled = await vault.queryFilter(vault.filters.Settled, blockNumber!);
    expect(settled.map(({ args }) => args.owner)).to.deep.equal([borrower.address]);
  });

  describe("a part is paid for its part", () => {
    const isPart = async (market: Awaited<ReturnType<typeof opened>>, taken: bigint) => {
      const { house, collateral, borrower, keeper, position, absorb } = market;
      const price = priceE36(1740);
      const before = await position();
      await setBaseFee(100n * 10n ** 9n);
      const gasPay = payInWei(PaidGas.absorb, 100n * 10n ** 9n);
      const left = before.collateral - gasPay;
      const ltv = ltvWad(left, before.debt, price);
      const cost = costOf(taken, ltv, price);
      const pay = (gasPay * taken) / toTarget(left, before.debt, price);
      await expect(absorb())
        .to.emit(house, "Absorbed")
        .withArgs(collateral, borrower, keeper, taken, cost, price, ltv, pay);
      expect(await position()).to.deep.equal({ collateral: before.collateral - taken - pay, debt: before.debt - cost });
      expect(pay)
        .to.be.gt(0)
        .and.to.be.lt((gasPay * 3n) / 5n);
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
      const unitPrice = mulDivUp(priceE36(1740), (97n * WAD) / 100n, WAD);
      await isPart(market, (cash * 10n ** 36n) / unitPrice);
    });
  });

  it("is whole where the buffer has room and cash for exactly that", async () => {
    const { buffer, underwriter, collateral, setPrice, setCap, setPay, absorb, absorbedIn } = await opened(
      weth(300),
      usdc(477_000),
    );
    await setPay({ feeCap: 0n });
    await setPrice(1740);
    const whole = expected(weth(300), usdc(477_000), priceE36(1740), payInWei(PaidGas.absorb, 0n));
    await buffer.connect(underwriter).deposit(whole.cost - (await buffer.cash()), underwriter);
    await setCap(whole.taken);
    const { amount, cost, pay } = await absorbedIn(await absorb());
    expect([amount, cost, pay]).to.deep.equal([whole.taken, whole.cost, whole.pay]);
    expect(await buffer.cash()).to.equal(0);
    expect((await buffer.capacity(collateral)).room).to.equal(0);
  });

  it("takes what stays in the position as equity only half as a discount where that is less", async () => {
    const { setPrice, absorb, absorbedIn } = await opened();
    await setPrice(1640);
    const { amount, cost, ltvWad: ltv } = await absorbedIn(await absorb());
    expect(multipleWad(ltv)).to.equal(WAD - (WAD - ltv) / 2n);
    expect(multipleWad(ltv)).to.be.gt((97n * WAD) / 100n);
    expect(cost).to.equal(costOf(amount, ltv, priceE36(1640)));
  });

  it("closes a position of which less than minDebt would be left, and leaves the rest to the borrower", async () => {
    const { vault, oracle, borrowOracle, collateral, setPrice, position, absorb } = await opened(
      weth(1) / 2n,
      usdc(600),
    );
    await vault.setMarket(collateral, { oracle, borrowOracle, ...MARKET, minDebt: usdc(590) });
    await setPrice(1300);
    await absorb();
    const after = await position();
    expect(after.debt).to.equal(0);
    expect(after.collateral).to.be.gt(0);
  });

  describe("an insolvent position", () => {
    it("is absorbed whole at the oracle price and paid for; the buffer bears what is left after the reserves", async () => {
      const { vault, buffer, collateral, borrower, keeper, setPrice, position, absorb } = await opened();
      await setPrice(1400);
      const cash = await buffer.cash();
      const assets = await vault.totalAssets();
      const before = await collateral.balanceOf(keeper);
      const transaction = await absorb();
      const gasPay = payInWei(PaidGas.absorb, await baseFeeOf(transaction));
      const { pay, taken, cost } = expected(weth(10), usdc(15_900), priceE36(1400), gasPay);
      expect([pay, taken]).to.deep.equal([gasPay, weth(10) - gasPay]);
      const lost = usdc(15_900) - cost;
      await expect(transaction).to.emit(vault, "WrittenOff").withArgs(collateral, borrower, lost, lost, 0, lost, 0);
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
      expect((await collateral.balanceOf(keeper)) - before).to.equal(pay);
      expect((await buffer.inventory(collateral)).amount).to.equal(taken);
      expect(cash - (await buffer.cash())).to.equal(usdc(15_900));
      expect(await vault.totalAssets()).to.equal(assets);
    });

    it("is paid for at its debt, no more, at the edge of solvency", async () => {
      const { setPrice, position, payNobody, absorb, absorbedIn } = await opened();
      await payNobody();
      await setPrice(1590);
      const { amount, cost } = await absorbedIn(await absorb());
      expect([amount, cost]).to.deep.equal([weth(10), usdc(15_900)]);
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
    });

    it("is absorbed as far as there is cash, and the rest stays", async () => {
      const { vault, buffer, setPrice, position, payNobody, absorb } = await opened(weth(150), usdc(238_500));
      await payNobody();
      await setPrice(1500);
      const cash = await buffer.cash();
      const before = await position();
      const taken = (cash * 10n ** 36n) / priceE36(1500);
      await expect(absorb()).not.to.emit(vault, "WrittenOff");
      const cost = costOf(taken, WAD, priceE36(1500));
      expect(await position()).to.deep.equal({ collateral: before.collateral - taken, debt: before.debt - cost });
      expect(await buffer.cash()).to.equal(cash - cost);
    });
  });

  describe("regression: with next to no equity, of which pay takes half", () => {
    // from 99.8 % to a unit under insolvency: sized after pay, so that no fill is toxic
    for (const price of [1594, 1593, 1592, 1591.7, 1591, 1590.5, 1590.1, 1590.001, 1590.000001]) {
      it(`at ${price} USDC`, async () => {
        const { vault, setPrice, position, absorb, absorbedIn } = await opened();
        await setPrice(price);
        await setBaseFee(200n * 10n ** 9n);
        const before = await position();
        const transaction = await absorb();
        await expect(transaction).not.to.emit(vault, "WrittenOff");
        const { pay, amount, ltvWad: ltv } = await absorbedIn(transaction);
        const whole = expected(
          before.collateral,
          before.debt,
          priceE36(price),
          payInWei(PaidGas.absorb, 200n * 10n ** 9n),
        );
        expect([pay, amount]).to.deep.equal([whole.pay, whole.taken]);
        const held = before.collateral - pay;
        expect(ltv)
          .to.equal(ltvWad(held, before.debt, priceE36(price)))
          .and.to.be.lt(WAD);
        const after = await position();
        expect(after.debt === 0n || after.debt * held < before.debt * after.collateral).to.be.true;
      });
    }
  });

  describe("a part of a position of next to no equity", () => {
    it("is TooSmall where roundings could outweigh what the part lowers, and is absorbed where they can't", async () => {
      const { house, oracle, borrower, position, payNobody, absorb, setCap } = await opened();
      await payNobody();
      // an equity of 2 units of 15,900 million: nine tenths of the position lower its debt by less than that over the price
      await oracle.setPrice(priceE36(1590) + 2n * 10n ** 17n);
      await setCap(weth(9));
      await expect(absorb())
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(borrower, AbsorbRefusal.TooSmall);
      // half of 20 units, which is what the buffer leaves, is enough
      await oracle.setPrice(priceE36(1590) + 20n * 10n ** 17n);
      const before = await position();
      await absorb();
      const after = await position();
      expect(after.debt).to.be.gt(0);
      expect(after.debt * before.collateral).to.be.lt(before.debt * after.collateral);
    });

    it("is held against what the position had when its part of the pay was out, and no more", async () => {
      const { house, oracle, borrower, position, absorb, absorbedIn, setCap } = await opened();
      // half of an equity of 16 units is pay, of which a fifth is paid: more is left to lose than after all of the pay
      await oracle.setPrice(priceE36(1590) + 16n * 10n ** 17n);
      await setCap(weth(2));
      const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
      const before = await position();
      const { amount, pay } = await absorbedIn(await absorb());
      expect(amount).to.equal(weth(2));
      const after = await position();
      expect(after.collateral).to.equal(before.collateral - pay - amount);
      expect(after.debt * (before.collateral - pay)).to.be.lt(before.debt * after.collateral);
      await ethers.provider.send("evm_revert", [snapshot]);
      // and of 3 units nine tenths of the pay leave too little
      await oracle.setPrice(priceE36(1590) + 3n * 10n ** 17n);
      await setCap(weth(9));
      await expect(absorb())
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(borrower, AbsorbRefusal.TooSmall);
    });
  });

  it("takes no more than the buffer's cap has room for", async () => {
    const { house, collateral, borrower, buffer, setPrice, setCap, absorb } = await selling();
    await setCap(weth(1));
    await setPrice(1700);
    await absorb();
    expect((await buffer.inventory(collateral)).amount).to.equal(weth(1));
    await expect(absorb())
      .to.be.revertedWithCustomError(house, "NotAbsorbable")
      .withArgs(borrower, AbsorbRefusal.BufferFull);
  });

  describe("while the guard says diverged", () => {
    it("pays by the lower of the two prices", async () => {
      const { guard, oracle, borrowOracle, buffer, absorb, absorbedIn, payNobody } = await opened();
      await payNobody();
      await oracle.setPrice(priceE36(1740));
      await guard.setDiverged(true);
      for (const [other, by] of [
        [1700, 1700],
        [1800, 1740],
      ] as const) {
        await borrowOracle.setPrice(priceE36(other));
        const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
        const cash = await buffer.cash();
        const { amount, cost, priceE36: price, ltvWad: ltv } = await absorbedIn(await absorb());
        const whole = expected(weth(10), usdc(15_900), priceE36(by), 0n);
        expect([amount, cost, price, ltv]).to.deep.equal([whole.taken, whole.cost, priceE36(by), whole.ltv]);
        expect(cash - (await buffer.cash())).to.equal(cost);
        await ethers.provider.send("evm_revert", [snapshot]);
      }
    });

    it("pays by the oracle's where the other can't be read or is zero", async () => {
      const { guard, oracle, borrowOracle, absorb, absorbedIn, payNobody } = await opened();
      await payNobody();
      await oracle.setPrice(priceE36(1740));
      await guard.setDiverged(true);
      for (const breaks of [async () => borrowOracle.setPrice(0), async () => borrowOracle.setBroken(true)]) {
        await breaks();
        const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
        expect((await absorbedIn(await absorb())).priceE36).to.equal(priceE36(1740));
        await ethers.provider.send("evm_revert", [snapshot]);
      }
    });

    it("refuses a position that is solvent at the one price and insolvent at the other, to the unit", async () => {
      const { house, guard, oracle, borrowOracle, borrower, absorb, absorbedIn } = await opened();
      await oracle.setPrice(priceE36(1740));
      await guard.setDiverged(true);
      await borrowOracle.setPrice(priceE36(1590));
      await expect(absorb())
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(borrower, AbsorbRefusal.Diverged);
      await borrowOracle.setPrice(priceE36(1590) + 10n ** 18n);
      const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
      expect((await absorbedIn(await absorb())).priceE36).to.equal(priceE36(1590) + 10n ** 18n);
      await ethers.provider.send("evm_revert", [snapshot]);
      // insolvent at both: nobody's equity is in doubt
      await oracle.setPrice(priceE36(1580));
      await borrowOracle.setPrice(priceE36(1500));
      expect((await absorbedIn(await absorb())).priceE36).to.equal(priceE36(1500));
    });

    it("judges by the oracle's price alone who may be absorbed", async () => {
      const { house, guard, oracle, borrowOracle, borrower, absorb } = await opened();
      await oracle.setPrice(priceE36(1760));
      await borrowOracle.setPrice(priceE36(1600));
      await guard.setDiverged(true);
      await expect(absorb())
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(borrower, AbsorbRefusal.BelowAbsorbLtv);
    });
  });

  describe("refuses", () => {
    const refused = async (market: Awaited<ReturnType<typeof opened>>, refusal: bigint): Promise<void> => {
      const { house, borrower, absorb } = market;
      await expect(absorb()).to.be.revertedWithCustomError(house, "NotAbsorbable").withArgs(borrower, refusal);
    };

    it("a market without a lane, and a receiver of zero", async () => {
      const { house, loan, collateral, borrower, keeper } = await opened();
      await expect(house.absorb(loan, borrower, keeper))
        .to.be.revertedWithCustomError(house, "LaneNotSet")
        .withArgs(loan);
      await expect(house.absorb(collateral, borrower, ethers.ZeroAddress)).to.be.revertedWithCustomError(
        house,
        "ZeroAddress",
      );
    });

    it("Healthy: at lltv exactly, and with nothing", async () => {
      // 15,770 / 19,000 is 83 %
      const market = await opened(weth(10), usdc(15_770));
      await market.setPrice(1900);
      await refused(market, AbsorbRefusal.Healthy);
      await expect(market.absorb(market.other))
        .to.be.revertedWithCustomError(market.house, "NotAbsorbable")
        .withArgs(market.other, AbsorbRefusal.Healthy);
      await market.setPrice(1899.99);
      await refused(market, AbsorbRefusal.BelowAbsorbLtv);
    });

    it("BelowAbsorbLtv: however long the lane has been open; from absorbLtv on not", async () => {
      const market = await opened(weth(10), usdc(15_925));
      await market.payNobody();
      await market.setPrice(1750.1);
      await market.openLane();
      await time.increase(20 * 3600);
      await refused(market, AbsorbRefusal.BelowAbsorbLtv);
      await market.setPrice(1750);
      // 15,925 / 17,500 is 91 % exactly
      await expect(market.absorb()).to.emit(market.house, "Absorbed");
    });

    it("Enlarged: its owner borrowed or withdrew in this block", async () => {
      const market = await opened();
      const { house } = market;
      const { actor, call, act } = await withActor(market, 0n);
      await expect(act(call.borrow(usdc(16_000)), call.price(1700), call.absorb()))
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(actor, AbsorbRefusal.Enlarged);
      await act(call.borrow(usdc(15_999)));
      await expect(act(call.withdraw(1n), call.price(1700), call.absorb()))
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(actor, AbsorbRefusal.Enlarged);
      await market.setPrice(1700);
      await expect(market.absorb(actor)).to.emit(house, "Absorbed");
    });

    it("BufferFull: by its cap, or without cash for the smallest position", async () => {
      const market = await opened();
      const { buffer, collateral, setPrice, setCap, absorb, house } = market;
      await setPrice(1700);
      /** The least collateral that is worth the smallest position. */
      const least = mulDivUp(MARKET.minDebt, 10n ** 36n, priceE36(1700));
      await setCap(0n);
      await refused(market, AbsorbRefusal.BufferFull);
      await setCap(least - 1n);
      await refused(market, AbsorbRefusal.BufferFull);
      await setCap(least);
      await expect(absorb()).to.emit(house, "Absorbed");
      expect((await buffer.inventory(collateral)).amount).to.equal(least);
    });

    it("BufferFull: a single unit of collateral is worth more than the buffer's cash", async () => {
      const { house, vault, oracle, borrowOracle, buffer, collateral, lender, underwriter, borrower, keeper, open } =
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
      await expect(house.absorb(collateral, borrower, keeper))
        .to.be.revertedWithCustomError(house, "NotAbsorbable")
        .withArgs(borrower, AbsorbRefusal.BufferFull);
      await buffer.connect(underwriter).deposit(usdc(11_460), underwriter);
      await expect(house.absorb(collateral, borrower, keeper)).to.emit(house, "Absorbed");
      expect((await buffer.inventory(collateral)).amount).to.equal(1);
    });

    it("while the oracle is broken, and as it says so", async () => {
      const { oracle, setPrice, absorb } = await opened();
      await setPrice(1700);
      await oracle.setBroken(true);
      await expect(absorb()).to.be.revertedWithCustomError(oracle, "Broken");
    });

    it("every way back in from a token that calls out while pay is sent", async () => {
      const { house, oracle, weth: token, borrowers, keeper } = await deployMarket("MockERC20Hook");
      const [owner, other] = borrowers.map(({ address }) => address) as [string, string];
      await oracle.setPrice(priceE36(2150));
      const hook = await ethers.getContractAt("MockERC20Hook", token.target);
      const [at, to] = [token.target as string, keeper.address];
      // none but the house's own lock is in the way of these
      const calls = [
        house.interface.encodeFunctionData("sync", [at]),
        house.interface.encodeFunctionData("observe", [at]),
        house.interface.encodeFunctionData("open", [at, owner, to]),
        house.interface.encodeFunctionData("absorb", [at, other, to]),
        house.interface.encodeFunctionData("absorbMany", [at, [other], to]),
      ];
      const paid = [
        async () => house.open(token, owner, keeper),
        async () => house.absorb(token, owner, keeper),
        async () => house.absorbMany(token, [owner], keeper),
      ];
      for (const send of paid) {
        for (const call of calls) {
          await hook.setHook(house, call);
          await expect(send()).to.be.revertedWithCustomError(house, "ReentrancyGuardReentrantCall");
        }
      }
      await hook.setHook(ethers.ZeroAddress, "0x");
      await expect(house.absorb(token, owner, keeper)).to.emit(house, "Absorbed");
    });
  });
});
