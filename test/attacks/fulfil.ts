import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { PAY, priceE36, time, usdc, weth } from "../contracts/fixture";
import { real } from "../gas/world";
import { Ledger } from "./ledger";
import { COOLDOWN, DAY, buffering, deployMulticall3, inOneBlock, setBaseFee, watch } from "./setup";

const GWEI = 10n ** 9n;
const SHARES = 1000n;

/** A buffer with most of its value in inventory, `other` as half of its underwriters, and its request ready. */
async function ready(inventory = weth(80)) {
  const all = await buffering();
  const { buffer, other, absorb } = all;
  await buffer.connect(other).deposit(usdc(200_000), other);
  await absorb(inventory, (inventory * 2000n) / 10n ** 12n);
  await buffer.connect(other).requestRedeem(await buffer.balanceOf(other), other, other);
  await time.increase(COOLDOWN);
  await watch(all);
  const fulfil = async (who = other) => buffer.connect(who).fulfil(who, who);
  const claim = async (who = other) => buffer.connect(who).redeem(await buffer.maxRedeem(who), who, who);
  return { ...all, fulfil, claim };
}

describe("attacks: choosing the moment of one's fulfilment", () => {
  for (const [what, seen, fair] of [
    ["as the feed ticks up by its deviation", 2010, 2000],
    ["ahead of an update that falls by its deviation", 2000, 1990],
    ["ahead of one that falls by 4 %", 2000, 1920],
  ] as const) {
    it(`${what}: the haircut takes more than that`, async () => {
      const all = await ready();
      const { lender, underwriter, other, fulfil, claim, setPrice } = all;
      await setPrice(seen);
      const ledger = new Ledger(all, priceE36(fair));
      await ledger.expectNoProfit([other], [lender, underwriter], async () => {
        await fulfil();
        await claim();
      });
    });
  }

  it("ahead of an update that falls by 20 %: what is over the haircut, on its part of the inventory", async () => {
    const all = await ready();
    const { lender, underwriter, other, fulfil } = all;
    const ledger = new Ledger(all, priceE36(1600));
    const { profit, others } = await ledger.changes([other], [lender, underwriter], async () => fulfil());
    // half of 80 WETH at 95 % of 2,000, worth 1,600
    expect(profit)
      .to.be.gt(0n)
      .and.lte(usdc(40 * (1900 - 1600)));
    expect(-others[1]!).to.be.lte(profit + 10n);
  });

  it("is nobody's to keep: whoever else fulfils it once it is ready is paid for that, against its will", async () => {
    const { buffer, keeper, loan, other } = await ready();
    const before = await loan.balanceOf(keeper);
    await buffer.connect(keeper).fulfil(other, keeper);
    expect(await loan.balanceOf(keeper)).to.be.gt(before);
    expect(await buffer.pendingRedeemRequest(0n, other)).to.equal(0n);
    await expect(buffer.connect(other).fulfil(other, other)).to.be.revertedWithCustomError(buffer, "NoRequest");
  });

  it("stays one's own where it is too small to pay for the gas: a known limit, at that gas and the haircut", async () => {
    const all = await loadFixture(real);
    const { house, buffer, collateral, oracle, keeper, lender, trade } = all;
    await house.setPay({ ...PAY, nativeOracle: oracle, wrappedNative: collateral });
    await buffer.connect(lender).requestRedeem(usdc(1000) * SHARES, lender, lender);
    await time.increase(DAY);
    await house.observe(collateral);
    await trade(150);
    await time.increase(60);
    const baseFee = 20n * GWEI;
    await setBaseFee(baseFee);
    const fees = { maxFeePerGas: baseFee, maxPriorityFeePerGas: 0n, gasLimit: 1_000_000 };
    const receipt = await (await buffer.connect(keeper).fulfil(lender, keeper, fees)).wait();
    const [fulfilled] = await buffer.queryFilter(buffer.filters.RedeemFulfilled);
    const cost = (receipt!.gasUsed * baseFee * (await oracle.price())) / 10n ** 36n;
    expect(fulfilled!.args.pay).to.be.gt(0n).and.lt(cost);
  });

  it("once the fall is on chain, not in its block, nor before the price is at its average again", async () => {
    const { buffer, house, collateral, oracle, other, fulfil, setPrice } = await ready();
    const options = { gasLimit: 2_000_000 };
    expect(
      await inOneBlock([
        async () => oracle.setPrice(priceE36(1985), options),
        async () => buffer.connect(other).fulfil(other, other, options),
      ]),
    ).to.deep.equal([true, false]);
    await setPrice(1985);
    for (let i = 0; i < 3; ++i) {
      await house.observe(collateral);
      await expect(fulfil()).to.be.revertedWithCustomError(buffer, "MarketInTrouble");
      await time.increase(600);
    }
    for (let i = 0; i < 2; ++i) {
      await house.observe(collateral);
      await time.increase(1800);
    }
    await fulfil();
  });

  it("a donation ahead of it counts for nothing", async () => {
    const all = await ready();
    const { buffer, loan, collateral, lender, underwriter, other, keeper, fulfil } = all;
    const ledger = new Ledger(all, priceE36(2000));
    await loan.connect(keeper).transfer(buffer, usdc(1000));
    await collateral.connect(keeper).transfer(buffer, weth(10));
    await ledger.expectNoProfit([other], [lender, underwriter], async () => fulfil());
  });
});

