import { lessOrZero } from "./math";
import type { BufferState } from "./buffer";
import type { HouseState } from "./auctionHouse";
import type { PayParameters } from "./pay";
import type { VaultState } from "./vault";

type Reason = bigint | string | number;

/** A call that the model expects to be refused, with the custom error's name and arguments. */
export class Refused extends Error {
  constructor(
    readonly reason: string,
    readonly args: readonly Reason[],
  ) {
    super(`${reason}(${args.map(String).join(", ")})`);
  }
}

export function refuse(reason: string, ...args: Reason[]): never {
  throw new Refused(reason, args);
}

/** What `call` returned, or how it was refused. */
export function outcome<T>(call: () => T): T | Refused {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return error;
  }
}

export interface Token {
  balances: Record<string, bigint>;
  /** owner → spender → amount; only for the shares of vault and buffer, everything else is approved without limit. */
  allowances: Record<string, Record<string, bigint>>;
  supply: bigint;
}

export const ZERO_ADDRESS = `0x${"0".repeat(40)}`;

/** What the outside says of a collateral. */
export interface Source {
  oracle: string;
  borrowOracle: string;
  price: bigint;
  broken: boolean;
  borrowPrice: bigint;
  borrowBroken: boolean;
  depth: bigint;
  depthBroken: boolean;
  diverged: boolean;
}

export interface State {
  now: bigint;
  /** Wei a gas unit, of the block. */
  baseFee: bigint;
  tokens: Record<string, Token>;
  sources: Record<string, Source>;
  /** The native coin's oracle. */
  native: { price: bigint; broken: boolean };
  pay: PayParameters;
  vault: VaultState;
  house: HouseState;
  buffer: BufferState;
}

export interface Addresses {
  vault: string;
  house: string;
  buffer: string;
  loan: string;
  collaterals: readonly string[];
}

/** Everything that the model knows. State is plain data, so that a refused call leaves nothing behind. */
export class World {
  /** What has happened inside of calls, so that a test can tell that it did. */
  readonly events = new Set<string>();

  constructor(
    public state: State,
    readonly at: Addresses,
  ) {}

  get now(): bigint {
    return this.state.now;
  }

  /** The result of `call`, or how it was refused; then, and where it throws, all is as it was before. */
  attempt<T>(call: () => T): T | Refused {
    const before = structuredClone(this.state);
    try {
      return call();
    } catch (error) {
      this.state = before;
      if (!(error instanceof Refused)) throw error;
      return error;
    }
  }

  /** What a read call sees: a block without base fee. */
  asRead<T>(call: () => T): T {
    const { baseFee } = this.state;
    this.state.baseFee = 0n;
    try {
      return call();
    } finally {
      this.state.baseFee = baseFee;
    }
  }

  /** The same of a call that changes something, with nothing kept of it. */
  rehearse<T>(call: () => T): T | Refused {
    const before = structuredClone(this.state);
    try {
      return this.asRead(() => outcome(call));
    } finally {
      this.state = before;
    }
  }

  source(collateral: string): Source {
    return this.state.sources[collateral]!;
  }

  price(collateral: string): bigint {
    const source = this.source(collateral);
    return source.broken ? refuse("Broken") : source.price;
  }

  borrowPrice(collateral: string): bigint {
    const source = this.source(collateral);
    return source.borrowBroken ? refuse("Broken") : source.borrowPrice;
  }

  depth(collateral: string): bigint {
    const source = this.source(collateral);
    return source.depthBroken ? refuse("Broken") : source.depth;
  }

  token(token: string): Token {
    return this.state.tokens[token]!;
  }

  balance(token: string, account: string): bigint {
    return this.token(token).balances[account] ?? 0n;
  }

  transfer(token: string, from: string, to: string, amount: bigint): void {
    this.take(token, from, amount);
    this.give(token, to, amount);
  }

  mint(token: string, to: string, amount: bigint): void {
    this.give(token, to, amount);
    this.token(token).supply += amount;
  }

  burn(token: string, from: string, amount: bigint): void {
    this.take(token, from, amount);
    this.token(token).supply -= amount;
  }

  allowance(token: string, owner: string, spender: string): bigint {
    return this.token(token).allowances[owner]?.[spender] ?? 0n;
  }

  approve(token: string, owner: string, spender: string, amount: bigint): void {
    (this.token(token).allowances[owner] ??= {})[spender] = amount;
  }

  spendAllowance(token: string, owner: string, spender: string, amount: bigint): void {
    const allowed = this.allowance(token, owner, spender);
    if (allowed < amount) refuse("ERC20InsufficientAllowance", spender, allowed, amount);
    this.approve(token, owner, spender, lessOrZero(allowed, amount));
  }

  private take(token: string, from: string, amount: bigint): void {
    const held = this.balance(token, from);
    if (held < amount) refuse("ERC20InsufficientBalance", from, held, amount);
    this.token(token).balances[from] = held - amount;
  }

  private give(token: string, to: string, amount: bigint): void {
    this.token(token).balances[to] = this.balance(token, to) + amount;
  }
}
