import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import type { ContractTransactionResponse } from "ethers";

import { setBalance } from "@nomicfoundation/hardhat-network-helpers";
import { ethers } from "hardhat";

import { core, HOUR, time, usdc, weth } from "../contracts/fixture";

const FILE = join(__dirname, "snapshots.json");
const UPDATE = process.env.UPDATE_GAS === "1";
/** A rise by more than this share fails; `npm run snapshot:gas` writes the figures anew. */
const TOLERANCE = 0.01;

type Core = Awaited<ReturnType<typeof core>>;
type Call = (f: Core, owners: string[]) => Promise<ContractTransactionResponse>;

/** Ten unhealthy positions, of wallets of their own, and an open lane. */
async function tenUnhealthy(f: Core, ltv: number): Promise<string[]> {
  const owners: string[] = [];
  for (let i = 0; i < 10; i++) {
    const wallet = new ethers.Wallet(ethers.id(`owner ${i}`), ethers.provider);
    await setBalance(wallet.address, 10n ** 18n);
    await f.collateral.mint(wallet, weth(10));
    await f.collateral.connect(wallet).approve(f.vault, ethers.MaxUint256);
    await f.vault.connect(wallet).supplyCollateral(f.collateral, weth(10), wallet);
    await f.vault.connect(wallet).borrow(f.collateral, usdc(15_900), wallet, wallet);
    owners.push(wallet.address);
  }
  await time.increase(HOUR);
  await f.setPrice(1590 / ltv);
  await f.house.connect(f.other).open(f.collateral, owners[0] ?? ethers.ZeroAddress, f.other);
  await time.increase(900);
  return owners;
}

async function unhealthy(f: Core, ltvAfter: number): Promise<void> {
  await f.open(f.borrower, weth(10), usdc(15_900));
  await f.open(f.other, weth(10), usdc(15_900));
  await time.increase(HOUR);
  await f.setPrice(1590 / ltvAfter);
}

async function laneOpen(f: Core, ltvAfter: number): Promise<void> {
  await unhealthy(f, ltvAfter);
  await f.house.connect(f.other).open(f.collateral, f.borrower, f.other);
  await time.increase(900);
}

async function holdingInventory(f: Core): Promise<void> {
  await unhealthy(f, 0.93);
  await f.house.connect(f.other).absorb(f.collateral, f.borrower, f.other);
  await time.increase(2n * HOUR);
}

/** A request whose cooldown is over, in a market that is watched. */
async function watchedRequest(f: Core): Promise<void> {
  await f.buffer.connect(f.underwriter).requestRedeem(10n ** 9n, f.underwriter, f.underwriter);
  await time.increase(3n * 24n * HOUR);
  await f.house.observe(f.collateral);
  await time.increase(HOUR / 2n);
}

