import { mine } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { ETH_PRICE, INVENTORY, LANE, MARKET, WAD, priceE36, time, usdc, weth } from "../fixture";
import { DAY, buffering } from "./fixture";

/** The refusals, in the contract's order. */
const [NONE, NO_INVENTORY, AUCTIONS_RUNNING, PRICE_UNDER_AVERAGE, NOTHING_EMITTED] = [0, 1, 2, 3, 4] as const;

const SLOPE = BigInt(INVENTORY.slopeWad);
/** Half of the lane's 120 WETH an hour, which is 1.2 times 100 WETH of depth: a WETH a minute. */
const RATE = weth(60);
/** 1 + 0.5 % less the slope for so many seconds. */
const multiple = (seconds: bigint): bigint => (WAD * 1005n) / 1000n - SLOPE * seconds;

/** price·(m·q + σ·(q − flat)²/(2r)) in one fraction, rounded up. */
function costOf(quantity: bigint, multipleWad: bigint, flat = 0n, price = priceE36(ETH_PRICE)): bigint {
  const steep = quantity > flat ? quantity - flat : 0n;
  const numerator = price * (multipleWad * quantity * 2n * RATE + SLOPE * 3600n * steep * steep);
  const denominator = 2n * RATE * 10n ** 54n;
  return (numerator + denominator - 1n) / denominator;
}

/** 10 WETH taken over a minute before the next block. */
async function minuteAgo() {
  const all = await buffering();
  const at = await all.takeOver(weth(10), usdc(19_400));
  await time.setNextBlockTimestamp(at + 60);
  return { ...all, at };
}

/** A real auction in the same market, which leaves the price within the average's tolerance. */
async function withAuction() {
  const all = await buffering();
  const { house, vault, collateral, other, keeper, open, setPrice, takeOver } = all;
  await open(other, weth(10), usdc(16_000));
  await setPrice(1925);
  await vault.connect(all.lender).accrueInterest();
  const at = await takeOver(weth(10), usdc(18_000));
  await house.connect(keeper).start(collateral, other);
  // the average comes down to the price
  await time.increase(3 * 3600);
  await house.sync(collateral);
  expect((await house.lane(collateral)).auctions).to.equal(1);
  return { ...all, at };
}

