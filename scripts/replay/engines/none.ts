import type { Engine, OpenRequest, World } from "../model/engine";

const WAD = 10n ** 18n;

/**
 * No protocol: positions are kept in memory and nobody liquidates them. What a run shows with it is the outside price as it
 * was, and the bad debt that doing nothing would have left.
 */
export function none(world: World): Engine {
  let book: OpenRequest[] = [];
  const change = (position: number, collateral: bigint, debt: bigint): [] => {
    book = book.map((one, index) =>
      index === position ? { ...one, collateral: one.collateral + collateral, debt: one.debt - debt } : one,
    );
    return [];
  };
  return {
    versions: {},
    keepers: [],
    limits: world.markets.map(() => ({ lltv: (83n * WAD) / 100n, maxLtv: (80n * WAD) / 100n })),
    deploy: async () => undefined,
    open: async (requests) => {
      book = [...requests];
    },
    topUp: (position, collateral) => change(position, collateral, 0n),
    repay: (position, assets) => change(position, 0n, assets),
    exit: () => [],
    actKeepers: async () => undefined,
    settle: async () => [],
    kindOf: () => "other",
    positions: async () => book,
    gauges: async () => ({ writtenOff: 0n, lenderLoss: 0n, buffer: null, lanes: null }),
    close: async () => undefined,
  };
}
