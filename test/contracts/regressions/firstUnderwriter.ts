import { expect } from "chai";

import { buffering } from "../buffer/fixture";
import { usdc } from "../fixture";

describe("regression: fees that the buffer earns while it has no underwriter", () => {
  it("make shares dear, so that a deposit too small for one is refused, not kept", async () => {
    const { buffer, underwriter, other, leave, earnFee } = await buffering();
    await leave(underwriter);
    expect(await buffer.totalSupply()).to.equal(0);

    await earnFee(usdc(10_000));
    // 1e10 units in the thousand virtual shares
    expect(await buffer.previewDeposit(usdc(10))).to.equal(0);
    await expect(buffer.connect(other).deposit(usdc(10), other)).to.be.revertedWithCustomError(buffer, "ZeroAmount");
    await buffer.connect(other).deposit(usdc(10) + 1n, other);
    expect(await buffer.balanceOf(other)).to.equal(1);
  });
});
