import type { MarketParameters } from "../../../deploy/parameters";
import { SpillwayError } from "../../lib";
import { KEEPERS } from "./choices";

/** Parameter's name → value as people say it. Applied to every market of a run alike. */
export type Overrides = Readonly<Record<string, number>>;

/** A value as people say it: a number, or a word. */
export type Value = number | string;

/** A number that a sweep can vary. */
interface Amount {
  /** As people say it; empty for plain numbers. */
  unit: string;
  min: number;
  max: number;
  about: string;
  /** Puts the value into Spillway's market; `null` for what every engine is told. */
  set: ((market: MarketParameters, value: number) => void) | null;
}

/** Words of which a sweep can choose. */
interface Choice {
  words: readonly string[];
  about: string;
}

type Field<T> = { [K in keyof T]: T[K] extends number ? K & string : never }[keyof T];
type Entry<P = Amount | Choice> = readonly [name: string, parameter: P];

/** The deployment's integer for a value in that unit. */
function inDeployment(unit: string, value: number): number {
  if (unit.startsWith("%")) return Math.round(value * 100); // basis points
  return unit === "min" ? Math.round(value * 60) : value;
}

/** A parameter has the name of its field without the field's unit. */
const nameOf = (field: string): string => field.replace(/Bps$/, "");

/** A row for a field of one of the market's groups. */
function field<G extends "lane" | "inventory">(
  group: G,
  name: Field<MarketParameters[G]>,
  unit: string,
  min: number,
  max: number,
  about: string,
): Entry<Amount> {
  const set: Amount["set"] = (market, value) => {
    const fields: Record<string, unknown> = market[group];
    fields[name] = inDeployment(unit, value);
  };
  return [group === "lane" ? nameOf(name) : `${group}.${nameOf(name)}`, { unit, min, max, about, set }];
}

/**
 * Everything that can be varied, a row each; another field of the deployment's parameters is another row. Bounds are the contracts' own. In
 * the order in which they are applied, whatever the order asked for.
 */
// prettier-ignore
const ENTRIES: readonly Entry[] = [
  ["book-to-depth", { unit: "", min: 1, max: 100_000, about: "the book's collateral over the collateral whose sale moves the pool by 1 %", set: null }],
  ["buffer", { unit: "", min: 0, max: 10, about: "the buffer's cash over the book's starting collateral value", set: null }],
  ["keepers", { words: KEEPERS, about: "whether the keeper does only what pays, or serves at a loss too" }],
  ["lltv", { unit: "%", min: 1, max: 99, about: "LTV from which a position can be liquidated", set: (m, v) => { m.lltvBps = inDeployment("%", v); } }],
  ["maxLtv", { unit: "%", min: 1, max: 99, about: "LTV up to which a position can be opened", set: (m, v) => { m.maxLtvBps = inDeployment("%", v); } }],
  ["targetLtv", { unit: "of lltv", min: 0.01, max: 0.999, about: "a position is sold down to this LTV", set: (m, v) => { m.lane.targetLtvBps = Math.floor(m.lltvBps * v); } }],
  field("lane", "paceBps", "%/h", 0.01, 100, "price impact an hour that a lane allows"),
  field("lane", "urgency", "", 0, 100, "how many times faster, beyond its pace, an insolvent position is sold; a whole number"),
  field("lane", "slopePerMinuteBps", "%/min", 0.01, 100, "how fast a lane gets cheaper"),
  field("lane", "minPremiumBps", "%", 0, 20, "the premium over the oracle price, at least"),
  field("lane", "maxPremiumBps", "%", 0, 20, "the premium after a sudden drop, at most"),
  field("lane", "maxDiscountBps", "%", 0, 49, "how far under the oracle price a lane goes, at most"),
  field("lane", "firstDiscountBps", "%", 0, 49, "how far it goes for a position that has just turned unhealthy"),
  field("lane", "liquidationFeeBps", "%", 0, 49, "of what is repaid, for the buffer"),
  field("lane", "absorbLtvBps", "%", 1, 99.99, "LTV from which the buffer absorbs"),
  field("lane", "absorbDiscountBps", "%", 0, 49, "what the buffer absorbs for, under the oracle price"),
  field("lane", "idleTime", "min", 1, 720, "without a buy, beyond the longest age, after which a lane closes"),
  field("lane", "clearHours", "h", 1, 8760, "a market may owe what its lane sells in so many hours"),
  field("lane", "emaPeriod", "min", 1, 1440, "of the lane's own average of the oracle price"),
  field("inventory", "paceShareBps", "%", 0.01, 100, "the inventory's pace, of the lane's"),
  field("inventory", "slopePerMinuteBps", "%/min", 0.01, 100, "how fast the inventory gets cheaper"),
  field("inventory", "premiumBps", "%", 0, 20, "where the inventory's sale starts, over the oracle price"),
  field("inventory", "maxDiscountBps", "%", 0, 10, "how far under the oracle price it goes, at most"),
  field("inventory", "emaToleranceBps", "%", 0, 100, "inventory waits while the price is so far under its average"),
  field("inventory", "haircutBps", "%", 0, 50, "off the inventory's value in the buffer's balance"),
  field("inventory", "biteTime", "min", 0, 1440, "of emission that gathers before any inventory is sold"),
  field("inventory", "maxHold", "min", 1, 525_600, "after which inventory waits no more"),
];
const PARAMETERS = new Map(ENTRIES);

