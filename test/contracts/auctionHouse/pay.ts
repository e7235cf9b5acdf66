import { expect } from "chai";
import { ethers } from "hardhat";

import {
  BPS,
  GWEI,
  LANE,
  MARKET,
  PAY,
  PaidGas,
  openFor,
  opened,
  mostPay,
  payInWei,
  priceE36,
  setBaseFee,
  time,
  usdc,
  weth,
} from "./setup";

const INTERVAL = BigInt(PAY.interval);

/** A position that is unhealthy at 1900, large enough for no bound but that of fees to bind. */
async function unhealthy(amount = weth(1000), debt = usdc(1_590_000), price = 1900) {
  const market = await opened(amount, debt);
  await market.setPrice(price);
  const { house, collateral, borrower, keeper } = market;
  /** What an `open` at that base fee is paid, and what reached the keeper. */
  const openAt = async (baseFee: bigint) => {
    const before = await collateral.balanceOf(keeper);
    await setBaseFee(baseFee);
    // no tip to the block's producer, so that any base fee will do
    const fees = { maxFeePerGas: baseFee, maxPriorityFeePerGas: 0n };
    const { pay } = await market.openedIn(await house.connect(keeper).open(collateral, borrower, keeper, fees));
    expect((await collateral.balanceOf(keeper)) - before).to.equal(pay);
    return pay;
  };
  const absorbAt = async (baseFee: bigint) => {
    await setBaseFee(baseFee);
    const fees = { maxFeePerGas: baseFee, maxPriorityFeePerGas: 0n };
    return market.absorbedIn(await house.connect(keeper).absorb(collateral, borrower, keeper, fees));
  };
  /** Lets the lane close. */
  const close = async (): Promise<void> => {
    const { cursorWad } = await house.lane(collateral);
    await time.increaseTo(cursorWad / 10n ** 18n + openFor() + 1n);
  };
  return { ...market, openAt, absorbAt, close };
}

