import type { MarketView } from "../strategy/view";
import type { Outlet } from "../venues/Outlet";
import type { Block } from "../chain/block";
import {
  type Inventory,
  type InventoryParameters,
  type Lane,
  type LaneParameters,
  type Market,
  readAuctionHouse,
  readBuffer,
  readOracle,
  readVault,
} from "../chain/contracts";
import { Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";

/** Where the protocol is. Addresses checksummed. */
export interface ProtocolAddresses {
  vault: string;
  auctionHouse: string;
  buffer: string;
}

/** What governance sets of a market. */
interface Settings {
  market: Market;
  parameters: LaneParameters;
  inventoryParameters: InventoryParameters;
}

/** What is read of a market at every block. */
export interface Glance {
  priceE36: bigint;
  inventory: Inventory;
}

/** What is read where there is something to do. */
export interface MarketState {
  lane: Lane;
  borrowPriceE36: bigint | undefined;
  capacity: { cash: bigint; room: bigint };
  isForSale: boolean;
}

/** Reads one market. */
export class MarketReader {
  private constructor(
    readonly collateral: string,
    readonly outlet: Outlet | undefined,
    private readonly addresses: ProtocolAddresses,
    private settings: Settings,
  ) {}

  static async open(
    rpc: Rpc,
    block: Block,
    addresses: ProtocolAddresses,
    collateral: string,
    outlet: Outlet | undefined,
  ): Promise<MarketReader> {
    return new MarketReader(collateral, outlet, addresses, await readSettings(rpc, block, addresses, collateral));
  }

  /** Reads the settings again, after governance has changed them. */
  async refresh(rpc: Rpc, block: Block): Promise<void> {
    this.settings = await readSettings(rpc, block, this.addresses, this.collateral);
  }

  /**
   * Adds price and inventory to a block's batch.
   * @returns Call it once the batch was sent. Undefined where the oracle gives no price.
   */
  glance(reads: Reads): () => Glance | undefined {
    const price = reads.call(readOracle.priceE36(this.settings.market.oracle));
    const inventory = reads.call(readBuffer.inventory(this.addresses.buffer, this.collateral));
    return () => {
      const priceE36 = price.valueOrNone();
      return priceE36 === undefined ? undefined : { priceE36, inventory: inventory.value() };
    };
  }

  /**
   * Adds the rest to a second batch.
   * @param options.absorbs Also reads the price for borrowing, by which the buffer pays while the guard says diverged.
   * @returns Call it once the batch was sent. Undefined where no lane is set, or its guard doesn't answer.
   */
  read(reads: Reads, { absorbs, sells }: { absorbs: boolean; sells: boolean }): () => MarketState | undefined {
    const { auctionHouse, buffer } = this.addresses;
    const state = reads.call(readAuctionHouse.laneState(auctionHouse, this.collateral));
    const lane = reads.call(readAuctionHouse.lane(auctionHouse, this.collateral));
    const capacity = reads.call(readBuffer.capacity(buffer, this.collateral));
    const borrowPrice = absorbs ? reads.call(readOracle.priceE36(this.settings.market.borrowOracle)) : undefined;
    const isForSale = sells ? reads.call(readBuffer.isForSale(buffer, this.collateral)) : undefined;
    return () => {
      const now = state.valueOrNone();
      if (now === undefined) return undefined;
      return {
        lane: { ...now, ...lane.value() },
        borrowPriceE36: borrowPrice?.valueOrNone(),
        capacity: capacity.value(),
        isForSale: isForSale?.valueOrNone() ?? false,
      };
    };
  }

  /** The LTV above which a position is unhealthy, Bps. */
  get lltvBps(): bigint {
    return this.settings.market.lltvBps;
  }

  /** The LTV from which the buffer may absorb a position, Bps. */
  get absorbLtvBps(): bigint {
    return this.settings.parameters.absorbLtvBps;
  }

  /** All that decisions about this market rest on. */
  view(
    { inventory }: Glance,
    state: MarketState,
    around: Pick<MarketView, "now" | "unhealthy" | "debt" | "quote" | "gas" | "pay">,
  ): MarketView {
    const { market, parameters, inventoryParameters } = this.settings;
    return {
      ...state,
      ...around,
      market: this.collateral,
      priceE36: state.lane.priceE36,
      inventory,
      lltvBps: market.lltvBps,
      minDebt: market.minDebt,
      parameters,
      inventoryParameters,
    };
  }
}

async function readSettings(
  rpc: Rpc,
  block: Block,
  { vault, auctionHouse, buffer }: ProtocolAddresses,
  collateral: string,
): Promise<Settings> {
  const reads = new Reads(block.number);
  const market = reads.call(readVault.market(vault, collateral));
  const parameters = reads.call(readAuctionHouse.laneParameters(auctionHouse, collateral));
  const inventoryParameters = reads.call(readBuffer.parameters(buffer, collateral));
  await reads.send(rpc);
  return { market: market.value(), parameters: parameters.value(), inventoryParameters: inventoryParameters.value() };
}
