import { ZeroAddress } from "ethers";

import { BPS, bpsToWad, min, PRICE_SCALE, SpillwayError, WAD } from "../../lib";
import { debtOf, type Position } from "../book/position";
import type { Block } from "../chain/block";
import {
  auctionHouseAbi,
  type LaneParameters,
  readAuctionHouse,
  readOracle,
  readVault,
  revertReason,
} from "../chain/contracts";
import { Reads } from "../chain/Reads";
import { toHex } from "../chain/rpc";
import { jobOf } from "../jobs";
import type { KeeperConfig } from "../keeper";
import { Markets } from "../markets/Markets";
import type { Decision } from "../strategy/view";
import { longestAgeWad } from "../strategy/gradualAuction";
import { outletOpener } from "../venues/open";
import type { Outlet, SizedLeg } from "../venues/Outlet";
import { fixedOracle } from "./fixedOracle";
import type { Fork } from "./fork";

/** What was tried of a position, and what came of it. */
export interface Trial {
  market: string;
  owner: string;
  action: "open" | "buy" | "absorb";
  /** `refused`: the protocol's own state is against it, and nothing is wrong with the keeper. */
  outcome: "ok" | "failed" | "refused";
  /** Why it would not go through. */
  reason?: string;
}

/** A market as a rehearsal needs it. */
interface Stage {
  collateral: string;
  /** All contracts that say what the collateral is worth, or whether that is in doubt. */
  oracles: string[];
  /** At the fork's block. */
  priceE36: bigint;
  lltvWad: bigint;
  absorbLtvWad: bigint;
  /** Seconds after which the lane's head stands at its lowest. */
  longest: bigint;
  indexE27: bigint;
  isOpen: boolean;
}

/** Why the protocol refuses by its enums' numbers. */
const REFUSALS = ["None", "LaneClosed", "Enlarged", "Healthy", "Insolvent", "LaneEmpty", "TooSmall"];
const ABSORB_REFUSALS = ["None", "Healthy", "BelowAbsorbLtv", "Enlarged", "Diverged", "BufferFull", "TooSmall"];
/** What nobody's keeper can change. */
const STATE = ["NotAbsorbable: BufferFull", "NotBuyable: Insolvent", "NotAbsorbable: Diverged", "BufferFull"];
const RICH = 10n ** 24n;

/**
 * Makes each position liquidatable on a fork, by what its oracle says there, and tries to open, buy and absorb it with the
 * keeper's own transactions. Every trial starts from the fork's block.
 * @param sender Who would send.
 * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`.
 */
export async function rehearse(
  fork: Fork,
  block: Block,
  config: KeeperConfig,
  sender: string,
  positions: readonly Position[],
): Promise<Trial[]> {
  await fork.call("anvil_setBalance", sender, toHex(RICH));
  const markets = new Markets(fork, config.addresses, outletOpener(fork, sender, config));
  await markets.refresh(block);
  const stages = new Map<string, Stage | undefined>();
  const trials: Trial[] = [];
  for (const position of positions) {
    const { market } = position;
    if (!stages.has(market)) stages.set(market, await readStage(fork, block, config, market));
    const stage = stages.get(market);
    if (stage === undefined) {
      trials.push({ market, owner: position.owner, action: "open", outcome: "failed", reason: "price-unavailable" });
      continue;
    }
    const rehearsal = new Rehearsal(fork, config, sender, stage, position, markets.outlet(market));
    trials.push(...(await rehearsal.sale()), await rehearsal.absorption());
  }
  return trials;
}

/** One position's trials. */
class Rehearsal {
  constructor(
    private readonly fork: Fork,
    private readonly config: KeeperConfig,
    private readonly sender: string,
    private readonly stage: Stage,
    private readonly position: Position,
    private readonly outlet: Outlet | undefined,
  ) {}

  /** Opens the lane for it and buys from it once the lane's head stands at its lowest. */
  sale(): Promise<Trial[]> {
    const { lltvWad, absorbLtvWad, isOpen, longest } = this.stage;
    return this.onScratch((lltvWad + absorbLtvWad) / 2n, async (priceE36) => {
      const { owner, market } = this.position;
      const trials: Trial[] = [];
      if (!isOpen) {
        const opened = await this.attempt("open", { kind: "open", market, owner, worth: 0n });
        trials.push(opened);
        if (opened.outcome !== "ok") return trials;
        await this.send({ kind: "open", market, owner, worth: 0n });
      }
      if (this.outlet === undefined) {
        return [...trials, { market, owner, action: "buy", outcome: "refused", reason: "no-venue" }];
      }
      await this.fork.call("evm_increaseTime", Number(longest));
      await this.fork.call("evm_mine");
      return [...trials, await this.buy(this.outlet, priceE36)];
    });
  }

  /** Buys what the lane lets out now, as far as it can be sold, and sells it as the keeper would. */
  private async buy(outlet: Outlet, priceE36: bigint): Promise<Trial> {
    const { fork, config, position } = this;
    const { owner, market, collateral } = position;
    const reads = new Reads(Number(await fork.call("eth_blockNumber")));
    const buyable = reads.call(readAuctionHouse.buyable(config.addresses.auctionHouse, market, owner, collateral));
    const quoted = outlet.read(reads, priceE36);
    await reads.send(fork);
    const quote = quoted();
    // where the lane lets nothing out, the attempt says why
    const amount = min(buyable.valueOrNone() || collateral, quote?.most ?? 0n);
    const sale = quote?.sale(amount, () => 0n);
    const route = sale && (await outlet.route(sale.parts));
    if (sale === undefined || route === undefined || amount === 0n) {
      return { market, owner, action: "buy", outcome: "failed", reason: "no-venue" };
    }
    const orders = [{ owner, maxCollateral: amount }];
    return this.attempt("buy", { kind: "buy", market, orders, minProfit: 0n, worth: 0n, sale }, route);
  }

