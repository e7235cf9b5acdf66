/** Reasons that aren't the name of a contract's error. */
const OWN_REASONS = new Set([
  ...["gas", "unprofitable", "buffer-full", "no-venue", "lane-closed", "diverged", "in-trouble", "behind"],
  ...[
    "price-unavailable",
    "node-lags",
    "dry-run",
    "outrun",
    "not-seen",
    "budget",
    "no-funds",
    "own",
    "pending",
    "stopping",
  ],
]);

/** A reason as a metric's label: few values, no figures. */
export function labelOf(reason: string): string {
  const name = /^(\w+)\(/.exec(reason)?.[1];
  return name ?? (OWN_REASONS.has(reason) ? reason : "other");
}