describe("attacks: who is fulfilled first, and in how many parts", () => {
  it("with cash for one of two, the one that is first gets no more than it would have alone, and the other keeps its value", async () => {
    const all = await ready(weth(150));
    const { buffer, lender, underwriter, other, fulfil } = all;
    await buffer.connect(underwriter).requestRedeem(await buffer.balanceOf(underwriter), underwriter, underwriter);
    await time.increase(COOLDOWN);
    await watch(all);
    const ledger = new Ledger(all, priceE36(2000));
    await ledger.expectNoProfit([other], [lender, underwriter], async () => fulfil());
    // only as far as there is cash
    expect(await buffer.cash()).to.equal(0n);
    expect(await buffer.pendingRedeemRequest(0n, other)).to.be.gt(0n);
    await expect(fulfil(underwriter)).to.be.revertedWithCustomError(buffer, "NotEnoughCash");
    expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.be.gt(0n);
  });

  it("split over ten controllers, one gets no more than in one piece", async () => {
    const all = await ready();
    const { lender, underwriter, other, fulfil } = all;
    const ledger = new Ledger(all, priceE36(2000));
    const whole = await ledger.changes([other], [lender, underwriter], async () => fulfil());

    const again = await buffering();
    const parts = (await ethers.getSigners()).slice(8, 18);
    await again.buffer.connect(again.other).deposit(usdc(200_000), again.other);
    await again.absorb(weth(80), usdc(160_000));
    const each = (await again.buffer.balanceOf(again.other)) / 10n;
    for (const part of parts) {
      await again.buffer.connect(again.other).transfer(part, each);
      await again.buffer.connect(part).requestRedeem(each, part, part);
    }
    await time.increase(COOLDOWN);
    await watch(again);
    const split = await new Ledger(again, priceE36(2000)).changes(
      [again.other, ...parts],
      [again.lender, again.underwriter],
      async () => {
        for (const part of parts) await again.buffer.connect(part).fulfil(part, part);
      },
    );
    expect(whole.profit).to.be.lt(0n);
    // the haircut that the first ones leave is worth something to the later ones
    expect(split.profit).to.be.within(whole.profit, (whole.profit * 3n) / 4n);
    expect(split.others[1]).to.be.gte(0n);
  });

  it("dust of another's can't start its cooldown again, nor can a request in the name of another be made", async () => {
    const { buffer, other, underwriter } = await ready();
    const { readyAt } = await buffer.request(other);
    await expect(buffer.connect(underwriter).requestRedeem(1n, other, underwriter)).to.be.revertedWithCustomError(
      buffer,
      "NotOperator",
    );
    await expect(buffer.connect(underwriter).requestRedeem(1n, underwriter, other)).to.be.reverted;
    expect((await buffer.request(other)).readyAt).to.equal(readyAt);
  });
});

describe("attacks: fulfilling others for the pay", () => {
  /** The real feeds, pool and guard, without tip, and requests of 20,000 USDC by so many controllers that are ready. */
  async function waiting(controllers: number) {
    const all = await loadFixture(real);
    const { house, buffer, collateral, oracle, loan, lender, receiver, trade } = all;
    await house.setPay({ ...PAY, nativeOracle: oracle, wrappedNative: collateral, tip: 0n });
    await loan.mint(receiver, 1n);
    const signers = (await ethers.getSigners()).slice(6, 6 + controllers);
    for (const controller of signers) {
      await buffer.connect(lender).transfer(controller, usdc(20_000) * SHARES);
      await buffer.connect(controller).requestRedeem(usdc(20_000) * SHARES, controller, controller);
    }
    await time.increase(DAY);
    await house.observe(collateral);
    await trade(150);
    await time.increase(60);
    return { ...all, controllers: signers };
  }

  for (const gwei of [1n, 20n, 200n, 2000n, 10_000n]) {
    const baseFee = gwei * GWEI;
    const fees = { maxFeePerGas: baseFee, maxPriorityFeePerGas: 0n, gasLimit: 3_000_000 };

    it(`at ${gwei} gwei pays no more than gas and margin, and a hundredth of what is redeemed`, async () => {
      const { buffer, oracle, loan, keeper, receiver, controllers } = await waiting(1);
      const controller = controllers[0]!;
      await setBaseFee(baseFee);
      const before = await loan.balanceOf(receiver);
      const receipt = await (await buffer.connect(keeper).fulfil(controller, receiver, fees)).wait();
      const paid = (await loan.balanceOf(receiver)) - before;
      const cost = (receipt!.gasUsed * baseFee * (await oracle.price())) / 10n ** 36n;
      expect(paid)
        .to.be.gt(0n)
        .and.lte((cost * 13n) / 10n);
      expect(paid).to.be.lte(usdc(201));
      expect((await buffer.claimable(controller)).assets).to.be.gte(usdc(19_800) - 1n);
      // a spike of gas is no income for whoever waits for it
      if (gwei >= 2000n) expect(paid).to.be.lt(cost);
    });

    it(`several in one transaction at ${gwei} gwei pay no more than the gas of that transaction and margin`, async () => {
      const { buffer, oracle, loan, keeper, receiver, controllers } = await waiting(8);
      const batch = await deployMulticall3();
      const calls = controllers.map(({ address }) => ({
        target: buffer.target,
        allowFailure: false,
        callData: buffer.interface.encodeFunctionData("fulfil", [address, receiver.address]),
      }));
      await setBaseFee(baseFee);
      const before = await loan.balanceOf(receiver);
      const sent = await batch.connect(keeper).getFunction("aggregate3").send(calls, fees);
      const receipt = await sent.wait();
      const paid = (await loan.balanceOf(receiver)) - before;
      const cost = (receipt!.gasUsed * baseFee * (await oracle.price())) / 10n ** 36n;
      expect(paid)
        .to.be.gt(0n)
        .and.lte((cost * 13n) / 10n);
      for (const controller of controllers) expect(await buffer.pendingRedeemRequest(0n, controller)).to.equal(0n);
    });
  }
});
