// The chain under a test's control: prices, blocks, reorganisations, and what is true of it at the end.
import { AbiCoder, type Interface, id, toBeHex, Wallet } from "ethers";

import { mainnet } from "../../../scripts/replay/chain/addresses";
import { abi } from "../../../scripts/replay/chain/chain";
import { publication } from "../../../scripts/replay/market/market";
import { sqrtPriceOf } from "../../../scripts/replay/market/swapMath";
import {
  AuctionHouse__factory,
  FlashLiquidator__factory,
  LiquidityBuffer__factory,
  Vault__factory,
} from "../../../typechain-types";
import { KeeperProcess, type KeeperOptions } from "./keeperProcess";
import { type Node, startNode } from "./node";
import { FaultyNode } from "./proxy";
import { type Market, OPERATOR, type State, type StateOptions, standardState } from "./state";

export const GWEI = 10n ** 9n;
export const BASE_FEE = 10n * GWEI;
/** Seconds from block to block. */
const BLOCK_TIME = 12;
/** Above every tip of a keeper: what a test sends comes first in its block. */
const FIRST = 10n ** 15n;

const vaultAbi: Interface = Vault__factory.createInterface();
const houseAbi: Interface = AuctionHouse__factory.createInterface();
const bufferAbi: Interface = LiquidityBuffer__factory.createInterface();
const liquidatorAbi: Interface = FlashLiquidator__factory.createInterface();
const arbitrageurAbi = abi(["function pullTo(uint160 sqrtPriceX96)"]);
/** Keepers' names of what the contracts' functions do. */
const JOBS: Readonly<Record<string, string>> = {
  ...{ open: "open", absorb: "absorb", absorbMany: "absorb", sync: "sync", fulfil: "fulfil" },
  ...{ buy: "buy", buyMany: "buy", liquidate: "buy", buyInventory: "buyInventory", liquidateInventory: "buyInventory" },
};

export interface Call {
  from?: string;
  to: string;
  data?: string;
  value?: bigint;
  gas?: bigint;
}

/** A transaction that was mined. */
export interface Mined {
  block: number;
  from: string;
  hash: string;
  nonce: number;
  ok: boolean;
  /** The function that it calls; `empty` for one to its own sender. */
  kind: string;
  /** What it is about, as keepers name their jobs, in lower case: `buy:0x…` of a market, `fulfil:0x…` of a controller. */
  job: string;
  gasUsed: bigint;
  /** Wei. */
  gasPaid: bigint;
}

interface BlockReply {
  number: string;
  hash: string;
  timestamp: string;
  baseFeePerGas: string;
  transactions: { hash: string; from: string; to: string | null; input: string; nonce: string }[];
}
interface ReceiptReply {
  transactionHash: string;
  status: string;
  gasUsed: string;
  effectiveGasPrice: string;
}

export class World {
  private readonly endings: (() => Promise<void>)[] = [];

  private constructor(
    readonly state: State,
    readonly node: Node,
    /** Seconds; of the last block. */
    private time: number,
  ) {}

  static async start(options: Partial<StateOptions> = {}): Promise<World> {
    const state = await standardState(options);
    const node = await startNode(state.file);
    const { timestamp } = (await node.rpc.call("eth_getBlockByNumber", "latest", false)) as BlockReply;
    return new World(state, node, Number(timestamp));
  }

  get url(): string {
    return this.node.url;
  }

  /** Seconds of the last block that was mined here. */
  get timestamp(): number {
    return this.time;
  }

  /** Ends all that was started for this world. */
  async stop(): Promise<void> {
    for (const ending of this.endings.reverse()) await ending();
    await this.node.stop();
  }

  // -------------------------------------------------------------------------------------------- what runs on it

  /** A JSON-RPC node in front of this world's, with faults that a test switches. */
  async proxy(): Promise<FaultyNode> {
    const proxy = await FaultyNode.start(this.url);
    this.endings.push(() => proxy.stop());
    return proxy;
  }

  /** A node of another chain, which is empty. */
  async otherChain(chainId: number): Promise<Node> {
    const node = await startNode(undefined, chainId);
    this.endings.push(() => node.stop());
    return node;
  }

  /** Starts a keeper as a process of its own; its account has 100 ether the first time. */
  async keeper(options: KeeperOptions = {}): Promise<KeeperProcess> {
    const keeper = await KeeperProcess.start(this, options);
    this.endings.push(() => keeper.end());
    return keeper;
  }

  // ------------------------------------------------------------------------------------------------------ blocks

  async head(): Promise<number> {
    return Number(await this.node.rpc.text("eth_blockNumber"));
  }

