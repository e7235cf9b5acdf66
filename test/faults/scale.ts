import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { ALL, CLOSES_AFTER, COOLDOWN, Refusal, URGENT, burst } from "../attacks/setup";
import {
  ETH_PRICE,
  INVENTORY,
  LANE,
  MARKET,
  coreWithoutInterest,
  priceE36,
  time,
  usdc,
  weth,
} from "../contracts/fixture";

/** The gas of a block on mainnet when these limits were chosen; each call must stay far under it. */
const BLOCK_GAS = 30_000_000n;

/** As many positions of 1 WETH and 1,590 USDC, each of an owner of its own. */
async function crowd(count: number) {
  const all = await coreWithoutInterest();
  const { vault, loan, collateral, lender, buffer, underwriter } = all;
  await loan.mint(lender, usdc(10_000_000));
  await vault.connect(lender).deposit(usdc(9_000_000), lender);
  await loan.mint(underwriter, usdc(1_000_000));
  await buffer.connect(underwriter).deposit(usdc(1_000_000), underwriter);
  const borrowers = await ethers.deployContract("MockBorrowers", [vault]);
  await collateral.mint(borrowers, weth(count));
  const batch = 20;
  for (let opened = 0; opened < count; opened += batch) {
    await borrowers.open(collateral, Math.min(batch, count - opened), weth(1), usdc(1590), { gasLimit: BLOCK_GAS });
  }
  const from = borrowers.target as string;
  const owners = Array.from({ length: count }, (_, i) => ethers.getCreateAddress({ from, nonce: i + 1 }));
  await time.increase(3600);
  return { ...all, owners };
}

const fifty = async () => crowd(50);

