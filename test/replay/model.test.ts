import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect } from "chai";

const REPLAY = resolve(__dirname, "../../scripts/replay");
const MODEL = join(REPLAY, "model");

describe("the replay's model", () => {
  it("imports nothing of the replay but itself", () => {
    const files = readdirSync(MODEL);
    expect(files).to.include("engine.ts");
    for (const file of files) {
      const imports = [...readFileSync(join(MODEL, file), "utf8").matchAll(/(?:from|import\() ?"(\.[^"]*)"/g)];
      for (const [, path = ""] of imports) {
        const target = resolve(MODEL, path);
        const inside = target.startsWith(`${REPLAY}/`) && !target.startsWith(`${MODEL}/`);
        expect(inside, `${file} imports ${path}`).to.equal(false);
      }
    }
  });

  it("is all that a run of one engine knows of engines", () => {
    const run = readFileSync(join(REPLAY, "engineRun.ts"), "utf8");
    expect(run).to.not.match(/from "\.\/engines/);
  });
});
