import { Interface } from "ethers";

import { max, min, PRICE_SCALE } from "../../lib";
import type { Reads } from "../chain/Reads";
import type { MarketQuote } from "./joinQuotes";
import type { Outlet, SizedLeg } from "./Outlet";

const tokenAbi = new Interface([
  "function balanceOf(address) view returns (uint256)",
  "function allowance(address, address) view returns (uint256)",
]);

/**
 * An account's own loan asset, with which collateral is bought to be kept: worth the oracle's price, as far as balance and
 * allowances go. Vault and buffer take the payment, so both have to be allowed to.
 */
export class OwnCapital implements Outlet {
  constructor(
    private readonly owner: string,
    private readonly loanAsset: string,
    private readonly payees: readonly string[],
  ) {}

  /** @inheritdoc */
  read(reads: Reads, priceE36: bigint): () => MarketQuote {
    const limits = [
      this.readToken(reads, "balanceOf", this.owner),
      ...this.payees.map((payee) => this.readToken(reads, "allowance", this.owner, payee)),
    ];
    return () => quoteOwn(min(...(limits.map((limit) => limit.value()) as [bigint, ...bigint[]])), priceE36);
  }

  /** @inheritdoc */
  async route(): Promise<SizedLeg[]> {
    return [];
  }

  /** @inheritdoc */
  judge(): void {
    // there is no venue
  }

  private readToken(reads: Reads, name: string, ...args: string[]): { value(): bigint } {
    return reads.call({
      to: this.loanAsset,
      data: tokenAbi.encodeFunctionData(name, args),
      decode: (data) => tokenAbi.decodeFunctionResult(name, data)[0] as bigint,
    });
  }
}

/** What `budget` of loan asset buys. What is bought below the oracle's price costs less than its worth, so that `budget` is never passed. */
export function quoteOwn(budget: bigint, priceE36: bigint): MarketQuote {
  const most = priceE36 === 0n ? 0n : (budget * PRICE_SCALE) / priceE36;
  const proceeds = (amount: bigint): bigint => (min(amount, most) * priceE36) / PRICE_SCALE;
  return {
    most,
    proceeds,
    marginalE36: () => priceE36,
    pays: (_amount, asked) => priceE36 >= asked,
    sale: (amount) => ({ capital: "own", parts: [], gas: 0n, proceeds: proceeds(amount) }),
    after: (spent) => quoteOwn(max(0n, budget - spent), priceE36),
  };
}
