import { PRICE_SCALE } from "../lib";
import { auctionHouseAbi, bufferAbi, flashLiquidatorAbi } from "./chain/contracts";
import type { GasUnits } from "./sender/GasLearner";
import type { Job } from "./sender/job";
import { type Decision, type Policy, gasUnits, mostCost } from "./strategy/view";
import type { Outlet, SizedLeg } from "./venues/Outlet";

/** What transactions take by the constants alone. */
const BY_CONSTANTS: GasUnits = { gasUnits: (_, constant) => constant };

/** What a decision's transaction calls. Addresses checksummed. */
export interface Targets {
  auctionHouse: string;
  buffer: string;
  flashLiquidator: string;
  /** Who gets profits and pay. */
  profitReceiver: string;
  /** Whose money buys with own capital. */
  payer: string;
  policy: Pick<Policy, "minProfit">;
}

/** Place of the profit in what `liquidate` and `liquidateInventory` return. */
const PROFIT_WORD = 2;

/** Names what a decision is about: no two transactions with the same key are under way at once. */
export function keyOf(decision: Decision): string {
  return `${decision.kind}:${decision.kind === "fulfil" ? decision.controller : decision.market}`;
}

/**
 * Where what a decision buys is sold: empty where it sells nothing, undefined where a venue doesn't stand by its quote any more.
 * @param outletOf Where a market's collateral goes.
 */
export async function routeOf(
  decision: Decision,
  outletOf: (market: string) => Outlet | undefined,
): Promise<readonly SizedLeg[] | undefined> {
  return "sale" in decision ? outletOf(decision.market)?.route(decision.sale.parts) : [];
}

/**
 * The transaction that carries a decision out.
 * @param weiPriceE36 Loan asset for a wei.
 * @param route Where what is bought is sold; empty where nothing is.
 * @param learnt What transactions really take.
 */
export function jobOf(
  decision: Decision,
  targets: Targets,
  weiPriceE36: bigint,
  route: readonly SizedLeg[],
  learnt: GasUnits = BY_CONSTANTS,
): Job {
  const { kind, worth, paid } = decision;
  const inWei = (amount: bigint): bigint => (amount * PRICE_SCALE) / weiPriceE36;
  const constantGas = gasUnits(decision);
  const sale = "sale" in decision ? decision.sale : undefined;
  return {
    ...{ key: keyOf(decision), kind, gas: learnt.gasUnits(kind, constantGas), constantGas, worth: inWei(worth) },
    ...(sale?.capital === "flash" && { gain: { word: PROFIT_WORD, keep: targets.policy.minProfit, weiPriceE36 } }),
    ...(sale?.capital === "own" && { from: targets.payer }),
    ...(paid !== undefined && { paid: inWei(paid) }),
    ...callOf(decision, targets, route),
  };
}

function callOf(decision: Decision, targets: Targets, route: readonly SizedLeg[]): { to: string; data: string } {
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
      if (decision.sale.capital === "flash") return flash("liquidate", decision, decision.orders);
      return house("buyMany", decision.market, decision.orders, mostCost(decision), profitReceiver, "0x");
    case "buyInventory": {
      if (decision.sale.capital === "flash") return flash("liquidateInventory", decision, decision.amount);
      const args = [decision.market, decision.amount, mostCost(decision), profitReceiver, "0x"];
      return { to: buffer, data: bufferAbi.encodeFunctionData("buyInventory", args) };
    }
  }

  function flash(
    name: string,
    { market, minProfit }: { market: string; minProfit: bigint },
    what: unknown,
  ): { to: string; data: string } {
    const args = [route, market, what, minProfit, profitReceiver];
    return { to: targets.flashLiquidator, data: flashLiquidatorAbi.encodeFunctionData(name, args) };
  }
}
