import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { SpillwayError } from "../lib";
import { renderCsv } from "./report/csv";
import { renderReport } from "./report/html";
import type { Replay } from "./run";

/** What a replay can be written as. */
export const FORMATS = ["json", "csv", "html"] as const;
export type Format = (typeof FORMATS)[number];

/** What an earlier run may have written to a folder: files, and folders that each hold one replay. */
export interface OwnNames {
  files: readonly string[];
  folders: readonly string[];
}
const ONE_REPLAY: OwnNames = { files: ["result.json", "series.json", "result.csv", "index.html"], folders: [] };

/** Formats with commas between. Throws `BAD_INPUT`, naming those there are. */
export function parseFormats(text: string): Format[] {
  return text.split(",").map((word) => {
    const found = FORMATS.find((format) => format === word.trim());
    if (!found) throw new SpillwayError("BAD_INPUT", `--format ${text}: there are ${FORMATS.join(", ")}`);
    return found;
  });
}

/** The files of a replay in these formats, by their names. */
export function replayFiles({ result, series }: Replay, formats: readonly Format[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  if (formats.includes("json")) {
    files.set("result.json", json(result)).set("series.json", `${JSON.stringify(series)}\n`);
  }
  if (formats.includes("csv")) files.set("result.csv", renderCsv(result));
  if (formats.includes("html")) files.set("index.html", renderReport(result, series));
  return files;
}

/** JSON for a file. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * Sees before a run whether its results can be written. Throws `OUT_NOT_EMPTY` for a folder with something in it, which
 * `overwrite` allows if that is an earlier replay and nothing else; `BAD_INPUT` for a path that can't be a folder.
 */
export function checkOutput(folder: string, overwrite: boolean, own: OwnNames = ONE_REPLAY): void {
  const path = resolve(folder);
  if (existsSync(path)) {
    if (!statSync(path).isDirectory())
      throw new SpillwayError("BAD_INPUT", `--out ${folder} is a file; it must be a folder`);
    const found = readdirSync(path);
    const foreign = foreignIn(path, own);
    if (foreign !== undefined) {
      throw new SpillwayError(
        "OUT_NOT_EMPTY",
        `--out ${folder} holds ${foreign}, which no replay wrote; choose another folder`,
      );
    }
    if (found.length > 0 && !overwrite) {
      throw new SpillwayError(
        "OUT_NOT_EMPTY",
        `--out ${folder} holds an earlier replay; choose another folder or add --overwrite`,
      );
    }
  }
  try {
    mkdirSync(dirname(path), { recursive: true });
    accessSync(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new SpillwayError("BAD_INPUT", `can't write to ${dirname(folder)}, where --out is to be`, { cause });
  }
}

/** The first thing in a folder that no replay wrote, if there is any. */
function foreignIn(path: string, own: OwnNames): string | undefined {
  for (const name of readdirSync(path)) {
    const inner = join(path, name);
    if (own.folders.includes(name) && statSync(inner).isDirectory()) {
      const found = foreignIn(inner, ONE_REPLAY);
      if (found !== undefined) return join(name, found);
    } else if (!own.files.includes(name)) return name;
  }
  return undefined;
}

/** Writes files to a folder, all at once: it is made beside and then put in its place. */
export function writeFolder(folder: string, files: ReadonlyMap<string, string>): void {
  const path = resolve(folder);
  const fresh = `${path}.new-${process.pid}`;
  const old = `${path}.old-${process.pid}`;
  try {
    mkdirSync(fresh);
    for (const [name, text] of files) writeFileSync(join(fresh, name), text);
    if (existsSync(path)) renameSync(path, old);
    renameSync(fresh, path);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}
