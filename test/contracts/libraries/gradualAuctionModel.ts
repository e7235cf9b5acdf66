/**
 * The gradual Dutch auction as docs/protocol.md has it, in exact rational numbers: nothing is rounded here. Written from
 * the formulas, not from the contract, so that the two can be held against each other.
 *
 * Units: ages in seconds, rates in collateral units an hour, multiples and LTVs as fractions of 1, prices in loan units a
 * collateral unit.
 */
export class Rational {
  static readonly zero = new Rational(0n, 1n);
  static readonly one = new Rational(1n, 1n);

  private constructor(
    readonly n: bigint,
    readonly d: bigint,
  ) {}

  /** `n / d`; `d` must not be zero. */
  static of(n: bigint, d = 1n): Rational {
    if (d === 0n) throw new RangeError("a fraction over zero");
    return d < 0n ? new Rational(-n, -d) : new Rational(n, d);
  }

  static wad(x: bigint): Rational {
    return new Rational(x, 10n ** 18n);
  }

  static min(...all: [Rational, ...Rational[]]): Rational {
    return all.reduce((least, x) => (x.compare(least) < 0 ? x : least));
  }

  static max(...all: [Rational, ...Rational[]]): Rational {
    return all.reduce((most, x) => (x.compare(most) > 0 ? x : most));
  }

  add(x: Rational): Rational {
    return Rational.of(this.n * x.d + x.n * this.d, this.d * x.d);
  }

  sub(x: Rational): Rational {
    return Rational.of(this.n * x.d - x.n * this.d, this.d * x.d);
  }

  mul(x: Rational): Rational {
    return Rational.of(this.n * x.n, this.d * x.d);
  }

  div(x: Rational): Rational {
    return Rational.of(this.n * x.d, this.d * x.n);
  }

  /** Negative, zero or positive as this is under, at or over `x`. */
  compare(x: Rational): number {
    const difference = this.n * x.d - x.n * this.d;
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  floor(): bigint {
    const quotient = this.n / this.d;
    return this.n < 0n && quotient * this.d !== this.n ? quotient - 1n : quotient;
  }

  ceil(): bigint {
    return -Rational.of(-this.n, this.d).floor();
  }
}

export interface Lane {
  ratePerHour: bigint;
  /** How much the multiple falls a second. */
  slope: Rational;
  premium: Rational;
  discount: Rational;
}

export interface Head {
  /** m. */
  multiple: Rational;
  /** r·a_L, exact. */
  available: Rational;
  /** r·(a_L − a): what is all sold at `multiple`. */
  flat: Rational;
  /** r, a second. */
  rate: Rational;
  slope: Rational;
}

/** A = (π + δ) / σ, in seconds. */
export function longestAge(premium: Rational, discount: Rational, slope: Rational): Rational {
  return premium.add(discount).div(slope);
}

/** What is for sale, and from which multiple on: m = 1 + π − σ·a with a = min(a_L, (π + δ) / σ). */
export function head(lane: Lane, laneAge: Rational): Head {
  const age = Rational.min(laneAge, longestAge(lane.premium, lane.discount, lane.slope));
  const rate = Rational.of(lane.ratePerHour, 3600n);
  return {
    multiple: Rational.one.add(lane.premium).sub(lane.slope.mul(age)),
    available: rate.mul(laneAge),
    flat: rate.mul(laneAge.sub(age)),
    rate,
    slope: lane.slope,
  };
}

/** π = clamp(ema / p − 1, π_min, π_max), and π_max in doubt. */
export function premium(ema: Rational, price: Rational, least: Rational, most: Rational, diverged: boolean): Rational {
  if (diverged) return most;
  return Rational.min(Rational.max(ema.div(price).sub(Rational.one), least), most);
}

/** How a position is sold: its pace as a multiple of the lane's, its discount δ_i and its fee φ. */
export interface Terms {
  pace: Rational;
  discount: Rational;
  fee: Rational;
}

/**
 * 1 + u·x² with x = (ℓ − lltv) / (1 − lltv), at most 1; δ_i = min(δ, β·(1 − ℓ), δ_0 + ℓ − lltv), δ from ℓ = 1 on;
 * φ = min(fee, β·(1 − ℓ) − δ_i), with β = 1/2. `ratchet`: what an earlier fill of this block left.
 */
export function terms(
  ltv: Rational,
  lltv: Rational,
  lane: { urgency: bigint; discount: Rational; firstDiscount: Rational; fee: Rational },
  ratchet = Rational.one,
): Terms {
  const over = Rational.min(ltv, Rational.one).sub(lltv);
  const x = over.div(Rational.one.sub(lltv));
  const pace = Rational.one.add(Rational.of(lane.urgency).mul(x).mul(x));
  if (ltv.compare(Rational.one) >= 0) return { pace, discount: lane.discount, fee: Rational.zero };
  const allowance = Rational.one.sub(ltv).div(Rational.of(2n));
  const discount = Rational.min(lane.discount, allowance, lane.firstDiscount.add(over), ratchet);
  return { pace, discount, fee: Rational.min(lane.fee, allowance.sub(discount)) };
}

/** p·(m·q + σ·max(0, q − flat)² / (2r)), exact. */
export function cost(h: Head, price: Rational, quantity: bigint): Rational {
  const q = Rational.of(quantity);
  const steep = Rational.max(Rational.zero, q.sub(h.flat));
  const rise = h.slope.mul(steep).mul(steep).div(Rational.of(2n).mul(h.rate));
  return price.mul(h.multiple.mul(q).add(rise));
}

/** (now − a_L) + q / r, at most now; in seconds. */
export function advance(now: Rational, laneAge: Rational, ratePerHour: bigint, quantity: bigint): Rational {
  const sold = Rational.of(quantity * 3600n, ratePerHour);
  return Rational.min(now, now.sub(laneAge).add(sold));
}

/**
 * The largest whole quantity that does not pass the target: debt − cost(q) / (1 + fee) ≥ target·price·(collateral − q).
 * Found by halving an interval, since the exact root is not rational.
 */
export function quantityToTarget(
  h: Head,
  price: Rational,
  collateral: bigint,
  debt: bigint,
  target: Rational,
  fee: Rational,
): bigint {
  const staysOver = (q: bigint): boolean => {
    const left = Rational.of(debt).sub(cost(h, price, q).div(Rational.one.add(fee)));
    return left.compare(target.mul(price).mul(Rational.of(collateral - q))) >= 0;
  };
  if (!staysOver(0n)) return 0n;
  let under = 0n;
  let over = 1n;
  while (staysOver(over)) [under, over] = [over, over * 2n];
  while (over - under > 1n) {
    const middle = (under + over) / 2n;
    if (staysOver(middle)) under = middle;
    else over = middle;
  }
  return under;
}
