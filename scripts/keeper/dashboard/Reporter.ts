import { BPS, bpsToWad, INDEX_SCALE, PRICE_SCALE, WAD } from "../../lib";
import { debtOf, ltvWad } from "../book/position";
import type { Block } from "../chain/block";
import type { NodeStatus } from "../chain/NodePool";
import type { Opportunity } from "../explain/opportunity";
import type { HealthReason } from "../health";
import type { Keeper } from "../keeper";
import type { MarketSighting } from "../observe";
import { head } from "../strategy/gradualAuction";
import type { MarketView } from "../strategy/view";
import type { LaneRow, MemberRow, MissedRow, NodeRow, PositionRow, Sample, Snapshot } from "./snapshot";
import type { Token } from "./tokens";

/** What does not change while a keeper runs. */
export interface Frame {
  chainId: number;
  vault: string;
  dryRun: boolean;
  /** Of the loan asset and of each market that was seen. */
  tokens: ReadonlyMap<string, Token>;
}

/** What is known beside the keeper itself. */
export interface Around {
  ready: boolean;
  reasons: readonly HealthReason[];
  nodes: readonly NodeStatus[];
  fleet: readonly MemberRow[];
  bufferCash: bigint | undefined;
  missed: readonly Opportunity[];
}

/** How many blocks the charts show, and the most rows of the page's longer tables. */
const SAMPLES = 720;
const POSITIONS = 50;
const MISSED = 50;

/** Makes of what a keeper knows what its page shows. Floating point is for the eye only. */
export class Reporter {
  private readonly series: Sample[] = [];

  constructor(
    private readonly keeper: Keeper,
    private readonly frame: Frame,
  ) {}

  /** The state as of a block that the keeper has dealt with. */
  snapshot(block: Block, nowMs: number, around: Around): Snapshot {
    const { chainId, vault, dryRun } = this.frame;
    const sightings = this.keeper.seen?.markets ?? [];
    const profit = [...this.keeper.journal.profit].map(([kind, { count, earned, gas }]) => ({
      ...{ kind, count, earned: this.money(earned), gas: this.money(gas) },
    }));
    this.sample(block, sightings, profit);
    return {
      ...{
        at: nowMs,
        chainId,
        block: block.number,
        blockTime: Number(block.timestamp),
        vault,
        asset: this.asset.symbol,
      },
      ...{ dryRun, ready: around.ready, reasons: around.reasons, profit },
      lanes: sightings.map((sighting) => this.lane(sighting)),
      positions: sightings
        .flatMap((sighting) => this.positions(sighting))
        .sort((a, b) => a.distancePct - b.distancePct)
        .slice(0, POSITIONS),
      actions: this.keeper.journal.last
        .slice(0, POSITIONS)
        .map(({ key: _, market, expected, earned, gas, result, ...rest }) => ({
          ...{ ...rest, name: this.name(market), expected: this.money(expected) },
          ...{ result: result === "unmined" ? "pending" : result },
          ...{
            earned: earned === undefined ? null : this.money(earned),
            gas: gas === undefined ? null : this.money(gas),
          },
        })),
      missed: around.missed
        .slice(-MISSED)
        .reverse()
        .map((one) => this.missed(one)),
      buffer: {
        cash: this.money(around.bufferCash ?? 0n),
        inventory: sightings
          .filter(({ inventory }) => inventory > 0n)
          .map(({ market, inventory, priceE36 }) => ({
            name: this.name(market),
            amount: scaled(inventory, this.token(market).decimals),
            value: priceE36 === undefined ? null : this.money((inventory * priceE36) / PRICE_SCALE),
          })),
      },
      nodes: around.nodes.map(nodeRow),
      signers: this.keeper.signers().map(({ address, nonce, pending, balanceWei, stuckSince }) => ({
        ...{ address, nonce, pending, balance: scaled(balanceWei ?? 0n, 18) },
        waitingBlocks: stuckSince === undefined ? 0 : block.number - stuckSince,
      })),
      fleet: around.fleet,
      series: this.series,
    };
  }

