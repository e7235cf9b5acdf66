import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { ALL, CLOSES_AFTER } from "../attacks/setup";
import { MARKET, PAY, coreWithoutInterest, priceE36, time, usdc, weth } from "../contracts/fixture";

const MAX_AGE = 3600;
const GRACE = 3600;
const DAY = 86_400;

/** The core on real Chainlink oracles of mock feeds, with an open lane, two unhealthy positions and a healthy one. */
async function onFeeds() {
  const all = await coreWithoutInterest();
  const { vault, house, buffer, loan, collateral, borrower, other, keeper, lender, underwriter, open } = all;
  const base = await ethers.deployContract("MockAggregatorV3", [8, 2000n * 10n ** 8n]);
  const quote = await ethers.deployContract("MockAggregatorV3", [8, 10n ** 8n]);
  const sequencer = await ethers.deployContract("MockAggregatorV3", [0, 0]);
  const oracle = await ethers.deployContract("ChainlinkOracle", [
    {
      base,
      quote,
      sequencer,
      baseMaxAge: MAX_AGE,
      cross: ethers.ZeroAddress,
      crossMaxAge: 0,
      quoteMaxAge: DAY,
      gracePeriod: GRACE,
      collateral,
      loanAsset: loan,
    },
  ]);
  await time.increase(GRACE);
  /** The feeds say what they said, freshly. */
  const refresh = async (price = 1890n): Promise<void> => {
    await base.setAnswer(price * 10n ** 8n);
    await quote.setAnswer(10n ** 8n);
  };
  await refresh(2000n);
  await vault.setMarket(collateral, { ...MARKET, oracle, borrowOracle: oracle });
  for (const owner of [borrower, other]) await open(owner, weth(10), usdc(15_900));
  await open(keeper, weth(10), usdc(10_000));
  await time.increase(1800);
  await buffer.connect(underwriter).requestRedeem(usdc(1000) * 1000n, underwriter, underwriter);
  await time.increase(3 * DAY);
  await refresh(2000n);
  await house.observe(collateral);
  await time.increase(1800);
  await refresh(2000n);
  await buffer.fulfil(underwriter, lender);
  await refresh();
  await house.open(collateral, borrower, lender);
  await time.increase(600);
  await refresh();
  await vault.connect(lender).accrueInterest();
  return { ...all, base, quote, sequencer, feedOracle: oracle, refresh };
}

type Faulty = Awaited<ReturnType<typeof onFeeds>>;

/** Feeds fail in four more ways in test/e2e/badOracle.ts. */
const FAILURES: readonly { what: string; error: string; fail: (all: Faulty) => Promise<unknown> }[] = [
  { what: "negative", error: "BadPrice", fail: async ({ base }) => base.setAnswer(-1n) },
  { what: "of other decimals", error: "DecimalsChanged", fail: async ({ base }) => base.setDecimals(18) },
  {
    what: "from the future",
    error: "BadRound",
    fail: async ({ base }) => base.setRound(2000n * 10n ** 8n, 0, (await time.latest()) + DAY),
  },
  {
    what: "in a round that never ended",
    error: "BadRound",
    fail: async ({ base }) => base.setRound(2000n * 10n ** 8n, 0, 0),
  },
  {
    what: "back at a round that is too old",
    error: "StalePrice",
    fail: async ({ base }) => base.setRound(2000n * 10n ** 8n, 0, (await time.latest()) - 2 * MAX_AGE),
  },
  {
    what: "on an L2 whose sequencer is down",
    error: "SequencerDown",
    fail: async ({ sequencer }) => sequencer.setAnswer(1n),
  },
  {
    what: "on an L2 whose sequencer has just come back",
    error: "SequencerGracePeriod",
    fail: async ({ sequencer }) => sequencer.setAnswer(0n),
  },
  {
    what: "on an L2 whose sequencer's feed fails",
    error: "FeedUnreadable",
    fail: async ({ sequencer }) => sequencer.setBroken(true),
  },
];

