import type { Keepers } from "./choices";
import type { Chain, MinedBlock, TxRequest } from "./chain";
import type { TransactionKind } from "./result";
import type { CollateralAsset } from "./scenario";
import type { Overrides } from "./overrides";

/** A token, and the Chainlink-shaped feed of its price in USD (8 decimals). */
export interface TokenInfo {
  address: string;
  decimals: number;
  feed: string;
}

/** One collateral of the run, and the real Uniswap v3 pool against the loan asset on which it is sold. */
export interface MarketInfo {
  asset: CollateralAsset;
  collateral: TokenInfo;
  pool: string;
  /** Fee of the pool, 1e-6. */
  poolFee: number;
  /** Outside price at the start, loan asset per collateral. */
  startPrice: number;
  /** Collateral whose sale moves the pool by 1 % at the start, in its units. The run without price impact says the same. */
  depth: bigint;
}

/**
 * The chain that an engine is deployed on. The token, pool and feed contracts are there; Uniswap's and Multicall3's
 * addresses are those of mainnet (`chain/addresses.ts`).
 */
export interface World {
  chain: Chain;
  /** JSON-RPC of the chain, for keepers that bring their own client. */
  url: string;
  loan: TokenInfo;
  markets: readonly MarketInfo[];
  /** Collateral value of the whole book at the start, units of the loan asset. */
  bookValue: bigint;
  /** What underwriters put into a buffer before the start, units of the loan asset. */
  bufferCash: bigint;
  /** What lenders supply over what is borrowed at the start, at least 1, Wad. */
  supplyPerBorrowed: bigint;
  /** False for the run without price impact: its pools are deeper beyond measure, `MarketInfo.depth` is not. */
  impact: boolean;
  /** How long a feed may be silent when all is well, seconds: heartbeat, delay and a step. */
  feedPatience: number;
  /** What an ether costs in USD, for gas, where no market has ETH; null where one has. */
  etherUsd: number | null;
  seed: number;
  keepers: Keepers;
  /** How many keepers more there are, strangers to the first and to each other. */
  rivals: number;
  /** Parameters of Spillway's markets that a sweep changes; nothing to its peers. */
  overrides: Overrides;
}

/** A position to open before the start: what the borrower puts in and draws. */
export interface OpenRequest {
  /** Index into `World.markets`. */
  market: number;
  owner: string;
  /** Units of the collateral, dealt to the owner already, beside what it may top up with later. */
  collateral: bigint;
  /** Units of the loan asset. */
  debt: bigint;
}

/** What a position holds and owes with interest up to now, in units of its tokens. */
export interface PositionState {
  collateral: bigint;
  debt: bigint;
}

/** What liquidations did in a block. Amounts in units of the tokens; `position` is the index at which it was opened. */
export type LiquidationEvent =
  /** Collateral that left a position for a liquidator, and the debt that this repaid; beside it, what collateral the protocol kept as its fee. */
  | { kind: "seized"; position: number; collateral: bigint; repaid: bigint; protocolFee?: bigint }
  /** Collateral that left a position for the buffer, and the debt that this repaid. */
  | { kind: "absorbed"; position: number; collateral: bigint; repaid: bigint }
  /** Collateral that the buffer sold. */
  | { kind: "inventorySold"; market: number; collateral: bigint };

/** What an engine's accounts say, in units of the tokens. */
export interface Gauges {
  /** Debt written off so far. */
  writtenOff: bigint;
  /** What lenders lost of it. */
  lenderLoss: bigint;
  /** Null for an engine that has no buffer. `inventory` per market. */
  buffer: { cash: bigint; inventory: readonly bigint[] } | null;
  /** One per market; null for an engine that has no lanes. */
  lanes: readonly Lane[] | null;
}

export interface Lane {
  /** Collateral that the pace would have let out since the start at most. */
  allowance: bigint;
  /** Lowest head price over oracle price of the running auctions; null while none runs. */
  multiple: number | null;
}

/**
 * A lending protocol with its keepers, behind what a replay needs of it. The replay calls, once each: `deploy`, `open`;
 * then at every step: `topUp`, `repay` and `exit` as agents want, `actKeepers` between the step's two blocks, `settle`
 * after the second, `positions` and `gauges`; and `close` at the end, also after an error.
 */
export interface Engine {
  /** Names and versions of packages that it brings, for `result.json`. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * For each keeper the accounts and contracts that hold what it owns, the account that it sends from first. Their ether is
   * dealt by the engine.
   */
  readonly keepers: readonly (readonly string[])[];
  /** LTV above which a position can be liquidated, and up to which one can be opened, Wad, per market. */
  readonly limits: readonly { lltv: bigint; maxLtv: bigint }[];

  /** Puts the protocol on the chain, an hour of chain time before the start. */
  deploy(): Promise<void>;
  /** Brings the lenders' supply and the buffer's cash, and opens the positions; their places are their indices later. */
  open(requests: readonly OpenRequest[]): Promise<void>;

  /** Transactions by which the owner of a position adds collateral to it; the owner has the tokens. */
  topUp(position: number, collateral: bigint): readonly TxRequest[];
  /** Transactions by which the owner pays back at most that much; the owner has the tokens. */
  repay(position: number, assets: bigint): readonly TxRequest[];
  /** Transactions by which lenders or underwriters ask for that share (0…1) of what they have in. */
  exit(who: "lenders" | "underwriters", share: number): readonly TxRequest[];

  /**
   * Lets the keepers look at the chain and send what they want to the node or the chain's queue. It must come back when all is
   * sent, without waiting for a block: the replay mines the next one afterwards.
   */
  actKeepers(view: KeeperView): Promise<void>;
  /** Tells the keepers that their block is mined, and reads the liquidations out of it. */
  settle(block: MinedBlock): Promise<readonly LiquidationEvent[]>;
  /** What a transaction of its keepers does, by its calldata. */
  kindOf(calldata: string): TransactionKind;

  /** Every position, in the order of opening. One call to the node. */
  positions(): Promise<readonly PositionState[]>;
  /** One call to the node. */
  gauges(): Promise<Gauges>;
  close(): Promise<void>;
}

export interface KeeperView {
  /** Time of the next block, seconds UTC of the chain. */
  timestamp: number;
  /** Base fee of the next block, wei. */
  baseFee: bigint;
}

export type EngineFactory = (world: World) => Engine;
