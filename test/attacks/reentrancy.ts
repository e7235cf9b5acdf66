import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { time } from "../contracts/fixture";
import { USDC, WETH, deployMarket, priceE36 } from "../contracts/periphery/fixture";

const ALL = ethers.MaxUint256;
const DAY = 86_400;

/** Vault and buffer on tokens that call out before and after each transfer, and something that looks at them then. */
async function watched() {
  const market = await deployMarket("MockERC20Hook");
  const { vault, buffer, weth, usdc, lender, borrowers } = market;
  const observer = await ethers.deployContract("MockObserver");
  const [v, b] = [vault.interface, buffer.interface];
  const owner = borrowers[0]!.address;
  const views = {
    "vault.totalAssets": [vault, v.encodeFunctionData("totalAssets")],
    "vault.convertToAssets": [vault, v.encodeFunctionData("convertToAssets", [10n ** 12n])],
    "vault.convertToShares": [vault, v.encodeFunctionData("convertToShares", [10n ** 9n])],
    "vault.maxWithdraw": [vault, v.encodeFunctionData("maxWithdraw", [lender.address])],
    "vault.debtOf": [vault, v.encodeFunctionData("debtOf", [weth.target, owner])],
    "vault.position": [vault, v.encodeFunctionData("position", [weth.target, owner])],
    "buffer.totalAssets": [buffer, b.encodeFunctionData("totalAssets")],
    "buffer.convertToAssets": [buffer, b.encodeFunctionData("convertToAssets", [10n ** 12n])],
    "buffer.previewDeposit": [buffer, b.encodeFunctionData("previewDeposit", [10n ** 9n])],
  } as const;
  const names = Object.keys(views);
  const list = Object.values(views).map(([target, data]) => ({ target, data }));
  const hooks = [
    await ethers.getContractAt("MockERC20Hook", usdc.target),
    await ethers.getContractAt("MockERC20Hook", weth.target),
  ];
  const observe = observer.interface.encodeFunctionData("observe");

  /** Every look in the middle of `action` shows each figure as it was before or as it is after, or in between. */
  const expectNoOddLook = async (what: string, action: () => Promise<unknown>, looks = 2): Promise<void> => {
    await observer.setViews(list);
    await vault.accrueInterest();
    await observer.observe();
    for (const hook of hooks) await hook.setHook(observer, observe);
    await action();
    for (const hook of hooks) await hook.setHook(ethers.ZeroAddress, "0x");
    await observer.observe();
    const rows = await observer.rows();
    expect(rows.length, what).to.be.gte(looks + 2);
    const [first, last] = [rows[0]!, rows.at(-1)!];
    for (const row of rows) {
      for (const [i, name] of names.entries()) {
        const [low, high] = first[i]! < last[i]! ? [first[i]!, last[i]!] : [last[i]!, first[i]!];
        // rounding, and the interest of the seconds between the looks
        const slack = 2n + high / 10_000_000n;
        expect(row[i]!, `${what}: ${name}`).to.be.within(low - slack, high + slack);
      }
    }
  };
  return { ...market, observer, observe, expectNoOddLook };
}

