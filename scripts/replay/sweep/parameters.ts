import type { MarketParameters } from "../../../deploy/parameters";
import { SpillwayError } from "../../errors";

/** Parameter's name → value as people say it. Applied to every market of a run alike. */
export type Overrides = Readonly<Record<string, number>>;

/** Something that a sweep can vary. */
interface Parameter {
  /** As people say it; empty for plain numbers. */
  unit: string;
  min: number;
  max: number;
  about: string;
  /** Puts the value into Spillway's market; `null` for what every engine is told. */
  set: ((market: MarketParameters, value: number) => void) | null;
}

type Field<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T];
type Lane = Field<MarketParameters["lane"]>;
type Inventory = Field<MarketParameters["inventory"]>;

const bps = (percent: number): number => Math.round(percent * 100);
const seconds = (minutes: number): number => Math.round(minutes * 60);
const lanePct = (field: Lane) => (m: MarketParameters, v: number) => void (m.lane[field] = bps(v));
const laneMin = (field: Lane) => (m: MarketParameters, v: number) => void (m.lane[field] = seconds(v));
const inventoryPct = (field: Inventory) => (m: MarketParameters, v: number) => void (m.inventory[field] = bps(v));
const inventoryMin = (field: Inventory) => (m: MarketParameters, v: number) => void (m.inventory[field] = seconds(v));

/** Everything that can be varied. Bounds are the contracts' own. In the order in which they are applied, whatever the order asked for. */
// prettier-ignore
const PARAMETERS: Readonly<Record<string, Parameter>> = {
  "book-to-depth": { unit: "", min: 1, max: 100_000, about: "the book's collateral over the collateral whose sale moves the pool by 1 %", set: null },
  buffer: { unit: "", min: 0, max: 10, about: "the buffer's cash over the book's starting collateral value", set: null },
  lltv: { unit: "%", min: 1, max: 99, about: "LTV from which a position can be liquidated", set: (m, v) => { m.lltvBps = bps(v); } },
  "max-ltv": { unit: "%", min: 1, max: 99, about: "LTV up to which a position can be opened", set: (m, v) => { m.maxLtvBps = bps(v); } },
  "target-ltv": { unit: "of lltv", min: 0.01, max: 0.999, about: "a position is sold down to this LTV", set: (m, v) => { m.lane.targetLtvBps = Math.floor(m.lltvBps * v); } },
  pace: { unit: "%/h", min: 0.01, max: 100, about: "price impact an hour that a lane allows", set: lanePct("paceBps") },
  urgency: { unit: "", min: 0, max: 100, about: "how much faster than its pace an insolvent position is sold, times its pace; a whole number", set: (m, v) => { m.lane.urgency = v; } },
  slope: { unit: "%/min", min: 0.01, max: 100, about: "how fast a lane gets cheaper", set: lanePct("slopePerMinuteBps") },
  "min-premium": { unit: "%", min: 0, max: 20, about: "where a lane begins, over the oracle price, at least", set: lanePct("minPremiumBps") },
  "max-premium": { unit: "%", min: 0, max: 20, about: "where a lane begins after a sudden drop, at most", set: lanePct("maxPremiumBps") },
  "max-discount": { unit: "%", min: 0, max: 49, about: "how far under the oracle price a lane goes, at most", set: lanePct("maxDiscountBps") },
  "first-discount": { unit: "%", min: 0, max: 49, about: "how far it goes for a position that has just turned unhealthy", set: lanePct("firstDiscountBps") },
  "liquidation-fee": { unit: "%", min: 0, max: 49, about: "of what is repaid, for the buffer", set: lanePct("liquidationFeeBps") },
  "absorb-ltv": { unit: "%", min: 1, max: 99.99, about: "LTV from which the buffer absorbs", set: lanePct("absorbLtvBps") },
  "absorb-discount": { unit: "%", min: 0, max: 49, about: "what the buffer absorbs for, under the oracle price", set: lanePct("absorbDiscountBps") },
  "idle-time": { unit: "min", min: 1, max: 720, about: "without a buy, beyond the longest age, after which a lane closes", set: laneMin("idleTime") },
  "ema-period": { unit: "min", min: 1, max: 1440, about: "of the lane's own average of the oracle price", set: laneMin("emaPeriod") },
  "inventory-pace": { unit: "%", min: 0.01, max: 100, about: "the inventory's pace, of the lane's", set: inventoryPct("paceShareBps") },
  "inventory-slope": { unit: "%/min", min: 0.01, max: 100, about: "how fast the inventory gets cheaper", set: inventoryPct("slopePerMinuteBps") },
  "inventory-premium": { unit: "%", min: 0, max: 20, about: "where the inventory's sale starts, over the oracle price", set: inventoryPct("premiumBps") },
  "inventory-discount": { unit: "%", min: 0, max: 10, about: "how far under the oracle price it goes, at most", set: inventoryPct("maxDiscountBps") },
  "inventory-tolerance": { unit: "%", min: 0, max: 100, about: "inventory waits while the price is so far under its average", set: inventoryPct("emaToleranceBps") },
  haircut: { unit: "%", min: 0, max: 50, about: "off the inventory's value in the buffer's balance", set: inventoryPct("haircutBps") },
  "max-hold": { unit: "min", min: 1, max: 525_600, about: "after which inventory waits no more", set: inventoryMin("maxHold") },
  "bite-time": { unit: "min", min: 0, max: 1440, about: "of emission that gathers before any inventory is sold", set: inventoryMin("biteTime") },
};

