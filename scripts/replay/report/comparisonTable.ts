import Table from "cli-table3";
import type { EngineResult } from "../model/result";
import { done, enginesOf, ratioSentence, type Comparison } from "./comparison";
import { BASELINE, engineStyle } from "./engines";
import { bestEngines, measure, shown, valueOf } from "./measures";

const SHOWN = [
  ...(["excessDrawdownPct", "badDebtPct", "borrowerLossPct"] as const),
  ...(["gasCostPct", "worstLtvPct", "timeOverLimitMinutes.p90"] as const),
];
const MARK = "✓";

/** For the terminal: each scenario's main measures, the sums over the real crashes, and what failed. */
export function renderComparisonTable(comparison: Comparison): string {
  const { outcomes, totals } = comparison;
  const ids = enginesOf(outcomes);
  const tables = SHOWN.map((field) => {
    const row = measure(field);
    const table = new Table({
      head: [`${row.label}, ${row.unit}`, ...ids.map((id) => (id === BASELINE ? "Baseline" : engineStyle(id).name))],
      colAligns: ["left", ...ids.map(() => "right" as const)],
      style: { head: [], border: [], compact: true },
    });
    const add = (head: string, engines: Record<string, Partial<EngineResult>>): void => {
      const best = bestEngines(row, engines);
      const cell = (id: string): string => `${best.has(id) ? `${MARK} ` : ""}${shown(row, engines[id])}`;
      table.push([head, ...ids.map(cell)]);
    };
    for (const { result } of done(outcomes)) add(result.scenario, result.engines);
    if (ids.some((id) => valueOf(totals.engines[id], field) !== null))
      add(`real crashes together (${totals.scenarios.length})`, totals.engines);
    return table.toString();
  });
  const failed = outcomes.flatMap((one) => ("error" in one ? [`failed: ${one.scenario} (${one.error.code})`] : []));
  const sentence = ratioSentence(comparison, (id) => engineStyle(id).name);
  return [...(done(outcomes).length > 0 ? tables : []), ...(sentence === "" ? [] : [sentence]), ...failed, ""].join(
    "\n",
  );
}
