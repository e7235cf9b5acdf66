import { readFileSync } from "node:fs";

import { getAddress, isAddress } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../lib";
import { sendingSettings } from "./sender/settings";
import { venueSchema } from "./venues/kinds";

const address = z
  .string()
  .refine((text) => isAddress(text), "is not an address: 0x and 40 hex digits")
  .transform((text) => getAddress(text));
const whole = z.coerce.number("is not a number").int("must be a whole number").nonnegative("must not be negative");
const positive = whole.positive("must be above 0");
const name = z.string().regex(/^[\w.-]{1,100}$/, "must be of letters, digits, dots, dashes and underscores");
const amount = z
  .union([z.string(), z.number()])
  .refine((text) => /^\d+$/.test(String(text)), "is not a whole number of smallest units")
  .transform((text) => BigInt(text));

/** Everything that can be set; docs/keeper.md has the table. Amounts in smallest units, fees in wei. */
const settingsSchema = z
  .strictObject({
    rpc: z
      .array(z.url({ protocol: /^(https?|wss?)$/, error: "is not a URL of http(s):// or ws(s)://" }))
      .min(1, "is missing; give at least one node"),
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
    maxLossBps: whole.max(10_000, "must be at most 10000").default(50),
    buyInventory: z.boolean().default(true),
    priorityFee: amount.default(1_000_000_000n),
    maxFeePerGas: amount.default(10_000_000_000_000n),
    stuckBlocks: positive.default(3),
    ...sendingSettings,
    checkBlocks: positive.default(100),
    auditPositions: whole.max(2_000, "must be at most 2000").default(500),
    logChunk: positive.default(10_000),
    store: z.string().min(1).default("keeper.sqlite"),
    metricsPort: whole.max(65_535, "must be at most 65535").default(9464),
    pollInterval: positive.default(1000),
    maxLag: whole.default(120),
    rpcTimeout: positive.default(10_000),
    dryRun: z.boolean().default(false),
    keystore: z.array(z.string().min(1)).default([]),
    keystorePasswordFile: z.string().min(1).optional(),
    signerUrl: z.url("is not a URL").optional(),
    signerAddresses: z.array(address).default([]),
    redis: z
      .string()
      .refine(
        (text) => URL.canParse(text) && /^rediss?:\/\/./.test(text),
        "is not the address of a Redis, such as redis://127.0.0.1:6379",
      )
      .optional(),
    fleet: name.default("default"),
    member: name.optional(),
  })
  .refine((settings) => (settings.nativeMarket === undefined) !== (settings.weiPriceE36 === undefined), {
    path: ["nativeMarket"],
    error: "give either nativeMarket, the market of the chain's own coin, or weiPriceE36, so that gas can be priced",
  });

export type Settings = z.output<typeof settingsSchema>;

/** An example of each, as it would stand in the file. */
const EXAMPLES: Readonly<Record<keyof Settings, unknown>> = {
  rpc: ["https://node.example"],
  chainId: 1,
  vault: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  flashLiquidator: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
  pools: { "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2": "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640" },
  venues: {
    "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2": [
      { kind: "uniswap-v2", pair: "0xB4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc" },
    ],
  },
  capital: "flash",
  fromBlock: 21_000_000,
  nativeMarket: "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
  weiPriceE36: "3000000000000000000000000000",
  profitReceiver: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  minProfit: "5000000",
  maxOrders: 12,
  maxActions: 16,
  workAtLoss: true,
  maxLossBps: 50,
  buyInventory: false,
  priorityFee: "1000000000",
  maxFeePerGas: "10000000000000",
  stuckBlocks: 3,
  relays: [{ url: "https://relay.example", method: "eth_sendPrivateTransaction" }],
  publicAfterBlocks: 2,
  lossPerTransaction: "200000000000000000",
  lossPerHour: "1000000000000000000",
  lossPerKind: { open: "50000000000000000" },
  drainTimeout: 5000,
  checkBlocks: 100,
  auditPositions: 500,
  logChunk: 10_000,
  store: "keeper.sqlite",
  metricsPort: 9464,
  pollInterval: 1000,
  maxLag: 120,
  rpcTimeout: 10_000,
  dryRun: true,
  keystore: ["keystore.json"],
  keystorePasswordFile: "keystore.password",
  signerUrl: "http://127.0.0.1:9000",
  redis: "redis://127.0.0.1:6379",
  fleet: "default",
  member: "first",
  signerAddresses: ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
};

