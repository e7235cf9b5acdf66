import { expect } from "chai";
import { ethers } from "hardhat";

import { HALF_HOUR, SHARES, buffering } from "../buffer/fixture";
import { LANE, MARKET, priceE36, time, usdc } from "../fixture";

describe("regression: a lane for whose inventory nothing is set", () => {
  it("keeps nobody in by a price that is a hair under its average", async () => {
    const { buffer, house, vault, depth, collateral, underwriter, request } = await buffering();
    const second = await ethers.deployContract("MockERC20", ["Second", "TWO", 18]);
    const oracle = await ethers.deployContract("MockOracle", [priceE36(10)]);
    await vault.setMarket(second, { ...MARKET, oracle, borrowOracle: oracle });
    await house.setLane(second, { ...LANE, depthOracle: depth });
    await request(underwriter);
    await house.observe(second);
    await house.observe(collateral);
    await time.increase(HALF_HOUR);
    await oracle.setPrice(priceE36(10) - 1n);
    expect(await house.ema(second)).to.equal(priceE36(10));
    expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
    await buffer.fulfil(underwriter, underwriter);
    expect(await buffer.claimable(underwriter)).to.deep.equal([SHARES, usdc(200_000)]);
  });
});
