import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SpillwayError } from "../../../lib";
import { packageRoot, packageVersion, readArtifact, type Artifact } from "../../chain/artifacts";

const PACKAGE = "@morpho-org/morpho-blue";
const COMPILER = "solc-0.8.19";
const CACHE = join(__dirname, "../../../../cache");

/** Settings of the package's own repository: via IR, and optimised for as many runs as a block explorer can verify. */
const SETTINGS = {
  evmVersion: "paris",
  viaIR: true,
  optimizer: { enabled: true, runs: 999_999 },
  metadata: { bytecodeHash: "none" },
  outputSelection: { "*": { Morpho: ["abi", "evm.bytecode.object"] } },
};

const output = z.object({
  errors: z.array(z.object({ severity: z.string(), formattedMessage: z.string() })).optional(),
  contracts: z
    .object({
      "src/Morpho.sol": z.object({
        Morpho: z.object({
          abi: z.array(z.record(z.string(), z.unknown())),
          evm: z.object({ bytecode: z.object({ object: z.string() }) }),
        }),
      }),
    })
    .optional(),
});

let compiling: Promise<string> | undefined;

/**
 * Morpho Blue, compiled from its published sources. That takes most of a minute, once: the result is kept in cache/, by the
 * sources' and settings' hash. Throws `MISSING_CONTRACT`.
 */
export async function morphoArtifact(): Promise<Artifact> {
  compiling ??= cachedPath();
  return readArtifact(await compiling, "Morpho", "run it again");
}

async function cachedPath(): Promise<string> {
  const input = JSON.stringify({ language: "Solidity", sources: sources(), settings: SETTINGS });
  const hash = createHash("sha256").update(input).update(packageVersion(COMPILER)).digest("hex");
  const path = join(CACHE, `morpho-blue-${hash.slice(0, 16)}.json`);
  if (existsSync(path)) return path;
  process.stderr.write("compiling Morpho Blue, once; about a minute\n");
  const { errors, contracts } = output.parse(JSON.parse(await solc(input)));
  const error = errors?.find(({ severity }) => severity === "error");
  const found = contracts?.["src/Morpho.sol"].Morpho;
  if (error || !found) {
    throw new SpillwayError(
      "MISSING_CONTRACT",
      `Morpho Blue does not compile: ${error?.formattedMessage ?? "no output"}`,
    );
  }
  mkdirSync(CACHE, { recursive: true });
  // two runs at once may both come here; neither may read half a file
  const own = `${path}.${process.pid}`;
  writeFileSync(own, JSON.stringify({ abi: found.abi, bytecode: `0x${found.evm.bytecode.object}` }));
  renameSync(own, path);
  return path;
}

function sources(): Record<string, { content: string }> {
  const root = packageRoot(PACKAGE);
  const files = ["interfaces", "libraries"].flatMap((folder) =>
    readdirSync(join(root, "src", folder))
      .filter((name) => name.endsWith(".sol"))
      .map((name) => `src/${folder}/${name}`),
  );
  const entries = ["src/Morpho.sol", ...files].sort();
  return Object.fromEntries(entries.map((path) => [path, { content: readFileSync(join(root, path), "utf8") }]));
}

/** The compiler in a process of its own: it would hold up whatever else goes on in this one. */
function solc(input: string): Promise<string> {
  const program = 'process.stdout.write(require(process.argv[1]).compile(require("node:fs").readFileSync(0, "utf8")))';
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["-e", program, require.resolve(COMPILER)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(text);
      else reject(new SpillwayError("MISSING_CONTRACT", `Morpho Blue's compiler ended with code ${code ?? "none"}`));
    });
    child.stdin.end(input);
  });
}
