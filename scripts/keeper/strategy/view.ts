import { type Position, debtOf, ltvWad } from "../book/position";
import type { Inventory, InventoryParameters, Lane, LaneParameters, Order } from "../chain/contracts";
import { PRICE_SCALE, WAD } from "../fixedPoint";
import type { VenueQuote } from "../venues/Venue";

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
  /** Undefined where the depth oracle can't be read. */
  depth: bigint | undefined;
  /** What the buffer can take over now: up to `cash` for it, up to `room` of it. */
  capacity: { cash: bigint; room: bigint };
  inventory: Inventory;
  inventoryParameters: InventoryParameters;
  /** The lane's average of the oracle price as of now. */
  emaE36: bigint;
  /** Undefined where the venue can't be read. */
  quote: VenueQuote | undefined;
  /** Above lltv, riskiest first. */
  unhealthy: readonly PositionView[];
  /** In auction, healthy or not, in the order of their owners. */
  inAuction: readonly PositionView[];
  gas: GasPrice;
}

/** What a unit of gas costs. */
export interface GasPrice {
  /** Wei for a unit of gas. */
  wei: bigint;
  /** Loan asset for a wei, scaled by 1e36. */
  weiPriceE36: bigint;
}

/** What the operator wants; see docs/keeper.md. Amounts in loan asset. */
export interface Policy {
  minProfit: bigint;
  maxOrders: number;
  startAtLoss: boolean;
  absorbAtLoss: boolean;
  /** The most that the gas of a start or cancel that nothing pays for may cost, of the position's debt, Bps. */
  maxLossBps: bigint;
  cancelHealthy: boolean;
  /** How far under lltv a position is freed at once while others of its market are in trouble, Bps. */
  cancelMarginBps: bigint;
  buyInventory: boolean;
  /** Seconds; 0 for never. */
  syncInterval: bigint;
}

/** Why something that could be done is not. */
export type SkipReason = "gas" | "unprofitable" | "buffer-full" | "no-venue" | "expired";

/**
 * Something to do. `worth` is what it brings in loan asset, all of which may be spent on gas; undefined for what is done
 * whatever it costs, within the fee limits.
 */
export type Decision = { market: string; worth: bigint | undefined } & (
  | { kind: "start" | "absorb" | "cancel"; owner: string }
  | { kind: "buy"; orders: Order[]; minProfit: bigint }
  | { kind: "buyInventory"; amount: bigint; minProfit: bigint }
  | { kind: "sync" }
);

export interface Skip {
  market: string;
  owner: string;
  reason: SkipReason;
}

/** What each kind of transaction takes: the core's measured calls, with room for real oracles and the pool's swap. */
export const GAS_UNITS = {
  start: 180_000n,
  absorb: 280_000n,
  cancel: 110_000n,
  sync: 150_000n,
  buy: 300_000n,
  /** For each position of a buy. */
  order: 50_000n,
  buyInventory: 300_000n,
} as const;

/** What a decision's transaction takes. */
export function gasUnits(decision: Decision): bigint {
  const orders = decision.kind === "buy" ? BigInt(decision.orders.length) : 0n;
  return GAS_UNITS[decision.kind] + GAS_UNITS.order * orders;
}

/** What `units` of gas cost in loan asset. Rounded up to the next unit. */
export function gasCost({ wei, weiPriceE36 }: GasPrice, units: bigint): bigint {
  return (units * wei * weiPriceE36) / PRICE_SCALE + 1n;
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

export function isUnhealthy(view: MarketView, { ltvWad: ltv }: PositionView): boolean {
  return ltv > (view.lltvBps * WAD) / 10_000n;
}

/** Whether the auction of a position is good: started, not too long ago, and not enlarged since. */
export function isRunning(view: MarketView, { auction, riskAt }: Position): boolean {
  if (auction === undefined || auction.startedAt === 0n) return false;
  return view.now <= auction.startedAt + view.parameters.maxAuctionDuration && riskAt < auction.startedAt;
}
