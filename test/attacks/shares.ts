import { expect } from "chai";
import { ethers } from "hardhat";

import { COOLDOWN, DAY } from "../contracts/buffer/fixture";
import { ETH_PRICE, coreWithoutInterest, priceE36, time, usdc, weth } from "../contracts/fixture";
import { Ledger } from "./ledger";

const ALL = ethers.MaxUint256;

/** The core, with nobody in vault or buffer yet. */
async function empty() {
  const all = await coreWithoutInterest();
  const { vault, buffer, lender, underwriter } = all;
  await vault.connect(lender).redeem(await vault.balanceOf(lender), lender, lender);
  await buffer.connect(underwriter).requestRedeem(await buffer.balanceOf(underwriter), underwriter, underwriter);
  await time.increase(COOLDOWN);
  await buffer.connect(underwriter).redeem(await buffer.maxRedeem(underwriter), underwriter, underwriter);
  return { ...all, ledger: new Ledger(all, priceE36(ETH_PRICE)) };
}

/** A lender who lends all, an insolvent position, and a buffer that is too small for the loss. */
async function insolvent() {
  const all = await coreWithoutInterest();
  const { vault, buffer, underwriter, borrower, other, open, setPrice } = all;
  await buffer.connect(underwriter).requestRedeem(await buffer.balanceOf(underwriter), underwriter, underwriter);
  await vault.connect(other).deposit(usdc(1_000_000), other);
  await open(borrower, weth(100), usdc(150_000));
  await time.increase(COOLDOWN);
  await buffer.connect(underwriter).withdraw(usdc(59_000), underwriter, underwriter);
  await setPrice(1400);
  return { ...all, ledger: new Ledger(all, priceE36(1400)) };
}

