import { getAddress, id } from "ethers";
import type { OpenRequest, PositionState } from "../model/engine";
import { item } from "../item";
import { seededRandom } from "../random";
import type { Scenario } from "../model/scenario";

const WAD = 10n ** 18n;
const MICRO = 1_000_000n;

/** A borrower before it is known what it borrows from. Shares and healths are plain numbers. */
export interface Borrower {
  address: string;
  /** Index of the market. */
  market: number;
  /** Units of the collateral. */
  collateral: bigint;
  /** How far the LTV starts below the lltv, as a share of it. */
  distance: number;
  /** Null for those who don't look. */
  watch: Watch | null;
}

interface Watch {
  actsBelowHealth: number;
  delaySeconds: number;
  restoresToHealth: number;
  repays: boolean;
  /** All that may be topped up (units of the collateral) or repaid (its worth at the start, units of the loan asset). */
  collateralBudget: bigint;
  loanBudget: bigint;
}

/** Tokens of a market as far as borrowers care. */
export interface BorrowerMarket {
  startPrice: number;
  collateralDecimals: number;
  loanDecimals: number;
}

/**
 * The scenario's borrowers: the same seed gives the same ones, whatever engine they will borrow from. Each is drawn from a
 * stream of its own, so that a longer list begins with the shorter one.
 */
export function drawBorrowers(scenario: Scenario, markets: readonly BorrowerMarket[], seed: number): Borrower[] {
  const { borrowers: rules, collaterals } = scenario;
  const weights = collaterals.map((collateral) => collateral.weight);
  return Array.from({ length: rules.count }, (_, index) => {
    const random = seededRandom(seed, `borrower ${index}`);
    const market = pick(weights, random.uniform());
    const { startPrice, collateralDecimals, loanDecimals } = item(markets, market);
    const usd = Math.max(rules.minUsd, rules.medianUsd * Math.exp(rules.sizeSigma * random.normal()));
    const { mean, deviation, min, max } = rules.distance;
    const distance = Math.min(max, Math.max(min, mean + deviation * random.normal()));
    const { watchful } = rules;
    const watches = random.uniform() < watchful.share;
    const budget = random.between(...watchful.budgetShare);
    const collateral = units(usd / startPrice, collateralDecimals);
    const watch: Watch = {
      actsBelowHealth: random.between(...watchful.actsBelowHealth),
      delaySeconds: 60 * random.between(...watchful.delayMinutes),
      restoresToHealth: watchful.restoresToHealth,
      repays: random.uniform() < watchful.repayShare,
      collateralBudget: units((budget * usd) / startPrice, collateralDecimals),
      loanBudget: units(budget * usd, loanDecimals),
    };
    const address = getAddress(`0x${id(`borrower ${index} of ${scenario.name}`).slice(-40)}`);
    return { address, market, collateral, distance, watch: watches ? watch : null };
  });
}

/**
 * What a borrower opens at an engine's limits: the debt that puts it at its distance from `lltv` (the engine's own, or the one
 * that all engines are to share), and never over the maximal LTV.
 */
export function openRequest(
  borrower: Borrower,
  market: BorrowerMarket,
  { lltv, maxLtv }: { lltv: bigint; maxLtv: bigint },
): OpenRequest {
  const wanted = (lltv * BigInt(Math.round((1 - borrower.distance) * 1e6))) / MICRO;
  // a hair below the maximum: the feed rounds to eight decimals
  const most = (maxLtv * 9_999n) / 10_000n;
  const value = valueOf(borrower.collateral, market.startPrice, market);
  const debt = (value * (wanted < most ? wanted : most)) / WAD;
  return { market: borrower.market, owner: borrower.address, collateral: borrower.collateral, debt };
}

/** Something that a borrower does about its position. Units of collateral, or of the loan asset. */
export type BorrowerAction =
  { kind: "topUp"; position: number; collateral: bigint } | { kind: "repay"; position: number; assets: bigint };

/** The borrowers during a run: who is alarmed since when, and what each has left to spend. */
export class WatchfulBorrowers {
  private readonly left: { collateral: bigint; loan: bigint; alarmedAt: number | null }[];

  constructor(
    private readonly borrowers: readonly Borrower[],
    private readonly markets: readonly BorrowerMarket[],
    private readonly lltv: readonly bigint[],
  ) {
    this.left = borrowers.map(({ watch }) => ({
      collateral: watch?.collateralBudget ?? 0n,
      loan: watch?.loanBudget ?? 0n,
      alarmedAt: null,
    }));
  }

  /**
   * What they do now, `feeds` being what the oracle says of each market. A borrower is alarmed when its health falls below its own threshold, acts when
   * that has lasted for its own delay, and calms down when health is back. It aims at a health and spends what it has left.
   */
  act(time: number, positions: readonly PositionState[], feeds: readonly number[]): BorrowerAction[] {
    const actions: BorrowerAction[] = [];
    this.borrowers.forEach(({ watch, market: at }, position) => {
      const left = item(this.left, position);
      const { collateral, debt } = item(positions, position);
      if (!watch || debt === 0n || collateral === 0n || (watch.repays ? left.loan : left.collateral) === 0n) return;
      const market = item(this.markets, at);
      const price = item(feeds, at);
      const lltv = item(this.lltv, at);
      const canOwe = (valueOf(collateral, price, market) * lltv) / WAD;
      const health = Number(canOwe) / Number(debt);
      if (health >= watch.actsBelowHealth) {
        left.alarmedAt = null;
        return;
      }
      left.alarmedAt ??= time;
      if (time - left.alarmedAt < watch.delaySeconds) return;
      left.alarmedAt = null;
      const target = BigInt(Math.round(watch.restoresToHealth * 1e6));
      if (watch.repays) {
        const assets = smaller(left.loan, debt - (canOwe * MICRO) / target);
        left.loan -= assets;
        if (assets > 0n) actions.push({ kind: "repay", position, assets });
      } else {
        const missing = (debt * target) / MICRO - canOwe;
        const whole = units(1, market.collateralDecimals);
        const amount = smaller(left.collateral, (missing * WAD * whole) / (lltv * valueOf(whole, price, market)));
        left.collateral -= amount;
        if (amount > 0n) actions.push({ kind: "topUp", position, collateral: amount });
      }
    });
    return actions;
  }
}

/** What collateral is worth, units of the loan asset. */
export function valueOf(collateral: bigint, price: number, market: BorrowerMarket): bigint {
  return (collateral * units(price, market.loanDecimals + 6)) / 10n ** BigInt(market.collateralDecimals + 6);
}

/** A plain number as an integer of that many decimals. */
export function units(value: number, decimals: number): bigint {
  // a double has about 15 digits: nine decimals are exact enough, the rest are zeros
  const exact = Math.min(decimals, 9);
  return BigInt(Math.round(value * 10 ** exact)) * 10n ** BigInt(decimals - exact);
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function pick(weights: readonly number[], uniform: number): number {
  let left = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  const found = weights.findIndex((weight) => (left -= weight) < 0);
  return found < 0 ? weights.length - 1 : found;
}
