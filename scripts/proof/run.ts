// `npm run test:proof`: has z3 prove each claim, and refute it when what it needs is left out.
import { init } from "z3-solver";

import { CLAIMS, type Claim } from "./claims";

const TIMEOUT_MS = 60_000;

/** The claim's contradiction in SMT-LIB: no solution is a proof. `without` names what is left out. */
function contradiction({ unknowns, definitions = "", given, then }: Claim, without?: string): string {
  const names = unknowns.split(" ");
  return [
    ...names.map((name) => `(declare-const ${name} Real)(assert (>= ${name} 0.0))`),
    definitions,
    ...Object.entries(given).map(([name, formula]) => (name === without ? "" : `(assert ${formula})`)),
    `(assert (not ${then}))`,
  ].join("\n");
}

async function main(): Promise<void> {
  const { Context } = await init();
  const { Solver } = Context("proof");
  const check = async (formula: string): Promise<string> => {
    const solver = new Solver();
    solver.set("timeout", TIMEOUT_MS);
    solver.fromString(formula);
    return solver.check();
  };
  let failed = 0;
  for (const claim of CLAIMS) {
    const startedAt = Date.now();
    const proven = (await check(contradiction(claim))) === "unsat";
    if (!(claim.needs in claim.given)) throw new Error(`${claim.name} has no ${claim.needs} to leave out`);
    const refuted = (await check(contradiction(claim, claim.needs))) === "sat";
    // what is given must be possible at all, or anything would follow from it
    const possible = (await check(contradiction({ ...claim, then: "false" }))) === "sat";
    const fine = proven && refuted && possible;
    if (!fine) ++failed;
    console.log(
      `${fine ? "✔" : "✘"} ${claim.name} (${Date.now() - startedAt} ms): ${proven ? "proven" : "NOT PROVEN"}, ` +
        `${refuted ? "false" : "NOT REFUTED"} without “${claim.needs}”${possible ? "" : ", NEVER APPLIES"}`,
    );
  }
  console.log(`${CLAIMS.length - failed} passed, ${failed} failed`);
  // z3's threads never end by themselves
  process.exit(failed === 0 ? 0 : 1);
}

void main();
