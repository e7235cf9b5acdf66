/** The engine in which nobody liquidates. Runs are measured against it; it does not compete. */
export const BASELINE = "none";

/** How an engine is named and drawn. `dash` is a line pattern in pixels; `color` is a custom property of page.css. */
export interface EngineStyle {
  name: string;
  color: string;
  dash: number[];
}

const STYLES: Record<string, EngineStyle> = {
  spillway: { name: "Spillway", color: "--spillway", dash: [] },
  "aave-v3": { name: "Aave v3", color: "--aave", dash: [8, 3] },
  "morpho-blue": { name: "Morpho Blue", color: "--morpho", dash: [9, 3, 2, 3] },
  [BASELINE]: { name: "No liquidations", color: "--baseline", dash: [3, 3] },
};

/** An engine that is not known here is shown under its id. */
export function engineStyle(engine: string): EngineStyle {
  return STYLES[engine] ?? { name: engine, color: "--other", dash: [5, 2, 1, 2] };
}

/** The engines of a result or of its series in the order in which they are always shown: Spillway, the peers, the baseline. */
export function orderedEngines(engines: Record<string, unknown>): string[] {
  const known = Object.keys(STYLES);
  const rank = (engine: string): number => {
    if (engine === BASELINE) return known.length + 1;
    const index = known.indexOf(engine);
    return index === -1 ? known.length : index;
  };
  return Object.keys(engines).sort((a, b) => rank(a) - rank(b));
}
