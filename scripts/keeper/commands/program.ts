import { Command } from "commander";

import { checkCommand } from "./check";
import { fleetCommand } from "./fleet";
import { initCommand } from "./init";
import { postmortemCommand } from "./postmortem";
import { runCommand } from "./run";

const outputError = (text: string, write: (text: string) => void): void => write(`${text.trimEnd()} (BAD_INPUT)\n`);

/** The command line: `run` is what is meant where no command is named. */
export function buildProgram(): Command {
  const program = new Command("keeper")
    .description(
      "The keeper of a Spillway vault. See docs/keeper.md; `keeper help COMMAND` has each command's options.",
    )
    .exitOverride()
    .configureOutput({ outputError });
  for (const command of [runCommand(), initCommand(), checkCommand(), postmortemCommand(), fleetCommand()]) {
    // what is inherited only by `command(name)`: throw, so that all exit codes are given in one place
    command.exitOverride().configureOutput({ outputError });
    program.addCommand(command, { isDefault: command.name() === "run" });
  }
  return program;
}
