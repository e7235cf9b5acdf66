import Table from "cli-table3";
import { measure } from "../../report/measures";
import { unitOf } from "../../model/overrides";
import { DECISIVE, type Field, type Sweep } from "../summary";

/** What the terminal shows of a point. */
export const SHOWN: readonly Field[] = [...DECISIVE, "bufferPnlPct", "timeUnderwaterMinutes"];

/** For the terminal: the frontier, the least drawdown first; means over scenarios and seeds. */
export function renderFrontier(sweep: Sweep): string {
  const points = frontier(sweep);
  const rows = SHOWN.map((field) => measure(field));
  const table = new Table({
    head: [
      ...sweep.axes.map(({ name }) => [name, unitOf(name)].join("\n")),
      ...rows.map(({ label, unit }) => `${label}\n${unit}`),
    ],
    colAligns: [...sweep.axes, ...rows].map(() => "right" as const),
    style: { head: [], border: [], compact: true },
  });
  for (const { values, mean } of points) {
    table.push([
      ...sweep.axes.map(({ name }) => String(values[name])),
      ...rows.map(({ field, format }) => format(mean[field as Field])),
    ]);
  }
  const of = `${points.length} of ${sweep.points.length} points`;
  return `${table.toString()}\nThe frontier, ${of}: no other point is better in crash, bad debt or borrowers' loss without being worse in another.\n`;
}

/** The points of the frontier, the least drawdown first. */
export function frontier({ points }: Pick<Sweep, "points">): Sweep["points"] {
  const on = points.filter((point) => point.frontier);
  return on.sort((a, b) => a.mean.excessDrawdownPct - b.mean.excessDrawdownPct);
}
