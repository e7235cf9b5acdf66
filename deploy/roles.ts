/**
 * Who may do what, by role of the AccessManager.
 *
 * ADMIN: grants roles and says what they may do. Held by the governor, behind the timelock.
 * GOVERNOR: all that touches risk. Held by the governor, behind the timelock.
 * GUARDIAN: pauses new borrowing and ends the pause, at once. Held by the guardian and by the governor, since a role can't
 * hold a function for one of its two values only: a guardian who ends a pause too early is overruled by taking its role.
 */
export const ROLES = { ADMIN: 0n, GOVERNOR: 1n, GUARDIAN: 2n } as const;

/** Functions that a role may call. `Vault.link` is not here: it stays the admin's, and works once. */
export const PRIVILEGES = [
  { contract: "Vault", role: "GOVERNOR", functions: ["setMarket", "setInterestShares", "withdrawReserves"] },
  { contract: "Vault", role: "GUARDIAN", functions: ["setBorrowPaused"] },
  { contract: "AuctionHouse", role: "GOVERNOR", functions: ["setLane", "setPay"] },
  { contract: "LiquidityBuffer", role: "GOVERNOR", functions: ["setInventoryParameters", "setCooldown"] },
] as const;
