import { MaxUint256 } from "ethers";
import { SpillwayError } from "../../lib";
import { abi } from "../chain/chain";
import type { Log, TxRequest } from "../model/chain";
import { item } from "../item";
import { accountOf } from "./deployer";
import type { Engine, LiquidationEvent, OpenRequest, PositionState, World } from "../model/engine";
import { Multicall } from "./multicall";
import { PeerLiquidator, type GasUse, type Offer } from "./peerLiquidator";

const WAD = 10n ** 18n;
/** Approvals, a supply and a borrow each; what a block of the chain holds. */
const OPENED_PER_BLOCK = 60;

const tokenAbi = abi(["function approve(address, uint256) returns (bool)"]);

/**
 * A peer's own side: its contracts, how one acts on them, and its rules of liquidation in exact integers. `S` is a position
 * as the peer stores it.
 */
export interface PeerProtocol<S> {
  readonly versions: Readonly<Record<string, string>>;
  readonly limits: Engine["limits"];
  /** The contract that takes tokens from borrowers, lenders and liquidators, and emits all events. */
  readonly address: string;
  readonly gasUse: GasUse;

  deploy(): Promise<void>;

  /** What the lender puts in so that each market can lend `borrowed` units with room to spare. Approvals are given. */
  supply(lender: string, borrowed: readonly bigint[]): { total: bigint; transactions: TxRequest[] };
  /** Transactions by which the lender takes out that share of what it has, as far as it is there, as of the last `read`. */
  withdraw(lender: string, share: number): TxRequest[];
  open(request: OpenRequest): TxRequest[];
  topUp(request: OpenRequest, collateral: bigint): TxRequest[];
  repay(request: OpenRequest, assets: bigint, position: S): TxRequest[];

  /** Adds the state that all positions share. To be called before `stateOf`, `offer` and `oraclePriceE36` are right. */
  read(reads: Multicall, lender: string): () => void;
  readPosition(reads: Multicall, request: OpenRequest): () => S;
  /** Loan asset for a unit of collateral, scaled by 1e36, as of the last `read`; undefined where the oracle has no price. */
  oraclePriceE36(market: number): bigint | undefined;
  /** What a position holds and owes at that time of the chain. */
  stateOf(request: OpenRequest, position: S, timestamp: number): PositionState;
  /** What a liquidator can get out of it at that time; undefined where it is healthy. */
  offer(request: OpenRequest, position: S, timestamp: number): Offer<S> | undefined;

  /** What a log of `address` says about a liquidation. */
  liquidation(log: Log, logs: readonly Log[]): Liquidation | undefined;
}

export interface Liquidation {
  owner: string;
  /** Units of collateral for the liquidator, and beside that for the protocol. */
  seized: bigint;
  protocolFee: bigint;
  repaid: bigint;
  /** Debt that the protocol wrote off with it. */
  writtenOff: bigint;
}

