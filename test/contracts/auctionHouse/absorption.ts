import { type Addressable } from "ethers";

import { mulDivUp } from "../math";
import { BPS, LANE, MARKET, WAD, ltvWad, mostPay, opened, time, usdc, weth } from "./setup";

export const TARGET_WAD = (BigInt(LANE.targetLtvBps) * WAD) / BPS;

/** What the buffer pays a unit, as a multiple of the price. */
export const multipleWad = (ltv: bigint): bigint => {
  if (ltv >= WAD) return WAD;
  const discount = (BigInt(LANE.absorbDiscountBps) * WAD) / BPS;
  const allowance = (WAD - ltv) / 2n;
  return WAD - (discount < allowance ? discount : allowance);
};

/** What a quantity costs the buffer, rounded up. */
export const costOf = (amount: bigint, ltv: bigint, price: bigint): bigint =>
  mulDivUp(amount * multipleWad(ltv), price, 10n ** 54n);

/** What brings a solvent position to its target: (D/p − τ·Q) / (m − τ), rounded down. */
export const toTarget = (held: bigint, debt: bigint, price: bigint): bigint =>
  ((debt * 10n ** 54n) / price - TARGET_WAD * held) / (multipleWad(ltvWad(held, debt, price)) - TARGET_WAD);

/** What is absorbed of a position, and what is paid for it, with nothing short. */
export function expected(held: bigint, debt: bigint, price: bigint, gasPay: bigint) {
  const most = mostPay(held, debt, price);
  const pay = gasPay < most ? gasPay : most;
  const left = held - pay;
  const ltv = ltvWad(left, debt, price);
  let taken = ltv < WAD ? toTarget(left, debt, price) : left;
  if ((TARGET_WAD * (((left - taken) * price) / 10n ** 36n)) / WAD < MARKET.minDebt) {
    // closed, with a hair more than the exact quantity
    const exact = (debt * 10n ** 54n) / price / multipleWad(ltv);
    taken = ltv < WAD ? exact + exact / 10n ** 15n + 1n : left;
    if (taken > left) taken = left;
  }
  const cost = costOf(taken, ltv, price);
  return { pay, taken, cost: cost < debt ? cost : debt, ltv };
}

/** Three positions of 10, 20 and 5 WETH at 79.5 % of 2000, and an hour of a quiet market. */
export async function three() {
  const market = await opened();
  const { house, collateral, borrower, other, lender, keeper, open } = market;
  await open(other, weth(20), usdc(31_800));
  await open(lender, weth(5), usdc(7_950));
  await time.increase(1800);
  const owners = [borrower, other, lender];
  const absorbMany = async (...which: Addressable[]) => house.connect(keeper).absorbMany(collateral, which, keeper);
  const absorbed = async (block: number) =>
    (await house.queryFilter(house.filters.Absorbed, block, block)).map(({ args }) => args);
  return { ...market, owners, absorbMany, absorbed };
}
