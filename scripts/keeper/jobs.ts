import { SpillwayError } from "../errors";
import { auctionHouseAbi, flashLiquidatorAbi } from "./chain/contracts";
import { PRICE_SCALE } from "./fixedPoint";
import type { Job } from "./sender/Sender";
import { type Decision, gasUnits } from "./strategy/view";

/** What a decision's transaction calls. Addresses checksummed. */
export interface Targets {
  auctionHouse: string;
  flashLiquidator: string;
  /** The pool that each collateral is sold on. */
  pools: ReadonlyMap<string, string>;
  profitReceiver: string;
}

/** Names what a decision is about: no two transactions with the same key are under way at once. */
export function keyOf(decision: Decision): string {
  return `${decision.kind}:${decision.market}${"owner" in decision ? `:${decision.owner}` : ""}`;
}

/** The transaction that carries a decision out. @param weiPriceE36 Loan asset for a wei. */
export function jobOf(decision: Decision, targets: Targets, weiPriceE36: bigint): Job {
  const worth = decision.worth === undefined ? undefined : (decision.worth * PRICE_SCALE) / weiPriceE36;
  return { key: keyOf(decision), kind: decision.kind, gas: gasUnits(decision), worth, ...callOf(decision, targets) };
}

function callOf(decision: Decision, targets: Targets): { to: string; data: string } {
  const { market } = decision;
  switch (decision.kind) {
    case "start":
    case "absorb":
    case "cancel":
      return {
        to: targets.auctionHouse,
        data: auctionHouseAbi.encodeFunctionData(decision.kind, [market, decision.owner]),
      };
    case "sync":
      return { to: targets.auctionHouse, data: auctionHouseAbi.encodeFunctionData("sync", [market]) };
    case "buy":
      return sale("liquidate", decision.orders);
    case "buyInventory":
      return sale("liquidateInventory", decision.amount);
  }

  function sale(name: string, what: unknown): { to: string; data: string } {
    const pool = targets.pools.get(market);
    if (pool === undefined) throw new SpillwayError("INTERNAL", `No pool is known for ${market}.`);
    const { minProfit } = decision as Extract<Decision, { minProfit: bigint }>;
    const args = [pool, market, what, minProfit, targets.profitReceiver];
    return { to: targets.flashLiquidator, data: flashLiquidatorAbi.encodeFunctionData(name, args) };
  }
}