describe("faults: feeds", () => {
  for (const { what, error, fail } of FAILURES) {
    it(`${what}: nobody takes on risk, nobody is sold, and everybody can repay and top up (O1)`, async () => {
      const all = await loadFixture(onFeeds);
      const { vault, house, buffer, collateral, feedOracle, borrower, other, keeper, lender, underwriter } = all;
      await fail(all);
      const risky: Record<string, () => Promise<unknown>> = {
        borrow: async () => vault.connect(keeper).borrow(collateral, usdc(500), keeper, keeper),
        withdrawCollateral: async () => vault.connect(keeper).withdrawCollateral(collateral, 1n, keeper, keeper),
        observe: async () => house.connect(keeper).observe(collateral),
        buy: async () => house.connect(keeper).buy(collateral, borrower, weth(1), ALL, keeper, "0x"),
        absorb: async () => house.connect(keeper).absorb(collateral, borrower, keeper),
        sync: async () => house.connect(keeper).sync(collateral),
      };
      for (const [name, call] of Object.entries(risky)) {
        await expect(call(), name).to.be.revertedWithCustomError(feedOracle, error);
      }
      await time.increase(CLOSES_AFTER);
      await expect(house.connect(keeper).open(collateral, other, keeper)).to.be.revertedWithCustomError(
        feedOracle,
        error,
      );
      await vault.connect(keeper).supplyCollateral(collateral, weth(1), borrower);
      await vault.connect(borrower).repay(collateral, usdc(10_000), borrower);
      await vault.connect(lender).deposit(usdc(1000), lender);
      await vault.connect(lender).withdraw(usdc(1000), lender, lender);
      await buffer.connect(underwriter).requestRedeem(1n, underwriter, underwriter);
      // nothing is fulfilled, and what was fulfilled before can be claimed
      expect(await buffer.marketInTrouble()).to.equal(collateral.target);
      await buffer.connect(underwriter).redeem(usdc(100) * 1000n, underwriter, underwriter);
      await vault.connect(borrower).repay(collateral, ALL, borrower);
      await vault.connect(borrower).withdrawCollateral(collateral, weth(5), borrower, borrower);

      // and when it is well again, all goes on
      await all.base.setDecimals(8);
      await all.sequencer.setBroken(false);
      await all.sequencer.setAnswer(0n);
      await time.increase(GRACE);
      await all.refresh();
      await house.connect(keeper).open(collateral, other, keeper);
      await time.increase(600);
      await all.refresh();
      await house.connect(keeper).buy(collateral, other, weth(1), ALL, keeper, "0x");
    });
  }

  it("back at a round that is young enough: its price is believed, as any fresh one, and its time alone is judged", async () => {
    const { base, feedOracle, house, vault, collateral, keeper, borrower } = await loadFixture(onFeeds);
    await base.setRound(1700n * 10n ** 8n, 0, await time.latest());
    await house.sync(collateral);
    await base.setRound(1950n * 10n ** 8n, 0, (await time.latest()) - 1800);
    expect(await feedOracle.price()).to.equal(1950n * 10n ** 24n);
    // healthy at it
    await expect(house.connect(keeper).buy(collateral, borrower, weth(1), ALL, keeper, "0x")).to.be.reverted;
    await vault.connect(borrower).repay(collateral, usdc(100), borrower);
  });

  it("silent for weeks, and then at half the price: the first look judges by the new price, with the widest premium", async () => {
    const { base, house, buffer, vault, collateral, keeper, other, underwriter, refresh } = await loadFixture(onFeeds);
    await time.increase(20 * DAY);
    await vault.connect(other).repay(collateral, usdc(100), other);
    await refresh(1800n);
    await house.connect(keeper).open(collateral, other, keeper);
    // what was seen last was 1,890: 5 % above, of which 4 % count
    expect((await house.laneState(collateral)).premiumWad).to.equal(4n * 10n ** 16n);
    await buffer.connect(underwriter).requestRedeem(usdc(1000) * 1000n, underwriter, underwriter);
    await base.setAnswer(900n * 10n ** 8n);
    await house.connect(keeper).absorb(collateral, other, keeper);
    expect((await vault.position(collateral, other)).debtShares).to.equal(0n);
  });

  for (const [what, price] of [
    ["dead", null],
    ["zero", 0n],
    ["beyond measure", 10n ** 70n],
  ] as const) {
    it(`the native coin's, ${what}: keepers are paid nothing, or the cap, and everything goes on`, async () => {
      const all = await loadFixture(onFeeds);
      const { house, collateral, borrower, other, keeper, refresh } = all;
      const native = await ethers.deployContract("MockOracle", [priceE36(2000)]);
      await house.setPay({ ...PAY, nativeOracle: native });
      if (price === null) await native.setBroken(true);
      else await native.setPrice(price);
      await time.increase(CLOSES_AFTER);
      await refresh(1740n);
      await house.connect(keeper).open(collateral, borrower, keeper);
      await house.connect(keeper).absorb(collateral, other, keeper);
      await time.increase(600);
      await refresh(1760n);
      await house.connect(keeper).buy(collateral, borrower, weth(1) / 10n, ALL, keeper, "0x");
      const [absorbed] = await house.queryFilter(house.filters.Absorbed);
      expect(absorbed!.args.pay).to.equal(price === 10n ** 70n ? weth(10) / 100n : 0n);
    });
  }
});
