import type { Position } from "../book/position";
import type { GasPrice, MarketView } from "../strategy/view";
import { viewPosition } from "../strategy/view";
import type { Venue, VenueQuote } from "../venues/Venue";
import type { Block } from "./block";
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
} from "./contracts";
import { type Answer, Reads } from "./Reads";
import type { Rpc } from "./rpc";

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

/** What moves with every block. */
export interface MarketState {
  priceE36: bigint;
  lane: Lane;
  capacity: { cash: bigint; room: bigint };
  inventory: Inventory;
  depth: bigint | undefined;
  emaE36: bigint;
}

/** Reads one market. */
export class MarketReader {
  private inventoryHeld = true;

  private constructor(
    readonly collateral: string,
    readonly venue: Venue | undefined,
    private readonly addresses: ProtocolAddresses,
    private settings: Settings,
  ) {}

  static async open(
    rpc: Rpc,
    block: Block,
    addresses: ProtocolAddresses,
    collateral: string,
    venue: Venue | undefined,
  ): Promise<MarketReader> {
    return new MarketReader(collateral, venue, addresses, await readSettings(rpc, block, addresses, collateral));
  }

  /** Reads the settings again, after governance has changed them. */
  async refresh(rpc: Rpc, block: Block): Promise<void> {
    this.settings = await readSettings(rpc, block, this.addresses, this.collateral);
  }

  /**
   * Adds the market's state to a block's batch.
   * @param withDepth Also reads the venue's depth, which takes more gas than the rest.
   * @returns Call it once the batch was sent. Undefined where the oracle gives no price.
   */
  read(reads: Reads, withDepth: boolean): () => MarketState | undefined {
    const { auctionHouse, buffer } = this.addresses;
    const { market, parameters } = this.settings;
    const price = reads.call(readOracle.priceE36(market.oracle));
    const lane = reads.call(readAuctionHouse.lane(auctionHouse, this.collateral));
    const capacity = reads.call(readBuffer.capacity(buffer, this.collateral));
    const inventory = reads.call(readBuffer.inventory(buffer, this.collateral));
    const depth = withDepth ? reads.call(readOracle.depth(parameters.depthOracle)) : undefined;
    const ema: Answer<bigint> | undefined = this.inventoryHeld
      ? reads.call(readAuctionHouse.ema(auctionHouse, this.collateral))
      : undefined;
    return () => {
      const priceE36 = price.valueOrNone();
      const held = inventory.value();
      this.inventoryHeld = held.amount > 0n;
      if (priceE36 === undefined) return undefined;
      return {
        priceE36,
        lane: lane.value(),
        capacity: capacity.value(),
        inventory: held,
        depth: depth?.valueOrNone(),
        // not read when nothing was held a block ago; then nothing is for sale yet
        emaE36: ema?.valueOrNone() ?? 2n * priceE36,
      };
    };
  }

  /** The LTV above which a position is unhealthy, Bps. */
  get lltvBps(): bigint {
    return this.settings.market.lltvBps;
  }

  /** All that decisions about this market rest on. */
  view(
    state: MarketState,
    positions: { unhealthy: readonly Position[]; inAuction: readonly Position[] },
    indexE27: bigint,
    quote: VenueQuote | undefined,
    gas: GasPrice,
    now: bigint,
  ): MarketView {
    const { market, parameters, inventoryParameters } = this.settings;
    const see = (position: Position) => viewPosition(position, indexE27, state.priceE36);
    return {
      ...state,
      market: this.collateral,
      now,
      lltvBps: market.lltvBps,
      minDebt: market.minDebt,
      parameters,
      inventoryParameters,
      quote,
      unhealthy: positions.unhealthy.map(see),
      inAuction: positions.inAuction.map(see),
      gas,
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
