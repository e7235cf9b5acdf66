import Table from "cli-table3";
import { Command } from "commander";
import { measureGas, PROTOCOLS, type Measured } from "./measure";
import { TARGETS, verdicts } from "./targets";

const program = new Command("bench:gas")
  .description("Gas of Spillway, Morpho Blue and Aave v3, doing the same on one chain with the same tokens and feeds.")
  .option("--json", "print the figures as JSON and nothing else")
  .allowExcessArguments(false);

async function main(): Promise<void> {
  const { json } = program.parse().opts<{ json?: true }>();
  const actions = await measureGas();
  process.stdout.write(json ? `${JSON.stringify({ actions }, null, 2)}\n` : `${render(actions)}\n`);
}

const NOTES = `Gas of whole transactions; the batch for each of its ten positions. Every account and total has been used before.
Oracles: ChainlinkOracle, of the collateral's feed over the loan asset's, for Spillway and Morpho Blue; AaveOracle of the same feeds
for Aave. "guarded": Spillway with the pool's mean price beside it, as its deploy scripts set it up.
Rates: Spillway and Aave kinked; Morpho Blue a fixed one, cheaper than the adaptive one that it has on mainnet.
Liquidate all: Spillway to the target LTV (once its lane is open), the peers the whole debt.
The peers' batch: ten calls through Multicall3; Spillway's: buyMany.`;

function render(actions: Measured): string {
  const table = new Table({
    head: ["gas", ...PROTOCOLS, "of morpho-blue", "of aave-v3"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const [action, gas] of Object.entries(actions)) {
    const ratio = (peer?: number): string => (peer ? `${((gas.spillway ?? 0) / peer).toFixed(2)} ×` : "");
    const figures = PROTOCOLS.map((name) => gas[name]?.toLocaleString("en-US") ?? "");
    table.push([action, ...figures, ratio(gas["morpho-blue"]), ratio(gas["aave-v3"])]);
  }
  const results = verdicts(actions, TARGETS).map(
    ({ what, limit, gas, met }) =>
      `${met ? "met   " : "missed"} ${what}: ${gas.toLocaleString("en-US")} of ${limit.toLocaleString("en-US")}`,
  );
  return [table.toString(), NOTES, "", ...results].join("\n");
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