export const parameterNames: readonly string[] = [...PARAMETERS.keys()];

/** `0 to 20 %`, or `profit or service`. */
function rangeOf(parameter: Amount | Choice): string {
  if ("words" in parameter) return parameter.words.join(" or ");
  const { min, max, unit } = parameter;
  return `${min} to ${max}${unit === "" ? "" : ` ${unit}`}`;
}

/** Every parameter with its unit, bounds and meaning, a line each. */
export function describeParameters(): string {
  return [...PARAMETERS]
    .map(([name, parameter]) => `  ${name.padEnd(24)} ${rangeOf(parameter).padEnd(18)} ${parameter.about}`)
    .join("\n");
}

/** Throws `BAD_INPUT`, naming those there are. */
function find(name: string): Amount | Choice {
  const found = PARAMETERS.get(name);
  if (!found) throw new SpillwayError("BAD_INPUT", `"${name}" can't be varied; what can: ${parameterNames.join(", ")}`);
  return found;
}

/** Throws `BAD_INPUT` for a name that can't be varied, naming those that can. */
export function checkName(name: string): void {
  find(name);
}

/** As people say it; empty for plain numbers and words. */
export function unitOf(name: string): string {
  const parameter = find(name);
  return "unit" in parameter ? parameter.unit : "";
}

/** `0.5 %/h`, `150`, `profit`. */
export function withUnit(name: string, value: Value): string {
  return `${value} ${unitOf(name)}`.trimEnd();
}

/** A value of a parameter. Throws `BAD_INPUT` when it is out of bounds or finer than the contracts can tell. */
export function checkValue(name: string, text: string): Value {
  const parameter = find(name);
  if ("words" in parameter) {
    const word = parameter.words.find((one) => one === text.trim());
    if (word === undefined)
      throw new SpillwayError("BAD_INPUT", `--vary ${name}: "${text}" is not ${rangeOf(parameter)}`);
    return word;
  }
  const { unit, min, max } = parameter;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= min && value <= max)) {
    throw new SpillwayError("BAD_INPUT", `--vary ${name}: "${text}" is not a number from ${rangeOf(parameter)}`);
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
  for (const name of Object.keys(overrides)) find(name);
  const changed: MarketParameters = { ...market, lane: { ...market.lane }, inventory: { ...market.inventory } };
  for (const [name, parameter] of PARAMETERS) {
    const value = overrides[name];
    if (value !== undefined && "set" in parameter) parameter.set?.(changed, value);
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
  ["maxLtv must be under lltv", (m) => m.maxLtvBps < m.lltvBps],
  ["absorbLtv must be over lltv", (m) => m.lane.absorbLtvBps > m.lltvBps],
  ["targetLtv must be under lltv", (m) => m.lane.targetLtvBps > 0 && m.lane.targetLtvBps < m.lltvBps],
  ["minPremium must not be over maxPremium", ({ lane }) => lane.minPremiumBps <= lane.maxPremiumBps],
  [
    "twice maxDiscount and liquidationFee must fit in 1 − lltv",
    ({ lane, lltvBps }) => 2 * (lane.maxDiscountBps + lane.liquidationFeeBps) <= 10_000 - lltvBps,
  ],
  [
    "twice absorbDiscount must fit in 1 − absorbLtv",
    ({ lane }) => 2 * lane.absorbDiscountBps <= 10_000 - lane.absorbLtvBps,
  ],
  ["firstDiscount must not be over maxDiscount", ({ lane }) => lane.firstDiscountBps <= lane.maxDiscountBps],
  ["urgency must be a whole number", ({ lane }) => Number.isInteger(lane.urgency)],
  ["a lane must fall, and within a day", (m) => laneAge(m) > 0 && laneAge(m) <= 1440],
  ["the inventory's price must fall, and within a day", (m) => inventoryAge(m) > 0 && inventoryAge(m) <= 1440],
];
