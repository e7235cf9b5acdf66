import { done, type Comparison } from "./comparison";
import { renderCsv } from "./csv";

/** The lines of each scenario's own CSV, with the scenario before them. */
export function renderComparisonCsv({ outcomes }: Comparison): string {
  const lines = done(outcomes).flatMap(({ result }, index) => {
    const [head, ...rows] = renderCsv(result).trimEnd().split("\n");
    return [...(index === 0 ? [`scenario,${head ?? ""}`] : []), ...rows.map((row) => `${result.scenario},${row}`)];
  });
  return lines.map((line) => `${line}\n`).join("");
}
