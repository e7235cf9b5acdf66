import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { pino } from "pino";

import { LivePage } from "../../scripts/keeper/dashboard/LivePage";
import type { Snapshot } from "../../scripts/keeper/dashboard/snapshot";
import { SpillwayError } from "../../scripts/lib";
import { deployMarket } from "../contracts/periphery/fixture";
import { configOf, runKeeper } from "./world";

const market = () => deployMarket("MockERC20");
const HEALTH = { ready: true, reasons: [] };

async function started() {
  const m = await loadFixture(market);
  const [vault, auctionHouse, buffer, flashLiquidator, collateral, pool] = await Promise.all(
    [m.vault, m.house, m.buffer, m.liquidator, m.weth, m.venue.pool].map((contract) => contract.getAddress()),
  );
  const addresses = { vault: vault!, auctionHouse: auctionHouse!, buffer: buffer!, flashLiquidator: flashLiquidator! };
  const running = await runKeeper(configOf(addresses, collateral!, pool!));
  const pushed: Snapshot[] = [];
  const { keeper, rpc, store, metrics } = running;
  const deps = {
    ...{ dashboard: { push: (one: Snapshot) => void pushed.push(one) }, keeper, store, metrics },
    ...{ rpc: { batch: rpc.batch.bind(rpc), nodes: () => [] }, log: pino({ level: "silent" }) },
    ...{ fleet: undefined, chainId: 31_337, vault: vault!, buffer: buffer!, dryRun: false },
  };
  await running.step();
  return { ...running, deps, pushed };
}

describe("LivePage", () => {
  it("shows amounts in whole tokens, by the names that these give themselves", async () => {
    const { deps, pushed, latest } = await started();
    await new LivePage(deps).show(await latest(), HEALTH);
    expect(pushed).to.have.length(1);
    const [{ asset, lanes, positions }] = pushed as [Snapshot];
    expect(asset).to.equal("USDC");
    expect(lanes.map(({ name, price }) => [name, price])).to.deep.equal([["WETH", 3_000]]);
    expect(positions).to.have.length(3);
    expect(positions[0]!.ltvPct).to.be.within(50, 83);
  });

  it("stops no work where the Redis or the node fails", async () => {
    const { deps, pushed, latest, rpc } = await started();
    const denied = (): Promise<never> => Promise.reject(new SpillwayError("REDIS_DENIED", "no permission"));
    await new LivePage({ ...deps, fleet: { role: "watcher", status: denied } }).show(await latest(), HEALTH);
    const block = await latest();
    rpc.dropped = () => true;
    await new LivePage(deps).show(block, HEALTH);
    expect(pushed).to.deep.equal([]);
  });
});
