/**
 * What is proven of `libraries/GradualAuction.sol`, as SMT-LIB over the real numbers. A rounded figure is a real one that
 * lies within its rounding, so that a claim over it holds for whole numbers too. Symbols: docs/protocol.md. What it adds up
 * to, and what it leaves out: docs/proofs.md.
 */
export interface Claim {
  name: string;
  /** Unknowns; all of them at least 0. */
  unknowns: string;
  /** `define-fun`s that the claim needs. */
  definitions?: string;
  given: Record<string, string>;
  then: string;
  /** Which of what is given is left out to show that the claim can fail: a counterexample must be found then. */
  needs: string;
}

/**
 * The cost of `u` seconds of emission over price and rate, from a lane of age `l` for a sale whose age is bounded by `b`:
 * b = min(now − s, (π + δ_i) / σ).
 */
const COST = `
(define-fun least ((x Real) (y Real)) Real (ite (< x y) x y))
(define-fun positive ((x Real)) Real (ite (< x 0.0) 0.0 x))
(define-fun multiple ((l Real) (b Real)) Real (- (+ 1.0 premium) (* slope (least l b))))
(define-fun flat ((l Real) (b Real)) Real (- l (least l b)))
(define-fun steep ((u Real) (f Real)) Real (/ (* slope (positive (- u f)) (positive (- u f))) 2.0))
(define-fun cost ((l Real) (b Real) (u Real)) Real (+ (* (multiple l b) u) (steep u (flat l b))))`;

const WAD = "1000000000000000000.0";
const power = (bits: number): string => `${2n ** BigInt(bits)}.0`;

/** The parameters that `AuctionHouse._requireBounds` lets through, Wad; `lltv` is a market's, below 1. */
const BOX = {
  slope: `(and (<= 1000000000000.0 slope) (<= slope 10000000000000000.0))`,
  premium: `(<= premium 200000000000000000.0)`,
  lltv: `(< lltv ${WAD})`,
  discounts: `(<= (* 2.0 (+ maxDiscount maxFee)) (- ${WAD} lltv))`,
};

/** δ_i and φ of a solvent position, Wad, as `AuctionHouse._terms` has them: both out of half of what `ltv` leaves. */
const TERMS = {
  solvent: `(<= (+ ltv 1.0) ${WAD})`,
  half: `(<= (* 2.0 allowance) (- ${WAD} ltv))`,
  discount: `(<= discount allowance)`,
  fee: `(<= fee (- allowance discount))`,
  multiple: `(>= multiple (- ${WAD} discount))`,
};

/** Most that a position or the lane's rate can hold is 2^112; a stressed lane is at most 10,000 times as fast. */
const SIZES = {
  quantity: `(<= quantity ${power(112)})`,
  rate: `(and (<= 1.0 rate) (<= rate (* 10000.0 ${power(112)})))`,
  age: `(<= age (* 86400.0 ${WAD}))`,
};

