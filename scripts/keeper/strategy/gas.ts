import { BPS, min, PRICE_SCALE } from "../../lib";
import type { PayParameters } from "../chain/contracts";

/**
 * What each transaction takes, with Chainlink feeds, guard and a pool's depth: means over the receipts of black-thursday,
 * may-2021 and luna-2022, in which the guard mostly says diverged. An absorption, a sync and a fulfilment as the contracts' tests measure
 * them: there are few in a replay, and the first of a market takes 50,000 more.
 */
export const GAS_UNITS = {
  open: 260_000n,
  absorb: 335_000n,
  /** Each further position of an absorption. */
  absorbMore: 32_000n,
  buy: 295_000n,
  /** Each position of a buy. */
  order: 38_000n,
  buyInventory: 310_000n,
  /** A leg on a Uniswap v3 pool, which is part of `buy` and `buyInventory`: each further one comes on top. */
  leg: 60_000n,
  /** A leg of two hops, and one that calls a contract, which may do anything within it. */
  path: 140_000n,
  call: 200_000n,
  fulfil: 375_000n,
  sync: 150_000n,
} as const;

/** What the protocol pays for: the constants of `KeeperPay.sol`. */
export const PAID_UNITS = { open: 255_000n, absorb: 325_000n, absorbMore: 32_000n, fulfil: 370_000n } as const;

/** What a unit of gas costs. */
export interface GasPrice {
  /** Wei for a unit of gas, tip included. */
  wei: bigint;
  /** Loan asset for a wei, scaled by 1e36. */
  weiPriceE36: bigint;
}

/** What `units` of gas cost in loan asset. Rounded up to the next unit. */
export function gasCost({ wei, weiPriceE36 }: GasPrice, units: bigint): bigint {
  return (units * wei * weiPriceE36) / PRICE_SCALE + 1n;
}

/** What keepers are paid, as of one block. */
export interface PayTerms {
  parameters: PayParameters;
  /** Base fee of the block in which the work is done, wei. */
  baseFee: bigint;
  /** Loan asset for a wei by the house's oracle of the native coin, scaled by 1e36; 0 where it gives none. */
  nativePriceE36: bigint;
}

function payInWei({ parameters, baseFee }: PayTerms, units: bigint): bigint {
  const { feeCap, tip, marginBps } = parameters;
  return (units * (min(baseFee, feeCap) + tip) * (BPS + marginBps)) / BPS;
}

/** What a call is paid out of a redemption of `assets`, in loan asset. */
export function payOfRedemption(terms: PayTerms, units: bigint, assets: bigint): bigint {
  const { capBps } = terms.parameters;
  return min((payInWei(terms, units) * terms.nativePriceE36) / PRICE_SCALE, (assets * capBps) / BPS);
}

/** What a call is paid out of a position: within `capBps` of its collateral and half of its equity. In collateral. */
export function payOfPosition(
  terms: PayTerms,
  units: bigint,
  market: string,
  priceE36: bigint,
  { collateral, debt }: { collateral: bigint; debt: bigint },
): bigint {
  const { wrappedNative, capBps } = terms.parameters;
  const wei = payInWei(terms, units);
  const wanted = market === wrappedNative ? wei : (wei * terms.nativePriceE36) / priceE36;
  const owed = (debt * PRICE_SCALE + priceE36 - 1n) / priceE36;
  const most = (collateral * capBps) / BPS;
  return owed < collateral ? min(wanted, most, (collateral - owed) / 2n) : min(wanted, most);
}
