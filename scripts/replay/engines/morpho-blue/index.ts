import { type Interface } from "ethers";
import { packageVersion } from "../../chain/artifacts";
import { abi } from "../../chain/chain";
import type { Log, TxRequest } from "../../model/chain";
import { SpillwayError } from "../../../lib";
import { item } from "../../item";
import { Deployer } from "../deployer";
import type { Engine, OpenRequest, PositionState, World } from "../../model/engine";
import type { Multicall } from "../multicall";
import { peerEngine, type Liquidation, type PeerProtocol } from "../peer";
import type { Offer } from "../peerLiquidator";
import { deployMorpho, type Deployment, type Market } from "./deploy";
import { parameters } from "./parameters";
import { accrue, isHealthy, repaidFor, seizedFor, toAssetsUp, type Position, type Terms, type Totals } from "./rules";

const PRICE_SCALE = 10n ** 36n;

// structs in place of the ABI's lists of values: the encoding is the same
const reader = abi([
  "function market(bytes32) view returns ((uint128 totalSupplyAssets, uint128 totalSupplyShares, uint128 totalBorrowAssets, uint128 totalBorrowShares, uint128 lastUpdate, uint128 fee))",
  "function position(bytes32, address) view returns ((uint256 supplyShares, uint128 borrowShares, uint128 collateral))",
  "function price() view returns (uint256)",
  // Morpho's events come from a library, so that its ABI lacks them
  "event Liquidate(bytes32 indexed id, address indexed caller, address indexed borrower, uint256 repaidAssets, uint256 repaidShares, uint256 seizedAssets, uint256 badDebtAssets, uint256 badDebtShares)",
]);

/**
 * Morpho Blue of `@morpho-org/morpho-blue`, one market per collateral. A liquidation that takes the last collateral writes
 * the rest of the debt off, at the cost of all lenders of that market.
 */
export function morphoBlue(world: World): Engine {
  return peerEngine("morpho-blue", world, new MorphoBlue(world));
}

class MorphoBlue implements PeerProtocol<Position> {
  readonly versions = {
    "@morpho-org/morpho-blue": packageVersion("@morpho-org/morpho-blue"),
    "solc-0.8.19": packageVersion("solc-0.8.19"),
  };
  readonly limits: Engine["limits"];
  readonly gasUse = { around: 200_000n, each: 42_000n };
  readonly address: string;
  private readonly deployer: Deployer;
  private deployed: Deployment | undefined;
  private state: readonly { totals: Totals; lenderShares: bigint; priceE36: bigint | undefined }[] = [];

  constructor(private readonly world: World) {
    this.limits = world.markets.map(({ asset }) => ({ lltv: parameters.lltv[asset], maxLtv: parameters.lltv[asset] }));
    this.deployer = new Deployer(world.chain, "morpho-blue");
    this.address = this.deployer.addressOf("Morpho");
  }

  async deploy(): Promise<void> {
    this.deployed = await deployMorpho(this.world, this.deployer);
  }

  supply(lender: string, amounts: readonly bigint[]): { total: bigint; transactions: TxRequest[] } {
    const total = amounts.reduce((sum, amount) => sum + amount, 0n);
    const transactions = amounts.flatMap((amount, market) =>
      amount === 0n ? [] : [this.call(lender, "supply", [this.market(market).params, amount, 0n, lender, "0x"])],
    );
    return { total, transactions };
  }

  withdraw(lender: string, share: number): TxRequest[] {
    return this.state.flatMap(({ totals, lenderShares }, market) => {
      const { totalSupplyAssets, totalSupplyShares, totalBorrowAssets } = totals;
      const idle = totalSupplyAssets - totalBorrowAssets;
      const has = (lenderShares * totalSupplyAssets) / (totalSupplyShares > 0n ? totalSupplyShares : 1n);
      const wanted = (has * BigInt(Math.round(share * 1e6))) / 1_000_000n;
      const amount = wanted < idle ? wanted : idle;
      const args = [this.market(market).params, amount, 0n, lender, lender];
      return amount === 0n ? [] : [this.call(lender, "withdraw", args)];
    });
  }

  open(request: OpenRequest): TxRequest[] {
    const { owner, market, debt, collateral } = request;
    const borrow = this.call(owner, "borrow", [this.market(market).params, debt, 0n, owner, owner]);
    return [...this.topUp(request, collateral), borrow];
  }

  topUp({ owner, market }: OpenRequest, collateral: bigint): TxRequest[] {
    return [this.call(owner, "supplyCollateral", [this.market(market).params, collateral, owner, "0x"])];
  }

