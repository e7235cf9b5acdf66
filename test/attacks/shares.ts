import { expect } from "chai";
import { ethers } from "hardhat";

import { ETH_PRICE, INVENTORY, coreWithoutInterest, priceE36, time, usdc, weth } from "../contracts/fixture";
import { Ledger } from "./ledger";
import { ALL, COOLDOWN, DAY, inOneBlock, leave, watch } from "./setup";

/** The core, with nobody in vault or buffer yet. */
async function empty() {
  const all = await coreWithoutInterest();
  const { vault, buffer, lender, underwriter } = all;
  await vault.connect(lender).redeem(await vault.balanceOf(lender), lender, lender);
  await leave(all, underwriter);
  expect(await buffer.totalSupply()).to.equal(0n);
  return { ...all, ledger: new Ledger(all, priceE36(ETH_PRICE)) };
}

/** A lender who lends all, an insolvent position, and a buffer that is too small for the loss. */
async function insolvent() {
  const all = await coreWithoutInterest();
  const { vault, buffer, underwriter, borrower, other, open, setPrice } = all;
  await leave(all, underwriter, usdc(59_000) * 1000n);
  await vault.connect(other).deposit(usdc(1_000_000), other);
  await open(borrower, weth(100), usdc(150_000));
  // asked for long ago, and waiting for nothing but the call
  await buffer.connect(underwriter).requestRedeem(await buffer.balanceOf(underwriter), underwriter, underwriter);
  await time.increase(COOLDOWN);
  await watch(all);
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
        const { buffer, house, loan, collateral, other, keeper, ledger } = await empty();
        await ledger.expectNoProfit([other], [keeper], async () => {
          await buffer.connect(other).deposit(first, other);
          await loan.connect(other).transfer(buffer, donation);
          await collateral.connect(other).transfer(buffer, weth(100));
          await buffer.connect(keeper).deposit(victim, keeper);
          for (const who of [other, keeper]) {
            await buffer.connect(who).requestRedeem(await buffer.balanceOf(who), who, who);
          }
          await time.increase(COOLDOWN);
          await watch({ house, collateral });
          for (const who of [other, keeper]) {
            await buffer.connect(who).fulfil(who, who);
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
        await house.connect(other).open(collateral, borrower, other);
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
        stays.house.absorb(stays.collateral, stays.borrower, stays.keeper),
      );
      expect(staying.profit).to.be.lt(-usdc(1));

      const leaves = await insolvent();
      const { vault, house, collateral, borrower, other, lender, keeper, ledger } = leaves;
      const leaving = await ledger.changes([other], [lender], async () => {
        await vault.connect(other).withdraw(usdc(1_000_000), other, other);
        await house.absorb(collateral, borrower, keeper);
      });
      // no more than its own part of the loss, in which the keeper's pay is
      expect(leaving.profit).to.be.lte(0n);
      const loss = -(staying.profit + staying.others[0]!);
      expect(-leaving.others[0]!).to.be.within(loss - usdc(1), loss + usdc(1));
    });

    it("vault: nobody who absorbs the position in the block of the fall leaves a lender time for it", async () => {
      const { vault, house, oracle, collateral, borrower, other, lender, keeper, setPrice, ledger } = await insolvent();
      await setPrice(2000);
      const options = { gasLimit: 2_000_000 };
      const shares = await vault.balanceOf(other);
      const { others } = await ledger.changes([other], [lender], async () => {
        await inOneBlock([
          async () => oracle.setPrice(priceE36(1400), options),
          async () => house.absorb(collateral, borrower, keeper, options),
          async () => vault.connect(other).redeem(shares, other, other, options),
        ]);
      });
      // each half of it
      const [written] = await vault.queryFilter(vault.filters.WrittenOff);
      const half = written!.args.fromLenders / 2n;
      expect(half).to.be.gt(usdc(1000));
      expect(-others[0]!).to.be.within(half - 10n, half + 10n);
      expect(await vault.balanceOf(other)).to.equal(0);
    });

    it("buffer: nobody can, from the fall on, though the request is ready to be fulfilled", async () => {
      const { vault, buffer, house, collateral, lender, borrower, underwriter, keeper, ledger } = await insolvent();
      expect((await buffer.request(underwriter)).readyAt).to.be.lt(BigInt(await time.latest()));
      const left = await buffer.cash();
      const { profit, others } = await ledger.changes([underwriter], [lender], async () => {
        await expect(buffer.connect(underwriter).fulfil(underwriter, underwriter)).to.be.revertedWithCustomError(
          buffer,
          "MarketInTrouble",
        );
        await house.absorb(collateral, borrower, keeper);
      });
      // it bears the loss first, with all of its cash that absorptions have left
      const [written] = await vault.queryFilter(vault.filters.WrittenOff);
      const [absorbed] = await house.queryFilter(house.filters.Absorbed);
      expect(profit).to.be.within(-written!.args.fromBuffer - 10n, -written!.args.fromBuffer + 10n);
      expect(written!.args.fromBuffer).to.equal(left - absorbed!.args.cost);
      expect(others[0]).to.be.lt(0n);
    });
  });

  describe("underwriting for a moment", () => {
    it("takes a part of the discount of an absorption that was about to be, by capital that is then bound for days", async () => {
      const all = await coreWithoutInterest();
      const { buffer, house, collateral, borrower, other, underwriter, keeper, open, setPrice } = all;
      await open(borrower, weth(50), usdc(80_000));
      await setPrice(1740);
      const ledger = new Ledger(all, priceE36(1740));
      const { profit, others } = await ledger.changes([other], [underwriter], async () => {
        await buffer.connect(other).deposit(usdc(1_800_000), other);
        await house.absorb(collateral, borrower, keeper);
      });
      const { amount } = await buffer.inventory(collateral);
      const income = ledger.value(amount) - (usdc(2_000_000) - (await buffer.cash()));
      // nine tenths of the income, and no more: nobody's principal
      expect(profit).to.be.within((income * 9n) / 10n - 10n, (income * 9n) / 10n + 10n);
      expect(others[0]).to.be.gte(0n);
      // out no sooner than after the cooldown, and of inventory that is not sold only with the haircut
      const got = await leave(all, other);
      expect(got - usdc(1_800_000)).to.be.lt(0n);
    });
  });

  describe("wipe-outs", () => {
    /** A buffer that has spent its cash on an absorption, and on the loss that came with it. */
    const wipedOut = async () => {
      const all = await insolvent();
      const { house, buffer, collateral, borrower, keeper } = all;
      await house.absorb(collateral, borrower, keeper);
      expect(await buffer.cash()).to.equal(0n);
      return all;
    };

    it("a deposit after one that left inventory buys into it at the price, once the average is down at it", async () => {
      const { house, buffer, collateral, other, underwriter, ledger } = await wipedOut();
      await house.observe(collateral);
      await time.increase(DAY);
      const { profit, others } = await ledger.changes([underwriter], [other], async () => {
        await buffer.connect(other).deposit(usdc(10_000), other);
      });
      // no more than the premium at which the inventory's sale starts
      const most = (usdc(10_000) * BigInt(INVENTORY.premiumBps)) / 10_000n + 10n;
      expect(profit).to.be.lte(most);
      expect(others[0]).to.be.gte(-most);
    });

    it("and before that at the average, dearly, which is shown to it and is the others' gain (a known limit)", async () => {
      const { house, buffer, collateral, other, underwriter, ledger } = await wipedOut();
      const averageE36 = await house.ema(collateral);
      const { profit, others } = await ledger.changes([underwriter], [other], async () => {
        await buffer.connect(other).deposit(usdc(10_000), other);
      });
      // 10,000 USDC at an inventory that is counted as if the price were the average
      const most = usdc(10_000) - (usdc(10_000) * priceE36(1400) * 199n) / (200n * averageE36);
      expect(profit).to.be.gt(0n).and.lte(most);
      expect(others[0]).to.be.gte(-most);
    });

    it("an attacker that wipes itself out again and again takes nothing of an honest deposit that comes then", async () => {
      const all = await empty();
      const { vault, buffer, house, collateral, lender, borrower, other, keeper, open, setPrice, ledger } = all;
      await vault.connect(lender).deposit(usdc(1_000_000), lender);
      const signers = (await ethers.getSigners()).slice(8, 14);
      for (const owner of signers) {
        await collateral.mint(owner, weth(1));
        await collateral.connect(owner).approve(vault, ALL);
        await open(owner, weth(0.5), usdc(799));
      }
      await open(borrower, weth(10), usdc(10_000));
      await setPrice(1400);
      ledger.fairPriceE36 = priceE36(1400);
      await house.open(collateral, signers[0]!, keeper);
      await time.increase(1200);
      for (const owner of signers) {
        // in one block, so that nobody comes between
        await inOneBlock([
          async () => buffer.connect(other).deposit(usdc(100), other, { gasLimit: 1_000_000 }),
          async () => house.connect(other).buy(collateral, owner, ALL, ALL, other, "0x", { gasLimit: 1_500_000 }),
        ]);
      }
      expect((await vault.queryFilter(vault.filters.WrittenOff)).length).to.equal(signers.length);
      const honest = usdc(100_000);
      const before = await ledger.wealth(keeper);
      await buffer.connect(keeper).deposit(honest, keeper);
      expect(await ledger.wealth(keeper)).to.be.gte(before - usdc(1));
      await setPrice(2000);
      await time.increase(DAY);
      await leave(all, keeper);
      expect(await ledger.wealth(keeper)).to.be.gte(before - usdc(10));
    });
  });
});
