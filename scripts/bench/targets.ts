import { SpillwayError } from "../lib";
import { PAID_UNITS } from "../keeper";
import type { Measured, ProtocolName } from "./measure";

/** What an action of Spillway may cost: a number of gas, or a share of what a peer takes for an action. */
export interface Target {
  action: string;
  limit: { gas: number; why?: string } | { times: number; peer: ProtocolName; action: string };
}

const USER_ACTIONS = ["supply", "withdraw", "supply collateral", "withdraw collateral", "borrow", "repay"];
const LIQUIDATIONS = ["liquidate part", "liquidate all", "liquidate batch of 10"];
/** Whole transactions of Comet's absorb and buyCollateral. */
const COMET = 120_343 + 125_800;

export const TARGETS: readonly Target[] = [
  ...USER_ACTIONS.map((action) => ({ action, limit: { times: 1, peer: "morpho-blue" as const, action } })),
  ...LIQUIDATIONS.slice(0, 2).map((action) => ({
    action,
    limit: { times: 1.2, peer: "morpho-blue" as const, action },
  })),
  {
    action: "liquidate batch of 10",
    limit: { times: 0.6, peer: "morpho-blue", action: "liquidate all" },
  },
  {
    action: "open, guarded",
    limit: { gas: Number(PAID_UNITS.open), why: "what a keeper is paid for it, without margin" },
  },
  { action: "absorb", limit: { gas: COMET, why: "Comet's absorb and buyCollateral, 120,343 + 125,800" } },
  ...[...USER_ACTIONS, ...LIQUIDATIONS].map((action) => ({
    action,
    limit: { times: 0.5, peer: "aave-v3" as const, action },
  })),
];

export interface Verdict {
  what: string;
  limit: number;
  gas: number;
  met: boolean;
}

/** Throws `INTERNAL` for a target whose figures are not there. */
export function verdicts(measured: Measured, targets: readonly Target[]): Verdict[] {
  const figure = (action: string, name: ProtocolName): number => {
    const gas = measured[action]?.[name];
    if (gas === undefined) throw new SpillwayError("INTERNAL", `"${action}" was not measured in ${name}`);
    return gas;
  };
  return targets.map(({ action, limit }) => {
    const gas = figure(action, "spillway");
    if ("gas" in limit) {
      const what = limit.why === undefined ? action : `${action} ≤ ${limit.why}`;
      return { what, limit: limit.gas, gas, met: gas <= limit.gas };
    }
    const most = Math.floor(limit.times * figure(limit.action, limit.peer));
    const of = limit.action === action ? "" : `'s ${limit.action}`;
    return { what: `${action} ≤ ${limit.times} × ${limit.peer}${of}`, limit: most, gas, met: gas <= most };
  });
}
