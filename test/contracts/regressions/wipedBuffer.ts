import { expect } from "chai";
import { ethers } from "hardhat";

import { COOLDOWN, HALF_HOUR, signerOf, underwriting } from "../buffer/fixture";
import { PAY, coreWithoutInterest, deployHouse, time, usdc, weth } from "../fixture";

/** What 798 USDC can be borrowed against, at 80 % of 2,000. */
const COLLATERAL = weth(0.49875);

/** No underwriter, and twelve positions of an attacker's own that a fall of 30 % has made insolvent, in an open lane. */
async function attacked() {
  const all = await coreWithoutInterest();
  const { vault, house, buffer, collateral, underwriter, keeper, setPrice } = all;
  await house.setPay({ ...PAY, capBps: 0 });
  const ways = underwriting(all);
  await ways.leave(underwriter);
  const borrowers = await ethers.deployContract("MockBorrowers", [vault]);
  await collateral.mint(borrowers, 12n * COLLATERAL);
  const opened = await borrowers.connect(keeper).open(collateral, 12, COLLATERAL, usdc(798));
  const logs = await vault.queryFilter(vault.filters.Borrowed(), opened.blockNumber ?? undefined);
  const owners = logs.map((log) => log.args.owner);
  await setPrice(1400);
  const [witness] = owners;
  if (witness === undefined) throw new Error("no position");
  await house.open(collateral, witness, keeper);

  // until the lane has come down to under the price, so that each position loses more than 100
  await time.increase(900);

  /** Buys a position whole, so that its loss is written off. */
  const buyWhole = async (): Promise<void> => {
    const owner = owners.pop();
    if (owner === undefined) throw new Error("no position is left");
    await time.increase(10);
    await house.connect(keeper).buy(collateral, owner, ethers.MaxUint256, ethers.MaxUint256, keeper, "0x");
    expect((await vault.position(collateral, owner)).debtShares).to.equal(0);
  };
  /** 100 USDC go in, and a position's loss takes them. */
  const wipeOut = async (): Promise<void> => {
    await buffer.connect(keeper).deposit(usdc(100), keeper);
    await buyWhole();
    expect(await buffer.cash()).to.equal(0);
  };
  return { ...all, ...ways, buyWhole, wipeOut };
}

describe("regression: a buffer that is wiped out again and again, by bad debt of the depositor's own (B5)", () => {
  for (const times of [1, 6, 9, 12]) {
    it(`lets an honest deposit out whole, after ${times} times`, async () => {
      const { buffer, other, wipeOut, leave } = await attacked();
      for (let i = 0; i < times; i++) await wipeOut();
      await buffer.connect(other).deposit(usdc(100_000), other);
      expect(await leave(other)).to.be.within(usdc(100_000) - 1n, usdc(100_000));
    });
  }

  it("and one that came in between bears its part of what is lost after it, and no more", async () => {
    const { buffer, other, keeper, buyWhole, wipeOut } = await attacked();
    for (let i = 0; i < 5; i++) await wipeOut();
    await buffer.connect(other).deposit(usdc(300), other);
    await buffer.connect(keeper).deposit(usdc(100), keeper);
    await buyWhole();
    const lost = usdc(400) - (await buffer.cash());
    expect(lost).to.be.within(usdc(100), usdc(200));
    const left = usdc(300) - (lost * 3n) / 4n;
    expect(await buffer.convertToAssets(await buffer.balanceOf(other))).to.be.within(left - 2n, left + 2n);
  });

  for (const decimals of [0, 6, 18, 27]) {
    it(`with ${decimals} decimals, whatever is left each time`, async () => {
      const { manager, rates, other, keeper } = await coreWithoutInterest();
      const loan = await ethers.deployContract("MockERC20", ["Loan", "LOAN", decimals]);
      const vault = await ethers.deployContract("Vault", [loan, "V", "V", rates, manager]);
      const house = await deployHouse(vault, manager);
      const buffer = await ethers.deployContract("LiquidityBuffer", [house, "B", "B", COOLDOWN, manager]);
      await vault.link(house, buffer);
      const asVault = await signerOf(vault);
      const unit = 10n ** BigInt(decimals);
      const [stake, honest] = [100n * unit, 100_000n * unit];
      for (const user of [keeper, other]) {
        await loan.mint(user, 10n ** 9n * unit);
        await loan.connect(user).approve(buffer, ethers.MaxUint256);
      }
      // nothing, a few units, a hair over and under the millionth from which shares are merged, a thousandth
      const lefts = [0n, 1n, 3n, stake / 10n ** 6n, stake / 10n ** 6n + 1n, stake / 1000n];
      for (let round = 0; round < 36; round++) {
        await buffer.connect(keeper).deposit(stake, keeper);
        const left = lefts[(round * 5 + (round % 7)) % lefts.length] ?? 0n;
        const cash = await buffer.cash();
        if (cash > left) await buffer.connect(asVault).cover(cash - left);
        if (round % 6 !== 5) continue;
        await buffer.connect(other).deposit(honest, other);
        await buffer.connect(other).requestRedeem(await buffer.balanceOf(other), other, other);
        // more shares make no difference to one that is there
        await buffer.connect(keeper).deposit(stake, keeper);
        await time.increase(COOLDOWN + HALF_HOUR);
        await buffer.fulfil(other, other);
        const out = await buffer.maxWithdraw(other);
        expect(out).to.be.within(honest - 2n, honest + 1n);
        await buffer.connect(other).redeem(await buffer.maxRedeem(other), other, other);
      }
    });
  }
});