export const parameterNames: readonly string[] = Object.keys(PARAMETERS);

/** Every parameter with its unit, bounds and meaning, a line each. */
export function describeParameters(): string {
  return Object.entries(PARAMETERS)
    .map(([name, { unit, min, max, about }]) => {
      const range = `${min} to ${max}${unit === "" ? "" : ` ${unit}`}`;
      return `  ${name.padEnd(20)} ${range.padEnd(18)} ${about}`;
    })
    .join("\n");
}

/** One parameter; throws `BAD_INPUT`, naming those there are. */
export function findParameter(name: string): Parameter & { name: string } {
  const found = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
  if (!found) throw new SpillwayError("BAD_INPUT", `"${name}" can't be varied; what can: ${parameterNames.join(", ")}`);
  return { name, ...found };
}

/** `0.5 %/h`, `150`. */
export function withUnit(name: string, value: number): string {
  const { unit } = findParameter(name);
  return unit === "" ? String(value) : `${value} ${unit}`;
}

/** A value of a parameter. Throws `BAD_INPUT` when it is out of bounds or finer than the contracts can tell. */
export function checkValue(name: string, text: string): number {
  const { unit, min, max } = findParameter(name);
  const value = text.trim() === "" ? Number.NaN : Number(text);
  const range = `${min} to ${max}${unit === "" ? "" : ` ${unit}`}`;
  if (!(value >= min && value <= max)) {
    throw new SpillwayError("BAD_INPUT", `--vary ${name}: "${text}" is not a number from ${range}`);
  }
  const steps = unit.startsWith("%") ? value * 100 : unit === "min" ? value * 60 : value * 1e6;
  if (Math.abs(steps - Math.round(steps)) > 1e-6) {
    const least = unit.startsWith("%") ? "0.01 %" : unit === "min" ? "a second" : "0.000001";
    throw new SpillwayError("BAD_INPUT", `--vary ${name}: ${text} is finer than ${least}`);
  }
  return value;
}

/**
 * A market with some of its parameters changed. Throws `BAD_INPUT` where they don't go together: the house and the buffer would
 * refuse the market.
 */
export function override(market: MarketParameters, overrides: Overrides): MarketParameters {
  for (const name of Object.keys(overrides)) findParameter(name);
  const changed: MarketParameters = { ...market, lane: { ...market.lane }, inventory: { ...market.inventory } };
  for (const [name, { set }] of Object.entries(PARAMETERS)) {
    const value = overrides[name];
    if (value !== undefined) set?.(changed, value);
  }
  const problem = RULES.find(([, holds]) => !holds(changed))?.[0];
  if (problem === undefined) return changed;
  const values = Object.entries(overrides).map(([name, value]) => `${name} ${value}`);
  throw new SpillwayError("BAD_INPUT", `no ${market.name} market can have ${values.join(", ")}: ${problem}`);
}

const longestAgeMinutes = (falls: number, slopePerMinute: number): number => falls / slopePerMinute;
const laneAge = ({ lane }: MarketParameters): number =>
  longestAgeMinutes(lane.maxPremiumBps + lane.maxDiscountBps, lane.slopePerMinuteBps);
const inventoryAge = ({ inventory }: MarketParameters): number =>
  longestAgeMinutes(inventory.premiumBps + inventory.maxDiscountBps, inventory.slopePerMinuteBps);

/** What `AuctionHouse.setLane` and `LiquidityBuffer.setInventoryParameters` ask of parameters together. */
const RULES: readonly [problem: string, holds: (market: MarketParameters) => boolean][] = [
  ["max-ltv must be under lltv", (m) => m.maxLtvBps < m.lltvBps],
  ["absorb-ltv must be over lltv", (m) => m.lane.absorbLtvBps > m.lltvBps],
  ["target-ltv must be under lltv", (m) => m.lane.targetLtvBps > 0 && m.lane.targetLtvBps < m.lltvBps],
  ["min-premium must not be over max-premium", ({ lane }) => lane.minPremiumBps <= lane.maxPremiumBps],
  [
    "twice max-discount and liquidation-fee must fit in 1 − lltv",
    ({ lane, lltvBps }) => 2 * (lane.maxDiscountBps + lane.liquidationFeeBps) <= 10_000 - lltvBps,
  ],
  [
    "twice absorb-discount must fit in 1 − absorb-ltv",
    ({ lane }) => 2 * lane.absorbDiscountBps <= 10_000 - lane.absorbLtvBps,
  ],
  ["first-discount must not be over max-discount", ({ lane }) => lane.firstDiscountBps <= lane.maxDiscountBps],
  ["urgency must be a whole number", ({ lane }) => Number.isInteger(lane.urgency)],
  ["a lane must fall, and within a day", (m) => laneAge(m) > 0 && laneAge(m) <= 1440],
  ["the inventory's price must fall, and within a day", (m) => inventoryAge(m) > 0 && inventoryAge(m) <= 1440],
];