  /**
   * Mines a block with these calls first and what waits in the pool behind them.
   * @param options.baseFee Wei.
   * @returns Its number.
   */
  async mine(calls: readonly Call[] = [], options: { seconds?: number; baseFee?: bigint } = {}): Promise<number> {
    const { rpc } = this.node;
    this.time += options.seconds ?? BLOCK_TIME;
    for (const [index, { from = OPERATOR, to, data = "0x", value = 0n, gas = 3_000_000n }] of calls.entries()) {
      const fee = toBeHex(FIRST - BigInt(index));
      const fees = { maxFeePerGas: fee, maxPriorityFeePerGas: fee };
      await rpc.call("eth_sendTransaction", { from, to, data, value: hex(value), gas: hex(gas), ...fees });
    }
    await rpc.call("evm_setNextBlockTimestamp", hex(this.time));
    await rpc.call("anvil_setNextBlockBaseFeePerGas", hex(options.baseFee ?? BASE_FEE));
    await rpc.call("evm_mine");
    return this.head();
  }

  /** Mines blocks, each when all these keepers have dealt with the one before, until `done` holds; the last one is dealt with too. */
  async run(
    keepers: readonly KeeperProcess[],
    blocks: number,
    done: (number: number) => boolean | Promise<boolean> = () => false,
    options: { seconds?: number; baseFee?: bigint } = {},
  ): Promise<boolean> {
    for (let i = 0; i < blocks; i++) {
      const number = await this.mine([], options);
      for (const keeper of keepers) await keeper.reaches(number);
      if (await done(number)) return true;
    }
    return false;
  }

  /** Prices of markets (all of them where none is given): of the feed, and of the pool unless it is to lag. */
  priceCalls(
    price: number,
    markets = this.state.markets.map((_, index) => index),
    which: "both" | "feed" | "pool" = "both",
  ): Call[] {
    return markets.flatMap((index) => {
      const market = this.market(index);
      const { to, data } = publication(OPERATOR, market.feed, price);
      const feed = { to, data };
      const pool = { to: market.arbitrageur, data: pull(market, price), gas: 1_000_000n };
      return which === "both" ? [pool, feed] : which === "feed" ? [feed] : [pool];
    });
  }

  /** The outside market moves: pools and feeds, in one block. */
  async setPrice(price: number, markets?: number[], which?: "both" | "feed" | "pool"): Promise<number> {
    return this.mine(this.priceCalls(price, markets, which));
  }

  /** Replaces the last blocks by as many without transactions. What was in them is gone, from the pool too. */
  async reorg(depth: number): Promise<void> {
    const { rpc } = this.node;
    await rpc.call("anvil_reorg", depth, []);
    const { timestamp } = (await rpc.call("eth_getBlockByNumber", "latest", false)) as BlockReply;
    this.time = Math.max(this.time, Number(timestamp));
  }

  /** Goes back to where the chain was at the time of the call. */
  async snapshot(): Promise<() => Promise<void>> {
    const snapshot = await this.node.rpc.call("evm_snapshot");
    const { time } = this;
    return async () => {
      await this.node.rpc.call("evm_revert", snapshot);
      this.time = time;
    };
  }

  /** Hashes of an account's transactions in the pool, by nonce. */
  async pool(account: string): Promise<Map<number, string>> {
    const content = (await this.node.rpc.call("txpool_content")) as Record<
      "pending" | "queued",
      Record<string, Record<string, { hash: string; nonce: string }>>
    >;
    const found = new Map<number, string>();
    for (const accounts of [content.pending, content.queued]) {
      for (const [address, transactions] of Object.entries(accounts)) {
        if (address.toLowerCase() !== account.toLowerCase()) continue;
        for (const { hash, nonce } of Object.values(transactions)) found.set(Number(nonce), hash);
      }
    }
    return new Map([...found].sort(([a], [b]) => a - b));
  }

  async drop(hash: string): Promise<void> {
    await this.node.rpc.call("anvil_dropTransaction", hash);
  }

  async setBalance(account: string, wei: bigint): Promise<void> {
    await this.node.rpc.call("anvil_setBalance", account, hex(wei));
  }

  async balance(account: string): Promise<bigint> {
    return BigInt(await this.node.rpc.text("eth_getBalance", account, "latest"));
  }

  // ------------------------------------------------------------------------------------------------ what is true

  /** What an account has had mined since the world began, in order. */
  async transactionsOf(account: string): Promise<Mined[]> {
    return (await this.transactions()).filter(({ from }) => from.toLowerCase() === account.toLowerCase());
  }

