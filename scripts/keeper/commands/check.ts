import { Command, InvalidArgumentError } from "commander";

import { check } from "../check/check";
import { asTable, exitCodeFor } from "../check/finding";
import { settingsOf, withSettings } from "./options";

function parseCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("It must be a whole number, like 200.");
  return Number(text);
}

export function checkCommand(): Command {
  const command = new Command("check").description(
    "Verifies config, nodes, keys, contracts, balances, markets and store, and tries the keeper's work on a fork of the chain:\n" +
      "makes positions liquidatable there and tries to open, buy and absorb each. Sends nothing to the chain. Ends with 0 where\n" +
      "all is well, 2 where something must be mended, 3 where it may pass.",
  );
  return withSettings(command)
    .option("--positions <number>", "the most positions to try, riskiest first; 0 for none", parseCount, 200)
    .option("--json", "print JSON instead of a table")
    .action(async () => {
      const { positions, json, ...rest } = command.opts<{ positions: number; json?: true }>();
      const findings = await check(settingsOf(rest, process.env), process.env, { positions });
      console.log(json === true ? JSON.stringify(findings, undefined, 2) : asTable(findings));
      process.exitCode = exitCodeFor(findings);
    });
}
