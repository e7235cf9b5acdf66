import { expect } from "chai";

import { Refusal, opened, weth } from "../auctionHouse/setup";

describe("regression: a buffer that is full for the lane is full for take-overs", () => {
  it("nobody is paid a bounty for a take-over of dust, which would leave a start without one", async () => {
    const { house, vault, buffer, collateral, keeper, borrower, setPrice, setCap, start } = await opened();
    await setPrice(1740);
    // room for 348 USDC, and the smallest position owes 500
    await setCap(weth(1) / 5n);
    await expect(house.connect(keeper).absorb(collateral, borrower))
      .to.be.revertedWithCustomError(house, "BufferFull")
      .withArgs(collateral);
    expect((await buffer.inventory(collateral)).amount).to.equal(0);
    await expect(start()).to.emit(vault, "Paid");
  });

  it("and the lane sells what is insolvent, so that one of the two always will", async () => {
    const { house, collateral, borrower, setPrice, setCap, start } = await opened();
    await setPrice(1400);
    await start();
    await setCap(weth(1) / 5n);
    await expect(house.absorb(collateral, borrower)).to.be.revertedWithCustomError(house, "BufferFull");
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.None);
    await setCap(weth(1));
    await expect(house.absorb(collateral, borrower)).to.emit(house, "Absorbed");
    await setCap(weth(10));
    expect((await house.quote(collateral, borrower, weth(1))).refusal).to.equal(Refusal.Insolvent);
  });
});
