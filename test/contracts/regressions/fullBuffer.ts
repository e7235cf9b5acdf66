import { expect } from "chai";

import { AbsorbRefusal, Refusal, opened, weth } from "../auctionHouse/setup";

describe("regression: a buffer that is full for the lane is full for absorptions", () => {
  it("nobody is paid for absorbing dust", async () => {
    const { house, buffer, collateral, borrower, setPrice, setCap, absorb } = await opened();
    await setPrice(1740);
    // room for 348 USDC, and the smallest position owes 500
    await setCap(weth(1) / 5n);
    await expect(absorb())
      .to.be.revertedWithCustomError(house, "NotAbsorbable")
      .withArgs(borrower, AbsorbRefusal.BufferFull);
    expect((await buffer.inventory(collateral)).amount).to.equal(0);
  });

  it("and the lane sells what is insolvent, so that one of the two always will", async () => {
    const { house, collateral, borrower, setPrice, setCap, openLane, absorb, later, buy } = await opened();
    await setPrice(1400);
    await openLane();
    await setCap(weth(1) / 5n);
    await expect(absorb()).to.be.revertedWithCustomError(house, "NotAbsorbable");
    await expect(buy(weth(1), await later(300))).to.emit(house, "Bought");
    await setCap(weth(1));
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.Insolvent);
    await expect(absorb()).to.emit(house, "Absorbed");
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.None);
    await setCap(weth(10));
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.Insolvent);
  });
});
