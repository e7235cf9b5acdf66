import type { CollateralAsset } from "../../model/scenario";

const WAD = 10n ** 18n;
const YEAR = 365n * 86_400n;

/**
 * Morpho Blue as on Ethereum mainnet.
 *
 * lltv: 86 %, that of the WBTC/USDC market and of the main WETH/USDC market there (app.morpho.org, 2024). The bonus follows from it in the
 * code: 1 / (1 − 0.3 · (1 − lltv)), which is 4.38 %. LUNA: an assumption, 62.5 %, the next of Morpho's enabled lltvs below 77 %
 * (bonus 12.7 %). Rate: fixed at 4 % a year, where Morpho's own adaptive model begins
 * at its target utilisation ("AdaptiveCurveIRM", docs.morpho.org); that model has no npm package. No protocol fee.
 */
export const parameters = {
  lltv: { ETH: (86n * WAD) / 100n, BTC: (86n * WAD) / 100n, LUNA: (625n * WAD) / 1000n } satisfies Record<
    CollateralAsset,
    bigint
  >,
  /** Wad per second. */
  ratePerSecond: (4n * WAD) / 100n / YEAR,
};
