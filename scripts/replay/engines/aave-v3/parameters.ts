import type { CollateralAsset } from "../../model/scenario";

/**
 * The Ethereum mainnet market of Aave v3 as it stood in September 2024. `@aave/core-v3` has no deficit handling and a close
 * factor of 50 % (100 % from a health of 0.95 down); later releases of the protocol changed both.
 *
 * Sources, all on governance.aave.com: "ARFC: Chaos Labs Risk Parameter Updates - LTV and LT Alignment" (September 2024) for WETH;
 * "ARFC: Adjusting WBTC Parameters to Address BitGo Transition Risks" (September 2024), its values before the change, for WBTC;
 * "ARFC: Increase Borrow Slope1 to all Stablecoins across all Aave Instances" (November 2024), its values before the change, for
 * USDC's slopes; "ARC: Aave V3 Ethereum Deployment: Assets and Configurations" (2022) for bonuses, protocol fee and reserve factor,
 * the bonuses as later set to 5 %. It never listed LUNA: those figures are assumptions, a threshold of 62.5 % as in every engine here, and
 * the rest about what it gave to SNX and BAL, the most volatile collaterals that it had.
 */
export const parameters = {
  marketId: "Aave Ethereum Market",
  collaterals: {
    ETH: { ltvBps: 8_050n, thresholdBps: 8_300n, bonusBps: 500n, protocolFeeBps: 1_000n },
    BTC: { ltvBps: 7_300n, thresholdBps: 7_800n, bonusBps: 500n, protocolFeeBps: 1_000n },
    LUNA: { ltvBps: 5_500n, thresholdBps: 6_250n, bonusBps: 850n, protocolFeeBps: 1_000n },
  } satisfies Record<CollateralAsset, CollateralParameters>,
  loan: { reserveFactorBps: 1_000n, optimalUsageBps: 9_200n, baseRateBps: 0n, slope1Bps: 550n, slope2Bps: 7_500n },
};

/** In Bps; the bonus on top of the debt's worth, the protocol's fee as a share of the bonus. */
export interface CollateralParameters {
  ltvBps: bigint;
  thresholdBps: bigint;
  bonusBps: bigint;
  protocolFeeBps: bigint;
}
