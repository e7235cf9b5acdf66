import { readFileSync } from "node:fs";

import { getAddress, isAddress } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../lib";
import { venueSchema } from "./venues/kinds";

const address = z
  .string()
  .refine((text) => isAddress(text), "is not an address: 0x and 40 hex digits")
  .transform((text) => getAddress(text));
const whole = z.coerce.number("is not a number").int("must be a whole number").nonnegative("must not be negative");
const positive = whole.positive("must be above 0");
const amount = z
  .union([z.string(), z.number()])
  .refine((text) => /^\d+$/.test(String(text)), "is not a whole number of smallest units")
  .transform((text) => BigInt(text));

/** Everything that can be set; docs/keeper.md has the table. Amounts in smallest units, fees in wei. */
const settingsSchema = z
  .strictObject({
    rpc: z.array(z.url("is not a URL")).min(1, "is missing; give at least one node"),
    chainId: positive,
    vault: address,
    flashLiquidator: address,
    pools: z.record(address, address).default({}),
    venues: z.record(address, z.array(venueSchema)).default({}),
    capital: z.enum(["flash", "own"], "is neither flash nor own").default("flash"),
    fromBlock: whole.default(0),
    nativeMarket: address.optional(),
    weiPriceE36: amount.optional(),
    profitReceiver: address.optional(),
    minProfit: amount.default(0n),
    maxOrders: positive.default(12),
    maxActions: positive.default(16),
    workAtLoss: z.boolean().default(false),
    maxLossBps: z.int().min(0).max(10_000).default(50),
    buyInventory: z.boolean().default(true),
    priorityFee: amount.default(1_000_000_000n),
    maxFeePerGas: amount.default(10_000_000_000_000n),
    stuckBlocks: positive.default(3),
    checkBlocks: positive.default(100),
    logChunk: positive.default(10_000),
    store: z.string().min(1).default("keeper.sqlite"),
    metricsPort: whole.max(65_535, "must be at most 65535").default(9464),
    pollInterval: positive.default(1000),
    maxLag: whole.default(120),
    rpcTimeout: positive.default(10_000),
    dryRun: z.boolean().default(false),
  })
  .refine((settings) => (settings.nativeMarket === undefined) !== (settings.weiPriceE36 === undefined), {
    path: ["nativeMarket"],
    error: "give either nativeMarket, the market of the chain's own coin, or weiPriceE36, so that gas can be priced",
  });

export type Settings = z.output<typeof settingsSchema>;

/**
 * Checks settings from a file and from the command line, which goes first.
 * @throws SpillwayError `BAD_CONFIG`, naming the field.
 */
export function parseSettings(file: unknown, options: Record<string, unknown>): Settings {
  const fromFile = z.record(z.string(), z.unknown()).safeParse(file);
  if (!fromFile.success) throw new SpillwayError("BAD_CONFIG", "config: must be a JSON object of settings.");
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings: Record<string, unknown> = { ...fromFile.data, ...Object.fromEntries(given) };
  const parsed = settingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  throw new SpillwayError(
    "BAD_CONFIG",
    parsed.error.issues
      .slice(0, 1)
      .map((issue) => describe(issue, settings))
      .join(),
  );
}

/** Reads a JSON file of settings. @throws SpillwayError `BAD_CONFIG`. */
export function readSettingsFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SpillwayError("BAD_CONFIG", `config: ${path} can't be read as JSON: ${why}`, { cause });
  }
}

/** The signer's key from the environment. @throws SpillwayError `BAD_CONFIG`; never shows the key. */
export function readPrivateKey(env: NodeJS.ProcessEnv): string {
  const key = env["KEEPER_PRIVATE_KEY"];
  if (key === undefined || key === "") {
    throw new SpillwayError("BAD_CONFIG", "KEEPER_PRIVATE_KEY: is not set; put the signer's private key there.");
  }
  if (!/^0x[0-9a-f]{64}$/i.test(key)) {
    throw new SpillwayError("BAD_CONFIG", "KEEPER_PRIVATE_KEY: is not a private key: 0x and 64 hex digits.");
  }
  return key;
}

function describe(issue: z.core.$ZodIssue, settings: Record<string, unknown>): string {
  if (issue.code === "unrecognized_keys") return `${issue.keys.join(", ")}: no such setting; see --help.`;
  const field = issue.path.join(".") || "config";
  const missing = issue.code === "invalid_type" && settings[field] === undefined;
  return `${field}: ${missing ? "is missing" : issue.message}.`;
}
