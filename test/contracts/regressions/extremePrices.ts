import { expect } from "chai";
import { ethers } from "hardhat";

import { INVENTORY, LANE, MARKET, core } from "../fixture";

/** A collateral that can't be divided, a unit of which is worth 2e23 units of the loan asset. */
const UNIT_PRICE = 2n * 10n ** 59n;
const UNIT_VALUE = UNIT_PRICE / 10n ** 36n;

/** Its market, without a lane yet. */
async function indivisible() {
  const all = await core();
  const token = await ethers.deployContract("MockERC20", ["Whole", "WHOLE", 0]);
  const oracle = await ethers.deployContract("MockOracle", [UNIT_PRICE]);
  const debtCeiling = 2n ** 112n - 1n;
  await all.vault.setMarket(token, { ...MARKET, oracle, borrowOracle: oracle, debtCeiling });
  const lane = { ...LANE, minRatePerHour: 1n, depthOracle: all.depth, guard: all.guard };
  return { ...all, token, oracle, lane };
}

describe("regression: extreme prices", () => {
  it("an absorption that cash limits does not overflow", async () => {
    const { vault, house, buffer, loan, token, oracle, lane, lender, underwriter, borrower } = await indivisible();
    await house.setLane(token, lane);
    await buffer.setInventoryParameters(token, { ...INVENTORY, cap: 1000n });
    for (const user of [lender, underwriter]) await loan.mint(user, 100n * UNIT_VALUE);
    await vault.connect(lender).deposit(100n * UNIT_VALUE, lender);
    await buffer.connect(underwriter).deposit(2n * UNIT_VALUE, underwriter);
    await token.mint(borrower, 100n);
    await token.connect(borrower).approve(vault, ethers.MaxUint256);
    await vault.connect(borrower).supplyCollateral(token, 100n, borrower);
    await vault.connect(borrower).borrow(token, 79n * UNIT_VALUE, borrower, borrower);

    await oracle.setPrice((UNIT_PRICE * 3n) / 4n);
    const cash = await buffer.cash();
    await house.absorb(token, borrower, lender);
    // insolvent, so paid for at the oracle price: 2 / 0.75 units, rounded down
    expect((await buffer.inventory(token)).amount).to.equal(2n);
    expect(cash - (await buffer.cash())).to.equal((2n * UNIT_VALUE * 3n) / 4n);
  });

  it("setLane refuses a price that the lane can't hold, and does not cut it", async () => {
    const { house, token, oracle, lane } = await indivisible();
    await oracle.setPrice(2n ** 216n + 1n);
    await expect(house.setLane(token, lane))
      .to.be.revertedWithCustomError(house, "SafeCastOverflowedUintDowncast")
      .withArgs(216, 2n ** 216n + 1n);
  });
});
