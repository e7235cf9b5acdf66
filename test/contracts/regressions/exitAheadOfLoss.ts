import { expect } from "chai";
import { ethers } from "hardhat";

import { HALF_HOUR, underwriting } from "../buffer/fixture";
import { HOUR, PAY, coreWithoutInterest, priceE36, time, usdc, weth } from "../fixture";

/** Two underwriters of 200,000 USDC each; the first has asked for all of it, and its cooldown is over. */
async function leaving() {
  const all = await coreWithoutInterest();
  const { buffer, house, other, underwriter, collateral, keeper } = all;
  await house.setPay({ ...PAY, capBps: 0 });
  await buffer.connect(other).deposit(usdc(200_000), other);
  const ways = underwriting(all);

  /** Twenty positions of 10 WETH that owe 15,800 USDC each. */
  const openTwenty = async (): Promise<string[]> => {
    const borrowers = await ethers.deployContract("MockBorrowers", [all.vault]);
    await collateral.mint(borrowers, weth(200));
    const { blockNumber } = await borrowers.connect(keeper).open(collateral, 20, weth(10), usdc(15_800));
    const logs = await all.vault.queryFilter(all.vault.filters.Borrowed(), blockNumber ?? undefined);
    return logs.map((log) => log.args.owner);
  };
  const refused = async (): Promise<void> => {
    await expect(buffer.fulfil(underwriter, underwriter))
      .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
      .withArgs(await collateral.getAddress());
  };
  return { ...all, ...ways, openTwenty, refused };
}

describe("regression: an underwriter who leaves ahead of a loss that is on chain (B3)", () => {
  it("can't be the first to act on positions that nobody has looked at for hours", async () => {
    const all = await leaving();
    const { buffer, vault, house, collateral, underwriter, other, keeper, setPrice, openTwenty, request } = all;
    const owners = await openTwenty();
    await request(underwriter);
    // all at 106 %: 18,000 USDC are lost, the average comes down, and one has looked
    await setPrice(1490);
    await house.observe(collateral);
    await time.increase(3n * HOUR);
    expect(await house.ema(collateral)).to.be.lt((priceE36(1490) * 10_010n) / 10_000n);

    expect(await buffer.fulfil.staticCall(underwriter, underwriter)).to.deep.equal([0n, 0n]);
    await buffer.fulfil(underwriter, underwriter);
    await time.increase(HALF_HOUR / 2);
    await all.refused();
    // others have half an hour, and are paid for what they do in it
    await house.connect(keeper).absorbMany(collateral, owners, keeper);
    expect(await vault.totalDebt()).to.equal(0);
    await time.increase(HALF_HOUR);
    await buffer.fulfil(underwriter, underwriter);

    // 400,000 less 316,000 of debt, and 200 WETH; the first leaves with as much of the cash as there is, at its price
    const cash = usdc(400_000 - 316_000);
    const value = cash + (usdc(298_000) * 95n) / 100n;
    expect(await buffer.maxWithdraw(underwriter)).to.equal(cash);
    const rest = await buffer.convertToAssets(await buffer.pendingRedeemRequest(0n, underwriter));
    expect(cash + rest).to.be.within(value / 2n - 3n, value / 2n);
    expect(await buffer.convertToAssets(await buffer.balanceOf(other))).to.be.within(value / 2n - 1n, value / 2n + 3n);
  });

  it("can't leave in the block of a fall that nobody saw rise before, nor for half an hour", async () => {
    const { buffer, house, collateral, underwriter, setPrice, request, watch, refused } = await leaving();
    await request(underwriter);
    await house.observe(collateral);
    // up to 2,600 without a look, and down to 0.75 % under what was seen last
    await setPrice(2600);
    await time.increase(20 * 60);
    await setPrice(1985);
    await refused();
    await house.observe(collateral);
    for (let minutes = 0; minutes < 30; minutes += 5) {
      await refused();
      await time.increase(5 * 60);
    }
    await refused();
    // the price stays, and is watched
    await watch();
    await watch();
    await buffer.fulfil(underwriter, underwriter);
    expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(200_000));
  });

  it("can't leave in the block of a fall where nobody has looked for an hour, however it went before", async () => {
    const { buffer, underwriter, setPrice, request, refused } = await leaving();
    await request(underwriter);
    await setPrice(2600);
    await time.increase(HOUR);
    // not under the average at all
    await setPrice(2001);
    expect(await buffer.fulfil.staticCall(underwriter, underwriter)).to.deep.equal([0n, 0n]);
    await buffer.fulfil(underwriter, underwriter);
    await refused();
    await time.increase(HALF_HOUR - 60);
    await refused();
    await time.increase(60);
    await buffer.fulfil(underwriter, underwriter);
  });

  it("can't leave while the price falls slowly: 1.2 % an hour for 26 hours, seen every half hour", async () => {
    const { buffer, house, collateral, underwriter, oracle, request, refused } = await leaving();
    await request(underwriter);
    let price = 2000;
    let looks = 0;
    let open = 0;
    for (let minute = 10; minute <= 26 * 60; minute += 10) {
      await time.increase(600);
      // the feed moves by its threshold of half a per cent
      const now = 2000 * (1 - 0.012) ** (minute / 60);
      if (price / now > 1.005) {
        price = now;
        await oracle.setPrice(priceE36(price));
      }
      if (minute % 30 === 0) await house.sync(collateral);
      looks++;
      if ((await buffer.marketInTrouble()) === ethers.ZeroAddress) open++;
    }
    expect(looks).to.equal(156);
    // before the first step of the feed
    expect(open).to.be.lte(3);
    await refused();
  });
});
