import { id } from "ethers";

import { PRICE_SCALE } from "../lib";

/** A log of a receipt. Address and topics in hex, in any case. */
export interface ReceiptLog {
  address: string;
  topics: readonly string[];
  data: string;
}

/** How a transaction's transfers are valued. Addresses checksummed or not. */
export interface Valuation {
  loanAsset: string;
  /** Oracle price of each market's collateral, loan asset for one unit, scaled by 1e36. */
  priceE36: ReadonlyMap<string, bigint>;
  /** Whose balances count: the signers and the receiver of profits. */
  accounts: readonly string[];
}

const TRANSFER = id("Transfer(address,address,uint256)");

/**
 * What a transaction brought to our accounts, in loan asset before gas: what came in less what went out, collateral at the
 * oracle price. Tokens of no market count nothing, whatever they claim. Negative where more went out.
 */
export function earnedOf(logs: readonly ReceiptLog[], { loanAsset, priceE36, accounts }: Valuation): bigint {
  const ours = new Set(accounts.map((account) => account.toLowerCase()));
  const prices = new Map([...priceE36].map(([token, price]) => [token.toLowerCase(), price]));
  prices.set(loanAsset.toLowerCase(), PRICE_SCALE);
  let earned = 0n;
  for (const { address, topics, data } of logs) {
    const price = prices.get(address.toLowerCase());
    const [topic, from, to] = topics;
    if (price === undefined || topic !== TRANSFER || from === undefined || to === undefined) continue;
    const amount = /^0x[0-9a-f]{64}$/i.test(data) ? BigInt(data) : 0n;
    const direction = BigInt(ours.has(accountOf(to))) - BigInt(ours.has(accountOf(from)));
    earned += (direction * amount * price) / PRICE_SCALE;
  }
  return earned;
}

function accountOf(topic: string): string {
  return `0x${topic.slice(-40)}`.toLowerCase();
}
