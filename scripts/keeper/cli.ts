// `npm run keeper -- --help`
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { pino } from "pino";

import { SpillwayError } from "../lib";
import { parseSettings, readPrivateKey, readSettingsFile } from "./config";
import { fleetCommand } from "./commands/fleet";
import { run } from "./run";

/** Exit code for settings that can't be used; 1 is for what went wrong later. */
const BAD_START = 2;

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function collectPool(value: string, before: Record<string, string> | undefined): Record<string, string> {
  const [collateral, pool, ...rest] = value.split("=");
  if (!collateral || !pool || rest.length > 0) throw new InvalidArgumentError("It must be COLLATERAL=POOL.");
  return { ...before, [collateral]: pool };
}

const program = new Command("keeper")
  .description(
    "Opens the lanes of one Spillway vault, buys from them, has the buffer absorb what is urgent, sells its inventory and\n" +
      "fulfils redemptions, where that pays for its gas. Needs no capital but gas. Reads its private key from\n" +
      "KEEPER_PRIVATE_KEY. Every option can also stand in the config file, under its name in camelCase; docs/keeper.md\n" +
      "has them all. Amounts are in smallest units, fees in wei.",
  )
  .option("--config <file>", "JSON file of settings; options given here go first")
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
  .option("--metrics-port <port>", "port of /metrics and /health on 127.0.0.1, 0 for none (default: 9464)")
  .option("--poll-interval <ms>", "milliseconds between looks for a new block (default: 1000)")
  .option("--max-lag <seconds>", "don't act on blocks older than this, 0 for any age (default: 120)")
  .option("--dry-run", "decide, but send nothing")
  .option("--redis <url>", "share the work with the other keepers of the fleet that meets at this Redis")
  .option("--fleet <name>", "the fleet's name (default: default)")
  .option("--member <name>", "what this keeper is called in it (default: after its host)")
  .enablePositionalOptions() // what stands after a command is the command's
  .exitOverride()
  .addCommand(fleetCommand())
  .action(start);

async function start(): Promise<void> {
  const { config, pool, ...options } = program.opts<Record<string, unknown>>();
  const file = typeof config === "string" ? readSettingsFile(config) : {};
  const settings = parseSettings(file, { ...options, pools: pool });
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  await run(settings, readPrivateKey(process.env), pino({ name: "keeper" }), stop.signal);
}

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : BAD_START; // commander has said what was wrong
  } else if (error instanceof SpillwayError) {
    console.error(`error: ${error.message}`);
    process.exitCode = BAD_START;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
});
