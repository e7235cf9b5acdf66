import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { PaidGas } from "../auctionHouse/setup";

const E36 = 10n ** 36n;

async function deploy() {
  return ethers.deployContract("KeeperPayHarness");
}

describe("KeeperPay", () => {
  it("pays for as much gas as the tests of pay count on", async () => {
    const harness = await loadFixture(deploy);
    expect([...(await harness.gasUnits())]).to.deep.equal(Object.values(PaidGas));
  });

  // collateral, debt, price a unit over 1e36, share in Bps, and the most
  for (const [what, held, debt, price, capBps, most] of [
    ["a share of the collateral, rounded down", 12_345n, 1n, E36, 100n, 123n],
    ["nothing without a share", 12_345n, 1n, E36, 0n, 0n],
    ["half of the equity, rounded down", 10_000n, 9_995n, E36, 100n, 2n],
    ["half of the equity over a debt that is rounded up", 10_000n, 29_987n, 3n * E36, 100n, 2n],
    ["nothing of a single unit of equity", 10_000n, 9_999n, E36, 100n, 0n],
    ["the share alone at no equity at all", 10_000n, 10_000n, E36, 100n, 100n],
    ["the share alone without equity", 10_000n, 99_999n, E36, 100n, 100n],
    ["the share alone without debt", 10_000n, 0n, E36, 100n, 100n],
  ] as const) {
    it(`takes at most ${what}`, async () => {
      const harness = await loadFixture(deploy);
      expect(await harness.mostOf(held, debt, price, capBps)).to.equal(most);
    });
  }
});
