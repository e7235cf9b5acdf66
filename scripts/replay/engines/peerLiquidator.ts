import { z } from "zod";
import { largest, min, quoteRanges, SpillwayError, sqrtPriceAtTick, type VenueQuote } from "../../lib";
import { firstFees } from "../../keeper";
import { ownArtifact } from "../chain/artifacts";
import { abi } from "../chain/chain";
import { item } from "../item";
import { etherPriceE36 } from "./etherPrice";
import { accountOf, Deployer } from "./deployer";
import type { KeeperView, MarketInfo, OpenRequest, World } from "../model/engine";
import type { Multicall } from "./multicall";

const PRICE_SCALE = 10n ** 36n;
/** Debts grow until the block: so much more is borrowed for them, and comes back. */
const MARGIN = 100_000n;
/** A transaction's gas limit over what it is thought to take. */
const GAS_ROOM = 2n;
/** A block of Ethereum mainnet: more than that can't be liquidated in one. */
const BLOCK_GAS = 30_000_000n;
const FEES = { priorityFee: 10n ** 9n, maxFeePerGas: 10n ** 15n };

const poolAbi = abi([
  "function slot0() view returns (uint160 sqrtPriceX96, int24, uint16, uint16, uint16, uint8, bool)",
  "function liquidity() view returns (uint128)",
]);

/** What a liquidator can get out of one position in one call of the protocol. */
export interface Offer<S> {
  /** Units of collateral at most. */
  most: bigint;
  /** Loan asset to repay for a unit of collateral, scaled by 1e36. */
  costE36: bigint;
  /** Exactly what happens when about so much collateral is taken, 0 < amount ≤ most. */
  take(amount: bigint): Taken<S>;
}

export interface Taken<S> {
  /** Units of collateral for the liquidator. */
  seized: bigint;
  /** Units of the loan asset. */
  repaid: bigint;
  /** The protocol's calldata. */
  call: string;
  /** The position afterwards. */
  left: S;
}

/** A position of the book. */
export interface BookEntry<S> {
  request: OpenRequest;
  state: S;
}

/** Gas of a transaction of liquidations: around them (its own, two swaps, transfers), and for each. */
export interface GasUse {
  around: bigint;
  each: bigint;
}

/** Liquidations for one transaction, in the collateral of one market. */
export interface Plan {
  /** Loan asset that they take at most. */
  needed: bigint;
  calls: string[];
  /** Loan asset that is left after the sale of all that is seized, before gas. */
  gain: bigint;
}

/**
 * The liquidations worth making, largest first, each as large as pays. What is seized before moves the price for what comes
 * after, so that a later one may be smaller or not worth it. A position that is still unhealthy after one liquidation is offered again.
 * @param gasCost Loan asset that the gas of one liquidation costs; one that gains less is left.
 */
export function plan<S>(
  quote: VenueQuote,
  book: readonly BookEntry<S>[],
  offerOf: (request: OpenRequest, state: S) => Offer<S> | undefined,
  gasCost: bigint,
  maxCalls: number,
): Plan {
  const states = book.map(({ state }) => state);
  const offers = book.map(({ request, state }) => offerOf(request, state));
  const made: Plan = { needed: 0n, calls: [], gain: 0n };
  let sold = 0n;
  while (made.calls.length < maxCalls) {
    let best = -1;
    offers.forEach((offer, place) => {
      if (offer && offer.most > (offers[best]?.most ?? 0n)) best = place;
    });
    const offer = offers[best];
    if (!offer) break;
    const before = sold;
    const amount = largest(
      min(offer.most, quote.most - before),
      (one) => quote.marginalE36(before + one) >= offer.costE36,
    );
    if (amount === 0n) break; // all positions of a market cost the same: none of the rest pays
    const { request } = item(book, best);
    const taken = offer.take(amount);
    const gain = quote.proceeds(before + taken.seized) - quote.proceeds(before) - taken.repaid;
    if (gain <= gasCost) break; // the others are smaller
    made.needed += taken.repaid + taken.repaid / MARGIN + 1n;
    made.calls.push(taken.call);
    made.gain += gain;
    sold += taken.seized;
    states[best] = taken.left;
    offers[best] = offerOf(request, taken.left);
  }
  return made;
}

/** A peer's keeper: one account and its flash liquidator, which knows the pool's price and the protocol's rules exactly. */
export class PeerLiquidator {
  private readonly account: string;
  private readonly contract: string;
  private readonly abi = abi([
    "function liquidate(address pool, address collateral, uint256 needed, bytes[] calls, uint256 minProfit) returns (uint256 profit)",
  ]);
  private readonly deployer: Deployer;
  private nonce = 0;
  private quotes: VenueQuote[] = [];

  constructor(
    name: string,
    private readonly world: World,
    private readonly gasUse: GasUse,
  ) {
    this.account = accountOf(`keeper of ${name}`);
    this.deployer = new Deployer(world.chain, name);
    this.contract = this.deployer.addressOf("liquidator");
  }

  /** What holds its profit. */
  get accounts(): string[] {
    return [this.account, this.contract];
  }

