import { ZeroAddress } from "ethers";

import type { KeeperEvent } from "../book/events";
import type { Block } from "../chain/block";
import { type PayParameters, readAuctionHouse, readVault } from "../chain/contracts";
import { Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";
import { SpillwayError } from "../../lib";
import type { OpenOutlet } from "../venues/open";
import type { Outlet } from "../venues/Outlet";
import { MarketReader, type ProtocolAddresses } from "./MarketReader";

/** The vault's markets and what keepers are paid, kept in step with what governance sets. */
export class Markets {
  private readonly readers = new Map<string, MarketReader>();
  /** Markets whose settings have changed since they were read. Stays until they were read again. */
  private readonly stale = new Set<string>();
  private listIsStale = true;
  private payParameters: PayParameters | undefined;

  /** @param openOutlet Opens where a market's collateral goes. */
  constructor(
    private readonly rpc: Rpc,
    private readonly addresses: ProtocolAddresses,
    private readonly openOutlet: OpenOutlet,
  ) {}

  /** Every market that was read so far. */
  get all(): readonly MarketReader[] {
    return [...this.readers.values()];
  }

  /** Where a market's collateral goes. */
  outlet(collateral: string): Outlet | undefined {
    return this.readers.get(collateral)?.outlet;
  }

  get pay(): PayParameters {
    if (this.payParameters === undefined) throw new SpillwayError("INTERNAL", "The markets were not read yet.");
    return this.payParameters;
  }

  /** The oracle of the native coin; undefined where pay needs none. */
  get nativeOracle(): string | undefined {
    const { nativeOracle } = this.pay;
    return nativeOracle === ZeroAddress ? undefined : nativeOracle;
  }

  /** Remembers what an event has made out of date. */
  note(event: KeeperEvent): void {
    if (event.kind === "marketSet") this.stale.add(event.market);
    if (event.kind === "marketSet" || event.kind === "paySet") this.listIsStale = true;
  }

  /**
   * Reads what is out of date. What could not be read is tried again at the next block.
   * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`, `BAD_CONFIG` where a venue is of other tokens.
   */
  async refresh(block: Block): Promise<void> {
    for (const collateral of this.stale) {
      await this.readers.get(collateral)?.refresh(this.rpc, block);
      this.stale.delete(collateral);
    }
    if (!this.listIsStale) return;
    const { vault, auctionHouse } = this.addresses;
    const reads = new Reads(block.number);
    const collaterals = reads.call(readVault.markets(vault));
    const asset = reads.call(readVault.asset(vault));
    const pay = reads.call(readAuctionHouse.payParameters(auctionHouse));
    await reads.send(this.rpc);
    this.payParameters = pay.value();
    for (const collateral of collaterals.value()) {
      if (!this.readers.has(collateral)) await this.open(collateral, asset.value(), block);
    }
    this.listIsStale = false;
  }

  private async open(collateral: string, loanAsset: string, block: Block): Promise<void> {
    const outlet = await this.openOutlet(collateral, loanAsset, block.number);
    this.readers.set(collateral, await MarketReader.open(this.rpc, block, this.addresses, collateral, outlet));
  }
}
