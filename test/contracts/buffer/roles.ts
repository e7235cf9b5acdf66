import { setNextBlockBaseFeePerGas } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { INVENTORY, LANE, PAY, coreWithoutInterest, deployHouse, priceE36, time, usdc, weth } from "../fixture";
import { COOLDOWN, HALF_HOUR, SHARES, buffering, underwriting } from "./fixture";

describe("LiquidityBuffer: against whoever has several roles", () => {
  it("the same shares are worth the same, whether or not their owner borrows, opens, absorbs and fulfils", async () => {
    const all = await coreWithoutInterest();
    const { buffer, vault, house, collateral, loan, underwriter, other: actor, keeper, setPrice, open } = all;
    const { watch } = underwriting(all);
    await buffer.connect(actor).deposit(usdc(200_000), actor);
    // the actor borrows, and has asked for its stake before the fall; both have
    for (const owner of [actor, underwriter]) await buffer.connect(owner).requestRedeem(SHARES, owner, owner);
    await open(actor, weth(50), usdc(79_000));
    await time.increase(COOLDOWN);
    await watch();
    await setPrice(1400);
    await expect(buffer.connect(actor).fulfil(actor, actor)).to.be.revertedWithCustomError(buffer, "MarketInTrouble");
    await setNextBlockBaseFeePerGas(20n * 10n ** 9n);
    await house.connect(actor).open(collateral, actor, actor);
    await setNextBlockBaseFeePerGas(20n * 10n ** 9n);
    const before = await collateral.balanceOf(actor);
    await house.connect(actor).absorb(collateral, actor, actor);
    const paid = (await collateral.balanceOf(actor)) - before;
    expect(paid).to.be.within(1n, weth(50) / 100n);
    expect(await vault.debtOf(collateral, actor)).to.equal(0);

    for (let i = 0; i < 8; i++) await watch();
    while ((await buffer.inventory(collateral)).amount !== 0n) {
      await time.increase(119);
      await buffer.connect(keeper).buyInventory(collateral, ethers.MaxUint256, ethers.MaxUint256, keeper, "0x");
    }
    await watch();
    await house.setPay({ ...PAY, capBps: 0 });
    await buffer.connect(actor).fulfil(actor, actor);
    await buffer.connect(actor).fulfil(underwriter, actor);
    const [mine, theirs] = [await buffer.maxWithdraw(actor), await buffer.maxWithdraw(underwriter)];
    expect(theirs).to.be.within(mine, mine + 2n);
    // what the position lost, 9,000, and what it paid, as nearly as the inventory was sold
    expect(2n * usdc(200_000) - mine - theirs).to.be.within(usdc(8_500), usdc(9_500));
    expect(await loan.balanceOf(buffer)).to.equal(mine + theirs);
  });

  it("who fulfils another's request while there is inventory costs it its part of the haircut, no more", async () => {
    const { buffer, other, underwriter, absorb, request } = await buffering();
    await buffer.connect(other).deposit(usdc(200_000), other);
    await request(underwriter);
    await absorb(weth(50), usdc(100_000));
    await buffer.connect(other).fulfil(underwriter, other);
    const haircut = (usdc(100_000) * BigInt(INVENTORY.haircutBps)) / 10_000n;
    expect(await buffer.maxWithdraw(underwriter)).to.be.within(
      usdc(200_000) - haircut / 2n - 1n,
      usdc(200_000) - haircut / 2n,
    );
  });

  it("a position that is kept unhealthy to keep underwriters in is bought or repaid by any of them", async () => {
    const { buffer, house, vault, collateral, underwriter, other, setPrice, open, request, watch } = await buffering();
    await open(other, weth(0.5), usdc(800));
    await setPrice(1920);
    await request(underwriter);
    for (let i = 0; i < 5; i++) await watch();
    const reopen = async () => house.connect(other).open(collateral, other, other);
    for (let i = 0; i < 3; i++) {
      await reopen();
      await time.increase(1200 + Number(LANE.idleTime) - 1);
      // in the next second the lane closes, and whoever comes first opens it again or fulfils
      await expect(buffer.fulfil(underwriter, underwriter)).to.be.revertedWithCustomError(buffer, "MarketInTrouble");
    }
    await vault.connect(underwriter).repay(collateral, ethers.MaxUint256, other);
    await expect(reopen()).to.be.revertedWithCustomError(house, "PositionHealthy");
    await watch();
    await buffer.fulfil(underwriter, underwriter);
    expect(await buffer.maxRedeem(underwriter)).to.equal(SHARES);
  });

  it("dust asked for costs nobody anything: no pay is rounded up", async () => {
    const { buffer, underwriter, keeper, request, payKeepers } = await buffering();
    await payKeepers();
    await request(underwriter, 99_000n);
    await expect(buffer.connect(keeper).fulfil(underwriter, keeper))
      .to.emit(buffer, "RedeemFulfilled")
      .withArgs(underwriter.address, keeper.address, 99_000n, 99n, 0n);
  });

  it("a loan token that calls out finds the price of a share as it is afterwards, and no way in", async () => {
    const { manager, rates, other, keeper } = await coreWithoutInterest();
    const loan = await ethers.deployContract("MockERC20Hook", ["Calls out", "CALL", 6]);
    const vault = await ethers.deployContract("Vault", [loan, "V", "V", rates, manager]);
    const house = await deployHouse(vault, manager);
    const buffer = await ethers.deployContract("LiquidityBuffer", [house, "B", "B", COOLDOWN, manager]);
    await vault.link(house, buffer);
    const native = await ethers.deployContract("MockOracle", [priceE36(2000)]);
    await house.setPay({ ...PAY, nativeOracle: native });
    await loan.mint(other, usdc(1000));
    await loan.connect(other).approve(buffer, usdc(1000));
    await buffer.connect(other).deposit(usdc(1000), other);
    await buffer.connect(other).requestRedeem(usdc(600) * 1000n, other, other);
    await time.increase(COOLDOWN + HALF_HOUR);

    for (const data of [
      buffer.interface.encodeFunctionData("fulfil", [other.address, keeper.address]),
      buffer.interface.encodeFunctionData("requestRedeem", [1n, keeper.address, keeper.address]),
      buffer.interface.encodeFunctionData("redeem", [1n, keeper.address, keeper.address]),
    ]) {
      await loan.setHook(buffer, data);
      await expect(buffer.connect(keeper).fulfil(other, keeper)).to.be.revertedWithCustomError(
        buffer,
        "ReentrancyGuardReentrantCall",
      );
    }
    const observer = await ethers.deployContract("MockObserver");
    await observer.setViews([
      { target: buffer, data: buffer.interface.encodeFunctionData("convertToAssets", [10n ** 12n]) },
      { target: buffer, data: buffer.interface.encodeFunctionData("maxWithdraw", [other.address]) },
      { target: buffer, data: buffer.interface.encodeFunctionData("setAside") },
    ]);
    await loan.setHook(observer, observer.interface.encodeFunctionData("observe"));
    await buffer.connect(keeper).fulfil(other, keeper);
    await loan.setHook(ethers.ZeroAddress, "0x");
    const pay = await loan.balanceOf(keeper);
    expect(pay).to.be.gt(0);
    const out = usdc(600) - pay;
    const row = [usdc(1000), out, out];
    expect(await observer.rows()).to.deep.equal([row, row]);
  });
});
