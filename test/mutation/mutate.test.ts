import { expect } from "chai";

import { bytecodeOf, parse } from "../../scripts/mutation/compiler";
import { mutate } from "../../scripts/mutation/mutate";
import { apply, type Mutant } from "../../scripts/mutation/mutant";
import { readReasons, reasonFor, staleReasons } from "../../scripts/mutation/reasons";
import { summarize } from "../../scripts/mutation/summary";
import { targets, testFiles } from "../../scripts/mutation/targets";

/** Mutants of a function's body; `√` sees to it that bytes are not taken for characters. */
function mutants(body: string, head = "uint256 a, uint256 b, address c"): { source: string; all: Mutant[] } {
  const source = `pragma solidity ^0.8.24;
library Math {
    function min(uint256 x, uint256 y) internal pure returns (uint256) { return x < y ? x : y; }
    function max(uint256 x, uint256 y) internal pure returns (uint256) { return x < y ? y : x; }
    function mulDiv(uint256 x, uint256 y, uint256 d) internal pure returns (uint256) { return x * y / d; }
    function mulDivUp(uint256 x, uint256 y, uint256 d) internal pure returns (uint256) { return (x * y + d - 1) / d; }
}
contract A {
    error Bad(uint256 x, address y);
    event Seen(uint256 x, uint256 y);
    uint256 public stored;
    modifier guarded() { _; }
    function log(address who, uint256 x, uint256 y) internal { emit Seen(x, y); stored = x; who; }
    // √
    function f(${head}) public guarded returns (uint256) {
        ${body}
    }
}`;
  const tree = parse({ "A.sol": source })["A.sol"]!;
  return { source, all: mutate("A.sol", source, tree).filter(({ within }) => within === "f") };
}

/** Which text each operator made of the line of the body, by the operator's name. */
function changes(body: string, head?: string): string[] {
  return mutants(body, head)
    .all.filter(({ operator }) => operator !== "remove-modifier")
    .map(({ operator, after }) => `${operator}: ${after}`);
}

describe("mutation: mutants", function () {
  this.timeout(30_000);

  it("turns arithmetic around", () => {
    expect(changes("return a + b * a;")).to.deep.equal([
      "arithmetic/-: return a - b * a;",
      "arithmetic//: return a + b / a;",
    ]);
    expect(changes("return a++;", "uint256 a")).to.deep.equal(["arithmetic/--: return a--;"]);
    expect(changes("stored += a; return a;", "uint256 a")).to.deep.equal([
      "delete-statement: {} return a;",
      "arithmetic/-=: stored -= a; return a;",
    ]);
  });

  it("moves a boundary by one both ways and turns a comparison around", () => {
    expect(changes("return uint160(c) < 5 ? a : b;").filter((text) => !text.startsWith("condition"))).to.deep.equal([
      "compare/<=: return uint160(c) <= 5 ? a : b;",
      "compare/>=: return uint160(c) >= 5 ? a : b;",
      "constant/+1: return uint160(c) < (5 + 1) ? a : b;",
      "constant/-1: return uint160(c) < (5 - 1) ? a : b;",
    ]);
    expect(changes("return 0;")).to.deep.equal(["constant/+1: return (0 + 1);"]);
  });

  it("exchanges and, or, and drops not", () => {
    const found = changes("bool x = !(a == b) && a != 7; return x ? a : b;");
    expect(found).to.include("logic/||: bool x = !(a == b) || a != 7; return x ? a : b;");
    expect(found).to.include("not: bool x = (a == b) && a != 7; return x ? a : b;");
    expect(found).to.include("compare/!=: bool x = !(a != b) && a != 7; return x ? a : b;");
  });

  it("rounds the other way and takes the other end", () => {
    const found = changes("return Math.mulDiv(a, b, Math.max(a, b));");
    expect(found).to.include("rounding/mulDivUp: return Math.mulDivUp(a, b, Math.max(a, b));");
    expect(found).to.include("min-max/min: return Math.mulDiv(a, b, Math.min(a, b));");
  });

  it("swaps arguments of one type, but not where the order makes no difference", () => {
    expect(changes("log(c, a, b); return a;")).to.deep.equal([
      "delete-statement: {} return a;",
      "swap-arguments/2-3: log(c, b, a); return a;",
    ]);
    expect(changes("return Math.min(a, b);")).to.deep.equal(["min-max/max: return Math.max(a, b);"]);
    expect(changes("return Math.mulDiv(a, b, stored);")).to.include(
      "swap-arguments/2-3: return Math.mulDiv(a, stored, b);",
    );
  });

  it("takes a guard away, and decides any other condition", () => {
    expect(changes("if (a == b) revert Bad(a, c); return a;")).to.include(
      "remove-guard: if (false) revert Bad(a, c); return a;",
    );
    expect(changes("if (a == b) return b; return a;").filter((text) => text.startsWith("condition"))).to.deep.equal([
      "condition/true: if (true) return b; return a;",
      "condition/false: if (false) return b; return a;",
    ]);
  });

  it("deletes writes, calls, events and modifiers", () => {
    const body = "stored = a;\n emit Seen(a, a);\n if (a == b) log(c, a, a);\n return a;";
    const { source, all } = mutants(body);
    const deleted = all.filter(({ operator }) => operator === "delete-statement");
    expect(deleted.map(({ before }) => before)).to.deep.equal([
      "stored = a;",
      "emit Seen(a, a);",
      "if (a == b) log(c, a, a);",
    ]);
    const modifier = all.find(({ operator }) => operator === "remove-modifier");
    expect(modifier?.after).to.equal("function f(uint256 a, uint256 b, address c) public returns (uint256) {");
    expect([...deleted, modifier!].every((mutant) => compiles(apply(source, mutant)))).to.equal(true);
  });

  it("exchanges true and false", () => {
    expect(changes("bool x = true; return x ? a : b;")).to.include("boolean/false: bool x = false; return x ? a : b;");
  });

  it("names each mutant once, by its place and operator", () => {
    const { all } = mutants("if (a < b && a != 3) revert Bad(a, c); log(c, a + 1, b); return Math.min(a - b, a);");
    expect(new Set(all.map(({ id }) => id)).size).to.equal(all.length);
    expect(all.map(({ id }) => id)).to.include("A.sol:16:15:compare/<=");
  });
});