describe("LiquidityBuffer: sale of inventory", () => {
  it("sells what it has let out, at the price of its age", async () => {
    const { buffer, loan, collateral, keeper, other, at, expectBalanced } = await minuteAgo();
    // 60 s at a WETH a minute
    const cost = costOf(weth(1), multiple(60n));
    const buy = buffer.connect(keeper).buyInventory(collateral, weth(7), cost, other, "0x");
    await expect(buy)
      .to.emit(buffer, "InventorySold")
      .withArgs(await collateral.getAddress(), keeper.address, other.address, weth(1), cost, multiple(60n));
    await expect(buy).to.changeTokenBalances(collateral, [buffer, other], [-weth(1), weth(1)]);
    await expect(buy).to.changeTokenBalances(loan, [buffer, keeper], [cost, -cost]);
    expect(await buffer.cash()).to.equal(usdc(180_600) + cost);
    // all that was let out is sold, and it has been held since then as before
    expect(await buffer.inventory(collateral)).to.deep.equal([weth(9), BigInt(at), BigInt(at + 60) * WAD]);
    await expectBalanced();
  });

  it("counts what was let out from where the last buy left it", async () => {
    const { buffer, collateral, keeper, takeOver } = await buffering();
    const at = await takeOver(weth(10), usdc(19_400));
    await time.setNextBlockTimestamp(at + 150);
    await buffer.connect(keeper).buyInventory(collateral, weth(0.5), ethers.MaxUint256, keeper, "0x");
    expect((await buffer.inventory(collateral)).cursorWad).to.equal(BigInt(at + 30) * WAD);
  });

  it("sells a part, and the next bit is dearer", async () => {
    const { buffer, collateral, keeper, at } = await minuteAgo();
    await buffer.connect(keeper).buyInventory(collateral, weth(0.5), ethers.MaxUint256, keeper, "0x");
    // half a WETH is half a minute's
    expect((await buffer.inventory(collateral)).cursorWad).to.equal(BigInt(at + 30) * WAD);
    expect(await buffer.quoteInventory(collateral, weth(7))).to.deep.equal([
      NONE,
      weth(0.5),
      costOf(weth(0.5), multiple(30n)),
      multiple(30n),
    ]);
  });

  it("costs no less in two parts than in one (A6)", async () => {
    const { buffer, collateral, at } = await minuteAgo();
    await mine();
    const quote = async (amount: bigint) => (await buffer.quoteInventory(collateral, amount)).cost;
    for (const [a, b] of [
      [weth(0.2), weth(0.3)],
      [1n, weth(0.9)],
      [333_333_333_333_333_333n, 444_444_444_444_444_445n],
    ] as const) {
      const first = await quote(a);
      const whole = await quote(a + b);
      // the rest at the multiple to which the first part has raised it
      const age = BigInt(60) * WAD - (a * 3600n * WAD) / RATE;
      const second = costOf(b, (WAD * 1005n) / 1000n - (SLOPE * age) / WAD);
      expect(first + second).to.be.gte(whole);
      expect(first + second - whole).to.be.lte(2);
    }
    expect(await time.latest()).to.equal(at + 60);
  });

  it("falls no further than its discount, and lets out no more than a burst (B2)", async () => {
    const { buffer, collateral, keeper, at } = await minuteAgo();
    await time.increaseTo(at + 2 * 3600);
    // 1.5 % at the slope takes three minutes and a rounding
    const age = (((WAD * 15n) / 1000n) * WAD) / SLOPE;
    const available = (RATE * age) / (3600n * WAD);
    const least = (WAD * 1005n) / 1000n - (SLOPE * age) / WAD;
    expect(least).to.be.within((WAD * 99n) / 100n, (WAD * 99n) / 100n + 1n);
    expect(await buffer.quoteInventory(collateral, ethers.MaxUint256)).to.deep.equal([
      NONE,
      available,
      costOf(available, least),
      least,
    ]);
    await buffer.connect(keeper).buyInventory(collateral, ethers.MaxUint256, ethers.MaxUint256, keeper, "0x");
    expect((await buffer.inventory(collateral)).amount).to.equal(weth(10) - available);
    await time.increase(59);
    expect((await buffer.quoteInventory(collateral, ethers.MaxUint256)).bought).to.equal((RATE * 59n) / 3600n);
  });

  it("forgets since when it held what is all sold", async () => {
    const { buffer, collateral, keeper, takeOver, expectBalanced } = await buffering();
    const at = await takeOver(weth(1), usdc(1900));
    await time.setNextBlockTimestamp(at + 90);
    // only the last third of what was let out is flat: nothing is
    const cost = costOf(weth(1), multiple(90n));
    await expect(buffer.connect(keeper).buyInventory(collateral, ethers.MaxUint256, cost, keeper, "0x"))
      .to.emit(buffer, "InventorySold")
      .withArgs(await collateral.getAddress(), keeper.address, keeper.address, weth(1), cost, multiple(90n));
    expect((await buffer.inventory(collateral)).slice(0, 2)).to.deep.equal([0n, 0n]);
    expect(await buffer.quoteInventory(collateral, 1n)).to.deep.equal([NO_INVENTORY, 0n, 0n, 0n]);
    await expectBalanced();
    const again = await takeOver(weth(1), usdc(1900));
    expect(await buffer.inventory(collateral)).to.deep.equal([weth(1), BigInt(again), BigInt(again) * WAD]);
  });

  it("refuses without inventory", async () => {
    const { buffer, collateral, keeper } = await buffering();
    await expect(buffer.connect(keeper).buyInventory(collateral, 1n, 1n, keeper, "0x"))
      .to.be.revertedWithCustomError(buffer, "NotForSale")
      .withArgs(await collateral.getAddress(), NO_INVENTORY);
  });

  it("refuses when all that was let out is sold", async () => {
    const { buffer, collateral, keeper } = await minuteAgo();
    const caller = buffer.connect(keeper);
    await caller.buyInventory(collateral, weth(1), ethers.MaxUint256, keeper, "0x");
    // in the same second
    expect(await buffer.quoteInventory(collateral, 1n)).to.deep.equal([NOTHING_EMITTED, 0n, 0n, (WAD * 1005n) / 1000n]);
    await expect(caller.buyInventory.staticCall(collateral, 1n, 1n, keeper, "0x"))
      .to.be.revertedWithCustomError(buffer, "NotForSale")
      .withArgs(await collateral.getAddress(), NOTHING_EMITTED);
  });

  it("refuses nobody, nothing and a cost above the buyer's bound", async () => {
    const { buffer, collateral, keeper, at } = await minuteAgo();
    const caller = buffer.connect(keeper);
    await expect(caller.buyInventory(collateral, 1n, 1n, ethers.ZeroAddress, "0x")).to.be.revertedWithCustomError(
      buffer,
      "ZeroAddress",
    );
    await expect(caller.buyInventory(collateral, 0n, 1n, keeper, "0x")).to.be.revertedWithCustomError(
      buffer,
      "ZeroAmount",
    );
    await time.setNextBlockTimestamp(at + 90);
    const cost = costOf(weth(1), multiple(90n));
    await expect(caller.buyInventory(collateral, weth(1), cost - 1n, keeper, "0x"))
      .to.be.revertedWithCustomError(buffer, "CostTooHigh")
      .withArgs(cost, cost - 1n);
  });

  it("refuses without the oracle (O1)", async () => {
    const { buffer, collateral, oracle, keeper } = await minuteAgo();
    await oracle.setBroken(true);
    await expect(buffer.connect(keeper).buyInventory(collateral, 1n, 1n, keeper, "0x")).to.be.revertedWithCustomError(
      oracle,
      "Broken",
    );
    await expect(buffer.quoteInventory(collateral, 1n)).to.be.revertedWithCustomError(oracle, "Broken");
  });

  describe("the lane comes first", () => {
    it("nothing is sold while an auction runs in the market, and then it is", async () => {
      const { buffer, house, vault, collateral, other, keeper } = await withAuction();
      expect(await buffer.quoteInventory(collateral, 1n)).to.deep.equal([AUCTIONS_RUNNING, 0n, 0n, 0n]);
      await expect(buffer.connect(keeper).buyInventory(collateral, 1n, 1n, keeper, "0x"))
        .to.be.revertedWithCustomError(buffer, "NotForSale")
        .withArgs(await collateral.getAddress(), AUCTIONS_RUNNING);
      await vault.connect(other).repay(collateral, ethers.MaxUint256, other);
      await house.cancel(collateral, other);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(NONE);
    });

    it("but not one that has expired and that nobody cancelled", async () => {
      const { buffer, house, collateral } = await withAuction();
      const expires =
        (await house.lane(collateral)).startedAt + (await house.laneParameters(collateral)).maxAuctionDuration;
      await time.increaseTo(expires);
      expect(await house.isRunning(collateral)).to.equal(true);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(AUCTIONS_RUNNING);
      await time.increaseTo(expires + 1n);
      expect(await house.isRunning(collateral)).to.equal(false);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(NONE);
    });

    it("until it was held for maxHold, to the second", async () => {
      const { buffer, house, collateral, other, at } = await withAuction();
      await time.increaseTo(at + DAY - 3600);
      await house.start(collateral, other);
      await time.increaseTo(at + DAY - 1);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(AUCTIONS_RUNNING);
      await time.increaseTo(at + DAY);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(NONE);
    });
  });

  describe("a crash that is still on is no time to sell", () => {
    it("nothing is sold while the price is more than the tolerance under its average", async () => {
      const { buffer, collateral, keeper, oracle } = await minuteAgo();
      await mine();
      // 1 % under 2,000
      await oracle.setPrice(priceE36(1980));
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(NONE);
      await oracle.setPrice(priceE36(1979.99));
      expect(await buffer.quoteInventory(collateral, 1n)).to.deep.equal([PRICE_UNDER_AVERAGE, 0n, 0n, 0n]);
      await expect(buffer.connect(keeper).buyInventory(collateral, 1n, 1n, keeper, "0x"))
        .to.be.revertedWithCustomError(buffer, "NotForSale")
        .withArgs(await collateral.getAddress(), PRICE_UNDER_AVERAGE);
    });

    it("until it was held for maxHold, to the second", async () => {
      const { buffer, collateral, oracle, at } = await minuteAgo();
      await oracle.setPrice(priceE36(1500));
      await time.increaseTo(at + DAY - 1);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(PRICE_UNDER_AVERAGE);
      await time.increaseTo(at + DAY);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(NONE);
    });

    it("and dust that was left does not open the gate for what is taken over later", async () => {
      const { buffer, collateral, keeper, oracle, takeOver } = await buffering();
      const at = await takeOver(weth(1), usdc(1900));
      await time.increaseTo(at + 120);
      await buffer.connect(keeper).buyInventory(collateral, weth(1) - 1n, ethers.MaxUint256, keeper, "0x");
      expect((await buffer.inventory(collateral)).amount).to.equal(1);
      await time.increase(2 * DAY);
      await oracle.setPrice(priceE36(1500));
      await takeOver(weth(10), usdc(14_000));
      await time.increase(60);
      expect((await buffer.quoteInventory(collateral, 1n)).refusal).to.equal(PRICE_UNDER_AVERAGE);
      // nor does it skip the premium
      await oracle.setPrice(priceE36(2000));
      const { multipleWad } = await buffer.quoteInventory(collateral, 1n);
      expect(multipleWad).to.be.gte(multiple(62n));
    });
  });

  describe("the buyer's callback (IBuyer)", () => {
    it("has the collateral in hand and pays after it", async () => {
      const { buffer, loan, collateral, lender, at } = await minuteAgo();
      const actor = await ethers.deployContract("MockActor");
      const [self, token] = [await actor.getAddress(), await collateral.getAddress()];
      await loan.connect(lender).approve(actor, ethers.MaxUint256);
      const cost = costOf(weth(1), multiple(90n));
      await actor.setCalls([
        { target: collateral, data: collateral.interface.encodeFunctionData("transfer", [lender.address, weth(1)]) },
        { target: loan, data: loan.interface.encodeFunctionData("transferFrom", [lender.address, self, cost]) },
        { target: loan, data: loan.interface.encodeFunctionData("approve", [await buffer.getAddress(), cost]) },
      ]);
      await time.setNextBlockTimestamp(at + 90);
      const buy = actor.run(
        buffer,
        buffer.interface.encodeFunctionData("buyInventory", [token, weth(1), cost, self, "0xbeef"]),
      );
      await expect(buy)
        .to.emit(actor, "BuyCalled")
        .withArgs(await buffer.getAddress(), token, weth(1), cost, "0xbeef");
      await expect(buy).to.changeTokenBalances(loan, [buffer, lender, actor], [cost, -cost, 0n]);
      await expect(buy).to.changeTokenBalances(collateral, [buffer, lender], [-weth(1), weth(1)]);
    });

    it("can't take the collateral and not pay", async () => {
      const { buffer, loan, collateral } = await minuteAgo();
      const actor = await ethers.deployContract("MockActor");
      const data = buffer.interface.encodeFunctionData("buyInventory", [
        await collateral.getAddress(),
        weth(1),
        ethers.MaxUint256,
        await actor.getAddress(),
        "0x01",
      ]);
      await expect(actor.run(buffer, data)).to.be.revertedWithCustomError(loan, "ERC20InsufficientAllowance");
    });

    it("can't enter the buffer again, by itself or through house and vault", async () => {
      const { buffer, house, collateral, other, open, setPrice } = await minuteAgo();
      await open(other, weth(10), usdc(16_000));
      await setPrice(1990);
      const actor = await ethers.deployContract("MockActor");
      const [self, token] = [await actor.getAddress(), await collateral.getAddress()];
      const { interface: abi } = buffer;
      const buy = abi.encodeFunctionData("buyInventory", [token, 1000n, ethers.MaxUint256, self, "0x01"]);
      for (const data of [
        buy,
        abi.encodeFunctionData("deposit", [0n, self]),
        abi.encodeFunctionData("mint", [0n, self]),
        abi.encodeFunctionData("requestRedeem", [1n, self, self]),
        abi.encodeFunctionData("redeem", [1n, self, self]),
        abi.encodeFunctionData("withdraw", [1n, self, self]),
        abi.encodeFunctionData("collectFees"),
        abi.encodeFunctionData("takeOver", [token, 1n, 1n]),
        abi.encodeFunctionData("cover", [1n]),
      ]) {
        await actor.setCalls([{ target: buffer, data }]);
        await expect(actor.run(buffer, buy)).to.be.revertedWithCustomError(buffer, "ReentrancyGuardReentrantCall");
      }
      // the price falls inside: the take-over can't book
      const oracle = await ethers.getContractAt("MockOracle", (await (await vaultOf(house)).market(token)).oracle);
      await actor.setCalls([
        { target: oracle, data: oracle.interface.encodeFunctionData("setPrice", [priceE36(1600)]) },
        { target: house, data: house.interface.encodeFunctionData("absorb", [token, other.address]) },
      ]);
      await expect(actor.run(buffer, buy)).to.be.revertedWithCustomError(buffer, "ReentrancyGuardReentrantCall");
    });

    it("nor can a hostile collateral", async () => {
      const { buffer, house, vault, asHouse, oracle, depth, guard, borrower, keeper } = await buffering();
      const hostile = await ethers.deployContract("MockERC20Hook", ["Hostile", "HOST", 18]);
      await vault.setMarket(hostile, { ...MARKET, oracle, borrowOracle: oracle });
      await house.setLane(hostile, { ...LANE, depthOracle: depth, guard });
      await buffer.setInventoryParameters(hostile, INVENTORY);
      await hostile.mint(borrower, weth(10));
      await hostile.connect(borrower).approve(vault, weth(10));
      await vault.connect(borrower).supplyCollateral(hostile, weth(10), borrower);
      await buffer.connect(asHouse).takeOver(hostile, weth(1), 0n);
      const fills = [{ owner: borrower, collateral: weth(1), repaid: 0n, pay: 0n }];
      await vault.connect(asHouse).settle(hostile, fills, 0n, buffer, buffer, buffer, "0x");
      await time.increase(60);
      await hostile.setHook(buffer, buffer.interface.encodeFunctionData("deposit", [1n, keeper.address]));
      await expect(buffer.connect(keeper).buyInventory(hostile, 1n, 10n, keeper, "0x")).to.be.revertedWithCustomError(
        buffer,
        "ReentrancyGuardReentrantCall",
      );
    });
  });
});

async function vaultOf(house: Awaited<ReturnType<typeof buffering>>["house"]) {
  return ethers.getContractAt("Vault", await house.vault());
}
