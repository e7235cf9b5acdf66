import { expect } from "chai";
import { ethers } from "hardhat";

import { coreWithoutInterest, deployHouse, usdc } from "../fixture";

describe("regression: the price of a share while a deposit is under way", () => {
  it("stands still, where the loan asset calls its sender before it moves (ERC-777)", async () => {
    const { manager, rates, other } = await coreWithoutInterest();
    const loan = await ethers.deployContract("MockERC20Hook", ["Calls out", "CALL", 6]);
    const vault = await ethers.deployContract("Vault", [loan, "V", "V", rates, manager]);
    const house = await deployHouse(vault, manager);
    const buffer = await ethers.deployContract("LiquidityBuffer", [house, "B", "B", 3600, manager]);
    await vault.link(house, buffer);
    const observer = await ethers.deployContract("MockObserver");
    await loan.mint(other, usdc(1000));
    for (const shares of [vault, buffer]) {
      await loan.connect(other).approve(shares, usdc(1000));
      await shares.connect(other).deposit(usdc(10), other);
      const data = shares.interface.encodeFunctionData("convertToAssets", [usdc(1) * 1000n]);
      await observer.setViews([{ target: shares, data }]);
      await loan.setHook(observer, observer.interface.encodeFunctionData("observe"));
      await shares.connect(other).deposit(usdc(90), other);
      await loan.setHook(ethers.ZeroAddress, "0x");
      const seen = (await observer.rows()).flat();
      // ten times that, once
      expect(seen).to.deep.equal([usdc(1), usdc(1)]);
    }
  });
});
