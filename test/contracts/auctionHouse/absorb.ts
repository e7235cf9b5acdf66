import { expect } from "chai";
import { type Addressable } from "ethers";
import { ethers } from "hardhat";

import { coreWithoutInterest } from "../fixture";
import { mulDivUp } from "../math";
import { deployMarket } from "../periphery/fixture";
import {
  ALL,
  AbsorbRefusal,
  BPS,
  LANE,
  MARKET,
  PaidGas,
  Refusal,
  WAD,
  baseFeeOf,
  expectedTerms,
  ltvWad,
  mostPay,
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

const TARGET_WAD = (BigInt(LANE.targetLtvBps) * WAD) / BPS;

/** What the buffer pays a unit, as a multiple of the price. */
const multipleWad = (ltv: bigint): bigint => {
  if (ltv >= WAD) return WAD;
  const discount = (BigInt(LANE.absorbDiscountBps) * WAD) / BPS;
  const allowance = (WAD - ltv) / 2n;
  return WAD - (discount < allowance ? discount : allowance);
};

/** What a quantity costs the buffer, rounded up. */
const costOf = (amount: bigint, ltv: bigint, price: bigint): bigint =>
  mulDivUp(amount * multipleWad(ltv), price, 10n ** 54n);

/** What brings a solvent position to its target: (D/p − τ·Q) / (m − τ), rounded down. */
const toTarget = (held: bigint, debt: bigint, price: bigint): bigint =>
  ((debt * 10n ** 54n) / price - TARGET_WAD * held) / (multipleWad(ltvWad(held, debt, price)) - TARGET_WAD);

/** What is absorbed of a position, and what is paid for it, with nothing short. */
function expected(held: bigint, debt: bigint, price: bigint, gasPay: bigint) {
  const most = mostPay(held, debt, price);
  const pay = gasPay < most ? gasPay : most;
  const left = held - pay;
  const ltv = ltvWad(left, debt, price);
  let taken = ltv < WAD ? toTarget(left, debt, price) : left;
  if ((TARGET_WAD * (((left - taken) * price) / 10n ** 36n)) / WAD < MARKET.minDebt) {
    // closed, with a hair more than the exact quantity
    const exact = (debt * 10n ** 54n) / price / multipleWad(ltv);
    taken = ltv < WAD ? exact + exact / 10n ** 15n + 1n : left;
    if (taken > left) taken = left;
  }
  const cost = costOf(taken, ltv, price);
  return { pay, taken, cost: cost < debt ? cost : debt, ltv };
}

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
      expect(pay).to.be.gt(0).and.to.be.lt((gasPay * 3n) / 5n);
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
        const whole = expected(before.collateral, before.debt, priceE36(price), payInWei(PaidGas.absorb, 200n * 10n ** 9n));
        expect([pay, amount]).to.deep.equal([whole.pay, whole.taken]);
        const held = before.collateral - pay;
        expect(ltv).to.equal(ltvWad(held, before.debt, priceE36(price))).and.to.be.lt(WAD);
        const after = await position();
        expect(after.debt === 0n || after.debt * held < before.debt * after.collateral).to.be.true;
      });
    }
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
      for (const call of calls) {
        await hook.setHook(house, call);
        await expect(house.absorb(token, owner, keeper)).to.be.revertedWithCustomError(
          house,
          "ReentrancyGuardReentrantCall",
        );
      }
      await hook.setHook(ethers.ZeroAddress, "0x");
      await expect(house.absorb(token, owner, keeper)).to.emit(house, "Absorbed");
    });
  });
});

/** Three positions of 10, 20 and 5 WETH at 79.5 % of 2000, and an hour of a quiet market. */
async function three() {
  const market = await opened();
  const { house, collateral, borrower, other, lender, keeper, open } = market;
  await open(other, weth(20), usdc(31_800));
  await open(lender, weth(5), usdc(7_950));
  await time.increase(1800);
  const owners = [borrower, other, lender];
  const absorbMany = async (...which: Addressable[]) => house.connect(keeper).absorbMany(collateral, which, keeper);
  const absorbed = async (block: number) =>
    (await house.queryFilter(house.filters.Absorbed, block, block)).map(({ args }) => args);
  return { ...market, owners, absorbMany, absorbed };
}

