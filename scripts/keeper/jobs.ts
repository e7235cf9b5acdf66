import { PRICE_SCALE, SpillwayError } from "../lib";
import { auctionHouseAbi, bufferAbi, flashLiquidatorAbi } from "./chain/contracts";
import type { GasUnits } from "./sender/GasLearner";
import type { Job } from "./sender/job";
import { type Decision, type Policy, gasUnits } from "./strategy/view";

/** What a decision's transaction calls. Addresses checksummed. */
export interface Targets {
  auctionHouse: string;
  buffer: string;
  flashLiquidator: string;
  /** The pool that each collateral is sold on. */
  pools: ReadonlyMap<string, string>;
  /** Who gets profits and pay. */
  profitReceiver: string;
  policy: Pick<Policy, "minProfit">;
}

/** Place of the profit in what `liquidate` and `liquidateInventory` return. */
const PROFIT_WORD = 2;

/** Names what a decision is about: no two transactions with the same key are under way at once. */
export function keyOf(decision: Decision): string {
  return `${decision.kind}:${decision.kind === "fulfil" ? decision.controller : decision.market}`;
}

/**
 * The transaction that carries a decision out.
 * @param weiPriceE36 Loan asset for a wei.
 * @param learnt What transactions really take.
 */
export function jobOf(decision: Decision, targets: Targets, weiPriceE36: bigint, learnt: GasUnits): Job {
  const { kind, worth, paid } = decision;
  const inWei = (amount: bigint): bigint => (amount * PRICE_SCALE) / weiPriceE36;
  const constantGas = gasUnits(decision);
  const sells = kind === "buy" || kind === "buyInventory";
  return {
    ...{ key: keyOf(decision), kind, gas: learnt.gasUnits(kind, constantGas), constantGas, worth: inWei(worth) },
    ...(sells && { gain: { word: PROFIT_WORD, keep: targets.policy.minProfit, weiPriceE36 } }),
    ...(paid !== undefined && { paid: inWei(paid) }),
    ...callOf(decision, targets),
  };
}

function callOf(decision: Decision, targets: Targets): { to: string; data: string } {
  const { auctionHouse, buffer, profitReceiver } = targets;
  const house = (name: string, ...args: unknown[]): { to: string; data: string } => ({
    to: auctionHouse,
    data: auctionHouseAbi.encodeFunctionData(name, args),
  });
  switch (decision.kind) {
    case "open":
      return house("open", decision.market, decision.owner, profitReceiver);
    case "absorb": {
      const { market, owners } = decision;
      // on its own a position says why it is refused
      if (owners.length === 1) return house("absorb", market, owners[0], profitReceiver);
      return house("absorbMany", market, owners, profitReceiver);
    }
    case "sync":
      return house("sync", decision.market);
    case "fulfil":
      return { to: buffer, data: bufferAbi.encodeFunctionData("fulfil", [decision.controller, profitReceiver]) };
    case "buy":
      return sale("liquidate", decision, decision.orders);
    case "buyInventory":
      return sale("liquidateInventory", decision, decision.amount);
  }

  function sale(
    name: string,
    { market, minProfit }: { market: string; minProfit: bigint },
    what: unknown,
  ): { to: string; data: string } {
    const pool = targets.pools.get(market);
    if (pool === undefined) throw new SpillwayError("INTERNAL", `No pool is known for ${market}.`);
    const args = [pool, market, what, minProfit, profitReceiver];
    return { to: targets.flashLiquidator, data: flashLiquidatorAbi.encodeFunctionData(name, args) };
  }
}
