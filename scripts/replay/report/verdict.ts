import type { EngineResult, ReplayResult } from "../model/result";
import { BASELINE, engineStyle, orderedEngines } from "./engines";
import { bestEngines, figure, formatNumber, measure, MEASURES, shown, type MeasureField } from "./measures";

/** What the figures say, in plain words. Nothing in it that the figures beside it don't show. */
export interface Verdict {
  /** How Spillway did against the peers, as few words as possible. */
  headline: string;
  /** The reasons: depth of the crash, bad debt, and where Spillway is not the best. */
  comparison: string;
  engines: { engine: string; sentence: string }[];
}

/** The two figures that the protocol stands or falls by: the crash must get shallower without more bad debt. */
const DECISIVE = ["excessDrawdownPct", "badDebtPct"] as const;

type Order = "less" | "as much" | "more";

/** Compares what is shown, so that words never contradict the rounded figures beside them. */
function compare(field: (typeof DECISIVE)[number], own: EngineResult, peer: EngineResult): Order {
  if (figure(field, own) === figure(field, peer)) return "as much";
  return own[field] < peer[field] ? "less" : "more";
}

/** `a`, `a and b`, `a, b and c`. */
export function list(items: string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1] ?? ""}`;
}

export function formatMinutes(minutes: number): string {
  if (minutes < 120) return `${formatNumber(minutes, 0)}\u00a0min`;
  const hours = minutes / 60;
  return `${formatNumber(hours, Number.isInteger(hours) || hours >= 10 ? 0 : 1)}\u00a0h`;
}

const isZero = (field: MeasureField, engine: EngineResult): boolean => !/[1-9]/.test(shown(measure(field), engine));

function engineSentence(id: string, engine: EngineResult): string {
  const { name } = engineStyle(id);
  const badDebt = isZero("badDebtPct", engine)
    ? "left no bad debt"
    : `left bad debt of ${figure("badDebtPct", engine)} of the book`;
  const lenders = isZero("lenderLossPct", engine)
    ? "lenders lost nothing"
    : `lenders lost ${figure("lenderLossPct", engine)}`;
  if (id === BASELINE) {
    return `With no liquidations at all, the baseline of this run, the crash itself ${badDebt}, and ${lenders}.`;
  }
  if (isZero("liquidatedPct", engine)) {
    return `${name} liquidated nothing and ${badDebt}; ${lenders}.`;
  }
  const amplified =
    engine.amplification !== null && measure("amplification").format(engine.amplification) !== "1.00"
      ? ` (${measure("amplification").format(engine.amplification)} times what it would have been had its sales not moved the price)`
      : "";
  const depth = isZero("excessDrawdownPct", engine)
    ? "did not deepen the crash"
    : `deepened the crash by ${figure("excessDrawdownPct", engine)}`;
  const parts = [lenders];
  if (!isZero("bufferPnlPct", engine)) {
    const size = formatNumber(Math.abs(engine.bufferPnlPct));
    parts.push(`its buffer ${engine.bufferPnlPct < 0 ? "lost" : "gained"} ${size}\u00a0%`);
  }
  if (!isZero("timeUnderwaterMinutes", engine)) {
    parts.push(`the slowest position waited ${formatMinutes(engine.timeUnderwaterMinutes)}`);
  }
  return `${name} liquidated ${figure("liquidatedPct", engine)} of the collateral${amplified}, ${depth} and ${badDebt}; ${list(parts)}.`;
}

/** `less than Aave v3 (0.80 % against 7.30 %) and more than Morpho Blue (…)`. */
function against(
  field: (typeof DECISIVE)[number],
  own: EngineResult,
  peers: [string, EngineResult][],
  thing = "",
): string {
  const clauses = (["less", "as much", "more"] as const).flatMap((order) => {
    const there = peers.filter(([, peer]) => compare(field, own, peer) === order);
    if (there.length === 0) return [];
    const names = list(there.map(([id]) => engineStyle(id).name));
    const figures =
      order === "as much"
        ? figure(field, own)
        : `${figure(field, own)} against ${list(there.map(([, peer]) => figure(field, peer)))}`;
    return [`${order}${thing} ${order === "as much" ? "as" : "than"} ${names} (${figures})`];
  });
  return list(clauses);
}

export function verdict({ engines }: ReplayResult): Verdict {
  const ids = orderedEngines(engines);
  const all = ids.map((id) => [id, engines[id]] as [string, EngineResult]);
  const sentences = all.map(([engine, figures]) => ({ engine, sentence: engineSentence(engine, figures) }));
  const own = engines["spillway"];
  const peers = all.filter(([id]) => id !== "spillway" && id !== BASELINE);
  if (own === undefined) {
    return {
      headline: "Spillway did not take part in this run",
      comparison: "It says nothing about Spillway; run it again with the spillway engine to compare.",
      engines: sentences,
    };
  }
  if (peers.length === 0) {
    return {
      headline: "Spillway ran alone",
      comparison: "There was no other liquidation engine in this run to compare it with.",
      engines: sentences,
    };
  }
  const orders = DECISIVE.flatMap((field) => peers.map(([, peer]) => compare(field, own, peer)));
  const better = orders.includes("less");
  const worse = orders.includes("more");
  const headline = better
    ? worse
      ? "A mixed result for Spillway"
      : "Spillway came out ahead"
    : worse
      ? "Spillway did worse"
      : "Spillway made no difference";
  const behind = MEASURES.filter((row) => {
    const best = bestEngines(row, engines);
    return best.size > 0 && !best.has("spillway");
  }).map(({ label }) => label.charAt(0).toLowerCase() + label.slice(1));
  const rest =
    behind.length === 0
      ? "No other engine has a better figure in any row below."
      : `Another engine has the better figure in: ${behind.join(", ")}.`;
  return {
    headline,
    comparison: [
      `It deepened the crash ${against("excessDrawdownPct", own, peers)}.`,
      `It left ${against("badDebtPct", own, peers, " bad debt")}.`,
      rest,
    ].join(" "),
    engines: sentences,
  };
}
