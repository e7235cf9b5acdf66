// `npm run keeper -- --help`
import { CommanderError } from "commander";

import { EXIT, exitCodeOf, explain } from "./exitCode";
import { buildProgram } from "./commands/program";

function fail(error: unknown): void {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.mend; // commander has said what was wrong
  } else {
    console.error(explain(error));
    process.exitCode = exitCodeOf(error);
  }
}

buildProgram().parseAsync().catch(fail);
