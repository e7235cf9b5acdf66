import { expect } from "chai";

import {
  GWEI,
  PAY,
  PaidGas,
  Refusal,
  WAD,
  baseFeeOf,
  openFor,
  opened,
  payInWei,
  setBaseFee,
  time,
  usdc,
  weth,
  withActor,
} from "../auctionHouse/setup";

const INTERVAL = BigInt(PAY.interval);

describe("regression: an owner can't burn the pay for its own position", () => {
  /** Opens the lane with its own position, has itself paid, tops up, and lets the lane close. */
  async function burnt() {
    const market = await opened();
    const { house, vault, collateral, borrower, setPrice } = market;
    await setPrice(1900);
    const wealth = async () => (await collateral.balanceOf(borrower)) + (await market.position()).collateral;
    const before = await wealth();
    const transaction = await house.connect(borrower).open(collateral, borrower, borrower);
    const { pay } = await market.openedIn(transaction);
    const paidAt = BigInt(await time.latest());
    expect(pay).to.equal(payInWei(PaidGas.open, await baseFeeOf(transaction)));
    // out of the one pocket into the other: what it has less is the gas
    expect(await wealth()).to.equal(before);
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await time.increaseTo(paidAt + openFor() + 1n);
    expect(await house.isOpen(collateral)).to.be.false;
    return { ...market, paidAt };
  }

  it("its absorption is paid in full, from absorbLtv on and when it is insolvent", async () => {
    for (const price of [1570, 1300]) {
      const { setPrice, absorb, absorbedIn } = await burnt();
      await setPrice(price);
      const transaction = await absorb();
      expect((await absorbedIn(transaction)).pay).to.equal(payInWei(PaidGas.absorb, await baseFeeOf(transaction)));
    }
  });

  it("opening is paid again after the interval of the market, and another's position is sold meanwhile", async () => {
    const { house, collateral, other, open, setPrice, openLane, openedIn, buy, later, paidAt } = await burnt();
    await setPrice(2000);
    await open(other, weth(10), usdc(15_900));
    await time.increase(60);
    await setPrice(1750);
    // unpaid within the interval: it is the market's, whoever's position paid last
    expect((await openedIn(await openLane(other))).pay).to.equal(0);
    await buy(weth(1), await later(400), other);
    const { cursorWad } = await house.lane(collateral);
    const closes = cursorWad / WAD + openFor() + 1n;
    const due = paidAt + INTERVAL;
    await time.setNextBlockTimestamp(closes > due ? closes : due);
    const transaction = await openLane(other);
    expect((await openedIn(transaction)).pay).to.equal(payInWei(PaidGas.open, await baseFeeOf(transaction)));
  });

  it("who opens for a little pay out of a dust of a position has opened the lane for all", async () => {
    const market = await opened(weth(100), usdc(159_000));
    const { house, collateral, borrower, other, open, setPrice, later, buy } = market;
    await open(other, weth(1) / 2n, usdc(795));
    await time.increase(60);
    await setPrice(1900);
    await setBaseFee(2000n * GWEI);
    const fees = { maxFeePerGas: 2001n * GWEI, maxPriorityFeePerGas: GWEI };
    const transaction = await house.connect(other).open(collateral, other, other, fees);
    const { pay } = await market.openedIn(transaction);
    const receipt = (await transaction.wait())!;
    expect(pay).to.equal(weth(1) / 200n);
    // it has burnt eighty times what it took out of its own position
    expect(receipt.gasUsed * receipt.gasPrice).to.be.gt(50n * pay);
    const now = await later(600);
    await expect(buy(weth(1), now)).to.emit(house, "Bought");
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.None);
  });
});

describe("regression: pay is no income", () => {
  it("of own positions, opened and closed and opened again: what reaches the keeper came out of them", async () => {
    const market = await opened();
    const { house, collateral, keeper, setPrice } = market;
    const { actor, call, act } = await withActor(market, usdc(15_900));
    const all = async () => (await collateral.balanceOf(actor)) + (await market.position(actor)).collateral;
    const before = await all();
    await setPrice(1900);
    for (let i = 0; i < 5; ++i) {
      await act(call.open());
      expect(await all()).to.equal(before);
      await time.increase(openFor() + 1n);
    }
    // twice within two hours
    const opens = await house.queryFilter(house.filters.LaneOpened);
    expect(opens.filter(({ args }) => args.pay > 0n)).to.have.length(2);
    expect(await collateral.balanceOf(keeper)).to.equal(weth(10_000));
  });

  it("of an absorption of one's own: at most what its gas costs and the margin, whatever is underwater", async () => {
    const market = await opened(weth(10), usdc(15_900));
    const { setPrice, setPay, absorbedIn } = market;
    const { actor, call, act } = await withActor(market, usdc(15_900));
    await setPay({ tip: 0n });
    await setPrice(1400);
    await setBaseFee(20n * GWEI);
    const transaction = await act(call.absorb());
    const { pay } = await absorbedIn(transaction);
    const receipt = (await transaction.wait())!;
    const baseFee = await baseFeeOf(transaction);
    expect(pay).to.be.lte((PaidGas.absorb * baseFee * 12n) / 10n);
    // and in this simplest of markets, where reading a price costs nearly nothing, at most half more than its gas
    expect(pay).to.be.lt((receipt.gasUsed * baseFee * 3n) / 2n);
    expect(await market.collateral.balanceOf(actor)).to.equal(pay);
  });
});
