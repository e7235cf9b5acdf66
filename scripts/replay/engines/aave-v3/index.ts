import { packageVersion } from "../../chain/artifacts";
import { abi } from "../../chain/chain";
import type { Log, TxRequest } from "../../model/chain";
import { SpillwayError } from "../../../lib";
import { item } from "../../item";
import type { Engine, OpenRequest, PositionState, World } from "../../model/engine";
import type { Multicall } from "../multicall";
import { peerEngine, type Liquidation, type PeerProtocol } from "../peer";
import type { Offer } from "../peerLiquidator";
import { deployAave, type Market } from "./deploy";
import { parameters } from "./parameters";
import { health, liquidate, maxRepay, rayDiv, rayMul, type Terms } from "./rules";

const WAD_PER_BPS = 10n ** 14n;
const RAY = 10n ** 27n;
const VARIABLE_RATE = 2;
/** As `MARGIN` of the liquidator: what a debt may grow until the block. */
const GROWTH = 100_000n;

const oracleAbi = abi(["function getAssetsPrices(address[]) view returns (uint256[])"]);
const tokenAbi = abi([
  "function balanceOf(address) view returns (uint256)",
  "function scaledBalanceOf(address) view returns (uint256)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
]);

/** As Aave stores it. Collateral earns nothing where nobody can borrow it, so that its balance is its scaled balance. */
interface Position {
  collateral: bigint;
  scaledDebt: bigint;
}

/**
 * Aave v3 of `@aave/core-v3`, which is release 3.0.1 by its README: bad debt stays with the borrower without collateral and
 * weighs on whoever withdraws last; nothing writes it off.
 */
export function aaveV3(world: World): Engine {
  return peerEngine("aave-v3", world, new AaveV3(world));
}

class AaveV3 implements PeerProtocol<Position> {
  readonly versions = { "@aave/core-v3": packageVersion("@aave/core-v3") };
  readonly limits: Engine["limits"];
  readonly gasUse = { around: 330_000n, each: 140_000n };
  private deployed: Market | undefined;
  private debtIndex = RAY;
  /** USD with 8 decimals: the loan asset's, then the collaterals'. */
  private prices: readonly bigint[] | undefined;
  private lenderHas = 0n;
  private idle = 0n;

  constructor(private readonly world: World) {
    this.limits = world.markets.map(({ asset }) => {
      const { ltvBps, thresholdBps } = parameters.collaterals[asset];
      return { lltv: thresholdBps * WAD_PER_BPS, maxLtv: ltvBps * WAD_PER_BPS };
    });
  }

  get address(): string {
    return this.market.pool;
  }

  async deploy(): Promise<void> {
    this.deployed = await deployAave(this.world);
  }

  supply(lender: string, amounts: readonly bigint[]): { total: bigint; transactions: TxRequest[] } {
    const total = amounts.reduce((sum, amount) => sum + amount, 0n);
    return { total, transactions: [this.call(lender, "supply", [this.world.loan.address, total, lender, 0])] };
  }

  withdraw(lender: string, share: number): TxRequest[] {
    const wanted = (this.lenderHas * BigInt(Math.round(share * 1e6))) / 1_000_000n;
    const amount = wanted < this.idle ? wanted : this.idle;
    return amount === 0n ? [] : [this.call(lender, "withdraw", [this.world.loan.address, amount, lender])];
  }

  open(request: OpenRequest): TxRequest[] {
    const borrow = [this.world.loan.address, request.debt, VARIABLE_RATE, 0, request.owner];
    return [...this.topUp(request, request.collateral), this.call(request.owner, "borrow", borrow)];
  }

  topUp({ owner, market }: OpenRequest, collateral: bigint): TxRequest[] {
    return [this.call(owner, "supply", [this.collateral(market), collateral, owner, 0])];
  }

  repay({ owner }: OpenRequest, assets: bigint): TxRequest[] {
    return [this.call(owner, "repay", [this.world.loan.address, assets, VARIABLE_RATE, owner])];
  }

  read(reads: Multicall, lender: string): () => void {
    const { pool, poolAbi, oracle } = this.market;
    const { address: loan } = this.world.loan;
    const aLoan = this.aToken(loan);
    const tokens = [loan, ...this.world.markets.map(({ collateral }) => collateral.address)];
    const prices = reads.tryRead(oracle, oracleAbi, "getAssetsPrices", [tokens]);
    const index = reads.read(pool, poolAbi, "getReserveNormalizedVariableDebt", [loan]);
    const lenderHas = reads.read(aLoan, tokenAbi, "balanceOf", [lender]);
    const idle = reads.read(loan, tokenAbi, "balanceOf", [aLoan]);
    return () => {
      this.prices = prices() as readonly bigint[] | undefined;
      this.debtIndex = index() as bigint;
      this.lenderHas = lenderHas() as bigint;
      this.idle = idle() as bigint;
    };
  }

