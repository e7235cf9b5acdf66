import { expect } from "chai";
import { ethers } from "hardhat";

import { underwriting } from "../buffer/fixture";
import { PAY, coreWithoutInterest, time, usdc, weth } from "../fixture";

const STAKE = usdc(2_000_000);

/** The buffer holds 77.6 WETH that it absorbed at 1,700 USDC, 65 % of its value, and the average has come down there. */
async function afterCrash() {
  const all = await coreWithoutInterest();
  const { house, buffer, collateral, borrower, keeper, open, setPrice } = all;
  await house.setPay({ ...PAY, capBps: 0 });
  await open(borrower, weth(100), usdc(158_000));
  await time.increase(60);
  await setPrice(1700);
  await house.absorb(collateral, borrower, keeper);
  const ways = underwriting(all);
  for (let halfHour = 0; halfHour < 12; halfHour++) await ways.watch();

  /** Everything is sold at about the oracle price. */
  const sellOut = async (): Promise<void> => {
    while ((await buffer.inventory(collateral)).amount !== 0n) {
      await time.increase(119);
      await buffer.connect(keeper).buyInventory(collateral, ethers.MaxUint256, ethers.MaxUint256, keeper, "0x");
    }
  };
  /** What a stake gains that comes at one price, and leaves when the inventory is sold at another. */
  const gainOf = async (from: number, to: number): Promise<bigint> => {
    await setPrice(from);
    await buffer.connect(all.other).deposit(STAKE, all.other);
    await setPrice(to);
    await sellOut();
    return (await ways.leave(all.other)) - STAKE;
  };
  return { ...all, gainOf };
}

describe("regression: a deposit ahead of a rise that the feed has not published", () => {
  it("gains nothing by what a feed lags behind, half a per cent", async () => {
    const { gainOf } = await afterCrash();
    expect(await gainOf(1700, 1708.5)).to.be.within(-usdc(20), usdc(0));
  });

  it("gains its part of what the rise is above that, and no more", async () => {
    const { gainOf } = await afterCrash();
    // 0.907 of 131,983 USDC, by 1.5 %
    expect(await gainOf(1700, 1734)).to.be.within(usdc(1750), usdc(1800));
  });

  it("gains nothing by the way back of a wick: it pays by the average", async () => {
    const { gainOf } = await afterCrash();
    expect(await gainOf(1500, 1700)).to.be.within(-usdc(700), usdc(0));
  });
});