  async absorption(): Promise<Trial> {
    const { owner, market } = this.position;
    return this.onScratch((this.stage.absorbLtvWad + WAD) / 2n, () =>
      this.attempt("absorb", { kind: "absorb", market, owners: [owner], worth: 0n }),
    );
  }

  /**
   * Runs `body` with the position at this LTV, or at its own where that is higher, and undoes all of it.
   * @param body Is told the price that makes it so.
   */
  private async onScratch<T>(ltvWad: bigint, body: (priceE36: bigint) => Promise<T>): Promise<T> {
    const { fork, stage, position } = this;
    const snapshot = await fork.call("evm_snapshot");
    const debt = debtOf(position, stage.indexE27);
    // the price never rises: one that is riskier already is tried as it is
    const price = min(stage.priceE36, (debt * PRICE_SCALE * WAD) / (position.collateral * ltvWad));
    for (const oracle of stage.oracles) await fork.call("anvil_setCode", oracle, fixedOracle(price));
    await fork.call("evm_mine");
    const result = await body(price);
    await fork.call("evm_revert", snapshot);
    return result;
  }

  private async attempt(action: Trial["action"], decision: Decision, route: readonly SizedLeg[] = []): Promise<Trial> {
    const { to, data } = this.jobOf(decision, route);
    const [reply] = await this.fork.batch([
      { method: "eth_call", params: [{ from: this.sender, to, data }, "latest"] },
    ]);
    const { market, owner } = this.position;
    if (reply?.ok === true) return { market, owner, action, outcome: "ok" };
    const reason = reply === undefined ? "no answer" : nameOf(revertReason(reply.error));
    return { market, owner, action, outcome: STATE.includes(reason) ? "refused" : "failed", reason };
  }

  private async send(decision: Decision): Promise<void> {
    const { to, data } = this.jobOf(decision, []);
    await this.fork.call("eth_sendTransaction", { from: this.sender, to, data, gas: toHex(5_000_000) });
  }

  private jobOf(decision: Decision, route: readonly SizedLeg[]): { to: string; data: string } {
    return jobOf(decision, { ...this.config, ...this.config.addresses, payer: this.sender }, PRICE_SCALE, route);
  }
}

/** Undefined where the oracle gives no price at this block. */
async function readStage(
  fork: Fork,
  block: Block,
  { addresses }: KeeperConfig,
  collateral: string,
): Promise<Stage | undefined> {
  const { vault, auctionHouse } = addresses;
  const reads = new Reads(block.number);
  const market = reads.call(readVault.market(vault, collateral));
  const parameters = reads.call(readAuctionHouse.laneParameters(auctionHouse, collateral));
  const state = reads.call(readAuctionHouse.laneState(auctionHouse, collateral));
  const index = reads.call(readVault.indexE27(vault));
  const guard = reads.call({
    to: auctionHouse,
    data: auctionHouseAbi.encodeFunctionData("laneParameters", [collateral]),
    decode: (data) => (auctionHouseAbi.decodeFunctionResult("laneParameters", data)[0] as { guard: string }).guard,
  });
  await reads.send(fork);
  const { oracle, borrowOracle, lltvBps } = market.value();
  const prices = new Reads(block.number);
  const price = prices.call(readOracle.priceE36(oracle));
  await prices.send(fork);
  const priceE36 = price.valueOrNone();
  if (priceE36 === undefined) return undefined;
  const lane = parameters.value();
  return {
    collateral,
    oracles: [...new Set([oracle, borrowOracle, guard.value()])].filter((address) => address !== ZeroAddress),
    priceE36,
    lltvWad: bpsToWad(lltvBps),
    absorbLtvWad: bpsToWad(lane.absorbLtvBps),
    longest: longest(lane),
    indexE27: index.value(),
    isOpen: state.valueOrNone()?.isOpen ?? false,
  };
}

function longest({ maxPremiumBps, maxDiscountBps, slopeWad }: LaneParameters): bigint {
  if (slopeWad === 0n)
    throw new SpillwayError("RPC_ERROR", "a lane with a slope of 0 was answered; is the node's state whole?");
  return longestAgeWad(maxPremiumBps, maxDiscountBps, slopeWad) / WAD;
}

/** A revert without what is particular to one position, its enum by name. */
function nameOf(reason: string): string {
  const [, name, last] = /^(\w+)\((?:.*, )?([^,]*)\)$/.exec(reason) ?? [];
  if (name === undefined) return reason;
  if (name === "NotBuyable") return `${name}: ${REFUSALS[Number(last)] ?? "unknown"}`;
  if (name === "NotAbsorbable") return `${name}: ${ABSORB_REFUSALS[Number(last)] ?? "unknown"}`;
  return name;
}

/** The riskiest first, as far as they have debt and collateral, at most `most`. */
export function choose(positions: readonly Position[], most: number): Position[] {
  const risk = ({ debtShares, collateral }: Position): bigint => (debtShares * BPS * WAD) / collateral;
  return positions
    .filter(({ debtShares, collateral }) => debtShares > 0n && collateral > 0n)
    .sort((a, b) => (risk(a) === risk(b) ? a.owner.localeCompare(b.owner) : risk(a) < risk(b) ? 1 : -1))
    .slice(0, most);
}
