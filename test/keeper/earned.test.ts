import { expect } from "chai";
import { id, toBeHex, zeroPadValue } from "ethers";

import { earnedOf } from "../../scripts/keeper/earned";

const address = (digit: string): string => `0x${digit.repeat(40)}`;
const [USDC, WETH, OTHER, KEEPER, COLD, POOL] = ["a", "b", "c", "1", "2", "3"].map(address) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const valuation = {
  loanAsset: USDC,
  priceE36: new Map([[WETH, 2_000n * 10n ** 24n]]), // 2,000 USDC for an ether: 6 and 18 decimals
  accounts: [KEEPER, COLD],
};
const transfer = (token: string, from: string, to: string, amount: bigint) => ({
  address: token.toUpperCase().replace("0X", "0x"),
  topics: [id("Transfer(address,address,uint256)"), zeroPadValue(from, 32), zeroPadValue(to, 32)],
  data: toBeHex(amount, 32),
});

describe("what a transaction earned", () => {
  it("is what came in less what went out, collateral at the oracle price", () => {
    const logs = [
      transfer(USDC, KEEPER, POOL, 1_900_000_000n),
      transfer(WETH, POOL, COLD, 10n ** 18n),
      transfer(USDC, POOL, POOL, 5n),
    ];
    expect(earnedOf(logs, valuation)).to.equal(100_000_000n);
    expect(earnedOf(logs.slice(0, 1), valuation)).to.equal(-1_900_000_000n);
  });

  it("counts nothing between our own accounts, of other tokens, or of what is no transfer", () => {
    const approval = { ...transfer(USDC, POOL, KEEPER, 9n), topics: [id("Approval(address,address,uint256)")] };
    const logs = [
      transfer(USDC, KEEPER, COLD, 7n),
      transfer(OTHER, POOL, KEEPER, 10n ** 30n),
      approval,
      { ...transfer(USDC, POOL, KEEPER, 9n), data: "0x" },
    ];
    expect(earnedOf(logs, valuation)).to.equal(0n);
  });
});
