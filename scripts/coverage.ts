// Ends `npm run coverage`: fails where less of the contracts is run than docs/coverage.md says.
import { readFileSync } from "node:fs";

import { z } from "zod";

const LEAST = { lines: 99, branches: 97 };

const part = z.object({ covered: z.number(), total: z.number().positive() });
const summary = z.object({ total: z.object({ lines: part, branches: part }) });

const { total } = summary.parse(JSON.parse(readFileSync("coverage/coverage-summary.json", "utf8")));
for (const name of ["lines", "branches"] as const) {
  const { covered, total: all } = total[name];
  const tooFew = covered * 100 < all * LEAST[name];
  console.log(`${name}: ${covered} of ${all}, at least ${LEAST[name]} %${tooFew ? " are asked for" : ""}`);
  if (tooFew) process.exitCode = 1;
}
