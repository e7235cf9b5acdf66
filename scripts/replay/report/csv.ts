import type { ReplayResult } from "../result";
import { orderedEngines } from "./engines";
import { MEASURES } from "./measures";

const cell = (value: unknown): string => {
  const text = typeof value === "number" || typeof value === "string" ? String(value) : "";
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** One line per engine under a line of field names; figures unrounded, empty where there is none. */
export function renderCsv(result: ReplayResult): string {
  const rows = orderedEngines(result.engines).map((engine) => [
    engine,
    ...MEASURES.map(({ field }) => result.engines[engine]?.[field]),
  ]);
  return [["engine", ...MEASURES.map(({ field }) => field)], ...rows]
    .map((row) => `${row.map(cell).join(",")}\n`)
    .join("");
}