  async deploy(protocol: string): Promise<void> {
    const { chain, loan } = this.world;
    await this.deployer.start();
    await chain.setBalance(this.account, 10n ** 24n);
    const artifact = ownArtifact("mocks/ReplayLiquidator.sol", "ReplayLiquidator");
    await this.deployer.place("liquidator", artifact, [this.account, protocol, loan.address]);
  }

  /** Whether a transaction with that calldata is one of its liquidations. */
  liquidates(calldata: string): boolean {
    return calldata.startsWith(this.abi.getFunction("liquidate")?.selector ?? "none");
  }

  /** Adds what the pools say. */
  read(reads: Multicall): () => void {
    const pools = this.world.markets.map(({ pool }) => ({
      price: reads.read(pool, poolAbi, "slot0"),
      liquidity: reads.read(pool, poolAbi, "liquidity"),
    }));
    return () => {
      this.quotes = pools.map(({ price, liquidity }, index) =>
        this.quote(item(this.world.markets, index), price() as bigint, liquidity() as bigint),
      );
    };
  }

  /**
   * Sends one transaction per market in which liquidations pay for their gas, after a simulation that says so too. A
   * market without oracle price is left alone.
   */
  async act<S>(
    view: KeeperView,
    pricesE36: readonly (bigint | undefined)[],
    book: readonly BookEntry<S>[],
    offerOf: (request: OpenRequest, state: S) => Offer<S> | undefined,
  ): Promise<void> {
    const { markets } = this.world;
    const etherMarket = markets.findIndex(({ asset }) => asset === "ETH");
    const etherE36 = etherMarket < 0 ? etherPriceE36(this.world) : pricesE36[etherMarket];
    if (etherE36 === undefined) return; // what gas costs is not known
    const gasPrice = view.baseFee + FEES.priorityFee;
    const costOf = (gas: bigint): bigint => (gas * gasPrice * etherE36) / PRICE_SCALE;
    const { around, each } = this.gasUse;
    const gasOf = ({ calls }: Plan): bigint => around + each * BigInt(calls.length);
    const maxCalls = Number((BLOCK_GAS - around) / each);

    for (const [index, market] of markets.entries()) {
      if (pricesE36[index] === undefined) continue;
      const plan_ = (entries: readonly BookEntry<S>[]): Plan =>
        plan(item(this.quotes, index), entries, offerOf, costOf(each), maxCalls);
      const worthIt = (one: Plan): boolean => one.calls.length > 0 && one.gain > costOf(gasOf(one));
      const here = book.filter(({ request, state }) => request.market === index && offerOf(request, state));
      let chosen = plan_(here);
      if (!worthIt(chosen)) continue;
      let profit = await this.simulate(market, chosen);
      if (profit === undefined) {
        // one that fails must not keep the others from being done
        const working: BookEntry<S>[] = [];
        for (const entry of here) {
          const alone = plan_([entry]);
          if (alone.calls.length > 0 && (await this.simulate(market, alone)) !== undefined) working.push(entry);
        }
        chosen = plan_(working);
        if (!worthIt(chosen)) continue;
        profit = await this.simulate(market, chosen);
      }
      if (profit === undefined) continue;
      const gas = gasOf(chosen);
      const worth = (profit * PRICE_SCALE) / etherE36;
      const fees = firstFees(view.baseFee, FEES, gas, worth);
      if (!fees || costOf(gas) >= profit) continue;
      await this.world.chain.rpc.call("eth_sendTransaction", {
        ...this.request(market, chosen, costOf(gas)),
        gas: hex(gas * GAS_ROOM),
        nonce: hex(BigInt(this.nonce++)),
        maxFeePerGas: hex(fees.maxFeePerGas),
        maxPriorityFeePerGas: hex(fees.maxPriorityFeePerGas),
      });
    }
  }

  /** What the transaction would gain now, before gas, in the loan asset; undefined where it would revert. */
  private async simulate(market: MarketInfo, chosen: Plan): Promise<bigint | undefined> {
    try {
      return BigInt(await this.world.chain.rpc.text("eth_call", this.request(market, chosen, 0n), "latest"));
    } catch (error) {
      if (isRevert(error)) return undefined;
      throw error;
    }
  }

  private request(market: MarketInfo, { needed, calls }: Plan, minProfit: bigint): Record<string, string> {
    const args = [market.pool, market.collateral.address, needed, calls, minProfit];
    return { from: this.account, to: this.contract, data: this.abi.encodeFunctionData("liquidate", args) };
  }

  /** The replay's pools have one liquidity over all prices. */
  private quote({ collateral, poolFee }: MarketInfo, sqrtPriceX96: bigint, liquidity: bigint): VenueQuote {
    const zeroForOne = BigInt(collateral.address) < BigInt(this.world.loan.address);
    const sqrtPriceEndX96 = sqrtPriceAtTick(zeroForOne ? -LAST_TICK : LAST_TICK);
    return quoteRanges({ sqrtPriceX96, fee: BigInt(poolFee), zeroForOne, ranges: [{ liquidity, sqrtPriceEndX96 }] });
  }
}

const LAST_TICK = 887_270;

/** JSON-RPC's code of a reverted call. */
const REVERTED = z.object({ code: z.literal(3) });

function isRevert(error: unknown): boolean {
  return error instanceof SpillwayError && error.code === "RPC_ERROR" && REVERTED.safeParse(error.cause).success;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