describe("attacks: read-only reentrancy, through tokens that call out and through callbacks", () => {
  it("lending: no look in the middle of a deposit, mint, withdrawal, redemption or flash loan is odd", async () => {
    const { vault, lender, usdc, expectNoOddLook } = await loadFixture(watched);
    const caller = vault.connect(lender);
    await expectNoOddLook("deposit", async () => caller.deposit(500_000n * USDC, lender));
    await expectNoOddLook("mint", async () => caller.mint(100_000n * USDC * 1000n, lender));
    await expectNoOddLook("withdraw", async () => caller.withdraw(300_000n * USDC, lender, lender));
    await expectNoOddLook("redeem", async () => caller.redeem(100_000n * USDC * 1000n, lender, lender));
    const actor = await ethers.deployContract("MockActor");
    await actor.run(usdc, usdc.interface.encodeFunctionData("approve", [vault.target, ALL]));
    await expectNoOddLook("flashLoan", async () => vault.flashLoan(actor, usdc, 500_000n * USDC, "0x"), 4);
  });

  it("borrowing: no look in the middle of a supply, withdrawal, loan or repayment is odd", async () => {
    const { vault, weth, usdc, borrowers, expectNoOddLook } = await loadFixture(watched);
    const owner = borrowers[0]!;
    const caller = vault.connect(owner);
    await weth.mint(owner, 10n * WETH);
    await usdc.connect(owner).approve(vault, ALL);
    await expectNoOddLook("supplyCollateral", async () => caller.supplyCollateral(weth, 5n * WETH, owner));
    await expectNoOddLook("withdrawCollateral", async () => caller.withdrawCollateral(weth, WETH, owner, owner));
    await expectNoOddLook("borrow", async () => caller.borrow(weth, 5000n * USDC, owner, owner));
    await expectNoOddLook("repay", async () => caller.repay(weth, 5000n * USDC, owner));
  });

  it("underwriting: no look in the middle of a deposit, mint, fulfilment, claim or collection of fees is odd", async () => {
    const market = await loadFixture(watched);
    const { buffer, lender, expectNoOddLook } = market;
    const caller = buffer.connect(lender);
    await expectNoOddLook("deposit", async () => caller.deposit(50_000n * USDC, lender));
    await expectNoOddLook("mint", async () => caller.mint(10_000n * USDC * 1000n, lender));
    await expectNoOddLook("collectFees", async () => caller.collectFees());
    await caller.requestRedeem(50_000n * USDC * 1000n, lender, lender);
    await time.increase(DAY);
    await market.house.observe(market.weth);
    await time.increase(1800);
    await caller.collectFees(); // see below
    await expectNoOddLook("fulfil", async () => caller.fulfil(lender, lender));
    await expectNoOddLook("redeem", async () => caller.redeem(10_000n * USDC * 1000n, lender, lender));
    await expectNoOddLook("withdraw", async () => caller.withdraw(10_000n * USDC, lender, lender));
  });

  it("selling: no look from a buy's callback, an absorption, a sale of inventory or a write-off is odd", async () => {
    const market = await loadFixture(watched);
    const { vault, house, buffer, weth, usdc, oracle, lender, borrowers, observer, observe, expectNoOddLook } = market;
    const actor = await ethers.deployContract("MockActor");
    for (const spender of [vault, buffer]) {
      await actor.run(usdc, usdc.interface.encodeFunctionData("approve", [spender.target, ALL]));
    }
    await usdc.mint(actor, 100_000n * USDC);
    await actor.setCalls([{ target: observer, data: observe }]);
    const [first, second] = borrowers;
    await oracle.setPrice(priceE36(2350n));
    await expectNoOddLook("open", async () => house.open(weth, borrowers[0]!, lender));
    await time.increase(600);
    const [token, self] = [weth.target as string, actor.target as string];
    const buy = house.interface.encodeFunctionData("buy", [token, first!.address, WETH, ALL, self, "0x01"]);
    await expectNoOddLook("buy", async () => actor.run(house, buy), 5);

    await oracle.setPrice(priceE36(2150n));
    // the average is down at the price, so that it says the same in every look
    await house.observe(weth);
    await time.increase(12 * 3600);
    await expectNoOddLook("absorb", async () => house.absorb(weth, second!, lender));
    await time.increase(2 * DAY);
    const buyInventory = buffer.interface.encodeFunctionData("buyInventory", [token, WETH, ALL, self, "0x01"]);
    await expectNoOddLook("buyInventory", async () => actor.run(buffer, buyInventory), 5);
  });

  // the asset goes between buffer and vault, neither of which has asked an ERC-777 to call anybody
  it("while the buffer pays for a write-off, the lenders' shares look too cheap by what it pays, never too dear", async () => {
    const { vault, house, weth, usdc, oracle, lender, borrowers, observer, observe } = await loadFixture(watched);
    const data = vault.interface.encodeFunctionData("totalAssets");
    await observer.setViews([{ target: vault, data }]);
    await oracle.setPrice(priceE36(1500n));
    const before = await vault.totalAssets();
    const hook = await ethers.getContractAt("MockERC20Hook", usdc.target);
    await hook.setHook(observer, observe);
    await house.absorb(weth, borrowers[0]!, lender);
    const [written] = await vault.queryFilter(vault.filters.WrittenOff);
    const seen = (await observer.rows()).flat();
    const after = await vault.totalAssets();
    const paid = written!.args.fromBuffer;
    expect(paid).to.be.gt(4000n * USDC);
    for (const total of seen) expect(total).to.be.within(before - paid, after);
    expect(seen.at(-1)).to.equal(after);
  });

  it("and while the vault pays the buffer's fees, the buffer's shares, by the fees", async () => {
    const { vault, buffer, usdc, observer, observe } = await loadFixture(watched);
    await observer.setViews([{ target: buffer, data: buffer.interface.encodeFunctionData("totalAssets") }]);
    await time.increase(10 * DAY);
    const before = await buffer.totalAssets();
    const fees = await vault.bufferFees();
    expect(fees).to.be.gt(USDC);
    const hook = await ethers.getContractAt("MockERC20Hook", usdc.target);
    await hook.setHook(observer, observe);
    await buffer.collectFees();
    for (const total of (await observer.rows()).flat()) {
      expect(total).to.be.within(before - fees, await buffer.totalAssets());
    }
  });
});
