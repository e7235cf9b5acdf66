import { expect } from "chai";

import { verdicts, type Target } from "../../scripts/bench/targets";

describe("gas targets", () => {
  const measured = {
    borrow: { spillway: 100, "morpho-blue": 100, "aave-v3": 199 },
    buy: { spillway: 61, "morpho-blue": 50 },
    open: { spillway: 90_001 },
  };
  const met = (target: Target): boolean | undefined => verdicts(measured, [target])[0]?.met;

  it("are met up to the limit", () => {
    expect(met({ action: "borrow", limit: { times: 1, peer: "morpho-blue", action: "borrow" } })).to.equal(true);
    expect(met({ action: "borrow", limit: { times: 0.5, peer: "aave-v3", action: "borrow" } })).to.equal(false);
    expect(met({ action: "open", limit: { gas: 90_001 } })).to.equal(true);
    expect(met({ action: "open", limit: { gas: 90_000 } })).to.equal(false);
  });

  it("may be a share of another action", () => {
    expect(met({ action: "buy", limit: { times: 0.6, peer: "morpho-blue", action: "borrow" } })).to.equal(false);
    expect(met({ action: "buy", limit: { times: 0.61, peer: "morpho-blue", action: "borrow" } })).to.equal(true);
  });

  it("need their figures", () => {
    expect(() => met({ action: "open", limit: { times: 1, peer: "aave-v3", action: "open" } })).to.throw(
      '"open" was not measured in aave-v3',
    );
  });
});
