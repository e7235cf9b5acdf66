import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { Metrics } from "../../scripts/keeper/metrics/Metrics";

const FOLDER = join(__dirname, "../../scripts/keeper/operations");
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

/** Names of the keeper's metrics in a text, without what Prometheus adds to a histogram's. */
function namesIn(text: string): Set<string> {
  const found = text.match(/\bkeeper_[a-z0-9_]+/g) ?? [];
  return new Set(found.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
}

describe("operations", () => {
  const known = new Set(new Metrics().registry.getMetricsAsArray().map(({ name }) => name));

  for (const file of ["alerts.yaml", "grafana/keeper.json"]) {
    it(`${file} asks for metrics that there are`, () => {
      const names = namesIn(read(file));
      expect(names.size).to.be.greaterThan(10);
      for (const name of names) expect(known, name).to.include(name);
    });
  }

  it("every metric has a help text and stands in the manual", async () => {
    const manual = readFileSync(join(__dirname, "../../docs/keeper.md"), "utf8");
    for (const { name, help } of await new Metrics().registry.getMetricsAsJSON()) {
      expect(help, name).to.have.length.greaterThan(10);
      expect(manual, name).to.include(name);
    }
  });

  it("every alert says what to do", () => {
    const rules = read("alerts.yaml").split("- alert:").slice(1);
    expect(rules.length).to.be.greaterThan(8);
    for (const rule of rules) expect(rule).to.match(/severity: (page|warn)[\s\S]*summary: .+\n\s+action: ".{10,}"/);
  });

  it("the board is one that Grafana loads: every panel has a place, a source and a question", () => {
    const board = JSON.parse(read("grafana/keeper.json")) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number }; targets: { expr: string }[] }[];
    };
    expect(new Set(board.panels.map(({ id }) => id)).size).to.equal(board.panels.length);
    for (const { gridPos, targets } of board.panels) {
      expect(gridPos.x + gridPos.w).to.be.at.most(24);
      expect(targets).not.to.be.empty;
    }
  });

  it("the image runs the command line that there is, and everything listens on the loopback", () => {
    expect(read("Dockerfile")).to.include('ENTRYPOINT ["node", "--import", "tsx", "scripts/keeper/cli.ts"]');
    const compose = read("compose.yaml");
    expect(compose).not.to.include("0.0.0.0");
    expect(compose).not.to.match(/^\s+ports:/m);
    expect(compose).to.include("--bind, 127.0.0.1").and.to.include("--web.listen-address=127.0.0.1:9090");
  });
});
