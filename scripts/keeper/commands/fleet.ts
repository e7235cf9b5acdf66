import Table from "cli-table3";
import { Command } from "commander";

import { type FleetStatus, readFleets } from "../coordination/status";

/** `keeper fleet status`. Errors: as `readFleets`. */
export function fleetCommand(): Command {
  const status = new Command("status")
    .exitOverride()
    .description("Shows the fleets that use a Redis: members, roles, jobs, lag.")
    .requiredOption("--redis <url>", "such as redis://127.0.0.1:6379")
    .option("--fleet <name>", "only the fleets of this name")
    .option("--json", "as JSON, one array of fleets")
    .action(async ({ redis, fleet, json }: { redis: string; fleet?: string; json?: true }) => {
      const fleets = await readFleets(redis, fleet);
      process.stdout.write(json ? `${JSON.stringify(fleets, undefined, 2)}\n` : fleets.map(render).join("\n"));
    });
  return new Command("fleet").exitOverride().description("Looks at keepers that work together.").addCommand(status);
}

function render({ fleet, redis, lease, members, jobs, underWay }: FleetStatus): string {
  const table = new Table({
    head: ["member", "host", "role", "signers", "head", "lag", "book", "pending", "seen"],
    style: { head: [], border: [] },
  });
  for (const member of members) {
    const { id, host, role, signers, head, lagSeconds, positions, pending, seenMsAgo } = member;
    const seen = `${(seenMsAgo / 1000).toFixed(1)} s ago`;
    table.push([id, host, role, signers.join("\n"), head, `${lagSeconds} s`, positions, pending, seen]);
  }
  const { waiting, active, done, failed, refused, takenOver } = jobs;
  const watcher =
    lease === undefined ? "no watcher" : `watcher ${lease.holder}, lease ${(lease.leftMs / 1000).toFixed(1)} s`;
  return [
    `${fleet} at ${redis}: ${watcher}`,
    table.toString(),
    `jobs: ${waiting} waiting, ${active} active, ${done} done, ${failed} failed, ${refused} refused, ${takenOver} of dead members`,
    ...underWay.map(({ job, member, block }) => `  ${job} by ${member} since block ${block}`),
    "",
  ].join("\n");
}
