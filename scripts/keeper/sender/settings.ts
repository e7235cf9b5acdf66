import { Wallet } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../../lib";
import type { LossLimits } from "./LossBudget";
import { HttpRelay, RELAY_METHODS, type Relay, type RelaySettings } from "./relay";

const wei = z
  .union([z.string(), z.number()])
  .refine((text) => /^\d+$/.test(String(text)), "is not a whole number of wei")
  .transform((text) => BigInt(text));

/** Settings of how transactions are sent; docs/keeper.md has the table. */
export const sendingSettings = {
  relays: z
    .array(
      z.strictObject({
        url: z.url({ protocol: /^https?$/, error: "is not an http or https URL" }),
        method: z.enum(RELAY_METHODS, `must be one of ${RELAY_METHODS.join(", ")}`),
      }),
    )
    .default([]),
  publicAfterBlocks: z.int("must be a whole number").positive("must be above 0").default(2),
  lossPerTransaction: wei.default(200_000_000_000_000_000n),
  lossPerHour: wei.default(1_000_000_000_000_000_000n),
  lossPerKind: z.record(z.string(), wei).default({}),
  drainTimeout: z.int("must be a whole number").nonnegative("must not be negative").default(5_000),
};

/** The loss budgets that were set. */
export function lossLimitsOf(settings: {
  lossPerTransaction: bigint;
  lossPerHour: bigint;
  lossPerKind: Record<string, bigint>;
}): LossLimits {
  const { lossPerTransaction: perTransaction, lossPerHour: perHour, lossPerKind: perKind } = settings;
  return { perTransaction, perHour, perKind };
}

/**
 * The relays that were set, signed for by the key of `KEEPER_RELAY_KEY` where there is one.
 * @param onTrouble Told what went wrong with one.
 * @throws SpillwayError `BAD_CONFIG`; never shows the key.
 */
export function openRelays(
  relays: readonly RelaySettings[],
  env: NodeJS.ProcessEnv,
  onTrouble: (reason: string) => void,
): Relay[] {
  const key = env["KEEPER_RELAY_KEY"];
  if (key !== undefined && !/^0x[0-9a-f]{64}$/i.test(key)) {
    throw new SpillwayError("BAD_CONFIG", "KEEPER_RELAY_KEY: is not a private key: 0x and 64 hex digits.");
  }
  const auth = key === undefined ? undefined : new Wallet(key);
  return relays.map((relay) => new HttpRelay(relay, auth, onTrouble));
}
