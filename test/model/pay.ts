import { BPS, PRICE, bps, lessOrZero, min, mulDown, mulUp } from "./math";
import { refuse, type World } from "./world";

export interface PayParameters {
  /** Whether there is an oracle of the native coin. */
  priced: boolean;
  feeCap: bigint;
  marginBps: bigint;
  capBps: bigint;
  /** The native coin as a token; zero address for none. */
  wrappedNative: string;
  tip: bigint;
  interval: bigint;
}

/** Gas units of each paid action: measured figures, that the contract is asked for. */
export interface GasUnits {
  open: bigint;
  absorb: bigint;
  absorbMore: bigint;
  fulfil: bigint;
  fulfilMore: bigint;
}

/** What a keeper is paid, by the section "Pay" of docs/protocol.md. */
export class PayModel {
  constructor(
    private readonly world: World,
    readonly gasUnits: GasUnits,
  ) {}

  get parameters(): PayParameters {
    return this.world.state.pay;
  }

  /** The parameters are within their bounds; the native coin's oracle has to answer. */
  set(parameters: PayParameters): void {
    if (parameters.priced && this.world.state.native.broken) refuse("Broken");
    this.world.state.pay = parameters;
  }

  /** Collateral of a position of `held` and `debt`. */
  inCollateral(gasUnits: bigint, collateral: string, price: bigint, held: bigint, debt: bigint): bigint {
    const { wrappedNative, capBps } = this.parameters;
    const cost = this.inWei(gasUnits);
    const pay = collateral === wrappedNative ? cost : mulDown(cost, this.nativePrice(), price);
    const equity = lessOrZero(held, mulUp(debt, PRICE, price));
    const most = bps(held, capBps);
    return min(pay, most, equity === 0n ? most : equity / 2n);
  }

  inLoanAsset(gasUnits: bigint): bigint {
    return this.parameters.capBps === 0n ? 0n : mulDown(this.inWei(gasUnits), this.nativePrice(), PRICE);
  }

  private inWei(gasUnits: bigint): bigint {
    const { feeCap, tip, marginBps } = this.parameters;
    return (gasUnits * (min(this.world.state.baseFee, feeCap) + tip) * (BPS + marginBps)) / BPS;
  }

  /** Loan asset for a wei, and nothing for a coin without a price. */
  private nativePrice(): bigint {
    const { native } = this.world.state;
    return this.parameters.priced && !native.broken ? native.price : 0n;
  }
}
