import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";
import { SpillwayError } from "../../lib";

/** One candle of an outside market; `time` is its opening in seconds UTC, prices in USD. */
export interface Candle {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
}

const TIME_COLUMNS = ["timestamp", "timestamp_utc_seconds"];
const PRICE_COLUMNS = ["open", "high", "low", "close"] as const;

/**
 * Reads candles from a CSV file with a header: `timestamp` (or `timestamp_utc_seconds`), `open`, `high`, `low`, `close`;
 * other columns are ignored. Throws `BAD_PRICES`, naming the row (the header is row 1) and the column.
 */
export function readPrices(file: string): Candle[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new SpillwayError("BAD_PRICES", `can't read the price file ${file}: ${reason(cause)}`, { cause });
  }
  return parsePrices(text, file);
}

/** As {@link readPrices}, from the text itself; `name` is how errors call it. */
export function parsePrices(text: string, name: string): Candle[] {
  let rows: string[][];
  try {
    rows = parse(text, { bom: true, skip_empty_lines: true, trim: true, relax_column_count: true });
  } catch (cause) {
    throw new SpillwayError("BAD_PRICES", `${name} is not a CSV file: ${reason(cause)}`, { cause });
  }
  const header = rows.shift();
  if (!header) throw new SpillwayError("BAD_PRICES", `${name} is empty: it needs a header and a row for each candle`);
  const timeColumn = TIME_COLUMNS.find((column) => header.includes(column));
  if (!timeColumn)
    throw new SpillwayError("BAD_PRICES", `${name} has no column "timestamp"; its header is ${header.join(",")}`);
  for (const column of PRICE_COLUMNS) {
    if (!header.includes(column)) {
      throw new SpillwayError("BAD_PRICES", `${name} has no column "${column}"; its header is ${header.join(",")}`);
    }
  }
  const candles: Candle[] = [];
  rows.forEach((row, index) => {
    const where = (column: string): string => `${name} row ${String(index + 2)}, column "${column}"`;
    const cell = (column: string): number => {
      const written = row[header.indexOf(column)];
      const value = written === undefined || written === "" ? Number.NaN : Number(written);
      if (!Number.isFinite(value)) {
        throw new SpillwayError(
          "BAD_PRICES",
          `${where(column)}: ${written ? `"${written}"` : "nothing"} is not a number`,
        );
      }
      return value;
    };
    const time = cell(timeColumn);
    if (!Number.isInteger(time) || time <= 0 || time > 1e11) {
      throw new SpillwayError("BAD_PRICES", `${where(timeColumn)}: ${String(time)} is not a time in whole seconds UTC`);
    }
    const before = candles.at(-1);
    if (before && time <= before.time) {
      throw new SpillwayError(
        "BAD_PRICES",
        `${where(timeColumn)}: ${String(time)} is not after the row before (${String(before.time)}); sort the rows by time`,
      );
    }
    const [open, high, low, close] = PRICE_COLUMNS.map((column) => {
      const price = cell(column);
      if (price <= 0)
        throw new SpillwayError("BAD_PRICES", `${where(column)}: a price must be above 0, not ${String(price)}`);
      return price;
    }) as [number, number, number, number];
    if (low > Math.min(open, close))
      throw new SpillwayError("BAD_PRICES", `${where("low")}: ${String(low)} is above open or close`);
    if (high < Math.max(open, close))
      throw new SpillwayError("BAD_PRICES", `${where("high")}: ${String(high)} is below open or close`);
    candles.push({ time, open, high, low, close });
  });
  if (candles.length < 2) throw new SpillwayError("BAD_PRICES", `${name} needs at least two rows of prices`);
  return candles;
}

function reason(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0] ?? "";
}
