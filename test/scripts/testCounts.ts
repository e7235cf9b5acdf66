import { expect } from "chai";

import { countTests } from "../../scripts/testCounts";

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
