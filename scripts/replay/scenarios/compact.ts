/**
 * Makes the compact figures of a scenario from 1-minute candles:
 * `tsx scripts/replay/scenarios/compact.ts candles.csv 2020-03-12T00:00:00Z 2020-03-14T00:00:00Z`
 * prints `closes` every 5 minutes, one hour a row, and the `extremes` that stick out of them by more than 0.5 %, or by the
 * share that stands after the times.
 */
import { item } from "../item";
import { readPrices } from "../market/prices";

const EVERY = 5;

function main(file: string, from: string, to: string, sticksOut: number): void {
  const start = Date.parse(from) / 1000;
  const end = Date.parse(to) / 1000;
  const minutes = readPrices(file).filter((candle) => candle.time >= start && candle.time < end);
  const last = minutes.length - 1;
  const grid = minutes.filter((_, minute) => minute % EVERY === 0 || minute === last);
  const lowest = Math.min(...minutes.map(({ low }) => low));
  const extremes: [number, number][] = [];
  for (let left = 0; left < minutes.length; left += EVERY) {
    const right = Math.min(left + EVERY, last);
    const a = item(minutes, left).close;
    const b = item(minutes, right).close;
    const line = (minute: number): number => a + ((b - a) * (minute - left)) / Math.max(1, right - left);
    const found: [number, number][] = [];
    for (const side of ["low", "high"] as const) {
      const sign = side === "low" ? -1 : 1;
      let best: { minute: number; price: number; gap: number } | undefined;
      // the first minute of a window is itself a close, so its own extreme is looked at with the window before
      for (let minute = left + 1; minute <= right; minute++) {
        const price = item(minutes, minute)[side];
        // the lowest of all is kept whatever else sticks out there
        const gap = price === lowest ? Infinity : (sign * (price - line(minute))) / line(minute);
        if (gap > sticksOut && (!best || gap > best.gap)) best = { minute, price, gap };
      }
      if (best) found.push([best.minute, best.price]);
    }
    // one figure a minute: where both stick out of the same minute the low stays
    if (found.length === 2 && item(found, 0)[0] === item(found, 1)[0]) found.pop();
    extremes.push(...found.sort((x, y) => x[0] - y[0]));
  }
  const rows: string[] = [];
  for (let at = 0; at < grid.length; at += 60 / EVERY) {
    rows.push(
      `[${grid
        .slice(at, at + 60 / EVERY)
        .map((candle) => candle.close)
        .join(", ")}],`,
    );
  }
  const pairs: string[] = [];
  for (let at = 0; at < extremes.length; at += 8) {
    pairs.push(
      extremes
        .slice(at, at + 8)
        .map(([minute, price]) => `[${minute}, ${price}],`)
        .join(" "),
    );
  }
  process.stdout.write(`closes: [\n${rows.join("\n")}\n],\nextremes: [\n${pairs.join("\n")}\n],\n`);
}

const [file, from, to, sticksOut = "0.005"] = process.argv.slice(2);
if (!file || !from || !to) {
  process.stderr.write("usage: tsx scripts/replay/scenarios/compact.ts candles.csv START END [SHARE]\n");
  process.exit(2);
}
main(file, from, to, Number(sticksOut));
