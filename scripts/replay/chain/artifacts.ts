import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { SpillwayError } from "../../lib";

const shape = z.object({ abi: z.array(z.record(z.string(), z.unknown())), bytecode: z.string().startsWith("0x") });

/** A compiled contract: its ABI as JSON, and its creation code. */
export type Artifact = z.output<typeof shape>;

const ROOT = join(__dirname, "../../..");

/** A contract of this project, by its path under contracts/ and its name. Throws `MISSING_CONTRACT`. */
export function ownArtifact(file: string, name: string): Artifact {
  return readArtifact(join(ROOT, "artifacts/contracts", file, `${name}.json`), name, "run npm run compile");
}

/** A contract that an npm package ships compiled. Throws `MISSING_CONTRACT`. */
export function packageArtifact(packageName: string, path: string): Artifact {
  return readArtifact(join(packageRoot(packageName), path), `${packageName}/${path}`, "run npm install");
}

export function packageRoot(packageName: string): string {
  return dirname(require.resolve(`${packageName}/package.json`));
}

/** The version of an installed package. */
export function packageVersion(packageName: string): string {
  return versionIn(packageRoot(packageName));
}

/** The version of this project. */
export function ownVersion(): string {
  return versionIn(ROOT);
}

function versionIn(folder: string): string {
  const text = readFileSync(join(folder, "package.json"), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

export function readArtifact(path: string, name: string, remedy: string): Artifact {
  try {
    return shape.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new SpillwayError("MISSING_CONTRACT", `${name} is not compiled; ${remedy}`, { cause });
  }
}
