import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { type ContractTransactionResponse } from "ethers";
import { ethers } from "hardhat";

import { INVENTORY, MARKET, PAY, priceE36, signerOf, time, usdc, weth } from "../contracts/fixture";
import { real } from "../gas/world";
import { Ledger } from "./ledger";
import { ALL, CLOSES_AFTER, bps, later, opened, setBaseFee } from "./setup";

const GWEI = 10n ** 9n;
const BASE_FEES = [1n, 20n, 200n, 2000n, 10_000n].map((fee) => fee * GWEI);
const MARGIN_BPS = bps(PAY.marginBps);
/** What keepers are paid for is what a call burns on real feeds, pool and guard; by so much less one burns at best. */
const SAVED_BPS = 2500n;

type World = Awaited<ReturnType<typeof real>>;

/** The real feeds and pool, a keeper who tips nothing and is paid no tip, and twelve positions of its own. */
async function own() {
  const all = await real();
  await all.house.setPay({ ...PAY, nativeOracle: all.oracle, wrappedNative: all.collateral, tip: 0n });
  await all.house.sync(all.collateral);
  return all;
}

/** Sends as the keeper at a base fee, with no tip, and says what gas it cost, in wei. */
async function burn(baseFee: bigint, send: (fees: object) => Promise<ContractTransactionResponse>): Promise<bigint> {
  await setBaseFee(baseFee);
  const sent = await send({ maxFeePerGas: baseFee, maxPriorityFeePerGas: 0n, gasLimit: 8_000_000 });
  const receipt = await sent.wait();
  if (receipt === null || receipt.gasPrice !== baseFee) throw new Error("not mined at the base fee");
  return receipt.gasUsed * baseFee;
}

/**
 * Everything that one keeper does with positions that are all its own, and have no equity left: what it is paid is the
 * lenders' money. Each returns what its gas cost.
 */
const SEQUENCES: Record<string, (all: World, baseFee: bigint) => Promise<bigint>> = {
  "opens, lets the lane close and opens again, for an hour": async (all, baseFee) => {
    const { house, collateral, keeper, receiver, owners } = all;
    let cost = 0n;
    for (let i = 0; i < 4; ++i) {
      const owner = owners[i] ?? "";
      cost += await burn(baseFee, async (fees) => house.connect(keeper).open(collateral, owner, receiver, fees));
      await time.increase(CLOSES_AFTER);
    }
    return cost;
  },
  "absorbs one at a time": async ({ house, collateral, keeper, receiver, owners }, baseFee) => {
    let cost = 0n;
    for (const owner of owners.slice(0, 5)) {
      cost += await burn(baseFee, async (fees) => house.connect(keeper).absorb(collateral, owner, receiver, fees));
    }
    return cost;
  },
  "absorbs many at once": async ({ house, collateral, keeper, receiver, owners }, baseFee) =>
    burn(baseFee, async (fees) => house.connect(keeper).absorbMany(collateral, owners, receiver, fees)),
  "absorbs one a call, all in one transaction": async ({ house, collateral, keeper, receiver, owners }, baseFee) => {
    const calls = owners.map((owner) =>
      house.interface.encodeFunctionData("absorb", [collateral.target as string, owner, receiver.address]),
    );
    return burn(baseFee, async (fees) => house.connect(keeper).multicall(calls, fees));
  },
  "opens and absorbs in one transaction": async ({ house, collateral, keeper, receiver, owners }, baseFee) => {
    const token = collateral.target as string;
    const calls = owners.map((owner, i) =>
      i === 0
        ? house.interface.encodeFunctionData("open", [token, owner, receiver.address])
        : house.interface.encodeFunctionData("absorb", [token, owner, receiver.address]),
    );
    return burn(baseFee, async (fees) => house.connect(keeper).multicall(calls, fees));
  },
  "absorbs a part at a time, as room drips in": async (all, baseFee) => {
    const { house, buffer, collateral, keeper, receiver, owners } = all;
    let cost = 0n;
    for (let i = 0; i < 6; ++i) {
      const { amount } = await buffer.inventory(collateral);
      await buffer.setInventoryParameters(collateral, { ...INVENTORY, cap: amount + weth(1) });
      cost += await burn(baseFee, async (fees) =>
        house.connect(keeper).absorb(collateral, owners[0] ?? "", receiver, fees),
      );
    }
    return cost;
  },
  "absorbs a part at a time, as cash drips in": async (all, baseFee) => {
    const { house, buffer, loan, collateral, keeper, lender, receiver, owners } = all;
    // the buffer has spent all of its cash
    const asHouse = await signerOf(house);
    await buffer.connect(asHouse).absorb(collateral, 1n, await buffer.cash());
    let cost = 0n;
    for (let i = 0; i < 6; ++i) {
      await loan.mint(lender, usdc(600));
      await buffer.connect(lender).deposit(usdc(600), lender);
      cost += await burn(baseFee, async (fees) =>
        house.connect(keeper).absorb(collateral, owners[0] ?? "", receiver, fees),
      );
    }
    return cost;
  },
};