describe("AuctionHouse.absorbMany", () => {
  it("absorbs several, each as if alone, and pays the first for a transaction, the others for what they add", async () => {
    const { vault, buffer, collateral, keeper, owners, setPrice, absorbMany, absorbed } = await three();
    await setPrice(1740);
    const price = priceE36(1740);
    const before = await Promise.all(owners.map(async (owner) => vault.position(collateral, owner)));
    const [held, cash] = [await collateral.balanceOf(keeper), await buffer.cash()];
    const transaction = await absorbMany(...owners);
    const baseFee = await baseFeeOf(transaction);
    const wanted = before.map(({ collateral: has, debtShares }, i) =>
      expected(has, debtShares, price, payInWei(i === 0 ? PaidGas.absorb : PaidGas.absorbMore, baseFee)),
    );
    const events = await absorbed(transaction.blockNumber!);
    expect(events.map(({ owner, amount, cost, ltvWad: ltv, pay }) => [owner, amount, cost, ltv, pay])).to.deep.equal(
      wanted.map(({ taken, cost, ltv, pay }, i) => [owners[i]!.address, taken, cost, ltv, pay]),
    );
    const sum = (key: "pay" | "taken" | "cost"): bigint => wanted.reduce((total, each) => total + each[key], 0n);
    expect((await collateral.balanceOf(keeper)) - held).to.equal(sum("pay"));
    expect(cash - (await buffer.cash())).to.equal(sum("cost"));
    expect((await buffer.inventory(collateral)).amount).to.equal(sum("taken"));
  });

  it("returns the sums", async () => {
    const { house, collateral, owners, keeper, setPrice, payNobody } = await three();
    await payNobody();
    await setPrice(1740);
    const each = await Promise.all(
      owners.map(async (owner) => house.connect(keeper).absorb.staticCall(collateral, owner, keeper)),
    );
    const many = await house.connect(keeper).absorbMany.staticCall(collateral, owners, keeper);
    expect([...many]).to.deep.equal([0, 1].map((i) => each.reduce((total, one) => total + one[i]!, 0n)));
  });

  it("passes over what can't be absorbed, and pays the first that can be for the transaction", async () => {
    const { vault, collateral, owners, setPrice, absorbMany, absorbed } = await three();
    const [healthy, first, second] = owners;
    await vault.connect(healthy!).repay(collateral, usdc(10_000), healthy!);
    await setPrice(1740);
    const transaction = await absorbMany(...owners);
    const baseFee = await baseFeeOf(transaction);
    const events = await absorbed(transaction.blockNumber!);
    expect(events.map(({ owner, pay }) => [owner, pay])).to.deep.equal([
      [first!.address, payInWei(PaidGas.absorb, baseFee)],
      [second!.address, payInWei(PaidGas.absorbMore, baseFee)],
    ]);
    // and the debt of each goes to the right check
    for (const owner of [first!, second!]) {
      const { collateral: held, debtShares } = await vault.position(collateral, owner);
      expect(ltvWad(held, debtShares, priceE36(1740))).to.be.closeTo(TARGET_WAD, WAD / usdc(2_000));
    }
  });

  it("shares out cash and room in order, the last of them a part, and what is left out is passed over", async () => {
    const { buffer, collateral, owners, setPrice, setCap, payNobody, absorbMany, absorbed } = await three();
    await payNobody();
    await setPrice(1740);
    const [first, second] = [
      toTarget(weth(10), usdc(15_900), priceE36(1740)),
      toTarget(weth(20), usdc(31_800), priceE36(1740)),
    ];
    await setCap(first + second / 2n);
    const { blockNumber } = await absorbMany(...owners);
    const events = await absorbed(blockNumber!);
    expect(events.map(({ owner, amount }) => [owner, amount])).to.deep.equal([
      [owners[0]!.address, first],
      [owners[1]!.address, second / 2n],
    ]);
    expect((await buffer.capacity(collateral)).room).to.equal(0);
  });

  it("writes off each that is insolvent, and pays for each", async () => {
    const { vault, collateral, owners, setPrice, absorbMany, absorbed } = await three();
    await setPrice(1400);
    const { blockNumber } = await absorbMany(...owners);
    const written = await vault.queryFilter(vault.filters.WrittenOff, blockNumber!);
    expect(written.map(({ args }) => args.owner)).to.deep.equal(owners.map(({ address }) => address));
    expect((await absorbed(blockNumber!)).every(({ pay }) => pay > 0n)).to.be.true;
    for (const owner of owners) expect((await vault.position(collateral, owner)).debtShares).to.equal(0);
    expect(await vault.totalDebtShares()).to.equal(0);
  });

  it("refuses a position that stands in it twice, wherever", async () => {
    const { house, owners, setPrice, absorbMany } = await three();
    await setPrice(1740);
    const [a, b, c] = owners;
    await expect(absorbMany(b!, a!, c!, b!))
      .to.be.revertedWithCustomError(house, "DuplicateOrder")
      .withArgs(b);
  });

  it("refuses a batch of which nothing can be absorbed, an empty one, no lane, and a receiver of zero", async () => {
    const { house, loan, collateral, keeper, owners, absorbMany } = await three();
    await expect(absorbMany()).to.be.revertedWithCustomError(house, "NothingAbsorbed");
    await expect(absorbMany(...owners)).to.be.revertedWithCustomError(house, "NothingAbsorbed");
    await expect(house.absorbMany(loan, owners, keeper))
      .to.be.revertedWithCustomError(house, "LaneNotSet")
      .withArgs(loan);
    await expect(house.absorbMany(collateral, owners, ethers.ZeroAddress)).to.be.revertedWithCustomError(
      house,
      "ZeroAddress",
    );
  });
});

