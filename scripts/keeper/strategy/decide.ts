import { decideAbsorb } from "./absorb";
import { decideBuy, decideInventory, gainOnceOpen } from "./buy";
import { PAID_UNITS, gasCost, payOfPosition, payOfRedemption } from "./gas";
import {
  type Decision,
  type Decisions,
  LANE,
  type MarketView,
  type Policy,
  type PositionView,
  type RedemptionView,
  loss,
  valueOf,
  worthOf,
} from "./view";

/** A rate older than this is refreshed by whatever touches the lane, seconds. */
const SYNC_INTERVAL = 1800n;

/** Decides about one market from what is known of it as of one block. Pure. */
export function decide(view: MarketView, policy: Policy): Decisions {
  const absorb = decideAbsorb(view, policy);
  const absorbed = new Set(absorb.decisions.flatMap((one) => (one.kind === "absorb" ? one.owners : [])));
  const { buy, skips } = decideBuy(view, policy, absorbed);
  const open = decideOpen(view, policy, absorbed);
  // an open lane stops the sale of inventory
  const inventory = open.decisions.length > 0 ? undefined : decideInventory(view, policy);
  const decisions = [
    ...(buy === undefined ? [] : [buy]),
    ...absorb.decisions,
    ...open.decisions,
    ...(inventory === undefined ? [] : [inventory]),
  ];
  return {
    // all of these bring the rate up to date as well
    decisions: decisions.length > 0 ? decisions : decideSync(view, policy),
    skips: [...skips, ...absorb.skips, ...open.skips],
  };
}

/** Opens a closed lane with the witness that pays most: for pay, and what buying may bring. */
export function decideOpen(view: MarketView, policy: Policy, absorbed: ReadonlySet<string>): Decisions {
  const { market } = view;
  const unhealthy = view.unhealthy.filter(({ position }) => position.collateral > 0n && !absorbed.has(position.owner));
  const [first, ...others] = unhealthy;
  if (view.lane.isOpen || first === undefined) return { decisions: [], skips: [] };

  const payOf = ({ position: { collateral }, debt }: PositionView): bigint => {
    if (view.now < view.lane.paidAt + view.pay.parameters.interval) return 0n;
    const pay = payOfPosition(view.pay, PAID_UNITS.open, market, view.priceE36, { collateral, debt });
    return valueOf(pay, view.priceE36);
  };
  const [witness, pay] = others.reduce<[PositionView, bigint]>(
    (best, item) => {
      const paid = payOf(item);
      return paid > best[1] ? [item, paid] : best;
    },
    [first, payOf(first)],
  );

  const gas = gasCost(view.gas, view.units.open);
  const { owner } = witness.position;
  const gain = pay > gas ? 0n : gainOnceOpen(view, policy);
  const acceptable = loss(
    policy,
    unhealthy.reduce((sum, { debt }) => sum + debt, 0n),
  );
  if (pay + gain <= gas && acceptable < gas) {
    return { decisions: [], skips: [{ market, owner: LANE, reason: "gas" }] };
  }
  return { decisions: [{ kind: "open", market, owner, ...worthOf(pay + gain, acceptable) }], skips: [] };
}

/** Brings the rate up to date in a market where nothing else does. Nobody pays for it. */
export function decideSync(view: MarketView, policy: Policy): Decision[] {
  const worth = loss(policy, view.debt);
  const isDue = view.now >= view.lane.syncedAt + SYNC_INTERVAL;
  return isDue && worth >= gasCost(view.gas, view.units.sync)
    ? [{ kind: "sync", market: view.market, worth, paid: 0n }]
    : [];
}

/** Fulfils the requests whose cooldown is over. Pure. */
export function decideFulfil(view: RedemptionView, policy: Policy): Decisions {
  const decisions: Decision[] = [];
  const skips: Decisions["skips"] = [];
  const gas = gasCost(view.gas, view.units.fulfil);
  for (const { controller, assets } of view.ready) {
    const pay = payOfRedemption(view.pay, PAID_UNITS.fulfil, assets);
    const acceptable = loss(policy, assets);
    if (!view.inTrouble && pay > gas) {
      decisions.push({ kind: "fulfil", controller, ...worthOf(pay, acceptable) });
    } else if (acceptable >= gas) {
      // where a market was not watched, the first call only observes
      decisions.push({ kind: "fulfil", controller, ...worthOf(view.inTrouble ? 0n : pay, acceptable) });
    } else skips.push({ market: "", owner: controller, reason: view.inTrouble ? "in-trouble" : "gas" });
  }
  return { decisions, skips };
}
