import { TRANSACTION_KINDS, type ReplayResult } from "../model/result";
import { orderedEngines } from "./engines";
import { MEASURES, valueOf } from "./measures";

const KINDS = [...TRANSACTION_KINDS, "reverted"] as const;

const cell = (value: unknown): string => {
  const text = typeof value === "number" || typeof value === "string" ? String(value) : "";
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** One line per engine under a line of field names; figures unrounded, empty where there is none. */
export function renderCsv(result: ReplayResult): string {
  const rows = orderedEngines(result.engines).map((engine) => [
    engine,
    ...MEASURES.map(({ field }) => valueOf(result.engines[engine], field)),
    ...KINDS.map((kind) => result.engines[engine]?.transactions[kind]),
  ]);
  const head = ["engine", ...MEASURES.map(({ field }) => field), ...KINDS.map((kind) => `transactions.${kind}`)];
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}