function compiles(source: string): boolean {
  return bytecodeOf(["A.sol:A"], { "A.sol": source }, { optimized: false }) !== undefined;
}

describe("mutation: bytecode", () => {
  it("is undefined for what does not compile, and equal where the text alone differs", () => {
    const code = (body: string) =>
      bytecodeOf(
        ["A.sol:A"],
        {
          "A.sol": `pragma solidity ^0.8.24; contract A { function f(uint256 a) external pure returns (uint256) { ${body} } }`,
        },
        { optimized: true },
      );
    expect(code("return b;")).to.equal(undefined);
    expect(code("return a * 2;")).to.deep.equal(code("return   2 * a;"));
    expect(code("return a * 2;")).to.not.deep.equal(code("return a * 3;"));
  });

  it("says where the address of a library goes", () => {
    const text = `pragma solidity ^0.8.24;
library L { function f() external {} }
contract A { function g() external { L.f(); } }`;
    const compiled = bytecodeOf(["A.sol:A"], { "A.sol": text }, { optimized: false })?.["A.sol:A"];
    const { start, length } = compiled!.linkReferences["A.sol"]!.L![0]!;
    // two digits a byte, after 0x
    expect(compiled!.bytecode.slice(2 + 2 * start, 2 + 2 * (start + length))).to.match(/^__\$[0-9a-f]{34}\$__$/);
  });
});

describe("mutation: reasons", () => {
  const mutant: Mutant = {
    id: "A.sol:1:10:arithmetic/-",
    file: "A.sol",
    line: 1,
    column: 10,
    operator: "arithmetic/-",
    within: "f",
    start: 9,
    end: 10,
    replacement: "-",
    before: "return a + b;",
    after: "return a - b;",
  };
  const reason = { ...mutant, kind: "equivalent" as const, why: "for the test" };

  it("stay with a mutant whose line has moved, and are stale when its text is gone", () => {
    const moved = { ...mutant, line: mutant.line + 10, id: "elsewhere" };
    expect(reasonFor(moved, [reason])).to.equal(reason);
    expect(staleReasons([moved], [reason])).to.deep.equal([]);
    expect(staleReasons([{ ...moved, before: "return b + a;" }], [reason])).to.deep.equal([reason]);
  });

  it("take an equivalent mutant out of the score, and no other", () => {
    const judged = (["killed", "timeout", "survived", "stillborn", "equivalent"] as const).map((status, i) => ({
      mutant: { ...mutant, within: status, id: String(i) },
      verdict: { status, seconds: 1 },
    }));
    const score = (kind: "equivalent" | "accepted") =>
      /all\*\*.*/.exec(summarize(judged, [{ ...reason, within: "survived", kind }]))?.[0];
    expect(score("equivalent")).to.equal("all** | 3 | 2 | 1 | 1 | 100.0 % |");
    expect(score("accepted")).to.equal("all** | 3 | 2 | 1 | 0 | 66.7 % |");
  });

  it("are there for survivors only, each once", () => {
    const keys = readReasons().map(({ file, within, before, after }) => [file, within, before, after].join("\n"));
    expect(new Set(keys).size).to.equal(keys.length);
  });
});

describe("mutation: targets", () => {
  it("each have tests", () => {
    for (const stages of Object.values(targets))
      for (const { tests } of stages) expect(testFiles(tests)).to.not.deep.equal([]);
  });
});
