import { Command } from "commander";

import { environmentName, readSettingsFile } from "../config";
import { asJson, asTable } from "../explain/report";
import { parseSince } from "../explain/since";
import { OpportunityTable } from "../store/OpportunityTable";
import { readCopy } from "../store/readCopy";

export function postmortemCommand(): Command {
  const command = new Command("postmortem")
    .description(
      "Says of each opportunity that another took why this keeper did not, who did, and what it would have earned.",
    )
    .option("--since <when>", "block, time (2026-11-24T12:00Z), or so long ago (90m, 1h, 2d); all of them without")
    .option("--config <file>", "the keeper's config file (also KEEPER_CONFIG)")
    .option("--store <file>", "the keeper's store (default: keeper.sqlite); it may be running")
    .option("--json", "print JSON instead of a table");
  return command.action(async () => {
    const options = command.opts<{ since?: string; config?: string; store?: string; json?: true }>();
    const since = options.since === undefined ? undefined : parseSince(options.since, Date.now());
    const opportunities = await readCopy(storeOf(options, process.env), (database) => {
      const known = database.get("SELECT 1 FROM sqlite_master WHERE name = 'opportunities'") !== null;
      if (!known) throw new Error("it has no opportunities");
      const all = <T>(sql: string, values: (string | number | null)[] = []): T[] => database.all(sql, values) as T[];
      return new OpportunityTable({ all, run: () => undefined, write: () => false }).all(since);
    });
    console.log(options.json === true ? asJson(opportunities) : asTable(opportunities));
  });
}

/** The store's path: by option, environment, or config file, in that order. */
function storeOf({ store, config }: { store?: string; config?: string }, env: NodeJS.ProcessEnv): string {
  const given = [store, env[environmentName("store")]].find((path) => path !== undefined && path !== "");
  if (given !== undefined) return given;
  const file = config ?? env["KEEPER_CONFIG"] ?? "";
  const settings = file === "" ? {} : (readSettingsFile(file) as { store?: unknown } | null);
  return typeof settings?.store === "string" ? settings.store : "keeper.sqlite";
}
