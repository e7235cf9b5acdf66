import { expect } from "chai";
import { ethers } from "hardhat";

import { INVENTORY, WAD, time, usdc, weth } from "../fixture";
import { buffering } from "./fixture";

describe("LiquidityBuffer: take-overs and losses", () => {
  it("books a take-over, which the vault settles (B1)", async () => {
    const { buffer, vault, loan, collateral, asHouse, borrower, expectBalanced } = await buffering();
    expect(await buffer.capacity(collateral)).to.deep.equal([usdc(200_000), INVENTORY.cap]);
    const take = buffer.connect(asHouse).takeOver(collateral, weth(10), usdc(19_400));
    await expect(take)
      .to.emit(buffer, "TakenOver")
      .withArgs(await collateral.getAddress(), weth(10), usdc(19_400));
    const at = BigInt(await time.latest());
    expect(await buffer.inventory(collateral)).to.deep.equal([weth(10), at, at * WAD]);
    expect(await buffer.cash()).to.equal(usdc(180_600));
    expect(await buffer.capacity(collateral)).to.deep.equal([usdc(180_600), 10n ** 24n - weth(10)]);
    const fills = [{ owner: borrower, collateral: weth(10), repaid: usdc(19_400), pay: 0n }];
    await expect(
      vault.connect(asHouse).settle(collateral, fills, 0n, buffer, buffer, buffer, "0x"),
    ).to.changeTokenBalances(loan, [vault, buffer], [usdc(19_400), -usdc(19_400)]);
    await expectBalanced();
  });

  it("is the auction house's alone, and costs no more than the cash", async () => {
    const { buffer, house, collateral, asHouse, asVault, other } = await buffering();
    for (const user of [other, asVault]) {
      await expect(buffer.connect(user).takeOver(collateral, 1n, 1n))
        .to.be.revertedWithCustomError(buffer, "NotAllowed")
        .withArgs(user.address, await house.getAddress());
    }
    await expect(buffer.connect(asHouse).takeOver(collateral, 1n, usdc(200_000) + 1n))
      .to.be.revertedWithCustomError(buffer, "NotEnoughCash")
      .withArgs(usdc(200_000) + 1n, usdc(200_000));
    await expect(buffer.connect(asHouse).takeOver(collateral, 2n ** 128n, 0n))
      .to.be.revertedWithCustomError(buffer, "SafeCastOverflowedUintDowncast")
      .withArgs(128, 2n ** 128n);
  });

  it("has no room under a cap that was lowered", async () => {
    const { buffer, collateral, takeOver } = await buffering();
    await takeOver(weth(10), usdc(19_400));
    await buffer.setInventoryParameters(collateral, { ...INVENTORY, cap: weth(9) });
    expect(await buffer.capacity(collateral)).to.deep.equal([usdc(180_600), 0n]);
  });

  it("holds what was taken over since the mean of its take-overs, weighted by amount", async () => {
    const { buffer, collateral, takeOver } = await buffering();
    const first = await takeOver(weth(30), usdc(50_000));
    const { cursorWad } = await buffer.inventory(collateral);
    await time.increase(1000);
    const second = await takeOver(weth(10), usdc(15_000));
    // three quarters have been held since the first: rounded up, to the later
    const held = BigInt(second) - (BigInt(second - first) * 3n) / 4n;
    expect(await buffer.inventory(collateral)).to.deep.equal([weth(40), held, cursorWad]);
  });

  describe("cover", () => {
    it("pays the vault as far as there is cash", async () => {
      const { buffer, vault, loan, asVault, expectBalanced } = await buffering();
      const caller = buffer.connect(asVault);
      expect(await caller.cover.staticCall(usdc(150_000))).to.equal(usdc(150_000));
      const cover = caller.cover(usdc(150_000));
      await expect(cover).to.emit(buffer, "LossCovered").withArgs(usdc(150_000));
      await expect(cover).to.changeTokenBalances(loan, [buffer, vault], [-usdc(150_000), usdc(150_000)]);
      expect(await caller.cover.staticCall(usdc(60_000))).to.equal(usdc(50_000));
      await caller.cover(usdc(60_000));
      expect(await buffer.cash()).to.equal(0);
      expect(await caller.cover.staticCall(1n)).to.equal(0);
      await expect(caller.cover(1n)).not.to.emit(buffer, "LossCovered");
      await expectBalanced();
    });

    it("is the vault's alone", async () => {
      const { buffer, vault, asHouse, other } = await buffering();
      for (const user of [other, asHouse]) {
        await expect(buffer.connect(user).cover(1n))
          .to.be.revertedWithCustomError(buffer, "NotAllowed")
          .withArgs(user.address, await vault.getAddress());
      }
    });

    it("that takes everything leaves old shares nothing of what comes after", async () => {
      const { buffer, underwriter, other, asVault } = await buffering();
      await buffer.connect(asVault).cover(usdc(200_000));
      expect(await buffer.totalAssets()).to.equal(0);
      await buffer.connect(other).deposit(usdc(1000), other);
      expect(await buffer.convertToAssets(await buffer.balanceOf(underwriter))).to.be.lte(1);
      expect(await buffer.convertToAssets(await buffer.balanceOf(other))).to.be.within(usdc(1000) - 1n, usdc(1000));
    });
  });

  describe("setInventoryParameters", () => {
    it("sets how a collateral is taken over and sold", async () => {
      const { buffer, collateral } = await buffering();
      const parameters = [weth(5), 10n ** 13n, 10_000n, 2000n, 1000n, 10_000n, 5000n, 1n] as const;
      const [cap, slopeWad, paceShareBps, premiumBps, maxDiscountBps, emaToleranceBps, haircutBps, maxHold] =
        parameters;
      await expect(
        buffer.setInventoryParameters(collateral, {
          cap,
          slopeWad,
          paceShareBps,
          premiumBps,
          maxDiscountBps,
          emaToleranceBps,
          haircutBps,
          maxHold,
        }),
      )
        .to.emit(buffer, "InventoryParametersSet")
        .withArgs(await collateral.getAddress(), [...parameters]);
      expect(await buffer.inventoryParameters(collateral)).to.deep.equal([...parameters]);
    });

    it("is governance's alone (G1)", async () => {
      const { buffer, collateral, other } = await buffering();
      await expect(buffer.connect(other).setInventoryParameters(collateral, INVENTORY))
        .to.be.revertedWithCustomError(buffer, "AccessManagedUnauthorized")
        .withArgs(other.address);
    });

    for (const [name, change] of [
      ["slopeWad", { slopeWad: 10n ** 12n - 1n }],
      ["slopeWad", { slopeWad: 10n ** 16n + 1n }],
      ["slopeWad", { premiumBps: 0, maxDiscountBps: 0 }],
      // half a second more than a day
      ["slopeWad", { slopeWad: 1_001_151_614_168n, premiumBps: 865, maxDiscountBps: 0 }],
      ["paceShareBps", { paceShareBps: 0 }],
      ["paceShareBps", { paceShareBps: 10_001 }],
      ["premiumBps", { premiumBps: 2001 }],
      ["maxDiscountBps", { maxDiscountBps: 1001 }],
      ["emaToleranceBps", { emaToleranceBps: 10_001 }],
      ["haircutBps", { haircutBps: 5001 }],
      ["maxHold", { maxHold: 0 }],
      ["cap", { cap: 2n ** 112n }],
    ] as const) {
      it(`refuses ${Object.entries(change).join(" and ")}`, async () => {
        const { buffer, collateral } = await buffering();
        await expect(buffer.setInventoryParameters(collateral, { ...INVENTORY, ...change }))
          .to.be.revertedWithCustomError(buffer, "BadParameter")
          .withArgs(ethers.encodeBytes32String(name));
      });
    }

    it("takes the steepest slope, the greatest cap, and a longest age of a day to the second", async () => {
      const { buffer, collateral } = await buffering();
      await buffer.setInventoryParameters(collateral, { ...INVENTORY, slopeWad: 10n ** 16n, cap: 2n ** 112n - 1n });
      await buffer.setInventoryParameters(collateral, {
        ...INVENTORY,
        slopeWad: 10n ** 12n,
        premiumBps: 864,
        maxDiscountBps: 0,
      });
    });
  });
});
