/** What is the same for one borrower at every engine: the distance of its LTV from the engine's own lltv, or the LTV. */
export const MATCHES = ["distance", "ltv"] as const;
export type Match = (typeof MATCHES)[number];

/**
 * How Spillway's keeper behaves: it acts only where that pays, or serves the protocol at a loss too. The peers' liquidator
 * always acts for profit.
 */
export const KEEPERS = ["profit", "service"] as const;
export type Keepers = (typeof KEEPERS)[number];
