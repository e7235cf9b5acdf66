/** Seconds UTC and a value; null where a line has a gap. */
export type Point = [number, number | null];

/** More points than this no screen shows. */
export const MAX_POINTS = 1500;

/** Drops points between two equal neighbours: the line looks the same. */
function squeeze(points: Point[]): Point[] {
  return points.filter(([, v], i) => {
    const before = points[i - 1];
    const after = points[i + 1];
    return before === undefined || after === undefined || before[1] !== v || after[1] !== v;
  });
}

/**
 * At most `max` points that keep the first, the last, and of each stretch between them the lowest, the highest and a
 * gap. Points stay as they are: nothing is averaged.
 */
export function downsample(points: Point[], max = MAX_POINTS): Point[] {
  const line = squeeze(points);
  if (line.length <= max) return line;
  const buckets = Math.floor((max - 2) / 3);
  const inner = line.length - 2;
  const keep = new Set([0, line.length - 1]);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = 1 + Math.floor((bucket * inner) / buckets);
    const to = 1 + Math.floor(((bucket + 1) * inner) / buckets);
    let low = -1;
    let high = -1;
    let gap = -1;
    for (let i = from; i < to; i++) {
      const value = line[i]?.[1] ?? null;
      if (value === null) gap = i;
      else {
        if (low === -1 || value < (line[low]?.[1] ?? 0)) low = i;
        if (high === -1 || value > (line[high]?.[1] ?? 0)) high = i;
      }
    }
    for (const index of [low, high, gap]) if (index !== -1) keep.add(index);
  }
  return line.filter((_, i) => keep.has(i));
}