describe("pay of an `open`", () => {
  for (const baseFee of [1n, 20n, 200n, 2000n].map((gwei) => gwei * GWEI)) {
    it(`is 255,000 gas at ${baseFee / GWEI} gwei and a tip of 1, and a fifth on top`, async () => {
      const { openAt } = await unhealthy();
      expect(await openAt(baseFee)).to.equal((255_000n * (baseFee + GWEI) * 12n) / 10n);
    });
  }

  it("follows the base fee up to feeCap, to the wei, and no further", async () => {
    const { openAt, close, setPay } = await unhealthy();
    await setPay({ feeCap: 50n * GWEI });
    const capped = { ...PAY, feeCap: 50n * GWEI };
    let last = 0n;
    for (const [baseFee, pay] of [
      [50n * GWEI - 1n, payInWei(PaidGas.open, 50n * GWEI - 1n)],
      [50n * GWEI, payInWei(PaidGas.open, 50n * GWEI)],
      [50n * GWEI + 1n, payInWei(PaidGas.open, 50n * GWEI)],
      [900n * GWEI, payInWei(PaidGas.open, 50n * GWEI)],
    ] as const) {
      expect(payInWei(PaidGas.open, baseFee, capped)).to.equal(pay);
      expect(await openAt(baseFee)).to.equal(pay);
      expect(pay).to.be.gte(last);
      last = pay;
      await close();
      await time.increase(INTERVAL);
    }
  });

  it("counts tip and margin", async () => {
    const { openAt, setPay } = await unhealthy();
    await setPay({ tip: 7n, marginBps: 1 });
    expect(await openAt(3n * GWEI)).to.equal((255_000n * (3n * GWEI + 7n) * 10_001n) / BPS);
  });

  it("is at most capBps of the collateral, rounded down", async () => {
    const { openAt, setPay } = await unhealthy(weth(10) + 7n, usdc(15_900));
    await setPay({ capBps: 50 });
    expect(await openAt(2000n * GWEI)).to.equal(((weth(10) + 7n) * 50n) / BPS);
  });

  it("is at most half of the equity where there is some", async () => {
    // 15,902 of value against 15,900 of debt
    const { openAt, position } = await unhealthy(weth(10), usdc(15_900), 1590.2);
    const owed = (usdc(15_900) * 10n ** 36n + priceE36(1590.2) - 1n) / priceE36(1590.2);
    const pay = await openAt(200n * GWEI);
    expect(pay)
      .to.equal((weth(10) - owed) / 2n)
      .and.to.be.lt(payInWei(PaidGas.open, 200n * GWEI));
    expect((await position()).collateral).to.equal(weth(10) - pay);
  });

  it("is within capBps alone where there is no equity", async () => {
    const { openAt, close } = await unhealthy(weth(10), usdc(15_900), 1500);
    expect(await openAt(200n * GWEI)).to.equal(payInWei(PaidGas.open, 200n * GWEI));
    await close();
    await time.increase(INTERVAL);
    const left = weth(10) - payInWei(PaidGas.open, 200n * GWEI);
    expect(await openAt(2000n * GWEI)).to.equal(left / 100n);
  });

  it("is due once in an interval and market, whoever is the witness, to the second", async () => {
    const { house, collateral, openAt, close } = await unhealthy();
    await openAt(GWEI);
    const paidAt = BigInt(await time.latest());
    expect((await house.lane(collateral)).paidAt).to.equal(paidAt);
    await close();
    expect(await openAt(GWEI)).to.equal(0);
    expect((await house.lane(collateral)).paidAt).to.equal(paidAt);
    await close();
    const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
    await time.setNextBlockTimestamp(paidAt + INTERVAL - 1n);
    expect(await openAt(GWEI)).to.equal(0);
    await ethers.provider.send("evm_revert", [snapshot]);
    await time.setNextBlockTimestamp(paidAt + INTERVAL);
    expect(await openAt(GWEI)).to.equal(payInWei(PaidGas.open, GWEI));
    expect((await house.lane(collateral)).paidAt).to.equal(paidAt + INTERVAL);
  });

  it("is due in another market all the same", async () => {
    const { house, vault, oracle, borrowOracle, depth, guard, borrower, keeper, openAt, setPrice } = await unhealthy();
    await openAt(GWEI);
    const second = await ethers.deployContract("MockERC20", ["Second", "TWO", 18]);
    await vault.setMarket(second, { oracle, borrowOracle, ...MARKET });
    await house.setLane(second, { ...LANE, depthOracle: depth, guard });
    await setPrice(2000);
    await second.mint(borrower, weth(10));
    await second.connect(borrower).approve(vault, weth(10));
    await vault.connect(borrower).supplyCollateral(second, weth(10), borrower);
    await vault.connect(borrower).borrow(second, usdc(15_900), borrower, borrower);
    await setPrice(1900);
    await house.connect(keeper).open(second, borrower, keeper);
    expect(await second.balanceOf(keeper)).to.be.gt(0);
  });

  it("that was nothing leaves the interval as it was", async () => {
    const { house, collateral, openAt, close, setPay } = await unhealthy();
    await setPay({ capBps: 0 });
    expect(await openAt(GWEI)).to.equal(0);
    expect((await house.lane(collateral)).paidAt).to.equal(0);
    await close();
    await setPay({});
    expect(await openAt(GWEI)).to.be.gt(0);
  });
});

describe("pay in a market whose collateral is not the native coin", () => {
  it("is turned into collateral by the prices of the two, rounded down", async () => {
    const { openAt, setPay } = await unhealthy();
    // a coin at 2,345.678901 USDC, against a collateral at 1900
    const native = await ethers.deployContract("MockOracle", [priceE36(2345.678901)]);
    await setPay({ nativeOracle: native.target, wrappedNative: ethers.ZeroAddress });
    const inWei = payInWei(PaidGas.open, 33n * GWEI);
    expect(await openAt(33n * GWEI)).to.equal((inWei * priceE36(2345.678901)) / priceE36(1900));
  });

  it("is so for an absorption as well, by the price that the buffer pays by, and bounded by it", async () => {
    const { guard, oracle, borrowOracle, absorbAt, setPay } = await unhealthy(weth(10), usdc(15_900), 1740);
    const native = await ethers.deployContract("MockOracle", [priceE36(2345)]);
    await setPay({ nativeOracle: native.target, wrappedNative: ethers.ZeroAddress });
    await guard.setDiverged(true);
    await borrowOracle.setPrice(priceE36(1700));
    expect(await oracle.price()).to.equal(priceE36(1740));
    const { pay, priceE36: by } = await absorbAt(100n * GWEI);
    expect(by).to.equal(priceE36(1700));
    expect(pay).to.equal((payInWei(PaidGas.absorb, 100n * GWEI) * priceE36(2345)) / priceE36(1700));
    expect(pay).to.be.lt(mostPay(weth(10), usdc(15_900), priceE36(1700)));
  });

  it("is nothing without an oracle, and nothing where it is dead, which stops nobody", async () => {
    const { house, openAt, absorbAt, close, setPay, setPrice } = await unhealthy();
    await setPay({ nativeOracle: ethers.ZeroAddress, wrappedNative: ethers.ZeroAddress });
    expect(await openAt(GWEI)).to.equal(0);
    expect(await house.payInLoanAsset(1_000_000n)).to.equal(0);
    await close();
    const native = await ethers.deployContract("MockOracle", [priceE36(2000)]);
    await setPay({ nativeOracle: native.target, wrappedNative: ethers.ZeroAddress });
    await native.setBroken(true);
    expect(await openAt(GWEI)).to.equal(0);
    expect(await house.payInLoanAsset(1_000_000n)).to.equal(0);
    await setPrice(1740);
    expect((await absorbAt(GWEI)).pay).to.equal(0);
    await close();
    // nor one that says that the coin is worth nothing
    await native.setBroken(false);
    await native.setPrice(0n);
    expect(await openAt(GWEI)).to.equal(0);
    await close();
    await native.setPrice(priceE36(1740));
    expect(await openAt(GWEI)).to.equal(payInWei(PaidGas.open, GWEI));
  });

  it("needs no oracle where the collateral is the coin", async () => {
    const { openAt, setPay } = await unhealthy();
    await setPay({ nativeOracle: ethers.ZeroAddress });
    expect(await openAt(5n * GWEI)).to.equal(payInWei(PaidGas.open, 5n * GWEI));
  });
});

