import { id } from "ethers";
import type { Anvil } from "../../../scripts/replay/chain/anvil";
import { abi } from "../../../scripts/replay/chain/chain";
import type { Chain, MinedBlock } from "../../../scripts/replay/model/chain";
import { reconstructMainnet } from "../../../scripts/replay/chain/reconstruct";
import type { Engine, EngineFactory, LiquidationEvent, PositionState } from "../../../scripts/replay/model/engine";
import { item } from "../../../scripts/replay/item";
import { publication } from "../../../scripts/replay/market/market";
import { findScenario } from "../../../scripts/replay/scenarios";
import { createWorld, type ReadyWorld } from "../../../scripts/replay/world";

export const ETH = 10n ** 18n;
export const BTC = 10n ** 8n;
export const USDC = 10n ** 6n;
export const START_PRICES = [200, 8000] as const;
const GWEI = 10n ** 9n;
const blackThursday = findScenario("black-thursday");
const [first] = blackThursday.collaterals;
if (!first) throw new RangeError("black-thursday has no collateral");
const scenario = { ...blackThursday, collaterals: [first, { ...first, asset: "BTC" as const }] };

const tokenAbi = abi(["function balanceOf(address) view returns (uint256)"]);
const feedAbi = abi(["function owner() view returns (address)"]);
const poolAbi = abi(["function slot0() view returns (uint160, int24, uint16, uint16, uint16, uint8, bool)"]);

export interface Opened {
  market: 0 | 1;
  collateral: bigint;
  debt: bigint;
}

/** A peer on a chain with markets of ETH at 200 and BTC at 8,000, on which a test moves prices and lets the keepers act. */
export class Bench {
  private constructor(
    readonly engine: Engine,
    readonly ready: ReadyWorld,
    private readonly mainnet: Anvil,
    readonly owners: readonly string[],
  ) {}

  /** `impact` false: the pools are so deep that nothing moves them. What owners hold beside is for top-ups and repayments. */
  static async create(factory: EngineFactory, opened: readonly Opened[], impact = false): Promise<Bench> {
    const mainnet = await reconstructMainnet(scenario.start - 86_400);
    let ready: ReadyWorld | undefined;
    try {
      const options = { scenario, startPrices: START_PRICES, start: scenario.start, stepSeconds: 60 };
      const rest = {
        bookToDepth: 150,
        buffer: 0,
        keepers: "profit" as const,
        seed: 1,
        impact,
        fork: { url: mainnet.url },
      };
      ready = await createWorld({ ...options, ...rest });
      const { world } = ready;
      const engine = factory(world);
      await engine.deploy();
      const owners = opened.map((_, index) => `0x${id(`owner ${index}`).slice(-40)}`);
      const requests = opened.map((one, index) => ({ ...one, owner: item(owners, index) }));
      for (const { owner, market, collateral, debt } of requests) {
        await world.chain.setBalance(owner, 10n ** 24n);
        await world.chain.setTokenBalance(item(world.markets, market).collateral.address, owner, 2n * collateral);
        await world.chain.setTokenBalance(world.loan.address, owner, debt);
      }
      await engine.open(requests);
      await engine.positions();
      return new Bench(engine, ready, mainnet, owners);
    } catch (error) {
      await ready?.anvil.stop();
      await mainnet.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.ready.anvil.stop();
    await this.mainnet.stop();
  }

  get chain(): Chain {
    return this.ready.world.chain;
  }

  /** Lets the feed say this price. */
  async publish(market: 0 | 1, price: number): Promise<void> {
    const { feed } = item(this.ready.world.markets, market).collateral;
    const [owner] = await this.chain.read(feed, feedAbi, "owner");
    this.chain.send(publication(String(owner).toLowerCase(), feed, price));
    await this.chain.settle("a price");
  }

  /** Brings the pool to this price. */
  async trade(market: 0 | 1, price: number): Promise<void> {
    const [arbitrage] = item(this.ready.markets, market).move(this.chain.timestamp, price, 1e6);
    if (!arbitrage) throw new RangeError("no arbitrage");
    this.chain.send(arbitrage);
    await this.chain.settle("arbitrage");
  }

  /** The pool's price of a whole token. */
  async poolPrice(market: 0 | 1): Promise<number> {
    const { pool, collateral } = item(this.ready.world.markets, market);
    const root = Number((await this.chain.read(pool, poolAbi, "slot0"))[0]) / 2 ** 96;
    return (market === 0 ? 1 / root ** 2 : root ** 2) * 10 ** (collateral.decimals - 6);
  }

  /** One block of the keepers. */
  async keepers(baseFee = 10n * GWEI): Promise<{ block: MinedBlock; events: readonly LiquidationEvent[] }> {
    const timestamp = this.chain.timestamp + 12;
    await this.chain.prepare(timestamp, baseFee);
    await this.engine.actKeepers({ timestamp, baseFee });
    const block = await this.chain.mine(timestamp, baseFee);
    return { block, events: await this.engine.settle(block) };
  }

  /** Sends what agents do, and lets the engine see the block. */
  async agents(transactions: Parameters<Chain["send"]>[0][]): Promise<void> {
    for (const one of transactions) this.chain.send(one);
    await this.engine.settle(await this.chain.settle("what agents do"));
  }

  async position(index: number): Promise<PositionState> {
    return item(await this.engine.positions(), index);
  }

  /** Loan asset that the keepers hold. */
  async keeperLoan(): Promise<bigint> {
    let sum = 0n;
    for (const keeper of this.engine.keepers.flat()) sum += await this.balance(this.ready.world.loan.address, keeper);
    return sum;
  }

  async balance(token: string, account: string): Promise<bigint> {
    return (await this.chain.read(token, tokenAbi, "balanceOf", [account]))[0] as bigint;
  }
}

export type Seized = Extract<LiquidationEvent, { kind: "seized" }>;

/** The liquidations of a position, which must all be of the kind `seized`. */
export function seizedFrom(events: readonly LiquidationEvent[], position: number): Seized[] {
  return events.filter((event): event is Seized => event.kind === "seized" && event.position === position);
}
