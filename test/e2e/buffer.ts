import { expect } from "chai";
import { type ContractTransactionResponse, MaxUint256 } from "ethers";

import { type Vault } from "../../typechain-types";
import { onPool } from "../contracts/route";
import { DAY, HOUR, MINUTE, usdc, weth, world } from "./fixture";

/** `ILiquidityBuffer.SaleRefusal`. */
const SaleRefusal = { None: 0, LaneOpen: 2, PriceUnderAverage: 3 };

/** The arguments of the one event of that name that a transaction emitted, from the vault. */
async function eventOf(
  vault: Vault,
  name: "WrittenOff" | "InterestAccrued",
  sent: ContractTransactionResponse,
): Promise<Record<string, bigint>> {
  const { logs } = (await sent.wait())!;
  const found = logs
    .map((log) => vault.interface.parseLog(log))
    .filter((one) => one !== null)
    .filter((one) => one.name === name);
  expect(found, name).to.have.length(1);
  return found[0]!.args.toObject() as Record<string, bigint>;
}

/** 10 ETH with 15,000 USDC of debt, whose price falls. */
async function crashTo(price: number) {
  const all = await world();
  const { weth: collateral } = all.protocol;
  await all.open(all.people.borrower, collateral, weth(10), usdc(15_000));
  await all.pass(HOUR);
  await all.setPrice("ETH", price);
  return { all, ...all.protocol, ...all.people, collateral, pool: all.pools.ETH };
}

