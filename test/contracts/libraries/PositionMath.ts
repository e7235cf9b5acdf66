import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256 } from "ethers";
import { ethers } from "hardhat";

import { WAD } from "../fixture";
import { mulDiv, mulDivUp } from "../math";

const E27 = 10n ** 27n;
const E36 = 10n ** 36n;

async function harness() {
  return ethers.deployContract("PositionMathHarness");
}

describe("PositionMath", () => {
  it("turns shares into assets and back, rounding as the name says", async () => {
    const math = await loadFixture(harness);
    for (const [amount, index] of [
      [0n, E27],
      [1n, E27],
      [1n, E27 + 1n],
      [7n, 3n * E27],
      [1_000_003n, (E27 * 11n) / 7n],
      [10n ** 33n, 2n * E27 - 1n],
    ] as const) {
      expect(await math.toAssetsUp(amount, index)).to.equal(mulDivUp(amount, index, E27));
      expect(await math.toAssetsDown(amount, index)).to.equal(mulDiv(amount, index, E27));
      expect(await math.toSharesUp(amount, index)).to.equal(mulDivUp(amount, E27, index));
      expect(await math.toSharesDown(amount, index)).to.equal(mulDiv(amount, E27, index));
    }
  });

  it("values collateral rounded down, and its LTV up", async () => {
    const math = await loadFixture(harness);
    for (const [collateral, debt, price] of [
      [10n ** 18n, 1_600_000_001n, 2000n * 10n ** 24n],
      [3n, 1n, E36 / 2n],
      [3n, 2n, E36 - 1n],
      [1n, 7n, 3n * E36],
      [10n ** 30n, 10n ** 30n, E36],
    ] as const) {
      const value = mulDiv(collateral, price, E36);
      expect(await math.valueDown(collateral, price)).to.equal(value);
      expect(await math.ltvWadUp(collateral, debt, price)).to.equal(mulDivUp(debt, WAD, value));
    }
  });

  it("has an LTV of 0 without debt, and the greatest with debt and no value", async () => {
    const math = await loadFixture(harness);
    expect(await math.ltvWadUp(0, 0, E36)).to.equal(0);
    expect(await math.ltvWadUp(10, 0, E36)).to.equal(0);
    expect(await math.ltvWadUp(0, 1, E36)).to.equal(MaxUint256);
    expect(await math.ltvWadUp(1, 1, E36 - 1n)).to.equal(MaxUint256);
    expect(await math.ltvWadUp(1, 1, E36)).to.equal(WAD);
  });

  it("calls an LTV lower only when it strictly is, or there is no debt left (A1)", async () => {
    const math = await loadFixture(harness);
    for (const [collateralBefore, debtBefore, collateralAfter, debtAfter, lower] of [
      [10n, 8n, 5n, 4n, false],
      [10n, 8n, 5n, 3n, true],
      [10n, 8n, 6n, 4n, true],
      [10n, 8n, 4n, 4n, false],
      [2n, 1n, 1n, 1n, false],
      [10n, 8n, 0n, 1n, false],
      [10n, 8n, 0n, 0n, true],
      [0n, 8n, 0n, 0n, true],
      [0n, 0n, 0n, 0n, true],
      [0n, 1n, 0n, 1n, false],
      [2n ** 112n - 1n, 2n ** 112n - 1n, 2n ** 112n - 2n, 2n ** 112n - 2n, false],
      [2n ** 112n - 1n, 2n ** 112n - 1n, 2n ** 112n - 1n, 2n ** 112n - 2n, true],
    ] as const) {
      expect(await math.isLtvLower(collateralBefore, debtBefore, collateralAfter, debtAfter)).to.equal(lower);
    }
  });
});