  readPosition(reads: Multicall, { owner, market }: OpenRequest): () => Position {
    const aToken = this.aToken(this.collateral(market));
    const collateral = reads.read(aToken, tokenAbi, "balanceOf", [owner]);
    const debt = reads.read(this.market.variableDebtToken, tokenAbi, "scaledBalanceOf", [owner]);
    return () => ({ collateral: collateral() as bigint, scaledDebt: debt() as bigint });
  }

  oraclePriceE36(market: number): bigint | undefined {
    const terms = this.terms(market);
    if (!terms) return undefined;
    const { collateralPrice, loanPrice, collateralUnit, loanUnit } = terms;
    return (collateralPrice * loanUnit * 10n ** 36n) / (loanPrice * collateralUnit);
  }

  stateOf(_request: OpenRequest, { collateral, scaledDebt }: Position): PositionState {
    return { collateral, debt: rayMul(scaledDebt, this.debtIndex) };
  }

  offer({ owner, market }: OpenRequest, position: Position): Offer<Position> | undefined {
    const { collateral, scaledDebt } = position;
    const terms = this.terms(market);
    if (!terms || collateral === 0n || scaledDebt === 0n) return undefined;
    const debt = rayMul(scaledDebt, this.debtIndex);
    const cover = maxRepay(debt, health(collateral, debt, terms));
    const whole = liquidate(collateral, cover, terms);
    if (whole.seized === 0n || whole.repaid === 0n) return undefined;
    return {
      most: whole.seized,
      costE36: (whole.repaid * 10n ** 36n) / whole.seized,
      take: (amount) => {
        const all = amount >= whole.seized;
        const covered = all ? cover : (whole.repaid * amount) / whole.seized;
        const { seized, protocolFee, repaid } = liquidate(collateral, covered, terms);
        // Aave takes no more than there is: the whole debt is named with what it may grow
        const named = all && cover === debt ? cover + cover / GROWTH + 1n : covered;
        const args = [this.collateral(market), this.world.loan.address, owner, named, false];
        const scaledRepaid = rayDiv(repaid, this.debtIndex);
        const left = {
          collateral: collateral - seized - protocolFee,
          scaledDebt: scaledRepaid < scaledDebt ? scaledDebt - scaledRepaid : 0n,
        };
        return { seized, repaid, call: this.market.poolAbi.encodeFunctionData("liquidationCall", args), left };
      },
    };
  }

  liquidation(log: Log, logs: readonly Log[]): Liquidation | undefined {
    const { poolAbi, treasury } = this.market;
    const found = poolAbi.parseLog(log);
    if (found?.name !== "LiquidationCall") return undefined;
    const { collateralAsset, user, debtToCover, liquidatedCollateralAmount } = found.args.toObject() as {
      collateralAsset: string;
      user: string;
      debtToCover: bigint;
      liquidatedCollateralAmount: bigint;
    };
    const aToken = this.aToken(collateralAsset).toLowerCase();
    let protocolFee = 0n;
    // the fee is a transfer to the treasury since the liquidation before
    for (let index = logs.indexOf(log) - 1; index >= 0; index--) {
      const earlier = item(logs, index);
      if (earlier.topics[0] === log.topics[0] && earlier.address === log.address) break;
      if (earlier.address.toLowerCase() !== aToken) continue;
      const transfer = tokenAbi.parseLog(earlier);
      if (transfer?.name !== "Transfer") continue;
      const { from, to, value } = transfer.args.toObject() as { from: string; to: string; value: bigint };
      if (from === user && to.toLowerCase() === treasury.toLowerCase()) protocolFee += value;
    }
    return { owner: user, seized: liquidatedCollateralAmount, protocolFee, repaid: debtToCover, writtenOff: 0n };
  }

  private terms(market: number): Terms | undefined {
    if (!this.prices) return undefined;
    const { asset, collateral } = item(this.world.markets, market);
    const { thresholdBps, bonusBps, protocolFeeBps } = parameters.collaterals[asset];
    return {
      collateralPrice: item(this.prices, market + 1),
      loanPrice: item(this.prices, 0),
      collateralUnit: 10n ** BigInt(collateral.decimals),
      loanUnit: 10n ** BigInt(this.world.loan.decimals),
      thresholdBps,
      bonusBps: 10_000n + bonusBps,
      protocolFeeBps,
    };
  }

  private get market(): Market {
    if (!this.deployed) throw new SpillwayError("INTERNAL", "Aave is not deployed yet");
    return this.deployed;
  }

  private collateral(market: number): string {
    return item(this.world.markets, market).collateral.address;
  }

  private aToken(asset: string): string {
    const found = this.market.aTokens.get(asset);
    if (found === undefined) throw new SpillwayError("INTERNAL", `Aave has no reserve of ${asset}`);
    return found;
  }

  private call(from: string, name: string, args: readonly unknown[]): TxRequest {
    return { from, to: this.market.pool, data: this.market.poolAbi.encodeFunctionData(name, args), gas: 1_000_000n };
  }
}
