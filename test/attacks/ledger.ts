import { expect } from "chai";
import { type Addressable } from "ethers";

import { type AuctionHouse, type LiquidityBuffer, type MockERC20, type Vault } from "../../typechain-types";

const PRICE_SCALE = 10n ** 36n;
/** Shares that nobody holds, in vault and buffer. */
const VIRTUAL_SHARES = 1000n;

interface Protocol {
  vault: Vault;
  house: AuctionHouse;
  buffer: LiquidityBuffer;
  loan: MockERC20;
  collateral: MockERC20;
}

/** What people own, in units of the loan asset, with the collateral at its price outside, whatever the oracle says. */
export class Ledger {
  constructor(
    private readonly protocol: Protocol,
    public fairPriceE36: bigint,
  ) {}

  /** Tokens, shares at what they are backed by, claims, and positions, each at zero where it owes more than it is worth. */
  async wealth(...people: Addressable[]): Promise<bigint> {
    const { vault, buffer, loan, collateral } = this.protocol;
    const lent = (await vault.totalAssets()) + 1n;
    const lentShares = (await vault.totalSupply()) + VIRTUAL_SHARES;
    const { amount } = await buffer.inventory(collateral);
    const underwritten = (await buffer.cash()) + (await vault.bufferFees()) + this.value(amount) + 1n;
    const underwrittenShares = (await buffer.totalSupply()) + VIRTUAL_SHARES;
    let sum = 0n;
    for (const who of people) {
      const inBuffer = (await buffer.balanceOf(who)) + (await buffer.pendingRedeemRequest(0n, who));
      const position = await vault.position(collateral, who);
      const equity = this.value(position.collateral) - (await vault.debtOf(collateral, who));
      sum +=
        (await loan.balanceOf(who)) +
        this.value(await collateral.balanceOf(who)) +
        ((await vault.balanceOf(who)) * lent) / lentShares +
        (inBuffer * underwritten) / underwrittenShares +
        (await buffer.claimable(who)).assets +
        (equity > 0n ? equity : 0n);
    }
    return sum;
  }

  /** What `attack` changes: the attacker's wealth, and that of everybody else of whom is asked. */
  async changes(
    attackers: Addressable[],
    others: Addressable[],
    attack: () => Promise<unknown>,
  ): Promise<{ profit: bigint; others: bigint[] }> {
    const before = await this.wealth(...attackers);
    const othersBefore: bigint[] = [];
    for (const who of others) othersBefore.push(await this.wealth(who));
    await attack();
    const profit = (await this.wealth(...attackers)) - before;
    const changed: bigint[] = [];
    for (const [i, who] of others.entries()) changed.push((await this.wealth(who)) - othersBefore[i]!);
    return { profit, others: changed };
  }

  /** The attacker gains nothing, and nobody loses more than a few units to rounding. */
  async expectNoProfit(
    attackers: Addressable[],
    others: Addressable[],
    attack: () => Promise<unknown>,
    rounding = 10n,
  ): Promise<bigint> {
    const { profit, others: changed } = await this.changes(attackers, others, attack);
    expect(profit, "the attacker's profit").to.be.lte(0n);
    for (const [i, change] of changed.entries()) expect(change, `what other ${i} gained`).to.be.gte(-rounding);
    return profit;
  }

  value(collateral: bigint): bigint {
    return (collateral * this.fairPriceE36) / PRICE_SCALE;
  }
}