/** The environment's name of a setting: `minProfit` is KEEPER_MIN_PROFIT. */
export function environmentName(setting: string): string {
  return `KEEPER_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Every setting's name. */
export const SETTING_NAMES: readonly string[] = Object.keys(EXAMPLES);

/**
 * Checks settings from a file, from the environment, which overrides it, and from the command line, which overrides both.
 * @throws SpillwayError `BAD_CONFIG`, naming the field, what is wrong with it, and an example.
 */
export function parseSettings(file: unknown, options: Record<string, unknown>, env: NodeJS.ProcessEnv = {}): Settings {
  const fromFile = z.record(z.string(), z.unknown()).safeParse(file);
  if (!fromFile.success) {
    throw new SpillwayError("BAD_CONFIG", 'config: must be a JSON object of settings, like { "chainId": 1 }.');
  }
  refuseSecrets(fromFile.data, []);
  const fromEnvironment = readEnvironment(env);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: Record<string, unknown> = { ...fromFile.data, ...fromEnvironment, ...given };
  const parsed = settingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const source = (field: string): Source => (field in given ? "option" : field in fromEnvironment ? "env" : "file");
  throw new SpillwayError(
    "BAD_CONFIG",
    issue === undefined ? "config: is not valid." : describe(issue, settings, source),
  );
}

/** Reads a JSON file of settings. @throws SpillwayError `BAD_CONFIG`; shows nothing of what stands in it. */
export function readSettingsFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new SpillwayError("BAD_CONFIG", `config: ${path} can't be read (${why}); write one with init.`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SpillwayError("BAD_CONFIG", `config: ${path} can't be read as JSON: ${whereBroken(cause, text)}.`);
  }
}

/** Variables that are no settings: what is read elsewhere, and secrets by their ending. */
const NO_SETTING = /^KEEPER_(CONFIG|LOG)$|_(KEY|KEYS|PASSWORD|TOKEN)$/;

/** Settings from KEEPER_… variables: JSON where it is a list, an object or a boolean, else the text. An empty one counts as not set. */
function readEnvironment(env: NodeJS.ProcessEnv): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  const byVariable = new Map(SETTING_NAMES.map((name) => [environmentName(name), name]));
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith("KEEPER_") || NO_SETTING.test(variable) || text === undefined || text === "") continue;
    const name = byVariable.get(variable);
    if (name === undefined) {
      throw new SpillwayError(
        "BAD_CONFIG",
        `${variable}: no such setting; docs/keeper.md lists them, like KEEPER_RPC.`,
      );
    }
    settings[name] = valueOf(name, variable, text);
  }
  return settings;
}

function valueOf(name: string, variable: string, text: string): unknown {
  if (/^(true|false)$|^[[{]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch (cause) {
      const example = `${variable}='${JSON.stringify(exampleOf(name))}'`;
      throw new SpillwayError("BAD_CONFIG", `${variable}: ${whereBroken(cause, text)}; for example ${example}.`);
    }
  }
  if (!Array.isArray(exampleOf(name))) return text;
  return text.split(",").map((part) => part.trim());
}

const SECRET_NAME = /(private|secret|signing)_?key|mnemonic|password$|^seed/i;
const KEY_VALUE = /^(0x)?[0-9a-f]{64}$/i;

/** Keys never stand in a config file: it is copied, shown and committed. */
function refuseSecrets(value: unknown, path: string[]): void {
  const isSecret = SECRET_NAME.test(path.at(-1) ?? "") || (typeof value === "string" && KEY_VALUE.test(value));
  if (isSecret) {
    throw new SpillwayError(
      "BAD_CONFIG",
      `${path.join(".")}: looks like a key or a password, which never stands in a config file; remove it and use a keystore, KEEPER_PRIVATE_KEY or signerUrl.`,
    );
  }
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) refuseSecrets(inner, [...path, name]);
}

/** Where JSON breaks off, without the text around it, which may hold a secret. */
function whereBroken(cause: unknown, text: string): string {
  const message = cause instanceof Error ? cause.message : "";
  const place = /position (\d+)/.exec(message)?.[1];
  if (/end of JSON input/.test(message) || Number(place) >= text.trimEnd().length) {
    return "it ends too early; was it written to the end?";
  }
  if (place === undefined) return "it is not JSON";
  const before = text.slice(0, Number(place)).split("\n");
  return `it is not JSON at line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
}

type Source = "file" | "env" | "option";

function describe(
  issue: z.core.$ZodIssue,
  settings: Record<string, unknown>,
  sourceOf: (field: string) => Source,
): string {
  if (issue.code === "unrecognized_keys") {
    return `${issue.keys.join(", ")}: no such setting; docs/keeper.md lists them, like "minProfit".`;
  }
  const [name = "config"] = issue.path.map(String);
  const field = issue.path.join(".") || "config";
  const missing = issue.code === "invalid_type" && settings[field] === undefined;
  const mistyped = issue.code === "invalid_type" && issue.message.startsWith("Invalid input"); // zod's own words
  const what = missing ? "is missing" : mistyped ? `must be of type ${issue.expected}` : issue.message;
  return `${field}: ${what}; for example ${exampleFor(name, sourceOf(name))}.`;
}

function exampleOf(name: string): unknown {
  return (EXAMPLES as Record<string, unknown>)[name];
}

/** The example as it is written where the value came from. */
function exampleFor(name: string, source: Source): string {
  const example = exampleOf(name);
  if (source === "file") return `"${name}": ${JSON.stringify(example)}`;
  const text = Array.isArray(example) ? example.join(",") : JSON.stringify(example).replace(/^"(.*)"$/, "$1");
  if (source === "env") return `${environmentName(name)}=${text}`;
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${text}`;
}
