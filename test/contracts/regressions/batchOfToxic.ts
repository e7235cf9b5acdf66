import { expect } from "chai";

import { INVENTORY, PAY, inOneBlock, time, tried, usdc, weth } from "../auctionHouse/setup";
import { core } from "../fixture";
import { mulDivUp } from "../math";

const GAS = { gasLimit: 3_000_000 };

describe("regression: one position can't spoil a batch of absorptions", () => {
  // what a position owes beyond whole shares, and with it what a part rounds away, differs from second to second
  it("where it has a unit of equity, and a part of it would raise its LTV by roundings", async () => {
    const { house, vault, buffer, oracle, borrowOracle, collateral, lender, borrower, other, keeper, open } =
      await core();
    await open(other, weth(1000), usdc(990_000));
    // a share of debt comes to be worth more than one unit, and less than two
    await time.increase(365 * 86_400);
    expect(await vault.indexE27())
      .to.be.gt(15n * 10n ** 26n)
      .and.to.be.lt(2n * 10n ** 27n);
    await vault.connect(lender).deposit(usdc(100_000), lender);
    await open(borrower, weth(10), usdc(15_900));
    await open(keeper, weth(20), usdc(30_000));
    await buffer.setInventoryParameters(collateral, { ...INVENTORY, cap: weth(1) });
    await house.setPay({ ...PAY, nativeOracle: oracle, wrappedNative: collateral, capBps: 0 });
    const outcomes: unknown[] = [];
    const start = BigInt(await time.latest()) + 60n;
    for (let second = 0n; second < 8n; ++second) {
      const now = start + second;
      const debt = await tried(async () => {
        await time.setNextBlockTimestamp(now);
        const { blockNumber } = await vault.accrueInterest();
        const [accrued] = await vault.queryFilter(vault.filters.InterestAccrued, blockNumber!);
        const { debtShares } = await vault.position(collateral, borrower);
        return mulDivUp(debtShares, accrued!.args.indexE27, 10n ** 27n);
      });
      await tried(async () => {
        // worth a unit more than its debt
        const price = ((debt + 1n) * 10n ** 36n + weth(10) - 1n) / weth(10);
        const { block, statuses } = await inOneBlock(
          [
            async () => oracle.setPrice(price, GAS),
            async () => borrowOracle.setPrice(price, GAS),
            async () => house.absorbMany(collateral, [borrower, keeper], keeper, GAS),
          ],
          now,
        );
        const events = await house.queryFilter(house.filters.Absorbed, block, block);
        outcomes.push([...statuses, ...events.map(({ args }) => args.owner)]);
      });
    }
    expect(outcomes).to.deep.equal(outcomes.map(() => [1, 1, 1, keeper.address]));
  });
});
