import { mine, setCode } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";

import { HOUR, MARKET, WAD, core, coreWithoutInterest, time, usdc, weth } from "../fixture";
import { expWad, mulDiv, mulDivUp } from "../math";

const YEAR = 365n * 24n * HOUR;
const INDEX = 10n ** 27n;

/** The fixture's model: 0 at 0, 5 % a year at 90 %, 50 % at 100 %; a second's rate, rounded up. */
function ratePerSecond(debt: bigint, idle: bigint): bigint {
  const utilisation = mulDiv(debt, WAD, debt + idle);
  const kink = (WAD * 9n) / 10n;
  const perYear =
    utilisation <= kink
      ? mulDivUp(WAD / 20n, utilisation, kink)
      : WAD / 20n + mulDivUp(WAD / 2n - WAD / 20n, utilisation - kink, WAD - kink);
  return mulDivUp(perYear, 1n, YEAR);
}

describe("Vault: interest", () => {
  for (const [debt, seconds] of [
    [usdc(500_000), YEAR],
    [usdc(500_000), 1n],
    [usdc(900_000), 30n * 24n * HOUR],
    [usdc(1_000_000), 3n * YEAR],
  ] as const) {
    it(`compounds ${(debt / 1_000_000n).toString()} of 1,000,000 for ${seconds.toString()} s, to the unit`, async () => {
      const { vault, collateral, borrower, other, open } = await core();
      await open(borrower, weth(1000), debt);
      const at = BigInt(await time.latest()) + seconds;
      const factor = expWad(ratePerSecond(debt, usdc(1_000_000) - debt) * seconds);
      const index = mulDiv(INDEX, factor, WAD);
      const interest = mulDiv(debt, index, INDEX) - debt;
      // 5 % to each: a tenth, rounded down for the lenders, and of that half, rounded down for the buffer
      const owed = (interest * 1000n) / 10_000n;
      await time.setNextBlockTimestamp(at);
      await expect(vault.connect(other).accrueInterest())
        .to.emit(vault, "InterestAccrued")
        .withArgs(index, interest, owed);
      expect(await vault.indexE27()).to.equal(index);
      expect(await vault.totalDebt()).to.equal(debt + interest);
      expect(await vault.debtOf(collateral, borrower)).to.equal(mulDivUp(debt, index, INDEX));
      expect(await vault.reserves()).to.equal(owed / 2n);
      expect(await vault.bufferFees()).to.equal(owed - owed / 2n);
      expect(await vault.totalAssets()).to.equal(usdc(1_000_000) + interest - owed);
      expect(await vault.totalDebtShares()).to.equal(debt);
    });
  }

  it("compounds on what has accrued, to the last digit", async () => {
    const { vault, borrower, open } = await core();
    await open(borrower, weth(1000), usdc(500_000));
    let at = BigInt(await time.latest());
    let index = INDEX;
    for (const seconds of [YEAR, 1n, 30n * 24n * HOUR]) {
      at += seconds;
      await time.setNextBlockTimestamp(at);
      await vault.accrueInterest();
      const rate = ratePerSecond(mulDiv(usdc(500_000), index, INDEX), usdc(500_000));
      index = mulDiv(index, expWad(rate * seconds), WAD);
      expect(await vault.indexE27()).to.equal(index);
    }
  });

  it("charges a debt of one unit by its utilisation, rounded down", async () => {
    const { vault, loan, collateral, oracle, borrowOracle, lender, borrower, open } = await core();
    await vault.setMarket(collateral, { ...MARKET, minDebt: 0n, oracle, borrowOracle });
    await open(borrower, weth(1), 1n);
    await time.setNextBlockTimestamp(BigInt(await time.latest()) + YEAR);
    await vault.accrueInterest();
    const index = mulDiv(INDEX, expWad(ratePerSecond(1n, usdc(1_000_000) - 1n) * YEAR), WAD);
    expect(index).to.be.gt(INDEX);
    expect(await vault.indexE27()).to.equal(index);
    // of so much cash it is less than the least utilisation there is
    await loan.mint(lender, WAD);
    await vault.connect(lender).deposit(WAD, lender);
    const still = await vault.indexE27();
    await time.increase(YEAR);
    expect(await vault.indexE27()).to.equal(still);
  });

  it("shows in views what it would accrue", async () => {
    const { vault, collateral, borrower, open } = await core();
    await open(borrower, weth(1000), usdc(500_000));
    await time.increase(YEAR);
    const views = async () =>
      Promise.all([
        vault.indexE27(),
        vault.totalDebt(),
        vault.debtOf(collateral, borrower),
        vault.reserves(),
        vault.bufferFees(),
        vault.totalAssets(),
        vault.convertToAssets(10n ** 24n),
        vault.snapshot(collateral, [borrower]),
      ]);
    await mine();
    const before = await views();
    expect(before[0]).to.be.gt(INDEX);
    const index = before[0];
    expect(before[1]).to.equal(mulDiv(usdc(500_000), index, INDEX));
    expect(before[2]).to.equal(mulDivUp(usdc(500_000), index, INDEX));
    const interest = before[1] - usdc(500_000);
    expect(before[3]).to.equal((interest * 500n) / 10_000n);
    expect(before[4]).to.equal((interest * 500n) / 10_000n);
    expect(before[5]).to.equal(usdc(1_000_000) + interest - 2n * before[3]);
    expect(before[6]).to.equal(mulDiv(10n ** 24n, before[5] + 1n, usdc(1_000_000) * 1000n + 1000n));
    expect(before[7].positions[0]?.debt).to.equal(before[2]);
  });

  it("accrues nothing and says nothing without debt", async () => {
    const { vault } = await core();
    await time.increase(YEAR);
    await expect(vault.accrueInterest()).not.to.emit(vault, "InterestAccrued");
    expect(await vault.indexE27()).to.equal(INDEX);
    expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
  });

  it("starts to count when the first debt is made, not before", async () => {
    const { vault, collateral, borrower, open } = await core();
    await time.increase(YEAR);
    await open(borrower, weth(1000), usdc(500_000));
    expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(500_000));
  });

  it("counts the time before a change of shares at the old shares", async () => {
    const { vault, borrower, open } = await core();
    await open(borrower, weth(1000), usdc(500_000));
    const at = BigInt(await time.latest()) + YEAR;
    const factor = expWad(ratePerSecond(usdc(500_000), usdc(500_000)) * YEAR);
    const interest = mulDiv(usdc(500_000), mulDiv(INDEX, factor, WAD), INDEX) - usdc(500_000);
    await time.setNextBlockTimestamp(at);
    await expect(vault.setInterestShares(0, 10_000)).to.emit(vault, "InterestSharesSet").withArgs(0, 10_000);
    const owed = (interest * 1000n) / 10_000n;
    expect(await vault.reserves()).to.equal(owed / 2n);
    expect(await vault.bufferFees()).to.equal(owed - owed / 2n);
    // from now on all of it is the buffer's and the lenders' share stands still
    const price = await vault.convertToAssets(10n ** 24n);
    const reserves = await vault.reserves();
    await time.increase(YEAR);
    await vault.accrueInterest();
    expect(await vault.convertToAssets(10n ** 24n)).to.be.within(price, price + 10n ** 9n);
    expect(await vault.reserves()).to.equal(reserves);
  });

  for (const method of ["deposit", "mint", "withdraw", "redeem"] as const) {
    it(`counts the time before a ${method} at the cash there was before it`, async () => {
      const { vault, lender, borrower, open } = await core();
      await open(borrower, weth(1000), usdc(500_000));
      const at = BigInt(await time.latest()) + YEAR;
      const index = mulDiv(INDEX, expWad(ratePerSecond(usdc(500_000), usdc(500_000)) * YEAR), WAD);
      await time.setNextBlockTimestamp(at);
      const caller = vault.connect(lender);
      if (method === "deposit") await caller.deposit(usdc(100_000), lender);
      else if (method === "mint") await caller.mint(usdc(100_000) * 1000n, lender);
      else if (method === "withdraw") await caller.withdraw(usdc(100_000), lender, lender);
      else await caller.redeem(usdc(100_000) * 1000n, lender, lender);
      expect(await vault.indexE27()).to.equal(index);
      // and it is written down, or the next second would count the whole year again at the cash there is now
      await mine(1);
      expect(await vault.indexE27()).to.be.within(index, index + index / 10n ** 8n);
    });
  }

  it("gives reserves and the buffer each its own share", async () => {
    const { vault, borrower, open } = await core();
    await vault.setInterestShares(300, 700);
    await open(borrower, weth(1000), usdc(500_000));
    const at = BigInt(await time.latest()) + YEAR;
    const index = mulDiv(INDEX, expWad(ratePerSecond(usdc(500_000), usdc(500_000)) * YEAR), WAD);
    const interest = mulDiv(usdc(500_000), index, INDEX) - usdc(500_000);
    const owed = (interest * 1000n) / 10_000n;
    const toReserves = (owed * 300n) / 1000n;
    await time.increaseTo(at);
    expect([await vault.reserves(), await vault.bufferFees()]).to.deep.equal([toReserves, owed - toReserves]);
    await time.setNextBlockTimestamp(at + 1n);
    const accrued = await vault.accrueInterest();
    const [reserves, fees] = [await vault.reserves(), await vault.bufferFees()];
    await expect(accrued)
      .to.emit(vault, "InterestAccrued")
      .withArgs(await vault.indexE27(), (await vault.totalDebt()) - usdc(500_000), reserves + fees);
    expect(fees).to.be.gt(2n * reserves);
  });

  it("never lets a lender's share fall by accruing, however often (V3)", async () => {
    const { vault, borrower, open } = await core();
    await open(borrower, weth(1000), 777_777_777n);
    let price = await vault.convertToAssets(10n ** 30n);
    for (let i = 0; i < 30; i++) {
      await time.increase(i * i + 1);
      await vault.accrueInterest();
      const next = await vault.convertToAssets(10n ** 30n);
      expect(next).to.be.gte(price);
      price = next;
    }
  });

  describe("the buffer's share", () => {
    it("goes to the buffer only, as far as there is cash", async () => {
      const { vault, loan, buffer, lender, borrower, other, open } = await core();
      await open(borrower, weth(1000), usdc(500_000));
      await time.increase(YEAR);
      await expect(vault.connect(other).collectBufferFees())
        .to.be.revertedWithCustomError(vault, "NotAllowed")
        .withArgs(other.address, await buffer.getAddress());
      // leave one unit of cash
      await vault.connect(lender).withdraw((await vault.idle()) - 1n, lender, lender);
      const fees = await vault.bufferFees();
      expect(fees).to.be.gt(usdc(600));
      const collect = buffer.connect(other).collectFees();
      await expect(collect).to.emit(vault, "BufferFeesCollected").withArgs(1n);
      await expect(collect).to.emit(buffer, "FeesCollected").withArgs(1n);
      await expect(collect).to.changeTokenBalances(loan, [vault, buffer], [-1n, 1n]);
      expect(await vault.idle()).to.equal(0);
      expect(await vault.bufferFees()).to.be.gte(fees - 1n);
      const nothing = buffer.collectFees();
      await expect(nothing).not.to.emit(buffer, "FeesCollected");
      await expect(nothing).not.to.emit(vault, "BufferFeesCollected");
    });

    it("collects all of it, and the lenders' price stands", async () => {
      const { vault, loan, buffer, borrower, open } = await core();
      await open(borrower, weth(1000), usdc(500_000));
      const at = BigInt(await time.latest()) + YEAR;
      const factor = expWad(ratePerSecond(usdc(500_000), usdc(500_000)) * YEAR);
      const interest = mulDiv(usdc(500_000), mulDiv(INDEX, factor, WAD), INDEX) - usdc(500_000);
      const owed = (interest * 1000n) / 10_000n;
      const fees = owed - owed / 2n;
      await time.setNextBlockTimestamp(at);
      await expect(buffer.collectFees()).to.changeTokenBalances(loan, [vault, buffer], [-fees, fees]);
      expect(await buffer.cash()).to.equal(usdc(200_000) + fees);
      expect(await vault.bufferFees()).to.equal(0);
      expect(await vault.idle()).to.equal(usdc(500_000) - fees);
      expect(await vault.totalAssets()).to.equal(usdc(1_000_000) + interest - owed);
    });
  });

  it("bounds any model's rate at 1000 % a year", async () => {
    const { vault, rates, borrower, open } = await coreWithoutInterest();
    // a model that answers 2^255 to everything: PUSH1 80, PUSH1 f8, SHL, PUSH0, MSTORE, PUSH1 20, PUSH0, RETURN
    await setCode(await rates.getAddress(), "0x608060f81b5f5260205ff3");
    await open(borrower, weth(1000), usdc(500_000));
    const at = BigInt(await time.latest()) + YEAR;
    await time.setNextBlockTimestamp(at);
    await vault.accrueInterest();
    // e^10, of which the library's exponential gives 20 digits
    const index = mulDiv(INDEX, expWad(((10n * WAD) / YEAR) * YEAR), WAD);
    expect(await vault.indexE27()).to.be.within(index - index / 10n ** 20n, index + index / 10n ** 20n);
  });

  it("stops, and repaying with it, once the index has grown 1.3e9 times: after two years at that rate", async () => {
    const { vault, collateral, rates, borrower, open } = await coreWithoutInterest();
    await setCode(await rates.getAddress(), "0x608060f81b5f5260205ff3");
    await open(borrower, weth(1000), usdc(500_000));
    const start = await time.latest();
    await time.increaseTo(start + Math.floor(2.1 * Number(YEAR)));
    await vault.accrueInterest();
    expect(await vault.indexE27()).to.be.gt(13n * 10n ** 8n * INDEX);
    await time.increaseTo(start + Math.floor(2.11 * Number(YEAR)));
    const calls = [() => vault.accrueInterest(), () => vault.connect(borrower).repay(collateral, usdc(1), borrower)];
    for (const call of calls) {
      await expect(call()).to.be.revertedWithCustomError(vault, "SafeCastOverflowedUintDowncast");
    }
  });
});