  repay({ owner, market }: OpenRequest, assets: bigint, { borrowShares }: Position): TxRequest[] {
    const { params } = this.market(market);
    const debt = toAssetsUp(borrowShares, item(this.state, market).totals);
    // Morpho takes no more assets than are owed; all of them are paid as shares
    const amounts = assets < debt ? [assets, 0n] : [0n, borrowShares];
    return borrowShares === 0n ? [] : [this.call(owner, "repay", [params, ...amounts, owner, "0x"])];
  }

  read(reads: Multicall, lender: string): () => void {
    const state = this.markets.map(({ id, params }) => ({
      totals: reads.read(this.address, reader, "market", [id]),
      lender: reads.read(this.address, reader, "position", [id, lender]),
      priceE36: reads.tryRead(params[2], reader, "price"),
    }));
    return () => {
      this.state = state.map(({ totals, lender: has, priceE36 }) => {
        const { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares, lastUpdate } =
          totals() as Totals;
        return {
          totals: { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares, lastUpdate },
          lenderShares: (has() as { supplyShares: bigint }).supplyShares,
          priceE36: priceE36() as bigint | undefined,
        };
      });
    };
  }

  readPosition(reads: Multicall, { owner, market }: OpenRequest): () => Position {
    const { id } = this.market(market);
    const read = reads.read(this.address, reader, "position", [id, owner]);
    return () => {
      const { borrowShares, collateral } = read() as Position;
      return { borrowShares, collateral };
    };
  }

  oraclePriceE36(market: number): bigint | undefined {
    return item(this.state, market).priceE36;
  }

  stateOf({ market }: OpenRequest, { collateral, borrowShares }: Position, timestamp: number): PositionState {
    const totals = accrue(item(this.state, market).totals, parameters.ratePerSecond, timestamp);
    return { collateral, debt: toAssetsUp(borrowShares, totals) };
  }

  offer({ owner, market }: OpenRequest, position: Position, timestamp: number): Offer<Position> | undefined {
    const { priceE36, totals } = item(this.state, market);
    if (priceE36 === undefined || position.collateral === 0n || position.borrowShares === 0n) return undefined;
    const { params } = this.market(market);
    const terms: Terms = {
      totals: accrue(totals, parameters.ratePerSecond, timestamp),
      priceE36,
      lltv: params[4],
    };
    if (isHealthy(position, terms)) return undefined;
    const { collateral, borrowShares } = position;
    // all of the debt where the collateral is enough for it, else all of the collateral
    const whole = seizedFor(borrowShares, terms);
    const solvent = whole.seized <= collateral;
    const most = solvent ? whole.seized : collateral;
    const repaid = solvent ? whole.repaid : repaidFor(most, terms).repaid;
    if (most === 0n) return undefined;
    const encode = (seized: bigint, shares: bigint): string =>
      this.abi.encodeFunctionData("liquidate", [params, owner, seized, shares, "0x"]);
    return {
      most,
      costE36: (repaid * PRICE_SCALE) / most,
      take: (amount) => {
        if (solvent && amount >= most) {
          const left = { collateral: collateral - most, borrowShares: 0n };
          return { seized: most, repaid, call: encode(0n, borrowShares), left };
        }
        const part = repaidFor(amount, terms);
        // what is left without collateral is written off
        const left = {
          collateral: collateral - amount,
          borrowShares: amount < collateral ? borrowShares - part.shares : 0n,
        };
        return { seized: amount, repaid: part.repaid, call: encode(amount, 0n), left };
      },
    };
  }

  liquidation(log: Log): Liquidation | undefined {
    const found = reader.parseLog(log);
    if (found?.name !== "Liquidate") return undefined;
    const { borrower, repaidAssets, seizedAssets, badDebtAssets } = found.args.toObject() as {
      borrower: string;
      repaidAssets: bigint;
      seizedAssets: bigint;
      badDebtAssets: bigint;
    };
    return { owner: borrower, seized: seizedAssets, protocolFee: 0n, repaid: repaidAssets, writtenOff: badDebtAssets };
  }

  private get markets(): readonly Market[] {
    if (!this.deployed) throw new SpillwayError("INTERNAL", "Morpho Blue is not deployed yet");
    return this.deployed.markets;
  }

  private get abi(): Interface {
    if (!this.deployed) throw new SpillwayError("INTERNAL", "Morpho Blue is not deployed yet");
    return this.deployed.abi;
  }

  private market(market: number): Market {
    return item(this.markets, market);
  }

  private call(from: string, name: string, args: readonly unknown[]): TxRequest {
    return { from, to: this.address, data: this.abi.encodeFunctionData(name, args), gas: 1_000_000n };
  }
}
