import { expect } from "chai";

import { buffering } from "../buffer/fixture";
import { usdc } from "../fixture";

describe("regression: shares that were bought when a share was worth little", () => {
  it("keep their value when a small loss makes it less", async () => {
    const { buffer, underwriter, other, keeper, asVault, leave } = await buffering();
    await leave(underwriter);
    // 100 USDC of an attacker's own, of which its own bad debt leaves a hair more than a millionth
    await buffer.connect(keeper).deposit(usdc(100), keeper);
    await buffer.connect(asVault).cover(usdc(100) - 101n);
    await buffer.connect(other).deposit(usdc(100_000), other);
    expect(await buffer.convertToAssets(await buffer.balanceOf(other))).to.be.within(usdc(100_000) - 2n, usdc(100_000));
    // 5 % more of bad debt, and a deposit
    await buffer.connect(asVault).cover(usdc(5_000));
    await buffer.connect(keeper).deposit(usdc(1_000), keeper);
    // the attacker's 101 units have borne 5 of it
    expect(await leave(other)).to.be.within(usdc(95_000), usdc(95_000) + 5n);
  });
});
