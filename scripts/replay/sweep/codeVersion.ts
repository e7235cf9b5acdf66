import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

const ROOT = join(__dirname, "../../..");
/** All that decides what a run does. */
const PLACES = ["artifacts/contracts", "deploy", "scripts/keeper", "scripts/lib", "scripts/replay"];
const FILES = ["scripts/deployTo.ts", "package-lock.json"];

/**
 * A fingerprint of the code that runs a job: compiled contracts, deploy scripts, keeper, replay and the versions of all packages.
 * Two checkouts with the same one give the same results. What only shows results (folders called `report`) is left out.
 */
export function codeVersion(): string {
  const hash = createHash("sha256");
  const inPlaces = PLACES.flatMap((place) =>
    readdirSync(join(ROOT, place), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join("/")),
  ).filter((path) => !path.includes("/report/") && !path.endsWith(".dbg.json") && !path.endsWith(".md"));
  for (const path of [...inPlaces, ...FILES].sort()) {
    const content = readFileSync(join(ROOT, path));
    hash.update(`${path} ${content.length}\n`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}