describe("attacks: pay as an income", () => {
  for (const [what, sequence] of Object.entries(SEQUENCES)) {
    it(`whoever ${what} is paid no more than gas and margin, at any base fee`, async () => {
      for (const baseFee of BASE_FEES) {
        const all = await loadFixture(own);
        const { house, collateral, receiver, setLtv } = all;
        await setLtv(1.05);
        const before = await collateral.balanceOf(receiver);
        const cost = await sequence(all, baseFee);
        const gain = (await collateral.balanceOf(receiver)) - before;
        const paidFor = baseFee < bps(PAY.feeCap) ? baseFee : bps(PAY.feeCap);
        const most = (((cost * paidFor) / baseFee) * (10_000n + MARGIN_BPS) * (10_000n + SAVED_BPS)) / 10_000n ** 2n;
        expect(gain, `at ${baseFee / GWEI} gwei`)
          .to.be.gt(0n)
          .and.lte(most);
        // the caps: a hundredth of each position
        const paid = [
          ...(await house.queryFilter(house.filters.Absorbed)),
          ...(await house.queryFilter(house.filters.LaneOpened)),
        ];
        for (const { args } of paid) expect(args.pay).to.be.lte(weth(10) / 100n);
        // where gas is dearer than the fee cap, or than the cap allows, it is a loss
        if (baseFee === 10_000n * GWEI) expect(gain).to.be.lt(cost / 2n);
      }
    });
  }

  it("a position of one's own that has equity pays its own keeper: gas is gone", async () => {
    const all = await opened(weth(100), usdc(159_000));
    const { vault, house, collateral, borrower, other, lender, underwriter, setPrice } = all;
    await setPrice(1900);
    const ledger = new Ledger(all, priceE36(1900));
    await ledger.expectNoProfit([borrower, other], [lender, underwriter], async () => {
      for (let i = 0; i < 4; ++i) {
        await house.connect(other).open(collateral, borrower, other);
        // healthy for a unit, and unhealthy again by a withdrawal, which the LTV does not allow
        await vault.connect(borrower).supplyCollateral(collateral, weth(1), borrower);
        await expect(
          vault.connect(borrower).withdrawCollateral(collateral, weth(1), borrower, borrower),
        ).to.be.revertedWithCustomError(vault, "LtvTooHigh");
        await time.increase(CLOSES_AFTER);
        // only the price makes it a witness again
        await setPrice(1900 - 20 * (i + 1));
      }
    });
  });

  it("an owner that opens its own lane spends its market's interval, and the next keeper opens unpaid: its loss is a pay", async () => {
    const all = await opened();
    const { house, collateral, borrower, other, keeper, open, setPrice } = all;
    await open(other, weth(10), usdc(15_900));
    await setPrice(1900);
    await house.connect(other).open(collateral, other, other);
    await time.increase(CLOSES_AFTER);
    expect(await house.connect(keeper).open.staticCall(collateral, borrower, keeper)).to.equal(0n);
    await time.increase(Number(PAY.interval));
    expect(await house.connect(keeper).open.staticCall(collateral, borrower, keeper)).to.be.gt(0n);
  });

  it("absorbing near insolvency never takes more than half of the equity, however often", async () => {
    const all = await opened(weth(10), usdc(15_900));
    const { vault, house, collateral, borrower, other, setPrice, setCap } = all;
    await setPrice(1592); // 99.87 %
    const equityAt = async () => {
      const position = await vault.position(collateral, borrower);
      return (position.collateral * priceE36(1592)) / 10n ** 36n - position.debtShares;
    };
    const before = await equityAt();
    let paid = 0n;
    for (let i = 0; i < 3; ++i) {
      await setCap((await all.buffer.inventory(collateral)).amount + weth(1));
      await setBaseFee(200n * GWEI);
      await house.connect(other).absorb(collateral, borrower, other, { maxFeePerGas: 500n * GWEI });
    }
    for (const { args } of await house.queryFilter(house.filters.Absorbed)) paid += args.pay;
    expect((paid * priceE36(1592)) / 10n ** 36n)
      .to.be.gt(0n)
      .and.lte(before / 2n + 3n);
    expect(await equityAt()).to.be.gte(0n);
  });

  it("a native coin whose feed is off by its deviation pays that much more, less than the margin", async () => {
    const pays: bigint[] = [];
    for (const price of [2000, 2010]) {
      const all = await opened();
      const native = await ethers.deployContract("MockOracle", [priceE36(price)]);
      await all.setPay({ nativeOracle: native, wrappedNative: ethers.ZeroAddress });
      await all.setPrice(1600);
      await setBaseFee(20n * GWEI);
      await all.house.connect(all.other).absorb(all.collateral, all.borrower, all.other);
      const [absorbed] = await all.house.queryFilter(all.house.filters.Absorbed);
      pays.push(absorbed!.args.pay);
    }
    expect((pays[1]! * 10_000n) / pays[0]!).to.equal(10_050n);
    expect(50n).to.be.lt(MARGIN_BPS);
  });

  it("one that is a thousandfold too high pays the caps, and one that is zero pays nobody and stops nothing", async () => {
    for (const [price, expected] of [
      [2_000_000n, weth(10) / 100n],
      [0n, 0n],
    ] as const) {
      const all = await opened();
      const native = await ethers.deployContract("MockOracle", [priceE36(price)]);
      await all.setPay({ nativeOracle: native, wrappedNative: ethers.ZeroAddress });
      await all.setPrice(1500);
      await setBaseFee(20n * GWEI);
      await all.house.connect(all.other).absorb(all.collateral, all.borrower, all.other);
      const [absorbed] = await all.house.queryFilter(all.house.filters.Absorbed);
      expect(absorbed!.args.pay).to.equal(expected);
    }
  });

  it("positions of the smallest size pay a hundredth of themselves, so that many small ones are no mine of it", async () => {
    const all = await opened();
    const { house, collateral, borrower, other, vault, setPrice } = all;
    await vault.connect(borrower).repay(collateral, ALL, borrower);
    const owners = (await ethers.getSigners()).slice(8, 14);
    await all.oracle.setPrice(priceE36(2000));
    for (const owner of owners) {
      await collateral.mint(owner, weth(1));
      await collateral.connect(owner).approve(vault, ALL);
      await all.open(owner, weth(0.32), MARKET.minDebt);
    }
    await time.setNextBlockTimestamp(await later(60));
    await setPrice(1500);
    await setBaseFee(2000n * GWEI);
    await house.connect(other).absorbMany(
      collateral,
      owners.map(({ address }) => address),
      other,
      { maxFeePerGas: 3000n * GWEI },
    );
    const paid = (await house.queryFilter(house.filters.Absorbed)).map(({ args }) => args.pay);
    expect(paid.length).to.equal(owners.length);
    for (const pay of paid) expect(pay).to.equal(weth(0.32) / 100n);
  });
});
