import { expect } from "chai";

import { countSkipped, countTests, failuresIn } from "../../scripts/testCounts";

describe("countTests", () => {
  it("adds up mocha's passing and failing", () => {
    const output = "    ✔ a\n\n  12 passing (3s)\n  1 pending\n  2 failing\n\n  1) b\n";
    expect(countTests("test:contracts", output, 2)).to.deep.equal({ passed: 12, failed: 2 });
  });

  it("reads forge's closing line and not those of single suites", () => {
    const output =
      "Suite result: ok. 2 passed; 0 failed; 0 skipped; finished in 12ms\n" +
      "Ran 2 test suites in 13.22ms (13.16ms CPU time): 7 tests passed, 1 failed, 0 skipped (8 total tests)\n";
    expect(countTests("test:forge", output, 1)).to.deep.equal({ passed: 7, failed: 1 });
  });

  it("counts lint as one test", () => {
    expect(countTests("lint", "", 0)).to.deep.equal({ passed: 1, failed: 0 });
    expect(countTests("lint", "12 problems", 1)).to.deep.equal({ passed: 0, failed: 1 });
  });

  it("counts a run that broke off, or that ran nothing, as one failure", () => {
    expect(countTests("test:contracts", "  3 passing (1s)\n", 1)).to.deep.equal({ passed: 3, failed: 1 });
    expect(countTests("test:forge", "Compiler run failed", 1)).to.deep.equal({ passed: 0, failed: 1 });
    expect(countTests("test:contracts", "  0 passing (1ms)\n", 0)).to.deep.equal({ passed: 0, failed: 1 });
  });
});

describe("countSkipped", () => {
  it("reads what mocha left out", () => {
    expect(countSkipped("  12 passing (3s)\n  10 pending\n")).to.equal(10);
    expect(countSkipped("  12 passing (3s)\n")).to.equal(0);
  });
});

describe("failuresIn", () => {
  it("finds what mocha lists, without the gas table", () => {
    const output =
      "    1) b\n\n  1 passing (3s)\n  1 failing\n\n  1) a\n       b:\n     Error: no\n|  Vault  ·  12 |\n";
    expect(failuresIn(output)).to.equal("  1 failing\n\n  1) a\n       b:\n     Error: no\n");
  });

  it("finds forge's failing tests", () => {
    expect(failuresIn("[PASS] test_a() (gas: 1)\n[FAIL: no] test_b() (gas: 2)\n")).to.equal(
      "[FAIL: no] test_b() (gas: 2)",
    );
  });

  it("takes the end of anything else", () => {
    expect(
      failuresIn(`${"one\n".repeat(100)}error TS2304\n`)
        .split("\n")
        .at(-1),
    ).to.equal("error TS2304");
  });
});