/** The engine of a peer: its protocol, one lender, its borrowers, and one liquidator with its rivals. */
export function peerEngine<S>(name: string, world: World, protocol: PeerProtocol<S>): Engine {
  const { chain } = world;
  const lender = accountOf(`lender of ${name}`);
  const rivals = Array.from({ length: world.rivals }, (_, index) => `rival ${index + 1} of ${name}`);
  const liquidators = [name, ...rivals].map((one) => new PeerLiquidator(one, world, protocol.gasUse));
  let requests: readonly OpenRequest[] = [];
  let positions: S[] = [];
  let writtenOff = 0n;
  /** Places of the positions that have changed since they were read. */
  const changed = new Set<number>();
  /** Place of a position by its owner, as in an event's topic. */
  const places = new Map<string, number>();

  const transaction = (from: string, to: string, data: string): TxRequest => ({ from, to, data, gas: 1_000_000n });
  const approve = (from: string, token: string): TxRequest =>
    transaction(from, token, tokenAbi.encodeFunctionData("approve", [protocol.address, MaxUint256]));

  const read = async (more?: (reads: Multicall) => () => void): Promise<void> => {
    const reads = new Multicall(chain);
    const take = protocol.read(reads, lender);
    const takePositions = [...changed].map((place) => {
      const position = protocol.readPosition(reads, item(requests, place));
      return () => (positions[place] = position());
    });
    const takeMore = more?.(reads);
    await reads.send();
    take();
    for (const one of takePositions) one();
    changed.clear();
    takeMore?.();
  };

  const placeOf = (owner: string): number => {
    const place = places.get(topicOf(owner));
    if (place === undefined) throw new SpillwayError("INTERNAL", `${owner} has no position`);
    return place;
  };

  return {
    versions: protocol.versions,
    keepers: liquidators.map(({ accounts }) => accounts),
    limits: protocol.limits,

    deploy: async () => {
      await protocol.deploy();
      for (const liquidator of liquidators) await liquidator.deploy(protocol.address);
      await chain.setBalance(lender, 10n ** 24n);
    },

    open: async (opened) => {
      requests = opened;
      positions = [];
      opened.forEach(({ owner }, place) => {
        places.set(topicOf(owner), place);
        changed.add(place);
      });
      const borrowed = world.markets.map((_, market) =>
        opened.reduce((sum, request) => (request.market === market ? sum + request.debt : sum), 0n),
      );
      const { total, transactions } = protocol.supply(
        lender,
        borrowed.map((debt) => (debt * world.supplyPerBorrowed) / WAD),
      );
      await chain.setTokenBalance(world.loan.address, lender, total);
      for (const one of [approve(lender, world.loan.address), ...transactions]) chain.send(one);
      await chain.settle("the lender's supply");
      for (let first = 0; first < opened.length; first += OPENED_PER_BLOCK) {
        for (const request of opened.slice(first, first + OPENED_PER_BLOCK)) {
          const { collateral } = item(world.markets, request.market);
          chain.send(approve(request.owner, collateral.address));
          chain.send(approve(request.owner, world.loan.address));
          for (const one of protocol.open(request)) chain.send(one);
        }
        await chain.settle(`opening the positions from ${first}`);
      }
    },

    topUp: (position, collateral) => protocol.topUp(item(requests, position), collateral),
    repay: (position, assets) => protocol.repay(item(requests, position), assets, item(positions, position)),
    exit: (who, share) => (who === "lenders" ? protocol.withdraw(lender, share) : []),

    actKeepers: async (view) => {
      await read((reads) => {
        const taken = liquidators.map((liquidator) => liquidator.read(reads));
        return () => {
          for (const take of taken) take();
        };
      });
      const prices = world.markets.map((_, market) => protocol.oraclePriceE36(market));
      const book = positions.map((state, place) => ({ request: item(requests, place), state }));
      for (const liquidator of liquidators) {
        await liquidator.act(view, prices, book, (request, state) => protocol.offer(request, state, view.timestamp));
      }
    },

    settle: async ({ receipts }) => {
      const events: LiquidationEvent[] = [];
      for (const { logs } of receipts) {
        const ours = logs.filter((log) => log.address.toLowerCase() === protocol.address.toLowerCase());
        for (const log of ours) {
          for (const topic of log.topics) {
            const place = places.get(topic);
            if (place !== undefined) changed.add(place);
          }
          const found = protocol.liquidation(log, logs);
          if (!found) continue;
          writtenOff += found.writtenOff;
          const { seized: collateral, protocolFee, repaid } = found;
          events.push({ kind: "seized", position: placeOf(found.owner), collateral, protocolFee, repaid });
        }
      }
      return events;
    },

    kindOf: (calldata) => (liquidators.some((one) => one.liquidates(calldata)) ? "liquidate" : "other"),

    positions: async () => {
      await read();
      return positions.map((state, place) => protocol.stateOf(item(requests, place), state, chain.timestamp));
    },
    gauges: async () => ({ writtenOff, lenderLoss: writtenOff, buffer: null, lanes: null }),
    close: async () => undefined,
  };
}

function topicOf(address: string): string {
  return `0x${address.slice(2).toLowerCase().padStart(64, "0")}`;
}