  /** All transactions since the world began, or since a block, in order. */
  async transactions(since = this.state.head): Promise<Mined[]> {
    const { rpc } = this.node;
    const mined: Mined[] = [];
    for (let number = since + 1; number <= (await this.head()); number++) {
      const [block, receipts] = (await rpc.batch([
        ["eth_getBlockByNumber", [hex(number), true]],
        ["eth_getBlockReceipts", [hex(number)]],
      ])) as [BlockReply, ReceiptReply[]];
      for (const { hash, from, to, input, nonce } of block.transactions) {
        const receipt = receipts.find((one) => one.transactionHash === hash);
        if (receipt === undefined) throw new Error(`no receipt of ${hash}`);
        const gasUsed = BigInt(receipt.gasUsed);
        mined.push({
          ...{ block: number, from, hash, nonce: Number(nonce), ok: receipt.status === "0x1", gasUsed },
          ...meaningOf(from, to, input),
          gasPaid: gasUsed * BigInt(receipt.effectiveGasPrice),
        });
      }
    }
    return mined;
  }

  /** Owners of a market's positions with how far each is above its limit: LTV in Bps over lltv, by the oracle. */
  async positions(market: number): Promise<{ owner: string; collateral: bigint; debt: bigint; ltvBps: number }[]> {
    const owners = this.state.borrowers.filter((one) => one.market === market).map(({ owner }) => owner);
    const { collateral } = this.market(market);
    const [priceE36, , , positions] = (await this.read(this.state.addresses.vault, vaultAbi, "snapshot", [
      collateral,
      owners,
    ])) as [bigint, bigint, bigint, { collateral: bigint; debt: bigint }[]];
    return positions.map(({ collateral: held, debt }, index) => {
      const value = (held * priceE36) / 10n ** 36n;
      const ltvBps = value === 0n ? 0 : Number((debt * 10_000n) / value);
      return { owner: owners[index] ?? "", collateral: held, debt, ltvBps };
    });
  }

  /** Positions above lltv, per market. */
  async unhealthy(): Promise<number[]> {
    const all = await Promise.all(this.state.markets.map((_, market) => this.positions(market)));
    return all.map((positions) => positions.filter(({ ltvBps }) => ltvBps > 8_300).length);
  }

  async isOpen(market: number): Promise<boolean> {
    const { auctionHouse } = this.state.addresses;
    const [open] = await this.read(auctionHouse, houseAbi, "isOpen", [this.market(market).collateral]);
    return open as boolean;
  }

  async read(
    to: string,
    contract: Interface,
    name: string,
    args: readonly unknown[] = [],
  ): Promise<readonly unknown[]> {
    const data = await this.node.rpc.text("eth_call", { to, data: contract.encodeFunctionData(name, args) }, "latest");
    return contract.decodeFunctionResult(name, data);
  }

  market(index: number): Market {
    const market = this.state.markets[index];
    if (market === undefined) throw new Error(`there is no market ${index}`);
    return market;
  }

  /** What a token's balance is. */
  async tokens(token: string, account: string): Promise<bigint> {
    const [balance] = await this.read(token, abi(["function balanceOf(address) view returns (uint256)"]), "balanceOf", [
      account,
    ]);
    return balance as bigint;
  }

  /** What an account has earned less the gas it has paid, units of the loan asset; collateral and gas at this price in USD. */
  async profit(account: string, price: number): Promise<bigint> {
    const units = BigInt(Math.round(price * 1e6));
    let profit = await this.tokens(mainnet.usdc, account);
    for (const { collateral } of this.state.markets) {
      profit += ((await this.tokens(collateral, account)) * units) / 10n ** 18n;
    }
    const gas = (await this.transactionsOf(account)).reduce((sum, { gasPaid }) => sum + gasPaid, 0n);
    return profit - (gas * units) / 10n ** 18n;
  }

  async setTokens(token: string, account: string, amount: bigint): Promise<void> {
    await this.node.rpc.call("anvil_dealERC20", account, token, hex(amount));
  }

  /** Puts a contract's code at an address. */
  async setCode(address: string, code: string): Promise<void> {
    await this.node.rpc.call("anvil_setCode", address, code);
  }
}

/** The account of a keeper of that name. */
export function accountOf(name: string): Wallet {
  return new Wallet(id(`spillway fault tests keeper ${name}`));
}

export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

export { AbiCoder, houseAbi, vaultAbi };

/** The function that a transaction calls, and whose job that is. */
function meaningOf(from: string, to: string | null, input: string): Pick<Mined, "kind" | "job"> {
  if (to === from) return { kind: "empty", job: "" };
  for (const contract of [houseAbi, bufferAbi, liquidatorAbi]) {
    const found = contract.parseTransaction({ data: input });
    if (found === null) continue;
    const { name, args } = found;
    const about = args.toObject() as Record<string, string | undefined>;
    const target = about["collateral"] ?? about["controller"] ?? "";
    return { kind: name, job: `${JOBS[name] ?? name}:${target}`.toLowerCase() };
  }
  return { kind: "other", job: "" };
}

function pull({ collateralIsToken0 }: Market, price: number): string {
  const units = { collateralIsToken0, collateralDecimals: 18, loanDecimals: 6 };
  return arbitrageurAbi.encodeFunctionData("pullTo", [sqrtPriceOf(price, units)]);
}
