import { reconstructMainnet } from "../replay/chain/reconstruct";
import { abi } from "../replay/chain/chain";
import { item } from "../replay/item";
import { publication } from "../replay/market/market";
import { findScenario } from "../replay/scenarios";
import type { World } from "../replay/model/engine";
import { createWorld, type ReadyWorld } from "../replay/world";

/** The collateral's price when a bench begins, whole loan asset. */
export const PRICE = 200;

/** A chain with tokens, feeds and a pool, as a bench deploys its protocols on. */
export interface Ground {
  ready: ReadyWorld;
  stop(): Promise<void>;
}

const feedAbi = abi(["function owner() view returns (address)"]);

/** Queues what makes the feeds say this price of the collateral, and 1 of the loan asset. */
export async function queuePrice({ chain, loan, markets }: World, price: number): Promise<void> {
  const { feed } = item(markets, 0).collateral;
  const [by] = await chain.read(feed, feedAbi, "owner");
  const operator = String(by).toLowerCase();
  chain.send(publication(operator, feed, price));
  chain.send(publication(operator, loan.feed, 1));
}

/** Starts a chain for a bench. Stop it, whatever comes. */
export async function openGround(): Promise<Ground> {
  const scenario = findScenario("black-thursday");
  const origin = await reconstructMainnet(scenario.start - 86_400);
  try {
    const ready = await createWorld({
      ...{ scenario, startPrices: [PRICE], start: scenario.start, stepSeconds: 60 },
      ...{ bookToDepth: 1, buffer: 0, keepers: "profit" as const, seed: 1, impact: false, fork: { url: origin.url } },
    });
    const stop = async (): Promise<void> => {
      await ready.anvil.stop();
      await origin.stop();
    };
    return { ready, stop };
  } catch (error) {
    await origin.stop();
    throw error;
  }
}
