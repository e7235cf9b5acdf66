import { max } from "../fixedPoint";
import { decideAbsorb } from "./absorb";
import { decideBuy, decideInventory, gainOnceOpen } from "./buy";
import { GAS_UNITS, PAID_UNITS, type PayTerms, dearest, gasCost, payOfPosition, payOfRedemption } from "./gas";
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
} from "./view";

/** A rate older than this is refreshed by whatever touches the lane, seconds. */
const SYNC_INTERVAL = 1800n;

/** Decides about one market from what is known of it as of one block. Pure. */
export function decide(view: MarketView, policy: Policy): Decisions {
  const absorb = decideAbsorb(view, policy);
  const absorbed = new Set(absorb.decisions.flatMap((one) => (one.kind === "absorb" ? one.owners : [])));
  const { buy, skips } = decideBuy(view, policy, absorbed);
  const open = decideOpen(view, policy);
  const inventory = decideInventory(view, policy);
  return {
    decisions: [
      ...(buy === undefined ? [] : [buy]),
      ...absorb.decisions,
      ...open.decisions,
      ...(inventory === undefined ? [] : [inventory]),
      ...decideSync(view, policy),
    ],
    skips: [...skips, ...absorb.skips, ...open.skips],
  };
}

/** Opens a closed lane with the witness that pays most: for pay, and what buying may bring. */
export function decideOpen(view: MarketView, policy: Policy): Decisions {
  const { market, unhealthy } = view;
  const isWitness = ({ position }: PositionView): boolean => position.collateral > 0n;
  const [first, ...others] = unhealthy.filter(isWitness);
  if (view.lane.isOpen || first === undefined) return { decisions: [], skips: [] };

  const payOf = (item: PositionView, terms: PayTerms): bigint => {
    if (view.now < view.lane.paidAt + terms.parameters.interval) return 0n;
    const owed = { collateral: item.position.collateral, debt: item.debt };
    return valueOf(payOfPosition(terms, PAID_UNITS.open, market, view.priceE36, owed), view.priceE36);
  };
  const [witness, pay] = others.reduce<[PositionView, bigint]>(
    (best, item) => {
      const paid = payOf(item, view.pay);
      return paid > best[1] ? [item, paid] : best;
    },
    [first, payOf(first, view.pay)],
  );

  const gas = gasCost(view.gas, GAS_UNITS.open);
  const { owner } = witness.position;
  const gain = pay > gas ? 0n : gainOnceOpen(view, policy);
  const acceptable = loss(
    policy,
    unhealthy.reduce((sum, { debt }) => sum + debt, 0n),
  );
  if (pay + gain <= gas && acceptable < gas) {
    return { decisions: [], skips: [{ market, owner: LANE, reason: "gas" }] };
  }
  const worth = max(payOf(witness, dearest(view.pay)) + gain, acceptable);
  return { decisions: [{ kind: "open", market, owner, worth }], skips: [] };
}

/** Brings the rate up to date in a market where nothing else does. Nobody pays for it. */
export function decideSync(view: MarketView, policy: Policy): Decision[] {
  const worth = loss(policy, view.debt);
  const isDue = view.now >= view.lane.syncedAt + SYNC_INTERVAL;
  return isDue && worth >= gasCost(view.gas, GAS_UNITS.sync) ? [{ kind: "sync", market: view.market, worth }] : [];
}

/** Fulfils the requests whose cooldown is over. Pure. */
export function decideFulfil(view: RedemptionView, policy: Policy): Decisions {
  const decisions: Decision[] = [];
  const skips: Decisions["skips"] = [];
  const gas = gasCost(view.gas, GAS_UNITS.fulfil);
  for (const { controller, assets } of view.ready) {
    const payOf = (terms: PayTerms): bigint => payOfRedemption(terms, PAID_UNITS.fulfil, assets);
    const acceptable = loss(policy, assets);
    if (!view.inTrouble && payOf(view.pay) > gas) {
      decisions.push({ kind: "fulfil", controller, worth: max(payOf(dearest(view.pay)), acceptable) });
    } else if (acceptable >= gas) {
      // where a market was not watched, the first call only observes
      decisions.push({ kind: "fulfil", controller, worth: acceptable });
    } else skips.push({ market: "", owner: controller, reason: view.inTrouble ? "in-trouble" : "gas" });
  }
  return { decisions, skips };
}