describe("faults: many at once", () => {
  it("5,000 positions in a market cost nobody anything: the first, the last and all the others are as they would be alone", async () => {
    const all = await crowd(5000);
    const { vault, house, collateral, owners, keeper, lender, borrower, setPrice, open } = all;
    for (const owner of [owners[0]!, owners[4999]!]) {
      expect(await vault.debtOf(collateral, owner)).to.equal(usdc(1590));
    }
    expect(await collateral.balanceOf(vault)).to.equal(weth(5000));
    expect(await vault.totalDebt()).to.equal(5000n * usdc(1590));
    await open(borrower, weth(1), usdc(1590));
    await setPrice(1900);
    const gas: bigint[] = [];
    await (await house.connect(keeper).open(collateral, owners[17]!, keeper)).wait();
    await time.increase(600);
    for (const owner of [owners[1]!, owners[0]!, owners[2500]!, owners[4999]!]) {
      const sent = await house.connect(keeper).buy(collateral, owner, weth(1) / 100n, ALL, keeper, "0x");
      gas.push((await sent.wait())!.gasUsed);
    }
    // the first one refreshes what all share
    const [, first, ...rest] = gas;
    for (const used of rest) expect(used).to.be.lte((first! * 105n) / 100n);
    expect(first).to.be.lt(250_000n);
    await house.connect(keeper).buy(collateral, owners[4999]!, ALL, ALL, keeper, "0x");
    // O1
    await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
    await vault.connect(keeper).repay(collateral, usdc(1000), owners[4998]!);
    await vault.connect(lender).withdraw(usdc(1000), lender, lender);
    expect(await vault.totalAssets()).to.be.gte(usdc(9_999_000));
  });

  it("50 unhealthy positions in one lane: one call buys from all of them at the lane's pace, one absorbs them all", async () => {
    const all = await loadFixture(fifty);
    const { vault, house, buffer, collateral, owners, keeper, underwriter, setPrice } = all;
    await setPrice(1900);
    await house.connect(keeper).open(collateral, owners[7]!, keeper);
    await time.increase(240);
    const orders = owners.map((owner) => ({ owner, maxCollateral: weth(1) / 100n }));
    const receipt = await (await house.connect(keeper).buyMany(collateral, orders, ALL, keeper, "0x")).wait();
    const bought = await house.queryFilter(house.filters.Bought, receipt!.blockNumber);
    expect(bought.length).to.equal(50);
    expect(receipt!.gasUsed).to.be.lt(BLOCK_GAS / 6n);
    const { ratePerHour } = await house.lane(collateral);
    const sum = bought.reduce((total, { args }) => total + args.amount, 0n);
    expect(sum).to.be.lte(burst(ratePerHour * URGENT, 1000n));
    // O1: each repays or tops up, and is free
    await vault.connect(keeper).repay(collateral, ALL, owners[0]!);
    await vault.connect(keeper).supplyCollateral(collateral, weth(1), owners[1]!);
    for (const owner of owners.slice(0, 2)) {
      expect((await house.quote(collateral, owner, ALL)).refusal).to.equal(Refusal.Healthy);
    }
    await setPrice(1700);
    const absorbed = await (await house.connect(keeper).absorbMany(collateral, owners.slice(2), keeper)).wait();
    expect(absorbed!.gasUsed).to.be.lt(BLOCK_GAS / 4n);
    expect((await house.queryFilter(house.filters.Absorbed, absorbed!.blockNumber)).length).to.equal(48);
    expect(await buffer.marketInTrouble()).to.equal(collateral.target);
    await time.increase(CLOSES_AFTER);
    expect(await house.isOpen(collateral)).to.equal(false);
    expect(await buffer.balanceOf(underwriter)).to.be.gt(0n);
  });

  it("16 markets, each with a lane and inventory: every call stays far under a block's gas", async () => {
    const all = await coreWithoutInterest();
    const { vault, house, buffer, collateral, depth, guard, borrower, keeper, underwriter, lender } = all;
    const markets = [{ token: collateral, oracle: all.oracle }];
    for (let i = 1; i < 16; ++i) {
      const token = await ethers.deployContract("MockERC20", [`T${i}`, `T${i}`, 18]);
      const oracle = await ethers.deployContract("MockOracle", [priceE36(ETH_PRICE)]);
      await vault.setMarket(token, { ...MARKET, oracle, borrowOracle: oracle });
      await house.setLane(token, { ...LANE, depthOracle: depth, guard });
      await buffer.setInventoryParameters(token, INVENTORY);
      await token.mint(borrower, weth(10));
      await token.connect(borrower).approve(vault, ALL);
      markets.push({ token, oracle });
    }
    const gasOf = async (sent: Promise<{ wait: () => Promise<{ gasUsed: bigint } | null> }>): Promise<bigint> =>
      (await (await sent).wait())!.gasUsed;
    for (const { token } of markets) {
      await vault.connect(borrower).supplyCollateral(token, weth(5), borrower);
      await vault.connect(borrower).borrow(token, usdc(7950), borrower, borrower);
    }
    await time.increase(60);
    for (const { token, oracle } of markets) {
      await oracle.setPrice(priceE36(1740));
      expect(await gasOf(house.connect(keeper).absorb(token, borrower, keeper))).to.be.lt(600_000n);
      expect((await buffer.inventory(token)).amount).to.be.gt(0n);
    }
    await buffer.connect(underwriter).requestRedeem(usdc(10_000) * 1000n, underwriter, underwriter);
    await time.increase(COOLDOWN);
    expect(await gasOf(buffer.connect(underwriter).deposit(usdc(1), underwriter))).to.be.lt(BLOCK_GAS / 30n);
    // one oracle that fails keeps requests waiting, and nothing else
    await markets[7]!.oracle.setBroken(true);
    await expect(buffer.connect(keeper).fulfil(underwriter, keeper))
      .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
      .withArgs(markets[7]!.token.target);
    await markets[7]!.oracle.setBroken(false);
    // the first call looks at all of them
    expect(await gasOf(buffer.connect(keeper).fulfil(underwriter, keeper))).to.be.lt(BLOCK_GAS / 15n);
    await time.increase(1800);
    expect(await gasOf(buffer.connect(keeper).fulfil(underwriter, keeper))).to.be.lt(BLOCK_GAS / 15n);
    await markets[7]!.oracle.setBroken(true);
    // what is claimable is so for good
    const claim = buffer.connect(underwriter).redeem(usdc(10_000) * 1000n, underwriter, underwriter);
    expect(await gasOf(claim)).to.be.lt(BLOCK_GAS / 200n);
    for (const { token } of markets) {
      await vault.connect(borrower).supplyCollateral(token, weth(1), borrower);
      await vault.connect(borrower).repay(token, ALL, borrower);
      await vault.connect(borrower).withdrawCollateral(token, 1n, borrower, borrower);
    }
    await vault.connect(lender).withdraw(usdc(1_000_000) - 1n, lender, lender);
  });
});
