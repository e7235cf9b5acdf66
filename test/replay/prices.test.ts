import { expect } from "chai";
import { SpillwayError } from "../../scripts/lib";
import { candlePoints, pricePath } from "../../scripts/replay/market/path";
import { parsePrices, readPrices, type Candle } from "../../scripts/replay/market/prices";

const HEADER = "timestamp,open,high,low,close";
const GOOD = "1583971200,195,196,194,195.5";

function refusal(text: string): SpillwayError {
  try {
    parsePrices(text, "p.csv");
  } catch (error) {
    if (error instanceof SpillwayError) return error;
    throw error;
  }
  throw new Error("the prices were taken");
}

describe("prices from a file", () => {
  it("reads candles, whatever the order of columns and whatever else is there", () => {
    const text = "close,volume,timestamp_utc_seconds,open,high,low\n2,9,60,1,3,0.5\n2,9,120,2,2,2\n";
    expect(parsePrices(text, "p.csv")).to.deep.equal([
      { time: 60, open: 1, high: 3, low: 0.5, close: 2 },
      { time: 120, open: 2, high: 2, low: 2, close: 2 },
    ]);
  });

  const refused: [what: string, text: string, words: string][] = [
    ["an empty file", "", "empty"],
    ["a header without a column", `timestamp,open,high,close\n${GOOD}`, 'no column "low"'],
    ["a header without a time", `date,open,high,low,close\n${GOOD}`, 'no column "timestamp"'],
    ["one row only", `${HEADER}\n${GOOD}`, "at least two rows"],
    ["a price that is no number", `${HEADER}\n${GOOD}\n1583971260,195,x,194,195`, 'row 3, column "high": "x"'],
    ["a row that is cut off", `${HEADER}\n${GOOD}\n1583971260,195,196`, 'row 3, column "low": nothing'],
    ["a price of zero", `${HEADER}\n${GOOD}\n1583971260,195,196,0,195`, 'row 3, column "low": a price must be above 0'],
    ["a negative price", `${HEADER}\n1583971200,-1,196,194,195\n${GOOD}`, 'row 2, column "open"'],
    ["a time twice", `${HEADER}\n${GOOD}\n${GOOD}`, 'row 3, column "timestamp"'],
    ["a time that goes back", `${HEADER}\n${GOOD}\n1583971140,195,196,194,195`, "is not after the row before"],
    ["times in milliseconds", `${HEADER}\n1583971200000,195,196,194,195`, "not a time in whole seconds"],
    ["a low above the close", `${HEADER}\n${GOOD}\n1583971260,195,196,194,193`, 'row 3, column "low"'],
    ["a high below the open", `${HEADER}\n${GOOD}\n1583971260,197,196,194,195`, 'row 3, column "high"'],
  ];
  for (const [what, text, words] of refused) {
    it(`refuses ${what}`, () => {
      const error = refusal(text);
      expect(error.code).to.equal("BAD_PRICES");
      expect(error.message).to.contain(words).and.not.contain("\n");
    });
  }

  it("refuses a file that isn't there", () => {
    expect(() => readPrices("no/such.csv"))
      .to.throw(SpillwayError, "no/such.csv")
      .with.property("code", "BAD_PRICES");
  });
});

describe("a price path", () => {
  const minute = (index: number, open: number, high: number, low: number, close: number): Candle => {
    return { time: 6000 + 60 * index, open, high, low, close };
  };

  it("keeps the lowest low and the highest high of minute candles, and closes elsewhere", () => {
    const candles = [
      ...[minute(0, 100, 101, 99, 100), minute(1, 100, 104, 100, 101), minute(2, 101, 101.5, 98, 98.5)],
      ...[minute(3, 98.5, 99, 80, 97), minute(4, 97, 98, 96, 97), minute(5, 97, 98.5, 96.5, 98)],
      minute(6, 98, 99.5, 97, 99),
    ];
    const path = pricePath(candlePoints(candles, 60), 6000, 6420, 60);
    expect(path).to.deep.equal([100, 104, 98.5, 80, 97, 98, 99.5]);
  });

  it("loses no low when steps are longer than candles, nor when they are shorter", () => {
    const candles = Array.from({ length: 60 }, (_, index) => minute(index, 100, 100, index === 37 ? 71 : 99, 100));
    expect(Math.min(...pricePath(candlePoints(candles, 300), 6000, 9600, 300))).to.equal(71);
    expect(Math.min(...pricePath(candlePoints(candles, 12), 6000, 9600, 12))).to.equal(71);
  });

  it("goes straight between points", () => {
    const points = [
      { time: 0, price: 100 },
      { time: 240, price: 108 },
    ];
    expect(pricePath(points, 0, 300, 60)).to.deep.equal([100, 102, 104, 106, 108]);
  });

  it("refuses a run that the prices don't cover", () => {
    const points = [
      { time: 60, price: 100 },
      { time: 240, price: 108 },
    ];
    for (const [start, end] of [
      [0, 240],
      [60, 600],
    ] as const) {
      expect(() => pricePath(points, start, end, 60))
        .to.throw(SpillwayError)
        .with.property("code", "BAD_INPUT");
    }
  });
});
