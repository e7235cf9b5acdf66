import { Command } from "commander";
export function postmortemCommand(): Command {
  return new Command("postmortem");
}
