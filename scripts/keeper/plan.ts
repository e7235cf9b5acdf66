import type { Block } from "./chain/block";
import type { Observed } from "./observe";
import { decide, decideFulfil } from "./strategy/decide";
import { type Decision, type Decisions, type Policy, type Skip, mostCost } from "./strategy/view";

/** What is to be done at a block. Plain data: whoever has it can carry it out, with a signer and receiver of his own. */
export interface Plan {
  block: Block;
  /** In the order in which they are to be sent. */
  decisions: readonly Decision[];
  /** What a wei is worth in loan asset, scaled by 1e36. */
  weiPriceE36: bigint;
}

/**
 * Decides about everything that was seen. Pure.
 * @returns The plan, without decisions for as long as gas can't be priced, and why the rest of what could be done is not.
 */
export function planOf(observed: Observed, block: Block, policy: Policy): { plan: Plan; skips: Skip[] } {
  const { markets, redemptions, weiPriceE36 } = observed;
  if (weiPriceE36 === undefined) return { plan: { block, decisions: [], weiPriceE36: 0n }, skips: [] };
  const decided = [...decideMarkets(markets, policy), decideFulfil(redemptions, policy)];
  const decisions = decided.flatMap((one) => one.decisions);
  return { plan: { block, decisions, weiPriceE36 }, skips: decided.flatMap((one) => one.skips) };
}

/** One market after the other, since with own capital all buys are paid from the same money. */
function decideMarkets(markets: Observed["markets"], policy: Policy): Decisions[] {
  let spent = 0n;
  return markets.flatMap(({ view }) => {
    if (view === undefined) return [];
    const decided = decide({ ...view, quote: view.quote?.after?.(spent) ?? view.quote }, policy);
    for (const decision of decided.decisions) {
      if ("sale" in decision && decision.sale.capital === "own") spent += mostCost(decision);
    }
    return [decided];
  });
}
