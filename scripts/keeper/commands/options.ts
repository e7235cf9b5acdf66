import { type Command, InvalidArgumentError } from "commander";

import { parseSettings, readSettingsFile, type Settings } from "../config";

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function collectPool(value: string, before: Record<string, string> | undefined): Record<string, string> {
  const [collateral, pool, ...rest] = value.split("=");
  if (!collateral || !pool || rest.length > 0) throw new InvalidArgumentError("It must be COLLATERAL=POOL.");
  return { ...before, [collateral]: pool };
}

/** Adds the options that stand for settings. */
export function withSettings(command: Command): Command {
  return command
    .option(
      "--config <file>",
      "JSON file of settings (also KEEPER_CONFIG); KEEPER_… variables and options go before it",
    )
    .option("--rpc <url>", "node to use; give it again for nodes to fall back on", collect)
    .option("--chain-id <id>", "chain that the node must be on")
    .option("--vault <address>", "the vault")
    .option("--flash-liquidator <address>", "the flash liquidator to buy through")
    .option("--pool <collateral=pool>", "Uniswap v3 pool that a collateral is sold on; again for each", collectPool)
    .option("--from-block <number>", "block of the vault's deployment, or one before it")
    .option("--native-market <address>", "market of the chain's own coin; its price prices gas")
    .option("--wei-price-e36 <number>", "loan asset for a wei times 1e36, where there is no such market")
    .option("--profit-receiver <address>", "where profits go (default: the signer)")
    .option("--min-profit <amount>", "least profit of a buy after gas, in loan asset")
    .option("--work-at-loss", "do also what nobody pays for, within maxLossBps")
    .option("--max-fee-per-gas <wei>", "never pay more for a unit of gas (default: 10,000 gwei)")
    .option("--store <file>", "SQLite file that survives restarts (default: keeper.sqlite)")
    .option(
      "--metrics-port <port>",
      "port of the page, /metrics, /healthz and /readyz on 127.0.0.1, 0 for none (default: 9464)",
    )
    .option("--poll-interval <ms>", "milliseconds between looks for a new block (default: 1000)")
    .option("--max-lag <seconds>", "don't act on blocks older than this, 0 for any age (default: 120)")
    .option("--dry-run", "do everything but send, and print what would be sent")
    .option("--keystore <file>", "encrypted keystore to sign with; again for each", collect)
    .option("--keystore-password-file <file>", "its password, in a file of mode 600 (or KEEPER_KEYSTORE_PASSWORD)")
    .option("--signer-url <url>", "external signer that speaks web3signer's API")
    .option("--signer-addresses <address...>", "which of its accounts to use")
    .option("--redis <url>", "share the work with the other keepers of the fleet that meets at this Redis")
    .option("--fleet <name>", "the fleet's name (default: default)")
    .option("--member <name>", "what this keeper is called in it (default: after its host)");
}

/** The settings, of the options that {@link withSettings} added. @throws SpillwayError `BAD_CONFIG`. */
export function settingsOf(given: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): Settings {
  const { config = env["KEEPER_CONFIG"], pool, ...options } = given;
  const file = typeof config === "string" && config !== "" ? readSettingsFile(config) : {};
  return parseSettings(file, { ...options, pools: pool }, env);
}
