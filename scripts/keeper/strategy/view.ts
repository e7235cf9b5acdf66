import { type Position, debtOf, ltvWad } from "../book/position";
import type { Inventory, InventoryParameters, Lane, LaneParameters, Order } from "../chain/contracts";
import { BPS, PRICE_SCALE, WAD } from "../../lib";
import type { MarketQuote, Sale } from "../venues/joinQuotes";
import { GAS_UNITS, type GasPrice, type PayTerms } from "./gas";

/** A position as of one block. Debt in loan asset; LTV in Wad. */
export interface PositionView {
  position: Position;
  debt: bigint;
  ltvWad: bigint;
}

/** All that decisions about one market rest on, as of one block. */
export interface MarketView {
  market: string;
  /** Block time in seconds. */
  now: bigint;
  priceE36: bigint;
  lltvBps: bigint;
  minDebt: bigint;
  lane: Lane;
  parameters: LaneParameters;
  /** The price for borrowing; undefined where it can't be read, or nothing can be absorbed. */
  borrowPriceE36: bigint | undefined;
  /** What the buffer can absorb now: up to `cash` for it, up to `room` of it. */
  capacity: { cash: bigint; room: bigint };
  inventory: Inventory;
  /** Whether the buffer sells its inventory now. */
  isForSale: boolean;
  inventoryParameters: InventoryParameters;
  /** Undefined where no venue can be read. */
  quote: MarketQuote | undefined;
  /** Above lltv, riskiest first. */
  unhealthy: readonly PositionView[];
  /** The debt of all positions. */
  debt: bigint;
  gas: GasPrice;
  pay: PayTerms;
}

/** All that decisions about redemptions from the buffer rest on, as of one block. */
export interface RedemptionView {
  /** Requests whose cooldown is over, and what they are worth in loan asset as far as there is cash. */
  ready: readonly { controller: string; assets: bigint }[];
  /** Whether a market is in trouble, so that nothing is fulfilled. */
  inTrouble: boolean;
  gas: GasPrice;
  pay: PayTerms;
}

/** What the operator wants; see docs/keeper.md. Amounts in loan asset. */
export interface Policy {
  minProfit: bigint;
  /** The most positions in one transaction. */
  maxOrders: number;
  /** Do also what doesn't pay for its gas, within `maxLossBps`. */
  workAtLoss: boolean;
  /** The most that such gas may cost, of the debt or assets that it is for, Bps. */
  maxLossBps: bigint;
  buyInventory: boolean;
}

/** Why something that could be done is not. */
export type SkipReason =
  "gas" | "unprofitable" | "buffer-full" | "no-venue" | "lane-closed" | "diverged" | "in-trouble";

/** Something to do. `worth` is what it brings in loan asset, and the most that its gas may cost. */
export type Decision = { worth: bigint } & (
  | { kind: "open"; market: string; owner: string }
  | { kind: "absorb"; market: string; owners: string[] }
  | { kind: "buy"; market: string; orders: Order[]; minProfit: bigint; sale: Sale }
  | { kind: "buyInventory"; market: string; amount: bigint; minProfit: bigint; sale: Sale }
  | { kind: "fulfil"; controller: string }
  | { kind: "sync"; market: string }
);

/** `owner`: whose position, or `LANE`. */
export interface Skip {
  market: string;
  owner: string;
  reason: SkipReason;
}

/** Stands for the lane itself where a position's owner would be named. */
export const LANE = "lane";

/** Decisions in the order in which they are to be sent, and why the rest of what could be done is not. */
export interface Decisions {
  decisions: Decision[];
  skips: Skip[];
}

/** What a decision's transaction takes. */
export function gasUnits(decision: Decision): bigint {
  const units = GAS_UNITS[decision.kind];
  if (decision.kind === "buy") return units + GAS_UNITS.order * BigInt(decision.orders.length) + moreGas(decision.sale);
  if (decision.kind === "buyInventory") return units + moreGas(decision.sale);
  if (decision.kind === "absorb") return units + GAS_UNITS.absorbMore * BigInt(decision.owners.length - 1);
  return units;
}

/** What a sale takes beyond the one leg that is part of every buy. */
export function moreGas({ capital, gas }: Sale): bigint {
  return capital === "own" ? 0n : gas - GAS_UNITS.leg;
}

/** The most that a buy with own capital may cost: what still leaves the least profit at the oracle's price. */
export function mostCost({ sale, minProfit }: Extract<Decision, { sale: Sale }>): bigint {
  return sale.proceeds - minProfit;
}

/** The most that work nobody pays for may cost, where the operator wants it done. */
export function loss({ workAtLoss, maxLossBps }: Policy, value: bigint): bigint {
  return workAtLoss ? (value * maxLossBps) / BPS : 0n;
}

/** What an amount of collateral is worth at the oracle price, in loan asset. Rounded down. */
export function valueOf(amount: bigint, priceE36: bigint): bigint {
  return (amount * priceE36) / PRICE_SCALE;
}

/** A position at a price and a debt index. Without collateral its LTV is far above any bound. */
export function viewPosition(position: Position, indexE27: bigint, priceE36: bigint): PositionView {
  const debt = debtOf(position, indexE27);
  const ltv = ltvWad(position.collateral, debt, priceE36);
  return { position, debt, ltvWad: debt === 0n ? 0n : (ltv ?? 1_000n * WAD) };
}
