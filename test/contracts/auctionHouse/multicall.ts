import { expect } from "chai";
import { ethers } from "hardhat";

import { expected, three } from "./absorption";
import {
  ALL,
  LANE,
  MARKET,
  PaidGas,
  Refusal,
  baseFeeOf,
  expectedTerms,
  payInWei,
  priceE36,
  time,
  usdc,
  weth,
} from "./setup";

describe("AuctionHouse.multicall", () => {
  it("opens a lane, absorbs, and buys from another lane in one transaction, for the receivers that are named", async () => {
    const market = await three();
    const { house, vault, buffer, oracle, borrowOracle, depth, guard, collateral, loan, keeper, governor } = market;
    const { borrower, lender, other, setPrice, openLane, situation, later } = market;
    // a second market, whose lane is closed
    const second = await ethers.deployContract("MockERC20", ["Second", "TWO", 18]);
    await vault.setMarket(second, { oracle, borrowOracle, ...MARKET });
    await house.setLane(second, { ...LANE, depthOracle: depth, guard });
    await second.mint(other, weth(10));
    await second.connect(other).approve(vault, weth(10));
    await vault.connect(other).supplyCollateral(second, weth(10), other);
    await vault.connect(other).borrow(second, usdc(15_900), other, other);
    // the first one's is open, for two at 85 % and 91 %
    await vault.connect(borrower).repay(collateral, usdc(1_100), borrower);
    await vault.connect(lender).supplyCollateral(collateral, weth(1), lender);
    await setPrice(1740);
    await openLane();
    await market.setPay({ nativeOracle: oracle });
    const now = await later(400);
    const terms = expectedTerms(await situation(now));

    const [token, receiver] = [collateral.target as string, governor.address];
    const before = { first: await collateral.balanceOf(governor), cost: await loan.balanceOf(keeper) };
    await time.setNextBlockTimestamp(now);
    const { interface: encode } = house;
    const transaction = await house
      .connect(keeper)
      .multicall([
        encode.encodeFunctionData("open", [second.target, other.address, receiver]),
        encode.encodeFunctionData("absorb", [token, other.address, receiver]),
        encode.encodeFunctionData("buy", [token, borrower.address, weth(1), ALL, receiver, "0x"]),
      ]);
    const baseFee = await baseFeeOf(transaction);
    const whole = expected(weth(20), usdc(31_800), priceE36(1740), payInWei(PaidGas.absorb, baseFee));
    expect(await house.isOpen(second)).to.be.true;
    expect(await second.balanceOf(governor)).to.equal(payInWei(PaidGas.open, baseFee));
    expect((await buffer.inventory(collateral)).amount).to.equal(whole.taken);
    expect((await collateral.balanceOf(governor)) - before.first).to.equal(whole.pay + weth(1));
    expect(before.cost - (await loan.balanceOf(keeper))).to.equal(terms.cost(weth(1)));
    const [opening] = await house.queryFilter(house.filters.LaneOpened, transaction.blockNumber!);
    expect(opening!.args.keeper).to.equal(keeper.address);
  });

  it("undoes all of it where one part fails", async () => {
    const { house, collateral, borrower, keeper, setPrice } = await three();
    await setPrice(1740);
    const token = collateral.target as string;
    const calls = [
      house.interface.encodeFunctionData("open", [token, borrower.address, keeper.address]),
      // nothing is emitted in the block of an opening
      house.interface.encodeFunctionData("buy", [token, borrower.address, weth(1), ALL, keeper.address, "0x"]),
    ];
    await expect(house.connect(keeper).multicall(calls))
      .to.be.revertedWithCustomError(house, "NotBuyable")
      .withArgs(borrower, Refusal.LaneEmpty);
    expect(await house.isOpen(collateral)).to.be.false;
  });

  it("takes no coin with it", async () => {
    const { house, keeper } = await three();
    await expect(keeper.sendTransaction({ to: house, value: 1n })).to.be.reverted;
  });
});