describe("attacks: share prices", () => {
  describe("first depositor and donation inflation", () => {
    for (const [first, donation, victim] of [
      [1n, usdc(1_000_000), usdc(1000)],
      [1n, usdc(1000), 999n],
      [usdc(1), usdc(5_000_000), usdc(1)],
    ] as const) {
      it(`vault: ${first} first, ${donation} given, ${victim} to catch`, async () => {
        const { vault, loan, other, keeper, ledger } = await empty();
        await ledger.expectNoProfit([other], [keeper], async () => {
          await vault.connect(other).deposit(first, other);
          await loan.connect(other).transfer(vault, donation);
          await vault.connect(keeper).deposit(victim, keeper);
          await vault.connect(other).redeem(await vault.balanceOf(other), other, other);
          await vault.connect(keeper).redeem(await vault.balanceOf(keeper), keeper, keeper);
        });
      });

      it(`buffer: ${first} first, ${donation} and collateral given, ${victim} to catch`, async () => {
        const { buffer, loan, collateral, other, keeper, ledger } = await empty();
        await ledger.expectNoProfit([other], [keeper], async () => {
          await buffer.connect(other).deposit(first, other);
          await loan.connect(other).transfer(buffer, donation);
          await collateral.connect(other).transfer(buffer, weth(100));
          await buffer.connect(keeper).deposit(victim, keeper);
          for (const who of [other, keeper]) {
            await buffer.connect(who).requestRedeem(await buffer.balanceOf(who), who, who);
          }
          await time.increase(COOLDOWN);
          for (const who of [other, keeper]) {
            await buffer.connect(who).redeem(await buffer.maxRedeem(who), who, who);
          }
        });
      });
    }

    it("vault: rounding up, in mints and withdrawals of a unit, again and again", async () => {
      const { vault, other, keeper, ledger } = await empty();
      await ledger.expectNoProfit([other], [keeper], async () => {
        const attacker = vault.connect(other);
        await attacker.deposit(1n, other);
        for (let i = 0; i < 20; ++i) {
          await attacker.mint(1n, other); // a thousandth of a unit, for a unit
          await attacker.mint(1001n, other);
          await attacker.withdraw(1n, other, other);
        }
        await vault.connect(keeper).deposit(usdc(100), keeper);
        await attacker.redeem(await vault.maxRedeem(other), other, other);
        await vault.connect(keeper).redeem(await vault.maxRedeem(keeper), keeper, keeper);
      });
    });

    it("buffer: with fees instead of a gift, which do count: the virtual shares keep most of them", async () => {
      const { vault, buffer, collateral, house, lender, borrower, other, keeper, open, setPrice, ledger } =
        await empty();
      await vault.connect(lender).deposit(usdc(1_000_000), lender);
      await buffer.connect(other).deposit(1n, other);
      await open(borrower, weth(100), usdc(159_000));
      await setPrice(1900);
      ledger.fairPriceE36 = priceE36(1900);
      const { profit, others } = await ledger.changes([other, borrower], [keeper], async () => {
        // the attacker is liquidated by himself, so that the fee raises the price of the first share
        await house.connect(other).start(collateral, borrower);
        await time.increase(600);
        await house.connect(other).buy(collateral, borrower, ALL, ALL, other, "0x");
        expect(await vault.bufferFees()).to.be.gt(usdc(10));
        await buffer.connect(keeper).deposit(usdc(1000), keeper);
      });
      expect(profit).to.be.lt(-usdc(5));
      // a share has become dear, and the victim loses less than one to rounding
      expect(others[0]).to.be.gte(-((await buffer.convertToAssets(1n)) + 1n));
      expect(await buffer.convertToAssets(1n)).to.be.lt(usdc(1));
    });
  });

  describe("manipulation by flash loan", () => {
    it("nothing that can be asked changes while all cash is out, whatever is done with it", async () => {
      const all = await coreWithoutInterest();
      const { vault, buffer, house, loan, collateral, borrower, other, open } = all;
      const ledger = new Ledger(all, priceE36(ETH_PRICE));
      await open(borrower, weth(100), usdc(100_000));
      await time.increase(3600);
      const actor = await ethers.deployContract("MockActor");
      const observer = await ethers.deployContract("MockObserver");
      const v = vault.interface;
      const b = buffer.interface;
      const unit = 10n ** 12n;
      const [self, token] = [actor.target as string, collateral.target as string];
      await observer.setViews([
        { target: vault, data: v.encodeFunctionData("totalAssets") },
        { target: vault, data: v.encodeFunctionData("convertToAssets", [unit]) },
        { target: vault, data: v.encodeFunctionData("convertToShares", [unit]) },
        { target: vault, data: v.encodeFunctionData("idle") },
        { target: vault, data: v.encodeFunctionData("indexE27") },
        { target: buffer, data: b.encodeFunctionData("totalAssets") },
        { target: buffer, data: b.encodeFunctionData("convertToAssets", [unit]) },
        { target: house, data: house.interface.encodeFunctionData("ema", [token]) },
      ]);
      const look = { target: observer.target, data: observer.interface.encodeFunctionData("observe") };
      const cash = await vault.idle();
      await loan.connect(other).transfer(actor, usdc(1));
      for (const spender of [vault, buffer]) {
        await actor.run(loan, loan.interface.encodeFunctionData("approve", [spender.target, ALL]));
      }
      await observer.observe();
      // out, given to the vault, lent and taken back, then returned
      await actor.setCalls([
        look,
        { target: vault, data: v.encodeFunctionData("deposit", [cash / 2n, self]) },
        { target: vault, data: v.encodeFunctionData("withdraw", [cash / 2n, self, self]) },
        look,
        { target: loan, data: loan.interface.encodeFunctionData("transfer", [vault.target, usdc(1)]) },
        look,
      ]);
      await ledger.expectNoProfit([actor, other], [borrower], async () => {
        await vault.flashLoan(actor, loan, cash, "0x");
      });
      await observer.observe();
      const rows = await observer.rows();
      expect(rows.length).to.equal(5);
      for (const row of rows) expect(row).to.deep.equal(rows[0]);
    });
  });

  describe("leaving ahead of a write-off", () => {
    it("vault: a lender can, and gains what it would have lost, at the others' cost (a known limit)", async () => {
      const stays = await insolvent();
      const staying = await stays.ledger.changes([stays.other], [stays.lender], async () =>
        stays.house.absorb(stays.collateral, stays.borrower),
      );
      expect(staying.profit).to.be.lt(-usdc(1));

      const leaves = await insolvent();
      const { vault, house, collateral, borrower, other, lender, ledger } = leaves;
      const leaving = await ledger.changes([other], [lender], async () => {
        await vault.connect(other).withdraw(usdc(1_000_000), other, other);
        await house.absorb(collateral, borrower);
      });
      // no more than its own part of the loss
      expect(leaving.profit).to.be.lte(0n);
      const loss = -(staying.profit + staying.others[0]!);
      expect(-leaving.others[0]!).to.be.within(loss - 10n, loss + 10n);
    });

    it("vault: nobody who takes the position over in the block of the fall leaves a lender time for it", async () => {
      const { vault, house, oracle, collateral, borrower, other, lender, setPrice, ledger } = await insolvent();
      await setPrice(2000);
      await ethers.provider.send("evm_setAutomine", [false]);
      const options = { gasLimit: 2_000_000 };
      const { others } = await ledger.changes([other], [lender], async () => {
        await oracle.setPrice(priceE36(1400), options);
        await house.absorb(collateral, borrower, options);
        await vault.connect(other).redeem(await vault.balanceOf(other), other, other, options);
        await ethers.provider.send("evm_mine", []);
        await ethers.provider.send("evm_setAutomine", [true]);
      });
      // each half of it
      const [written] = await vault.queryFilter(vault.filters.WrittenOff);
      const half = written!.args.fromLenders / 2n;
      expect(half).to.be.gt(usdc(1000));
      expect(-others[0]!).to.be.within(half - 10n, half + 10n);
      expect(await vault.balanceOf(other)).to.equal(0);
    });

    it("buffer: nobody can, from the fall on, though the request waits to be claimed", async () => {
      const { vault, buffer, house, collateral, lender, borrower, underwriter, ledger } = await insolvent();
      expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.be.gt(0);
      const left = await buffer.cash();
      const { profit, others } = await ledger.changes([underwriter], [lender], async () => {
        await expect(
          buffer.connect(underwriter).withdraw(usdc(1000), underwriter, underwriter),
        ).to.be.revertedWithCustomError(buffer, "MarketInTrouble");
        await house.absorb(collateral, borrower);
      });
      // it bears the loss first, with all of its cash that take-overs have left
      const [written] = await vault.queryFilter(vault.filters.WrittenOff);
      expect(profit).to.be.within(-written!.args.fromBuffer - 10n, -written!.args.fromBuffer + 10n);
      expect(written!.args.fromBuffer).to.equal(left - usdc(140_000));
      expect(others[0]).to.be.lt(0n);
    });
  });

  describe("underwriting for a moment", () => {
    it("takes a part of the discount of a take-over that was about to be, by capital that is then bound for days", async () => {
      const all = await coreWithoutInterest();
      const { buffer, house, collateral, borrower, other, underwriter, open, setPrice } = all;
      await open(borrower, weth(50), usdc(80_000));
      await setPrice(1740);
      const ledger = new Ledger(all, priceE36(1740));
      const { profit, others } = await ledger.changes([other], [underwriter], async () => {
        await buffer.connect(other).deposit(usdc(1_800_000), other);
        await house.absorb(collateral, borrower);
      });
      const { amount } = await buffer.inventory(collateral);
      const income = ledger.value(amount) - (usdc(2_000_000) - (await buffer.cash()));
      // nine tenths of the income, and no more: nobody's principal
      expect(profit).to.be.within((income * 9n) / 10n - 10n, (income * 9n) / 10n + 10n);
      expect(others[0]).to.be.gte(0n);
      // out no sooner than after the cooldown, and of inventory that is not sold only with the haircut
      await buffer.connect(other).requestRedeem(await buffer.balanceOf(other), other, other);
      await time.increase(COOLDOWN - DAY);
      await expect(buffer.connect(other).redeem(1000n, other, other)).to.be.revertedWithCustomError(
        buffer,
        "CoolingDown",
      );
      await house.sync(collateral);
      await time.increase(DAY);
      const before = await all.loan.balanceOf(other);
      await buffer.connect(other).redeem(await buffer.maxRedeem(other), other, other);
      const got = (await all.loan.balanceOf(other)) - before;
      expect(got - usdc(1_800_000)).to.be.lt(0n);
    });
  });
});
