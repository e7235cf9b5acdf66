import { expect } from "chai";
import { ethers } from "hardhat";

import { buffering } from "../buffer/fixture";
import { MARKET, usdc, weth } from "../fixture";

const REFUSAL = { none: 0n, insolvent: 4n } as const;

/** No cash, fees that nobody has collected, and an insolvent position in an open lane. */
async function withFees(fees: bigint) {
  const all = await buffering();
  const { buffer, house, collateral, other, keeper, asVault, open, setPrice, earnFee } = all;
  await open(other, weth(1), usdc(1600));
  await buffer.connect(asVault).cover(ethers.MaxUint256);
  await setPrice(1500);
  await house.open(collateral, other, keeper);
  await earnFee(fees);
  const refusal = async (): Promise<bigint> => {
    await ethers.provider.send("evm_mine");
    return (await house.quote(collateral, other, weth(1))).refusal;
  };
  return { ...all, refusal };
}

describe("regression: collecting fees, which needs no capital, makes no full buffer one with room", () => {
  it("an insolvent position can't be bought before or after, where fees are enough for it to be absorbed", async () => {
    const { buffer, house, collateral, other, keeper, refusal } = await withFees(MARKET.minDebt);
    expect(await refusal()).to.equal(REFUSAL.insolvent);
    // and it can be absorbed with what is not collected
    await house.absorb.staticCall(collateral, other, keeper);
    await buffer.collectFees();
    expect(await buffer.cash()).to.equal(MARKET.minDebt);
    expect(await refusal()).to.equal(REFUSAL.insolvent);
  });

  it("it can be bought before and after, where they are not", async () => {
    const { buffer, house, collateral, other, keeper, refusal } = await withFees(MARKET.minDebt - 1n);
    expect(await refusal()).to.equal(REFUSAL.none);
    await buffer.collectFees();
    expect(await refusal()).to.equal(REFUSAL.none);
    await expect(house.absorb(collateral, other, keeper)).to.be.revertedWithCustomError(house, "NotAbsorbable");
  });
});
