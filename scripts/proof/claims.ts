/**
 * What is proven of the lane's arithmetic, in `libraries/` and `AuctionHouse._terms`, as SMT-LIB over the real numbers. A rounded figure is a real one that
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

const WAD = "1000000000000000000.0";

/**
 * The cost of `u` seconds of emission over price and rate, from a lane of age `l` for a position whose discount bounds the age
 * by `b` = (π + δ_i) / σ.
 */
const COST = `
(define-fun least ((x Real) (y Real)) Real (ite (< x y) x y))
(define-fun positive ((x Real)) Real (ite (< x 0.0) 0.0 x))
(define-fun multiple ((l Real) (b Real)) Real (- (+ 1.0 premium) (* slope (least l b))))
(define-fun flat ((l Real) (b Real)) Real (- l (least l b)))
(define-fun steep ((u Real) (f Real)) Real (/ (* slope (positive (- u f)) (positive (- u f))) 2.0))
(define-fun cost ((l Real) (b Real) (u Real)) Real (+ (* (multiple l b) u) (steep u (flat l b))))`;

/**
 * δ_i of a solvent position at an LTV, Wad, as `AuctionHouse._terms` has it within a block: `widest` by the lane and by the LTV over
 * the lltv, `half` by the equity, and the `held` ratchet that an earlier fill left where its equity bound it.
 */
const DISCOUNT = `
(define-fun least ((x Real) (y Real)) Real (ite (< x y) x y))
(define-fun widest ((at Real)) Real (least maxDiscount (+ first (- at lltv))))
(define-fun half ((at Real)) Real (/ (- ${WAD} at) 2.0))
(define-fun fresh ((at Real)) Real (least (widest at) (half at)))`;

const power = (bits: number): string => `${2n ** BigInt(bits)}.0`;

/** The parameters that `LaneSettings.setLane` lets through, Wad; `lltv` is a market's, below 1. */
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

/** The most that a position can hold is 2^112, and a lane's rate 2^104; urgency makes it at most 101 times as fast. */
const SIZES = {
  quantity: `(<= quantity ${power(112)})`,
  rate: `(and (<= 1.0 rate) (<= rate (* 101.0 ${power(104)})))`,
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
    name: "a fill leaves its position no greater a discount",
    unknowns: "maxDiscount first lltv ltv later ratchet",
    definitions: DISCOUNT,
    given: {
      unhealthy: "(and (< lltv later) (<= later ltv))",
      solvent: `(< ltv ${WAD})`,
      ratchet: "(=> (< (fresh ltv) (widest ltv)) (= ratchet (fresh ltv)))",
      unbound: "(=> (>= (fresh ltv) (widest ltv)) (>= ratchet maxDiscount))",
    },
    then: "(<= (least (fresh later) ratchet) (fresh ltv))",
    needs: "ratchet",
  },
  {
    name: "a fill leaves its position no faster a pace",
    unknowns: "rate urgency lltv ltv later x laterX",
    given: {
      fell: "(<= later ltv)",
      unhealthy: "(< lltv later)",
      lltv: BOX.lltv,
      x: `(= (* x (- ${WAD} lltv)) (- ltv lltv))`,
      laterX: `(= (* laterX (- ${WAD} lltv)) (- later lltv))`,
    },
    then: "(<= (* rate (+ 1.0 (* urgency laterX laterX))) (* rate (+ 1.0 (* urgency x x))))",
    needs: "fell",
  },
  {
    name: "at a slower pace the same quantity costs no less",
    unknowns: "premium slope l b u slower",
    definitions: COST,
    given: { inLane: "(<= (* slower u) l)", slower: "(<= 1.0 slower)" },
    then: "(>= (cost l b (* slower u)) (* slower (cost l b u)))",
    needs: "slower",
  },
  {
    name: "the cursor lets no window out more than its length and the longest age",
    unknowns: "start now longest cursor later sum u",
    given: {
      soFar: "(>= cursor (+ (- start longest) sum))",
      inLane: "(<= later now)",
      advance: "(= later (+ (ite (< cursor (- now longest)) (- now longest) cursor) u))",
    },
    then: "(and (>= later (+ (- start longest) sum u)) (<= (+ sum u) (+ (- now start) longest)))",
    needs: "soFar",
  },
  {
    name: "pay leaves a solvent position solvent",
    unknowns: "collateral owed pay",
    given: { solvent: "(< owed collateral)", half: "(<= (* 2.0 pay) (- collateral owed))" },
    then: "(< owed (- collateral pay))",
    needs: "half",
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
    name: "never toxic: an absorption neither",
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
