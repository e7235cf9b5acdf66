// `npm run test:forge -- ARGS`: forge itself, with its exit code.
import { spawnSync } from "node:child_process";

import { foundryBinary } from "./lib";

const { status, error } = spawnSync(foundryBinary("forge"), process.argv.slice(2), { stdio: "inherit" });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
