import { FIELDS, type Sweep } from "../summary";

/** One line per point under a line of names: the values, the frontier, and of each figure mean and worst, unrounded. */
export function renderSweepCsv({ axes, points }: Sweep): string {
  const names = axes.map(({ name }) => name);
  const rows = points.map(({ values, mean, worst, frontier }) => [
    ...names.map((name) => values[name]),
    frontier,
    ...FIELDS.flatMap((field) => [mean[field], worst[field]]),
  ]);
  const head = [...names, "frontier", ...FIELDS.flatMap((field) => [`${field}Mean`, `${field}Worst`])];
  return [head, ...rows].map((row) => `${row.join(",")}\n`).join("");
}
