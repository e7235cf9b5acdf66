import Table from "cli-table3";
import type { KeeperResult, ReplayResult } from "../model/result";
import { BASELINE, engineStyle, orderedEngines } from "./engines";
import { contested, KEEPER_COLUMNS, keeperName } from "./keeperTable";
import { bestEngines, MEASURES, shown, transactionsText } from "./measures";
import { verdict } from "./verdict";

const COLUMNS = 100;
const MARK = "✓";

/** Breaks a sentence at spaces to lines of at most `COLUMNS`, the later ones indented. */
function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1] ?? "";
    if (line.trim() === "") lines[lines.length - 1] = `${line}${word}`;
    else if (line.length + 1 + word.length <= COLUMNS) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join("\n");
}

/** Who earned what where several keepers competed. */
function keeperTable(engine: string, keepers: readonly KeeperResult[]): string {
  const table = new Table({
    head: [`Keepers of ${engineStyle(engine).name}`, ...KEEPER_COLUMNS.map(({ label }) => label)],
    colAligns: ["left", ...KEEPER_COLUMNS.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  keepers.forEach((keeper, place) => table.push([keeperName(place), ...KEEPER_COLUMNS.map(({ of }) => of(keeper))]));
  return table.toString();
}

/** For the terminal, plain text of at most 100 columns: the measures, then the verdict, who earned what, the transactions by kind, and the full state roots. */
export function renderTable(result: ReplayResult): string {
  const ids = orderedEngines(result.engines);
  const table = new Table({
    head: ["", ...ids.map((id) => (id === BASELINE ? "Baseline" : engineStyle(id).name))],
    colAligns: ["left", ...ids.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
    wrapOnWordBoundary: false,
    colWidths: [null, ...ids.map(() => Math.min(20, Math.floor((COLUMNS - 43) / ids.length)))],
  });
  for (const row of MEASURES) {
    const best = bestEngines(row, result.engines);
    table.push([
      row.unit === "" ? row.label : `${row.label}, ${row.unit}`,
      ...ids.map((id) => {
        const text = shown(row, result.engines[id]);
        return best.has(id) ? `${MARK} ${text}` : text;
      }),
    ]);
  }
  const { headline, comparison, engines } = verdict(result);
  const transactions = ids
    .map((id) => [engineStyle(id).name, transactionsText(result.engines[id] ?? {})] as const)
    .filter(([, text]) => text !== "");
  return [
    table.toString(),
    `${MARK} best figure of the row, the baseline left out; the book is the collateral's starting value`,
    "",
    wrap(`${headline}. ${comparison}`),
    ...engines.map(({ sentence }) => wrap(`- ${sentence}`)),
    "",
    ...contested(result.engines).flatMap(({ engine, keepers }) => [keeperTable(engine, keepers), ""]),
    ...transactions.map(([name, text]) => wrap(`transactions of ${name}: ${text}`)),
    ...ids.map((id) => `state root ${result.engines[id]?.stateRoot ?? ""} ${engineStyle(id).name}`),
    "",
  ].join("\n");
}
