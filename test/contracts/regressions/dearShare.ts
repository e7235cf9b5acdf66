import { expect } from "chai";

import { buffering } from "../buffer/fixture";
import { usdc } from "../fixture";

describe("regression: a share that is worth many units", () => {
  it("pays all of them, if its claim asks for less first", async () => {
    const { buffer, loan, underwriter, other, request, leave, earnFee, expectBalanced } = await buffering();
    await leave(underwriter);
    await earnFee(usdc(10_000));
    await buffer.connect(other).deposit(usdc(10) + 1n, other);
    expect(await buffer.balanceOf(other)).to.equal(1);
    await request(other);
    await buffer.fulfil(other, other);
    const assets = await buffer.maxWithdraw(other);
    expect(assets).to.be.within(usdc(9.99), usdc(10) + 1n);
    // rounded up, a unit costs the one share that there is
    await buffer.connect(other).withdraw(1n, other, other);
    expect(await buffer.maxWithdraw(other)).to.equal(assets - 1n);
    const rest = buffer.connect(other).withdraw(assets - 1n, other, other);
    await expect(rest).to.changeTokenBalance(loan, other, assets - 1n);
    expect(await buffer.setAside()).to.equal(0);
    await expectBalanced();
  });
});
