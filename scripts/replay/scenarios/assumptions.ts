import type { ScenarioInput } from "../model/scenario";

/**
 * What no record tells and every scenario has to assume; the same figures in all of them, whatever they are about.
 *
 * - `feed`: the settings of Chainlink's ETH / USD and BTC / USD on mainnet; a minute from seeing a price to having it on chain.
 * - `feedback`: half of what a forced sale moves stays in the outside price and fades with a half-life of 4 hours. Between
 *   the nothing of a venue that is only one of many and the all of one that makes the price.
 * - `arbitrage`: what forced sales leave between pool and outside is closed by at most 5 % of the price a minute.
 * - `borrowers.distance`: an average LTV of about 41 %, as books of ETH against stablecoins have. It leaves a book that still
 *   liquidates several times what Aave and Maker had to on record: on 19 May 2021 ETH fell by 46 % and about $157.5M of Aave v2's debt was
 *   liquidated, a few per cent of it.
 * - `borrowers`, otherwise: many small and a few large positions, none smaller than $5,000; two of five look after theirs, within minutes
 *   to hours, half of them by repaying, with 5 to 40 % of what they put in.
 * - `lenders`: four fifths of what is supplied is lent out.
 * - Nobody leaves and no keeper is out, unless the scenario is about that.
 */
export const assumptions = {
  feed: { deviationPct: 0.5, heartbeatSeconds: 3600, delaySeconds: 60, lags: [] },
  feedback: { persistentShare: 0.5, halfLifeSeconds: 4 * 3600 },
  arbitrage: { capacityPctPerMinute: 5 },
  borrowers: {
    count: 200,
    medianUsd: 30_000,
    sizeSigma: 1.2,
    minUsd: 5_000,
    distance: { mean: 0.5, deviation: 0.18, min: 0.05, max: 0.85 },
    watchful: {
      share: 0.4,
      actsBelowHealth: [1.03, 1.15],
      delayMinutes: [2, 90],
      restoresToHealth: 1.25,
      budgetShare: [0.05, 0.4],
      repayShare: 0.5,
    },
  },
  lenders: { utilisation: 0.8 },
  exits: [],
  keeperOutages: [],
} satisfies Partial<ScenarioInput>;