/** What each call costs as a whole transaction. Every account that receives something has had some before. */
const calls: Record<string, { before?: (f: Core) => Promise<unknown>; call: Call }> = {
  deposit: { call: (f) => f.vault.connect(f.lender).deposit(usdc(1000), f.lender) },
  withdraw: { call: (f) => f.vault.connect(f.lender).withdraw(usdc(1000), f.lender, f.lender) },
  supplyCollateral: {
    before: (f) => f.vault.connect(f.other).supplyCollateral(f.collateral, weth(1), f.other),
    call: (f) => f.vault.connect(f.borrower).supplyCollateral(f.collateral, weth(10), f.borrower),
  },
  withdrawCollateral: {
    before: (f) => f.open(f.borrower, weth(10), usdc(10_000)),
    call: (f) => f.vault.connect(f.borrower).withdrawCollateral(f.collateral, weth(1), f.borrower, f.borrower),
  },
  borrow: {
    before: async (f) => {
      await f.open(f.other, weth(10), usdc(10_000));
      await f.vault.connect(f.borrower).supplyCollateral(f.collateral, weth(10), f.borrower);
    },
    call: (f) => f.vault.connect(f.borrower).borrow(f.collateral, usdc(10_000), f.borrower, f.borrower),
  },
  repay: {
    before: (f) => f.open(f.borrower, weth(10), usdc(10_000)),
    call: (f) => f.vault.connect(f.borrower).repay(f.collateral, usdc(5_000), f.borrower),
  },
  open: {
    before: (f) => unhealthy(f, 0.84),
    call: (f) => f.house.connect(f.keeper).open(f.collateral, f.borrower, f.keeper),
  },
  "buy, part": {
    before: (f) => laneOpen(f, 0.84),
    call: (f) => f.house.connect(f.keeper).buy(f.collateral, f.borrower, weth(1), usdc(1e6), f.keeper, "0x"),
  },
  "buy, to the target": {
    before: (f) => laneOpen(f, 0.84),
    call: (f) => f.house.connect(f.keeper).buy(f.collateral, f.borrower, weth(100), usdc(1e6), f.keeper, "0x"),
  },
  "buyMany, ten to their targets": {
    before: (f) => tenUnhealthy(f, 0.84),
    call: (f, owners) => {
      const orders = owners.map((owner) => ({ owner, maxCollateral: weth(100) }));
      return f.house.connect(f.keeper).buyMany(f.collateral, orders, usdc(1e6), f.keeper, "0x");
    },
  },
  absorb: {
    before: (f) => laneOpen(f, 0.93),
    call: (f) => f.house.connect(f.keeper).absorb(f.collateral, f.borrower, f.keeper),
  },
  "absorbMany, ten to their targets": {
    before: (f) => tenUnhealthy(f, 0.93),
    call: (f, owners) => f.house.connect(f.keeper).absorbMany(f.collateral, owners, f.keeper),
  },
  observe: { before: () => time.increase(HOUR), call: (f) => f.house.connect(f.keeper).observe(f.collateral) },
  sync: { before: () => time.increase(HOUR), call: (f) => f.house.connect(f.keeper).sync(f.collateral) },
  buyInventory: {
    before: holdingInventory,
    call: (f) => f.buffer.connect(f.keeper).buyInventory(f.collateral, weth(1), usdc(1e6), f.keeper, "0x"),
  },
  "buffer deposit": { call: (f) => f.buffer.connect(f.underwriter).deposit(usdc(1000), f.underwriter) },
  requestRedeem: {
    call: (f) => f.buffer.connect(f.underwriter).requestRedeem(10n ** 9n, f.underwriter, f.underwriter),
  },
  fulfil: {
    before: watchedRequest,
    call: (f) => f.buffer.connect(f.keeper).fulfil(f.underwriter, f.keeper),
  },
  "buffer redeem": {
    before: async (f) => {
      await watchedRequest(f);
      await f.buffer.connect(f.keeper).fulfil(f.underwriter, f.keeper);
    },
    call: (f) => f.buffer.connect(f.underwriter).redeem(10n ** 9n, f.underwriter, f.underwriter),
  },
};

function committed(): Record<string, number> {
  return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, number>;
}

describe("gas of each call", () => {
  const measured: Record<string, number> = {};

  for (const [name, { before, call }] of Object.entries(calls)) {
    it(name, async () => {
      const f = await core();
      const prepared = await before?.(f);
      const receipt = await (await call(f, Array.isArray(prepared) ? (prepared as string[]) : [])).wait();
      const gas = Number(receipt?.gasUsed ?? 0n);
      measured[name] = gas;
      if (UPDATE) return;
      const limit = committed()[name];
      expect(limit, `no snapshot of "${name}": run npm run snapshot:gas`).to.be.a("number");
      expect(gas, `"${name}" costs more than its snapshot`).to.be.at.most(Math.ceil((limit ?? 0) * (1 + TOLERANCE)));
    });
  }

  after(() => {
    if (UPDATE) writeFileSync(FILE, `${JSON.stringify(measured, null, 2)}\n`);
  });
});