describe("AuctionHouse.multicall", () => {
  it("opens a lane, absorbs, and buys from another lane in one transaction, for the receivers that are named", async () => {
    const market = await three();
    const { house, vault, buffer, oracle, borrowOracle, depth, guard, collateral, loan, keeper, governor } = market;
    const { borrower, lender, other, setPrice, openLane, situation, later } = market;
    // a second market, whose lane is closed
    const second = await ethers.deployContract("MockERC20", ["Second", "TWO", 18]);
    await vault.setMarket(second, { oracle, borrowOracle, ...MARKET });
    await house.setLane(second, { ...LANE, depthOracle: depth, guard });
    await second.mint(other, weth(10));
    await second.connect(other).approve(vault, weth(10));
    await vault.connect(other).supplyCollateral(second, weth(10), other);
    await vault.connect(other).borrow(second, usdc(15_900), other, other);
    // the first one's is open, for two at 85 % and 91 %
    await vault.connect(borrower).repay(collateral, usdc(1_100), borrower);
    await vault.connect(lender).supplyCollateral(collateral, weth(1), lender);
    await setPrice(1740);
    await openLane();
    await market.setPay({ nativeOracle: oracle });
    const now = await later(400);
    const terms = expectedTerms(await situation(now));

    const [token, receiver] = [collateral.target as string, governor.address];
    const before = { first: await collateral.balanceOf(governor), cost: await loan.balanceOf(keeper) };
    await time.setNextBlockTimestamp(now);
    const { interface: encode } = house;
    const transaction = await house
      .connect(keeper)
      .multicall([
        encode.encodeFunctionData("open", [second.target as string, other.address, receiver]),
        encode.encodeFunctionData("absorb", [token, other.address, receiver]),
        encode.encodeFunctionData("buy", [token, borrower.address, weth(1), ALL, receiver, "0x"]),
      ]);
    const baseFee = await baseFeeOf(transaction);
    const whole = expected(weth(20), usdc(31_800), priceE36(1740), payInWei(PaidGas.absorb, baseFee));
    expect(await house.isOpen(second)).to.be.true;
    expect(await second.balanceOf(governor)).to.equal(payInWei(PaidGas.open, baseFee));
    expect((await buffer.inventory(collateral)).amount).to.equal(whole.taken);
    expect((await collateral.balanceOf(governor)) - before.first).to.equal(whole.pay + weth(1));
    expect(before.cost - (await loan.balanceOf(keeper))).to.equal(terms.cost(weth(1)));
    const [opening] = await house.queryFilter(house.filters.LaneOpened, transaction.blockNumber!);
    expect(opening!.args.keeper).to.equal(keeper.address);
  });

  it("undoes all of it where one part fails", async () => {
    const { house, collateral, borrower, keeper, setPrice } = await three();
    await setPrice(1740);
    const token = collateral.target as string;
    const calls = [
      house.interface.encodeFunctionData("open", [token, borrower.address, keeper.address]),
      // nothing is emitted in the block of an opening
      house.interface.encodeFunctionData("buy", [token, borrower.address, weth(1), ALL, keeper.address, "0x"]),
    ];
    await expect(house.connect(keeper).multicall(calls))
      .to.be.revertedWithCustomError(house, "NotBuyable")
      .withArgs(borrower, Refusal.LaneEmpty);
    expect(await house.isOpen(collateral)).to.be.false;
  });

  it("takes no coin with it", async () => {
    const { house, keeper } = await three();
    await expect(keeper.sendTransaction({ to: house, value: 1n })).to.be.reverted;
  });
});
