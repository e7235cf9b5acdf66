import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { SpillwayError } from "../../lib";
import { jobSchema, outcomeSchema, type Outcome, type SweepJob } from "./job";

const FILES = ["sweep.json", "sweep.csv", "index.html"];
const stored = z.object({ job: jobSchema, outcome: outcomeSchema });

/** The folder of a sweep: `jobs/<id>.json` as they get done, and the three files made of them. Nothing in it is ever half-written. */
export class SweepFolder {
  private readonly path: string;
  private readonly jobs: string;

  /** Throws `OUT_NOT_EMPTY` for a folder that holds what no sweep wrote, `BAD_INPUT` for a path that can't be a folder. */
  constructor(private readonly folder: string) {
    this.path = resolve(folder);
    this.jobs = join(this.path, "jobs");
    if (existsSync(this.path)) {
      if (!statSync(this.path).isDirectory()) {
        throw new SpillwayError("BAD_INPUT", `--out ${folder} is a file; it must be a folder`);
      }
      const foreign = readdirSync(this.path).find((name) => name !== "jobs" && !FILES.includes(name) && !isPart(name));
      if (foreign !== undefined) {
        throw new SpillwayError(
          "OUT_NOT_EMPTY",
          `--out ${folder} holds ${foreign}, which no sweep wrote; choose another folder`,
        );
      }
    }
    try {
      mkdirSync(this.jobs, { recursive: true });
      accessSync(this.jobs, constants.W_OK);
    } catch (cause) {
      throw new SpillwayError("BAD_INPUT", `can't write to ${folder}, where --out is to be`, { cause });
    }
    // what an earlier sweep was killed in the middle of
    for (const folder of [this.path, this.jobs]) {
      for (const name of readdirSync(folder).filter(isPart)) rmSync(join(folder, name), { force: true });
    }
  }

  /** What came of a job if it is done. Throws `BAD_INPUT` for a file that is none of ours. */
  read(id: string): Outcome | undefined {
    const path = join(this.jobs, `${id}.json`);
    if (!existsSync(path)) return undefined;
    try {
      return stored.parse(JSON.parse(readFileSync(path, "utf8"))).outcome;
    } catch (cause) {
      throw new SpillwayError("BAD_INPUT", `${this.folder}/jobs/${id}.json is not the result of a job; delete it`, {
        cause,
      });
    }
  }

  keep(id: string, job: SweepJob, outcome: Outcome): void {
    this.put(join("jobs", `${id}.json`), `${JSON.stringify({ job, outcome })}\n`);
  }

  /** Writes a file all at once. */
  put(name: string, text: string): void {
    const path = join(this.path, name);
    const part = `${path}.part-${process.pid}`;
    writeFileSync(part, text);
    renameSync(part, path);
  }
}

const isPart = (name: string): boolean => /\.part-\d+$/.test(name);