export const CLAIMS: readonly Claim[] = [
  {
    name: "additive: two buys in a block cost what one of both does",
    unknowns: "premium slope l b later u v",
    definitions: COST,
    given: { inLane: "(<= (+ u v) l)", sameBound: "(= later b)" },
    then: "(= (+ (cost l b u) (cost (- l u) later v)) (cost l b (+ u v)))",
    needs: "sameBound",
  },
  {
    name: "splitting never pays while the discount is a ratchet",
    unknowns: "premium slope l b later u v",
    definitions: COST,
    given: { inLane: "(<= (+ u v) l)", ratchet: "(<= later b)" },
    then: "(>= (+ (cost l b u) (cost (- l u) later v)) (cost l b (+ u v)))",
    needs: "ratchet",
  },
  {
    name: "a cursor that is rounded up makes nothing cheaper",
    unknowns: "premium slope l younger b u",
    definitions: COST,
    given: { inLane: "(<= u younger)", roundedUp: "(<= younger l)" },
    then: "(>= (cost younger b u) (cost l b u))",
    needs: "roundedUp",
  },
  {
    name: "multiple, flat part and area are rounded against the buyer",
    unknowns: "premium slope l b u m f area",
    definitions: COST,
    given: {
      multiple: "(>= m (multiple l b))",
      flat: "(<= f (flat l b))",
      area: "(>= area (steep u f))",
    },
    then: "(>= (+ (* m u) area) (cost l b u))",
    needs: "flat",
  },
  {
    name: "the multiple stays within premium and discount",
    unknowns: "premium discount slope age fall multiple",
    given: {
      age: `(<= (* slope age) (* (+ premium discount) ${WAD}))`,
      fall: `(<= (* fall ${WAD}) (* slope age))`,
      multiple: `(= multiple (- (+ ${WAD} premium) fall))`,
    },
    then: `(and (<= (- ${WAD} discount) multiple) (<= multiple (+ ${WAD} premium)))`,
    needs: "age",
  },
  {
    name: "never toxic: a fill repays more per value than is owed per value",
    unknowns: "ltv allowance discount fee multiple",
    given: TERMS,
    then: `(> (* multiple ${WAD}) (* ltv (+ ${WAD} fee)))`,
    needs: "half",
  },
  {
    name: "never toxic: a take-over neither",
    unknowns: "ltv discount multiple",
    given: {
      solvent: TERMS.solvent,
      half: `(<= (* 2.0 discount) (- ${WAD} ltv))`,
      multiple: `(= multiple (- ${WAD} discount))`,
    },
    then: "(> multiple ltv)",
    needs: "half",
  },
  {
    name: "such a fill lowers the LTV, before the debt is rounded to shares",
    unknowns: "price collateral quantity debt repaid multiple fee",
    given: {
      price: "(> price 0.0)",
      quantity: "(and (< 0.0 quantity) (< quantity collateral))",
      repaid: `(>= (* repaid (+ ${WAD} fee)) (* multiple quantity price))`,
      notToxic: `(> (* multiple price collateral) (* debt (+ ${WAD} fee)))`,
    },
    then: "(< (* (- debt repaid) collateral) (* debt (- collateral quantity)))",
    needs: "notToxic",
  },
  {
    name: "sizing divides by more than nothing: solvent",
    unknowns: "ltv lltv target allowance discount fee multiple gross",
    given: {
      ...TERMS,
      target: "(and (< target lltv) (< lltv ltv))",
      gross: `(>= (* gross (+ ${WAD} fee)) (* multiple ${WAD}))`,
    },
    then: "(> gross target)",
    needs: "half",
  },
  {
    name: "sizing divides by more than nothing: insolvent, at the full discount",
    unknowns: "lltv target maxDiscount maxFee multiple",
    given: {
      lltv: BOX.lltv,
      discounts: BOX.discounts,
      target: "(< target lltv)",
      multiple: `(>= multiple (- ${WAD} maxDiscount))`,
    },
    then: "(> multiple target)",
    needs: "discounts",
  },
  {
    name: "no overflow in longestAge and head",
    unknowns: "premium maxDiscount maxFee lltv slope rate age",
    given: { ...BOX, ...SIZES, quantity: "true" },
    then: `(and (< (* (+ premium maxDiscount) ${WAD}) ${power(256)}) (< (* slope age) ${power(256)}) (< (* rate age) ${power(256)}))`,
    needs: "age",
  },
  {
    name: "no overflow in cost: the square over the rate",
    unknowns: "quantity rate age steep area",
    given: {
      ...SIZES,
      part: `(<= steep (* quantity ${WAD}))`,
      emitted: "(<= (* steep 3600.0) (* rate age))",
      area: "(< (* area 2.0 rate) (+ (* steep steep) (* 2.0 rate)))",
    },
    then: `(< area ${power(236)})`,
    needs: "emitted",
  },
  {
    name: "no overflow in cost: the weighted sum, and its product with the price",
    unknowns: "quantity slope multiple area rise weighted price cost",
    given: {
      quantity: SIZES.quantity,
      slope: BOX.slope,
      multiple: `(<= multiple 1200000000000000000.0)`,
      area: `(< area ${power(236)})`,
      rise: `(< (* rise ${WAD} ${WAD}) (+ (* area slope 3600.0) (* ${WAD} ${WAD})))`,
      weighted: "(= weighted (+ (* multiple quantity) rise))",
      price: `(< price ${power(216)})`,
      cost: `(< (* cost ${WAD} ${WAD} ${WAD}) (+ (* price weighted) (* ${WAD} ${WAD} ${WAD})))`,
    },
    then: `(and (< weighted ${power(256)}) (< cost ${power(256)}))`,
    needs: "area",
  },
  {
    name: "no overflow in advance",
    unknowns: "quantity rate sold",
    given: { ...SIZES, age: "true", sold: `(< (* sold rate) (+ (* quantity 3600.0 ${WAD}) rate))` },
    then: `(< sold ${power(256)})`,
    needs: "rate",
  },
  {
    name: "no overflow in quantityToTarget while the debt is worth less than 2^128 units of collateral",
    unknowns: "gap slope rate fee gain curve root flat result",
    given: {
      gap: `(<= gap (* ${WAD} ${power(128)}))`,
      slope: BOX.slope,
      rate: SIZES.rate,
      fee: `(<= fee ${WAD})`,
      gain: "(and (<= 1.0 gain) (<= gain 1200000000000000000.0))",
      curve: `(< (* curve rate (+ ${WAD} fee)) (+ (* gap 7200.0 slope ${WAD}) (* rate (+ ${WAD} fee))))`,
      root: "(>= root 1.0)",
      flat: `(<= (* flat 3600.0) (* rate 86400.0 ${WAD}))`,
      result: `(<= (* result (+ gain root)) (* 2.0 gap ${WAD}))`,
    },
    then: `(and (< (+ (* gain gain) curve) ${power(256)}) (< (* 2.0 gap) ${power(256)}) (< (+ flat result) ${power(256)}) (< (* rate (+ ${WAD} fee)) ${power(256)}))`,
    needs: "gap",
  },
];