describe("pay of an absorption", () => {
  it("is within the same bounds: feeCap, capBps, half of the equity", async () => {
    for (const [price, baseFee, change] of [
      [1740, 20n * GWEI, {}],
      [1740, 90n * GWEI, { feeCap: 30n * GWEI }],
      [1740, 1900n * GWEI, { capBps: 10 }],
      [1595, 200n * GWEI, {}],
      [1400, 2000n * GWEI, {}],
    ] as const) {
      const { absorbAt, setPay } = await unhealthy(weth(10), usdc(15_900), price);
      await setPay(change);
      const gasPay = payInWei(PaidGas.absorb, baseFee, { ...PAY, ...change });
      const most = mostPay(weth(10), usdc(15_900), priceE36(price), BigInt({ ...PAY, ...change }.capBps));
      expect((await absorbAt(baseFee)).pay).to.equal(gasPay < most ? gasPay : most);
    }
  });

  it("knows no interval: each does what is needed", async () => {
    const { house, collateral, absorbAt, setCap, openAt } = await unhealthy(weth(10), usdc(15_900), 1700);
    expect(await openAt(GWEI)).to.be.gt(0);
    await setCap(weth(1));
    expect((await absorbAt(GWEI)).pay).to.be.gt(0);
    await setCap(weth(2));
    expect((await absorbAt(GWEI)).pay).to.be.gt(0);
    expect((await house.lane(collateral)).paidAt).to.be.gt(0);
  });

  it("of parts, each in proportion to what was left to absorb, is less than the gas that they burn", async () => {
    const { buffer, collateral, position, absorbAt, setCap } = await unhealthy(weth(10), usdc(15_900), 1400);
    let [paid, burnt, fractions] = [0n, 0n, 0n];
    for (const cap of [weth(2), weth(4), weth(6), weth(8), weth(100)]) {
      await setCap(cap);
      const before = await position();
      const { pay, amount } = await absorbAt(10n * GWEI);
      const block = await ethers.provider.getBlock("latest");
      const { gasUsed } = (await ethers.provider.getTransactionReceipt(block!.transactions[0]!))!;
      burnt += gasUsed * 11n * GWEI;
      paid += pay;
      const gasPay = payInWei(PaidGas.absorb, 10n * GWEI);
      // insolvent, so that all that pay leaves is wanted
      expect(pay).to.equal((gasPay * amount) / (before.collateral - gasPay));
      fractions += (amount * BPS) / before.collateral;
    }
    expect((await buffer.inventory(collateral)).amount).to.be.gt(weth(9));
    // 1/5 + 1/4 + 1/3 + 1/2 + 1 of a whole one's pay, for five transactions
    expect(Number(fractions) / 1e4).to.be.closeTo(1 / 5 + 1 / 4 + 1 / 3 + 1 / 2 + 1, 0.02);
    expect(paid).to.be.lt(burnt);
  });
});

