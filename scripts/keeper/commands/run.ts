import { Command } from "commander";
import { pino } from "pino";

import { openSigners } from "../keys/open";
import { run } from "../run";
import { settingsOf, withSettings } from "./options";

export function runCommand(): Command {
  const command = new Command("run").description(
    "(default) Opens the lanes of one Spillway vault, buys from them, has the buffer absorb what is urgent, sells its\n" +
      "inventory and fulfils redemptions, where that pays for its gas. Needs no capital but gas. Its key comes from a\n" +
      "keystore, an external signer or KEEPER_PRIVATE_KEY. Every option can also stand in the config file, under its name in\n" +
      "camelCase, or in the environment, as KEEPER_MIN_PROFIT for --min-profit; docs/keeper.md has them all. Amounts are in\n" +
      "smallest units, fees in wei.",
  );
  return withSettings(command).action(async () => {
    const settings = settingsOf(command.opts(), process.env);
    const stop = new AbortController();
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
    const signers = await openSigners(settings, process.env);
    await run(settings, signers, pino({ name: "keeper" }), stop.signal);
  });
}
