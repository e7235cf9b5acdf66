import { expect } from "chai";

import { ALL, COOLDOWN, DAY, Refusal, later, selling, watch } from "../attacks/setup";
import { core, time, usdc, weth } from "../contracts/fixture";

const YEAR = 365 * DAY;

describe("faults: jumps of block.timestamp", () => {
  for (const [what, seconds] of [
    ["a day", DAY],
    ["a year", YEAR],
    ["ten years", 10 * YEAR],
    ["forty years", 40 * YEAR],
  ] as const) {
    it(`${what}: interest is exact, the lane has closed, opened again it has no more than a burst, and all goes on`, async () => {
      const all = await core();
      const { vault, house, buffer, collateral, borrower, other, keeper, lender, underwriter, open, setPrice } = all;
      await open(borrower, weth(100), usdc(100_000));
      await open(other, weth(10), usdc(15_900));
      await buffer.connect(underwriter).requestRedeem(usdc(100) * 1000n, underwriter, underwriter);
      await setPrice(1850);
      await house.connect(keeper).open(collateral, other, keeper);
      await time.increase(seconds);
      await vault.accrueInterest();
      expect(await vault.totalDebt()).to.be.gt(usdc(115_900));

      expect((await house.quote(collateral, other, ALL)).refusal).to.equal(Refusal.LaneClosed);
      await house.sync(collateral);
      // the average has forgotten what was before
      expect(await house.ema(collateral)).to.equal(await all.oracle.price());
      await house.connect(keeper).open(collateral, other, keeper);
      await time.increase(600);
      const { available } = await house.quote(collateral, other, ALL);
      const { ratePerHour } = await house.lane(collateral);
      // five times the pace where there is no equity left
      expect(available).to.be.lte((ratePerHour * 5n * 21n) / 60n);

      // O1, and that lenders get out what there is
      for (const owner of [other, borrower]) {
        await vault.connect(owner).supplyCollateral(collateral, weth(1), owner);
        await vault.connect(owner).repay(collateral, usdc(1000), owner);
        await all.loan.mint(owner, await vault.debtOf(collateral, owner));
        await vault.connect(owner).repay(collateral, ALL, owner);
        await vault.connect(owner).withdrawCollateral(collateral, weth(1), owner, owner);
      }
      await vault.connect(lender).redeem(await vault.maxRedeem(lender), lender, lender);
      await time.increase(COOLDOWN);
      await watch(all);
      await buffer.connect(keeper).fulfil(underwriter, keeper);
      await buffer.connect(underwriter).redeem(await buffer.maxRedeem(underwriter), underwriter, underwriter);
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(0n);
    });
  }

  it("backwards never, and twice in one second: nothing is emitted or accrued between", async () => {
    const { house, vault, collateral, borrower, keeper, buy } = await selling();
    const now = await later(1200);
    await buy(weth(1) / 10n, now);
    const index = await vault.indexE27();
    const { cursorWad } = await house.lane(collateral);
    const again = await house
      .connect(keeper)
      .buy.staticCall(collateral, borrower, weth(1) / 100n, ALL, keeper, "0x", { blockTag: "latest" });
    expect(again.bought).to.equal(weth(1) / 100n);
    expect(await vault.indexE27()).to.equal(index);
    expect((await house.lane(collateral)).cursorWad).to.equal(cursorWad);
    await expect(time.setNextBlockTimestamp(now - 1n)).to.be.rejected;
  });
});
