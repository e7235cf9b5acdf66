import { expect } from "chai";
import { ethers } from "hardhat";

import { signerOf } from "../fixture";
import { mulDivUp } from "../math";
import { TARGET_WAD, costOf, expected, multipleWad, three, toTarget } from "./absorption";
import { PaidGas, WAD, baseFeeOf, ltvWad, payInWei, priceE36, usdc, weth } from "./setup";

describe("AuctionHouse.absorbMany", () => {
  it("absorbs several, each as if alone, and pays the first for a transaction, the others for what they add", async () => {
    const { vault, buffer, collateral, keeper, owners, setPrice, absorbMany, absorbed } = await three();
    await setPrice(1740);
    const price = priceE36(1740);
    const before = await Promise.all(owners.map(async (owner) => vault.position(collateral, owner)));
    const [held, cash] = [await collateral.balanceOf(keeper), await buffer.cash()];
    const transaction = await absorbMany(...owners);
    const baseFee = await baseFeeOf(transaction);
    const wanted = before.map(({ collateral: has, debtShares }, i) =>
      expected(has, debtShares, price, payInWei(i === 0 ? PaidGas.absorb : PaidGas.absorbMore, baseFee)),
    );
    const events = await absorbed(transaction.blockNumber!);
    expect(events.map(({ owner, amount, cost, ltvWad: ltv, pay }) => [owner, amount, cost, ltv, pay])).to.deep.equal(
      wanted.map(({ taken, cost, ltv, pay }, i) => [owners[i]!.address, taken, cost, ltv, pay]),
    );
    const sum = (key: "pay" | "taken" | "cost"): bigint => wanted.reduce((total, each) => total + each[key], 0n);
    expect((await collateral.balanceOf(keeper)) - held).to.equal(sum("pay"));
    expect(cash - (await buffer.cash())).to.equal(sum("cost"));
    expect((await buffer.inventory(collateral)).amount).to.equal(sum("taken"));
  });

  it("returns the sums", async () => {
    const { house, collateral, owners, keeper, setPrice, payNobody } = await three();
    await payNobody();
    await setPrice(1740);
    const each = await Promise.all(
      owners.map(async (owner) => house.connect(keeper).absorb.staticCall(collateral, owner, keeper)),
    );
    const many = await house.connect(keeper).absorbMany.staticCall(collateral, owners, keeper);
    expect([...many]).to.deep.equal([0, 1].map((i) => each.reduce((total, one) => total + one[i]!, 0n)));
  });

  it("passes over what can't be absorbed, and pays the first that can be for the transaction", async () => {
    const { vault, collateral, owners, setPrice, absorbMany, absorbed } = await three();
    const [healthy, first, second] = owners;
    await vault.connect(healthy).repay(collateral, usdc(10_000), healthy!);
    await setPrice(1740);
    const transaction = await absorbMany(...owners);
    const baseFee = await baseFeeOf(transaction);
    const events = await absorbed(transaction.blockNumber!);
    expect(events.map(({ owner, pay }) => [owner, pay])).to.deep.equal([
      [first!.address, payInWei(PaidGas.absorb, baseFee)],
      [second!.address, payInWei(PaidGas.absorbMore, baseFee)],
    ]);
    const settled = await vault.queryFilter(vault.filters.Settled, transaction.blockNumber!);
    expect(settled.map(({ args }) => args.owner)).to.deep.equal([first!.address, second!.address]);
    // and the debt of each goes to the right check
    for (const owner of [first!, second!]) {
      const { collateral: held, debtShares } = await vault.position(collateral, owner);
      expect(ltvWad(held, debtShares, priceE36(1740))).to.be.closeTo(TARGET_WAD, WAD / usdc(2_000));
    }
  });

  it("shares out cash and room in order, the last of them a part, and what is left out is passed over", async () => {
    const { buffer, collateral, owners, setPrice, setCap, payNobody, absorbMany, absorbed } = await three();
    await payNobody();
    await setPrice(1740);
    const [first, second] = [
      toTarget(weth(10), usdc(15_900), priceE36(1740)),
      toTarget(weth(20), usdc(31_800), priceE36(1740)),
    ];
    await setCap(first + second / 2n);
    const { blockNumber } = await absorbMany(...owners);
    const events = await absorbed(blockNumber!);
    expect(events.map(({ owner, amount }) => [owner, amount])).to.deep.equal([
      [owners[0]!.address, first],
      [owners[1]!.address, second / 2n],
    ]);
    expect((await buffer.capacity(collateral)).room).to.equal(0);
  });

  it("spends on the later ones only the cash that the first have left", async () => {
    const { vault, buffer, owners, setPrice, payNobody, absorbMany, absorbed } = await three();
    await payNobody();
    await setPrice(1740);
    const price = priceE36(1740);
    const [first, second] = [expected(weth(10), usdc(15_900), price, 0n), expected(weth(20), usdc(31_800), price, 0n)];
    const rest = second.cost / 2n;
    await buffer.connect(await signerOf(vault)).cover((await buffer.cash()) - first.cost - rest);
    const { blockNumber } = await absorbMany(...owners);
    const events = await absorbed(blockNumber!);
    const part = (rest * 10n ** 36n) / mulDivUp(price, multipleWad(second.ltv), WAD);
    expect(events.map(({ owner, amount, cost }) => [owner, amount, cost])).to.deep.equal([
      [owners[0]!.address, first.taken, first.cost],
      [owners[1]!.address, part, costOf(part, second.ltv, price)],
    ]);
    expect(await buffer.cash()).to.equal(rest - costOf(part, second.ltv, price));
  });

  it("passes over a position of next to no equity, of which roundings would outweigh the part that there is room for", async () => {
    const { house, vault, oracle, collateral, owners, setCap, payNobody, absorbMany, absorbed } = await three();
    await payNobody();
    const [first, second] = owners;
    // an LTV of 95 %, of which there is more to absorb than there is room
    await vault.connect(second).repay(collateral, usdc(1_500), second!);
    // and one of 2 units less than all
    await oracle.setPrice(priceE36(1590) + 2n * 10n ** 17n);
    await setCap(weth(9));
    await expect(absorbMany(first!)).to.be.revertedWithCustomError(house, "NothingAbsorbed");
    const { blockNumber } = await absorbMany(...owners);
    const events = await absorbed(blockNumber!);
    expect(events.map(({ owner, amount }) => [owner, amount])).to.deep.equal([[second!.address, weth(9)]]);
  });

  it("writes off each that is insolvent, and pays for each", async () => {
    const { vault, collateral, owners, setPrice, absorbMany, absorbed } = await three();
    await setPrice(1400);
    const { blockNumber } = await absorbMany(...owners);
    const written = await vault.queryFilter(vault.filters.WrittenOff, blockNumber!);
    expect(written.map(({ args }) => args.owner)).to.deep.equal(owners.map(({ address }) => address));
    expect((await absorbed(blockNumber!)).every(({ pay }) => pay > 0n)).to.be.true;
    for (const owner of owners) expect((await vault.position(collateral, owner)).debtShares).to.equal(0);
    expect(await vault.totalDebtShares()).to.equal(0);
  });

  it("refuses a position that stands in it twice, wherever", async () => {
    const { house, owners, setPrice, absorbMany } = await three();
    await setPrice(1740);
    const [a, b, c] = owners;
    await expect(absorbMany(b!, a!, c!, b!))
      .to.be.revertedWithCustomError(house, "DuplicateOrder")
      .withArgs(b);
  });

  it("refuses a batch of which nothing can be absorbed, an empty one, no lane, and a receiver of zero", async () => {
    const { house, loan, collateral, keeper, owners, absorbMany } = await three();
    await expect(absorbMany()).to.be.revertedWithCustomError(house, "NothingAbsorbed");
    await expect(absorbMany(...owners)).to.be.revertedWithCustomError(house, "NothingAbsorbed");
    await expect(house.absorbMany(loan, owners, keeper))
      .to.be.revertedWithCustomError(house, "LaneNotSet")
      .withArgs(loan);
    await expect(house.absorbMany(collateral, owners, ethers.ZeroAddress)).to.be.revertedWithCustomError(
      house,
      "ZeroAddress",
    );
  });
});
