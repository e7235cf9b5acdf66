import { BPS, WAD, bpsToWad, max, min } from "../fixedPoint";
import { bestCaseGain, decideBuy, decideInventory } from "./buy";
import { equityShareWad } from "./gradualAuction";
import {
  type Decision,
  GAS_UNITS,
  type MarketView,
  type Policy,
  type PositionView,
  type Skip,
  gasCost,
  isRunning,
  isUnhealthy,
  valueOf,
} from "./view";

/** A bounty raises the LTV by at most this share of it, Bps, and takes at most half of the equity. */
const BOUNTY_CAP_BPS = 10n;
/** A take-over that isn't paid for must move at least this many times what its gas costs. */
const ABSORB_TO_GAS = 10n;
/** A fall of the rate by this much is worth a sync ahead of its time, Bps. */
const RATE_FALL_BPS = 1_000n;

/** Decisions in the order in which they are to be sent, and why the rest of what could be done is not. */
export interface Decisions {
  decisions: Decision[];
  skips: Skip[];
}

/** Decides about one market from what is known of it as of one block. Pure. */
export function decide(view: MarketView, policy: Policy): Decisions {
  const absorbs = decideAbsorbs(view, policy);
  const absorbed = new Set(absorbs.decisions.flatMap((decision) => ("owner" in decision ? [decision.owner] : [])));
  const { buy, skips } = decideBuy(view, policy, absorbed);
  const starts = decideStarts(view, policy, absorbed);
  const inventory = decideInventory(view, policy);
  return {
    decisions: [
      ...(buy === undefined ? [] : [buy]),
      ...absorbs.decisions,
      ...starts.decisions,
      ...decideCancels(view, policy),
      ...(inventory === undefined ? [] : [inventory]),
      ...decideSync(view, policy),
    ],
    skips: [...skips, ...absorbs.skips, ...starts.skips],
  };
}

/** What a start or take-over pays whoever calls it, in loan asset: tip + chip·debt, capped; once in a while per position. */
export function bountyOf(view: MarketView, { position, debt, ltvWad }: PositionView): bigint {
  const { tip, chipBps, maxAuctionDuration } = view.parameters;
  const paidLately = position.bountyAt > 0n && view.now < position.bountyAt + maxAuctionDuration;
  if (paidLately || ltvWad >= WAD) return 0n;
  const value = valueOf(position.collateral, view.priceE36);
  const cap = min((value * BOUNTY_CAP_BPS) / (BPS + BOUNTY_CAP_BPS), max(0n, value - debt) / 2n);
  return min(tip + (debt * chipBps) / BPS, cap);
}

/** Starts every unhealthy position whose auction doesn't run: for the bounty, for the buying, or as a service. */
export function decideStarts(view: MarketView, policy: Policy, absorbed: ReadonlySet<string>): Decisions {
  const decisions: Decision[] = [];
  const skips: Skip[] = [];
  for (const item of view.unhealthy) {
    const { owner } = item.position;
    if (absorbed.has(owner) || isRunning(view, item.position)) continue;
    const bounty = bountyOf(view, item);
    const gas = gasCost(view.gas, GAS_UNITS.start);
    if (bounty > gas) decisions.push({ kind: "start", market: view.market, owner, worth: bounty });
    else if (policy.startAtLoss && isWorthLosing(policy, item, gas))
      decisions.push({ kind: "start", market: view.market, owner, worth: undefined });
    else {
      const worth = bounty + max(0n, bestCaseGain(view, item) - gasCost(view.gas, GAS_UNITS.buy + GAS_UNITS.order));
      if (worth > gas + policy.minProfit) decisions.push({ kind: "start", market: view.market, owner, worth });
      else skips.push({ market: view.market, owner, reason: "gas" });
    }
  }
  return { decisions, skips };
}

/** A service that nobody pays for is done for a position that is large beside what it costs. */
function isWorthLosing({ maxLossBps }: Policy, { debt }: PositionView, gas: bigint): boolean {
  return gas * BPS <= debt * maxLossBps;
}

/** Has the buffer take over what it may and can, riskiest first. */
export function decideAbsorbs(view: MarketView, policy: Policy): Decisions {
  const { parameters } = view;
  const decisions: Decision[] = [];
  const skips: Skip[] = [];
  let cash = min(view.capacity.cash, valueOf(view.capacity.room, view.priceE36));
  for (const item of view.unhealthy) {
    const { owner, auction } = item.position;
    const waited = isRunning(view, item.position) && view.now >= (auction?.startedAt ?? 0n) + parameters.absorbDelay;
    if (item.ltvWad < bpsToWad(parameters.absorbLtvBps) && !waited) continue;

    const needed = takeOverCost(view, item);
    const taken = min(needed, cash);
    const gas = gasCost(view.gas, GAS_UNITS.absorb);
    // a part earns nothing
    const bounty = auction === undefined && needed <= cash ? bountyOf(view, item) : 0n;
    // full is what can't take over even the smallest position
    if (cash < max(view.minDebt, 1n) || (bounty <= gas && taken < ABSORB_TO_GAS * gas)) {
      skips.push({ market: view.market, owner, reason: "buffer-full" });
    } else if (bounty > gas || policy.absorbAtLoss) {
      decisions.push({ kind: "absorb", market: view.market, owner, worth: bounty > gas ? bounty : undefined });
      cash -= taken;
    } else skips.push({ market: view.market, owner, reason: "gas" });
  }
  return { decisions, skips };
}

/** About what the buffer pays for a take-over that it has room for, in loan asset. */
function takeOverCost(view: MarketView, { position, debt, ltvWad }: PositionView): bigint {
  const value = valueOf(position.collateral, view.priceE36);
  const multiple = WAD - min(bpsToWad(view.parameters.absorbDiscountBps), equityShareWad(ltvWad));
  const target = bpsToWad(view.parameters.targetLtvBps);
  if (ltvWad >= WAD || multiple <= target) return min(debt, value);
  const toTarget = ((debt * WAD - target * value) * multiple) / ((multiple - target) * WAD);
  return min(debt, toTarget);
}

/**
 * Frees positions that are healthy again. While others of the market are not, those near lltv are left where they are: a
 * fill often stops just under lltv, and each free and new start of them would cost gas and set them back to the premium.
 */
export function decideCancels(view: MarketView, policy: Policy): Decision[] {
  if (!policy.cancelHealthy) return [];
  const isOver = view.unhealthy.length === 0;
  const gas = gasCost(view.gas, GAS_UNITS.cancel);
  const farWad = bpsToWad(view.lltvBps - policy.cancelMarginBps);
  return view.inAuction
    .filter((item) => !isUnhealthy(view, item) && (item.debt === 0n || isWorthLosing(policy, item, gas)))
    .filter((item) => isOver || item.ltvWad <= farWad || !isRunning(view, item.position))
    .map(({ position }) => ({ kind: "cancel", market: view.market, owner: position.owner, worth: undefined }));
}

/** Syncs a lane when it is time, or when the venue has become so much shallower that its rate should fall at once. */
export function decideSync(view: MarketView, policy: Policy): Decision[] {
  if (policy.syncInterval === 0n || view.depth === undefined) return [];
  const { paceBps, minRatePerHour, maxRatePerHour } = view.parameters;
  const wanted = max(minRatePerHour, min(maxRatePerHour, (view.depth * paceBps) / 100n));
  const due = view.now >= view.lane.syncedAt + policy.syncInterval;
  const tooFast = wanted * BPS < view.lane.ratePerHour * (BPS - RATE_FALL_BPS);
  return due || tooFast ? [{ kind: "sync", market: view.market, worth: undefined }] : [];
}