describe("end to end: the buffer", () => {
  it("absorbs, holds, sells its inventory on the real pool, and pays its underwriters", async () => {
    const { all, vault, house, buffer, liquidator, usdc: loan, collateral, borrower, keeper, underwriter, pool } = await crashTo(1640); // prettier-ignore
    const shares = await buffer.balanceOf(underwriter);
    const rich = await loan.balanceOf(underwriter);
    await buffer.connect(underwriter).requestRedeem(shares, underwriter, underwriter);

    // 91.5 %: it can't wait. The buffer pays 3 % less than the price and takes what brings it to its target
    const { collateral: before } = await vault.position(collateral, borrower);
    await expect(house.connect(keeper).absorb(collateral, borrower, keeper)).to.emit(house, "Absorbed");
    const pay = await collateral.balanceOf(keeper);
    const { amount: taken } = await buffer.inventory(collateral);
    const spent = usdc(200_000) - (await buffer.cash());
    expect(pay)
      .to.be.greaterThan(0)
      .and.to.be.at.most(weth(10) / 100n);
    expect(before - (await vault.position(collateral, borrower)).collateral).to.equal(taken + pay);
    expect(Number(spent) / Number((taken * 1640n) / 10n ** 12n)).to.be.closeTo(0.97, 1e-6);
    expect(await all.ltv(collateral, borrower)).to.be.closeTo(0.7885, 0.0001);

    // not while the price is under its average
    const sell = async () =>
      liquidator.connect(keeper).liquidateInventory([onPool(pool)], collateral, MaxUint256, 1, keeper);
    await all.pass(10 * MINUTE);
    await house.sync(collateral);
    await expect(sell())
      .to.be.revertedWithCustomError(buffer, "NotForSale")
      .withArgs(collateral, SaleRefusal.PriceUnderAverage);

    // the fall is over, and it leaves at half the lane's pace
    for (let i = 0; i < 6; i++) {
      await all.pass(30 * MINUTE);
      await house.sync(collateral);
    }
    const { ratePerHour } = await house.lane(collateral);
    expect(taken).to.be.lessThan(ratePerHour / 2n);
    const cash = await buffer.cash();
    await expect(sell()).to.emit(buffer, "InventorySold");
    expect((await buffer.inventory(collateral)).amount).to.equal(0);
    // sold at most 1 % under the price, bought 3 % under it
    const earned = (await buffer.cash()) - cash;
    expect(Number(earned) / Number((taken * 1640n) / 10n ** 12n)).to.be.within(0.99, 1.005);
    expect(await loan.balanceOf(keeper)).to.be.greaterThan(0);

    // the underwriter waits for three days, and half an hour in which the price is watched again
    await expect(buffer.connect(keeper).fulfil(underwriter, keeper)).to.be.revertedWithCustomError(
      buffer,
      "CoolingDown",
    );
    await all.pass(3 * DAY);
    await buffer.connect(keeper).fulfil(underwriter, keeper);
    expect(await buffer.maxRedeem(underwriter)).to.equal(0);
    await all.pass(31 * MINUTE);
    const paidBefore = await loan.balanceOf(keeper);
    await expect(buffer.connect(keeper).fulfil(underwriter, keeper)).to.emit(buffer, "RedeemFulfilled");
    const fulfilPay = (await loan.balanceOf(keeper)) - paidBefore;
    expect(fulfilPay).to.be.greaterThan(0).and.to.be.lessThan(usdc(2));
    // it has made what the buffer made, and its share of interest, less what the fulfilment costs
    await buffer.connect(underwriter).redeem(shares, underwriter, underwriter);
    const gain = (await loan.balanceOf(underwriter)) - rich - usdc(200_000) + fulfilPay;
    expect(gain).to.be.at.least(earned - spent - 1n);
    expect(gain).to.be.lessThan(earned - spent + usdc(1));
  });

  it("lets nobody leave and nothing go while the lane is open, which may bring a loss", async () => {
    const { all, house, buffer, collateral, borrower, keeper, underwriter, buyer } = await crashTo(1640);
    await house.connect(keeper).absorb(collateral, borrower, keeper);
    await buffer.connect(underwriter).requestRedeem(10n ** 9n, underwriter, underwriter);
    const fulfil = async () => buffer.connect(keeper).fulfil(underwriter, keeper);
    await all.open(buyer, collateral, weth(10), usdc(12_000));
    await all.pass(3 * DAY);
    // a fulfilment observes what nobody has, and waits
    await fulfil();
    await all.pass(31 * MINUTE);
    await all.setPrice("ETH", 1440);
    await house.connect(keeper).open(collateral, buyer, keeper);
    const refusal = async () => (await buffer.quoteInventory(collateral, MaxUint256)).refusal;
    // three days after it was absorbed the sale goes on, lane or not
    expect(await refusal()).to.equal(SaleRefusal.None);
    await expect(fulfil()).to.be.revertedWithCustomError(buffer, "MarketInTrouble").withArgs(collateral);

    // the lane closes, and the price is back over its average
    await all.setPrice("ETH", 1640);
    await all.pass(26 * MINUTE);
    expect(await house.isOpen(collateral)).to.equal(false);
    // and somebody sees that feed and venue agree again
    await house.observe(collateral);
    await expect(fulfil()).to.emit(buffer, "RedeemFulfilled");
    expect(await buffer.maxRedeem(underwriter)).to.equal(10n ** 9n);
  });

  it("keeps its inventory back while the lane of the market sells", async () => {
    const { all, house, buffer, collateral, borrower, keeper, buyer } = await crashTo(1640);
    await house.connect(keeper).absorb(collateral, borrower, keeper);
    await all.open(buyer, collateral, weth(10), usdc(12_000));
    await all.pass(HOUR);
    await all.setPrice("ETH", 1440);
    await house.connect(keeper).open(collateral, buyer, keeper);
    expect((await buffer.quoteInventory(collateral, MaxUint256)).refusal).to.equal(SaleRefusal.LaneOpen);
  });

  /**
   * Somebody at 70 % for a while, so that there are reserves, and 10 ETH that fall until they are worth less than they owe.
   * @param underwritten What the buffer has in cash then.
   */
  async function insolvency(underwritten: bigint) {
    const all = await world();
    const { vault, house, buffer, weth: collateral } = all.protocol;
    const { borrower, underwriter, buyer } = all.people;
    const leaving = await buffer.convertToShares((await buffer.cash()) - underwritten);
    await buffer.connect(underwriter).requestRedeem(leaving, underwriter, underwriter);
    await all.open(buyer, collateral, weth(700), usdc(700_000));
    await all.open(borrower, collateral, weth(10), usdc(15_000));
    await all.pass(3 * DAY);
    await house.observe(collateral);
    await house.observe(all.protocol.wbtc);
    await all.pass(31 * MINUTE);
    await buffer.fulfil(underwriter, underwriter);
    await all.pass(5 * DAY);
    await all.setPrice("ETH", 1400);
    await vault.accrueInterest();
    const debt = await vault.debtOf(collateral, borrower);
    const before = {
      reserves: await vault.reserves(),
      fees: await vault.bufferFees(),
      cash: await buffer.cash(),
      lenders: await vault.totalAssets(),
      sharePrice: await vault.convertToAssets(10n ** 12n),
      debt,
    };
    expect(before.reserves).to.be.greaterThan(usdc(10)).and.to.be.lessThan(usdc(900));
    const sent = await house.absorb(collateral, borrower, all.people.keeper);
    const { cost, pay } = await house
      .queryFilter(house.filters.Absorbed, sent.blockNumber!)
      .then((logs) => logs[0]!.args);
    const loss = await eventOf(vault, "WrittenOff", sent);
    const interest = await eventOf(vault, "InterestAccrued", sent);
    const position = await vault.position(collateral, borrower);
    expect([position.collateral, position.debtShares]).to.deep.equal([0n, 0n]);
    expect((await buffer.inventory(collateral)).amount).to.equal(weth(10) - pay);
    expect(pay)
      .to.be.greaterThan(0)
      .and.to.be.at.most(weth(10) / 100n);
    // the buffer pays for what the collateral is worth, and what is left is the loss
    expect(cost).to.equal(((weth(10) - pay) * 1400n + 10n ** 12n - 1n) / 10n ** 12n);
    expect(loss.debt).to.be.within(before.debt - cost, before.debt - cost + usdc(0.01));
    expect(loss.fromReserves! + loss.fromBuffer! + loss.fromLenders!).to.equal(loss.debt);
    // of what the two get of the interest between them, a third is the reserves'
    const owed = interest.owed! - before.reserves - before.fees;
    expect([await vault.reserveShareBps(), await vault.bufferShareBps()]).to.deep.equal([500n, 1000n]);
    expect(loss.fromReserves).to.be.within(before.reserves + owed / 3n, before.reserves + owed / 3n + 1n);
    const fees = interest.owed! - loss.fromReserves!;
    return { all, vault, buffer, before, loss, fees, lenders: before.lenders + interest.interest! - owed, cost };
  }

  it("writes off what an insolvent position owes over its worth: reserves bear it, then the buffer", async () => {
    const { vault, buffer, before, loss, fees, lenders, cost } = await insolvency(usdc(20_000));
    // all of the reserves
    expect(await vault.reserves()).to.equal(0);
    // the buffer all of the rest: first what it had left in the vault, then cash
    expect(loss.fromBuffer).to.equal(loss.debt! - loss.fromReserves!);
    expect(await vault.bufferFees()).to.equal(0);
    expect(await buffer.cash()).to.equal(before.cash - cost - (loss.fromBuffer! - fees));
    // the lenders nothing
    expect(loss.fromLenders).to.equal(0);
    expect((await vault.totalAssets()) - lenders).to.be.within(0n, 2n);
    expect(await vault.convertToAssets(10n ** 12n)).to.be.at.least(before.sharePrice);
  });

  it("and then the lenders, once reserves and buffer are empty", async () => {
    const { vault, buffer, before, loss, fees, lenders, cost } = await insolvency(usdc(14_100));
    expect(loss.fromBuffer).to.equal(fees + before.cash - cost);
    expect(loss.fromLenders).to.equal(loss.debt! - loss.fromReserves! - loss.fromBuffer!);
    expect(loss.fromLenders).to.be.greaterThan(usdc(100));
    expect([await vault.reserves(), await vault.bufferFees(), await buffer.cash()]).to.deep.equal([0n, 0n, 0n]);
    expect((await vault.totalAssets()) - (lenders - loss.fromLenders!)).to.be.within(0n, 2n);
    expect(await vault.convertToAssets(10n ** 12n)).to.be.lessThan(before.sharePrice);
  });
});