describe("AuctionHouse.payInLoanAsset", () => {
  it("is what gas is worth within the bounds on fees, in loan asset", async () => {
    const { house, setPay } = await opened();
    const native = await ethers.deployContract("MockOracle", [priceE36(2345)]);
    await setPay({ nativeOracle: native.target, feeCap: 30n * GWEI });
    // a call from outside meets a base fee of zero, so another contract asks
    const observer = await ethers.deployContract("MockObserver");
    const data = house.interface.encodeFunctionData("payInLoanAsset", [150_000n]);
    await observer.setViews([{ target: house, data }]);
    const baseFees = [1n, 7n * GWEI, 30n * GWEI, 31n * GWEI];
    for (const baseFee of baseFees) {
      await setBaseFee(baseFee);
      await observer.observe({ maxFeePerGas: baseFee, maxPriorityFeePerGas: 0n });
    }
    expect((await observer.rows()).flat()).to.deep.equal(
      baseFees.map((baseFee) => {
        const inWei = payInWei(150_000n, baseFee, { ...PAY, feeCap: 30n * GWEI });
        return (inWei * priceE36(2345)) / 10n ** 36n;
      }),
    );
    expect(await house.payInLoanAsset(150_000n)).to.equal((payInWei(150_000n, 0n) * priceE36(2345)) / 10n ** 36n);
    await setPay({ capBps: 0 });
    expect(await house.payInLoanAsset(150_000n)).to.equal(0);
  });
});

describe("AuctionHouse.setPay", () => {
  it("sets all parameters", async () => {
    const { house, oracle, collateral } = await opened();
    const parameters = {
      ...{ nativeOracle: oracle.target as string, feeCap: 1n, marginBps: 2, capBps: 3 },
      ...{ wrappedNative: collateral.target as string, tip: 4n, interval: 601 },
    };
    const stored = Object.values(parameters).map((value) => (typeof value === "number" ? BigInt(value) : value));
    await expect(house.setPay(parameters)).to.emit(house, "PaySet").withArgs(stored);
    expect(await house.payParameters()).to.deep.equal(stored);
  });

  const ORDER = ["nativeOracle", "feeCap", "marginBps", "capBps", "wrappedNative", "tip", "interval"];
  const bounds: [string, Partial<typeof PAY>, Partial<typeof PAY>][] = [
    ["feeCap", { feeCap: 10_000n * GWEI + 1n }, { feeCap: 10_000n * GWEI }],
    ["tip", { tip: 100n * GWEI + 1n }, { tip: 100n * GWEI }],
    ["marginBps", { marginBps: 10_001 }, { marginBps: 10_000 }],
    ["capBps", { capBps: 101 }, { capBps: 100 }],
    ["interval", { interval: 599 }, { interval: 600 }],
    ["interval", { interval: 86_401 }, { interval: 86_400 }],
  ];
  for (const [name, bad, good] of bounds) {
    it(`refuses ${name} ${String(Object.values(bad as Record<string, bigint | number>)[0])}`, async () => {
      const { house, setPay } = await opened();
      const before = await house.payParameters();
      await expect(setPay(bad))
        .to.be.revertedWithCustomError(house, "BadParameter")
        .withArgs(ethers.encodeBytes32String(name));
      expect(await house.payParameters()).to.deep.equal(before);
      await setPay(good);
      const set = [...(await house.payParameters())];
      expect(set[ORDER.indexOf(name)]).to.equal(BigInt(Object.values(good)[0] as number));
    });
  }

  it("refuses an oracle that does not answer, which would pay nobody, and everybody but governance", async () => {
    const { house, oracle, keeper, setPay } = await opened();
    await oracle.setBroken(true);
    await expect(setPay({})).to.be.revertedWithCustomError(oracle, "Broken");
    await expect(house.connect(keeper).setPay(PAY))
      .to.be.revertedWithCustomError(house, "AccessManagedUnauthorized")
      .withArgs(keeper);
    await setPay({ nativeOracle: ethers.ZeroAddress });
  });

  it("was never called for a new house, and nobody is paid anything", async () => {
    const { vault, manager } = await opened();
    const settings = await ethers.deployContract("LaneSettings");
    const libraries = { LaneSettings: settings.target as string };
    const house = await ethers.deployContract("AuctionHouse", [vault, manager], { libraries });
    expect((await house.payParameters()).capBps).to.equal(0);
    expect(await house.payInLoanAsset(10n ** 9n)).to.equal(0);
  });
});