  private sample(block: Block, sightings: readonly MarketSighting[], profit: Snapshot["profit"]): void {
    const total = profit.reduce((sum, { earned, gas }) => sum + earned - gas, 0);
    const unhealthy = sightings.reduce((sum, sighting) => sum + (sighting.unhealthy?.count ?? 0), 0);
    this.series.push({ time: Number(block.timestamp), profit: total, unhealthy });
    if (this.series.length > SAMPLES) this.series.shift();
  }

  private lane({ market, priceE36, view, unhealthy, lltvBps }: MarketSighting): LaneRow {
    const { decimals } = this.token(market);
    const { indexE27 = 0n } = this.keeper.seen ?? {};
    const debt = (this.keeper.market(market, 0).debtShares * indexE27) / INDEX_SCALE;
    const isOpen = view?.lane.isOpen ?? false;
    return {
      ...{ market, name: this.name(market), isOpen, diverged: view?.lane.diverged ?? false },
      price: priceE36 === undefined ? null : this.price(priceE36, market),
      pace: view === undefined ? null : scaled(view.lane.ratePerHour, decimals),
      premiumPct: view === undefined ? null : percent(view.lane.premiumWad),
      headPct: view === undefined || !isOpen ? null : percent(multipleAtHeadWad(view) - WAD),
      ...{ unhealthy: unhealthy?.count ?? 0, debt: this.money(debt), lltvPct: Number(lltvBps) / 100 },
    };
  }

  private positions({ market, priceE36, lltvBps }: MarketSighting): PositionRow[] {
    const { indexE27 } = this.keeper.seen ?? {};
    if (priceE36 === undefined || indexE27 === undefined) return [];
    return this.keeper.market(market, POSITIONS).riskiest.flatMap((position) => {
      const debt = debtOf(position, indexE27);
      const ltv = ltvWad(position.collateral, debt, priceE36);
      if (ltv === undefined || debt === 0n) return [];
      const row = { market, name: this.name(market), owner: position.owner, debt: this.money(debt) };
      const distance = WAD - (ltv * BPS) / lltvBps;
      const collateral = scaled(position.collateral, this.token(market).decimals);
      return [{ ...row, collateral, ltvPct: percent(ltv), distancePct: percent(distance) }];
    });
  }

  private missed({ block, kind, market, owner, taker, reason }: Opportunity): MissedRow {
    return { block, kind, name: this.name(market), owner, taker, reason };
  }

  private get asset(): Token {
    return this.token(this.keeper.loanAsset);
  }

  private token(address: string): Token {
    return this.frame.tokens.get(address) ?? { symbol: address.slice(0, 8), decimals: 18 };
  }

  private name(market: string): string {
    return market === "" ? "redemption" : this.token(market).symbol;
  }

  private money(amount: bigint): number {
    return scaled(amount, this.asset.decimals);
  }

  private price(priceE36: bigint, market: string): number {
    return this.money((10n ** BigInt(this.token(market).decimals) * priceE36) / PRICE_SCALE);
  }
}

/** What the lane asks of a position that is just over its limit, in the oracle's price, Wad. */
function multipleAtHeadWad({ lane, parameters }: MarketView): bigint {
  const now = { ...lane, slopeWad: parameters.slopeWad };
  return head(now, lane.premiumWad, bpsToWad(parameters.firstDiscountBps)).multipleWad;
}

function nodeRow({ host, role, head, headAgeMs, latencyMs, errors, score }: NodeStatus): NodeRow {
  return {
    ...{ host, role, head: head ?? null, errors, score },
    ageSeconds: headAgeMs === undefined ? null : Math.round(headAgeMs / 1000),
    latencyMs: latencyMs === undefined ? null : Math.round(latencyMs),
  };
}

const scaled = (amount: bigint, decimals: number): number => Number(amount) / 10 ** decimals;
const percent = (wad: bigint): number => Number(wad / 10n ** 12n) / 1e4;
