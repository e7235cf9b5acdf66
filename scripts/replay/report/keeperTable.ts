import type { EngineResult, KeeperResult } from "../model/result";
import { orderedEngines } from "./engines";
import { formatNumber } from "./measures";

/** A column of the table that says which keeper earned what. */
interface Column {
  /** For the terminal: at most 17 characters. */
  label: string;
  explanation: string;
  of: (keeper: KeeperResult) => string;
}

export const KEEPER_COLUMNS: readonly Column[] = [
  {
    label: "Profit, % of book",
    explanation: "After gas, that of reverted transactions among it.",
    of: ({ profitPct }) => formatNumber(profitPct),
  },
  { label: "Won", explanation: "Transactions that went through.", of: ({ won }) => formatNumber(won, 0) },
  {
    label: "Reverted",
    explanation: "Transactions that failed, mostly because a rival's went first.",
    of: ({ reverted }) => formatNumber(reverted, 0),
  },
  {
    label: "Gas of reverted",
    explanation: "Gas that those that failed burnt.",
    of: ({ revertedGas }) => formatNumber(revertedGas, 0),
  },
  {
    label: "Its cost, %",
    explanation: "What the keeper paid for that gas, in percent of the book.",
    of: ({ revertedGasCostPct }) => formatNumber(revertedGasCostPct),
  },
];

/** The engines at which several keepers competed, as they are always ordered. */
export function contested(
  engines: Record<string, Partial<EngineResult>>,
): { engine: string; keepers: KeeperResult[] }[] {
  return orderedEngines(engines)
    .map((engine) => ({ engine, keepers: engines[engine]?.perKeeper ?? [] }))
    .filter(({ keepers }) => keepers.length > 1);
}

export function keeperName(place: number): string {
  return place === 0 ? "The first" : `Rival ${place}`;
}
