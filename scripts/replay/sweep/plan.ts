import { SpillwayError } from "../../lib";
import { marketFor } from "../engines/spillwayParameters";
import { plan } from "../run";
import { findScenario } from "../scenarios";
import { jobId, type SweepJob } from "./job";
import { KEEPERS, type Keepers } from "../model/choices";
import { checkName, checkValue, parameterNames, type Overrides, type Value } from "../model/overrides";

/** What is varied, and its values as people say them. */
export interface Axis {
  name: string;
  values: Value[];
}

/** What a sweep is asked for; `cli.ts` says what each is. */
export interface SweepOptions {
  scenarios: readonly string[];
  axes: readonly Axis[];
  /** Where they are not varied. */
  bookToDepth: number;
  buffer: number;
  keepers: Keepers;
  /** Seeds 1 to this. */
  seeds: number;
  stepSeconds?: number;
  fromSeconds: number;
  toSeconds?: number;
}

/** One choice of a value on each axis, and its runs: every scenario with every seed. */
export interface PlannedPoint {
  values: Record<string, Value>;
  runs: { id: string; job: SweepJob }[];
}

/** Reads `pace=1,3,6`. Throws `BAD_INPUT`. */
export function parseAxis(text: string): Axis {
  const [name = "", list, ...rest] = text.split("=");
  if (list === undefined || rest.length > 0) {
    throw new SpillwayError(
      "BAD_INPUT",
      `--vary ${text} is not of the form name=value,value; names: ${parameterNames.join(", ")}`,
    );
  }
  checkName(name.trim());
  const values = list.split(",").map((value) => checkValue(name.trim(), value));
  if (new Set(values).size < values.length) throw new SpillwayError("BAD_INPUT", `--vary ${name} has one value twice`);
  return { name: name.trim(), values };
}

/** Every point of a sweep with its jobs. Throws `BAD_INPUT`, and `UNKNOWN_SCENARIO`, before anything runs. */
export function planSweep(options: SweepOptions, code: string): PlannedPoint[] {
  const { axes, scenarios, seeds } = options;
  if (axes.length === 0) throw new SpillwayError("BAD_INPUT", "nothing is varied; add --vary name=value,value");
  twice(
    axes.map(({ name }) => name),
    "--vary",
  );
  twice(scenarios, "--scenario");
  const windows = scenarios.map((name) => {
    const { stepSeconds, fromSeconds, toSeconds } = options;
    const { scenario, start, end, ...planned } = plan({
      ...{ scenario: name, fromSeconds },
      ...(stepSeconds !== undefined && { stepSeconds }),
      ...(toSeconds !== undefined && { toSeconds }),
    });
    const offset = (time: number): number => time - scenario.start;
    return { scenario: name, stepSeconds: planned.stepSeconds, fromSeconds: offset(start), toSeconds: offset(end) };
  });
  const assets = new Set(scenarios.flatMap((name) => findScenario(name).collaterals.map(({ asset }) => asset)));
  return combinations(axes).map((values) => {
    const {
      "book-to-depth": bookToDepth = options.bookToDepth,
      buffer = options.buffer,
      ...overrides
    } = numbers(values);
    const keepers = KEEPERS.find((one) => one === values["keepers"]) ?? options.keepers;
    for (const asset of assets) marketFor(asset, overrides);
    const runs = windows.flatMap((window) =>
      Array.from({ length: seeds }, (_, index) => {
        const job = { code, ...window, seed: index + 1, bookToDepth, buffer, keepers, overrides: inOrder(overrides) };
        return { id: jobId(job), job };
      }),
    );
    return { values, runs };
  });
}

/** The later axes change first. */
function combinations(axes: readonly Axis[]): Record<string, Value>[] {
  return axes.reduce<Record<string, Value>[]>(
    (points, { name, values }) => points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))),
    [{}],
  );
}

function numbers(values: Readonly<Record<string, Value>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}

function inOrder(overrides: Overrides): Overrides {
  return Object.fromEntries(Object.entries(overrides).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function twice(names: readonly string[], option: string): void {
  const found = names.find((name, index) => names.indexOf(name) < index);
  if (found !== undefined) throw new SpillwayError("BAD_INPUT", `${option} names ${found} twice`);
}
