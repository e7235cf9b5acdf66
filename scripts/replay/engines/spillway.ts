import { AbiCoder, concat, getAddress, id, type Interface, Wallet } from "ethers";
import { pino } from "pino";

import type { NetworkParameters } from "../../../deploy/parameters";
import {
  AuctionHouse__factory,
  IERC20__factory,
  LiquidityBuffer__factory,
  Vault__factory,
} from "../../../typechain-types";
import { addressIn, deployTo, TEST_ACCOUNTS } from "../../deployTo";
import { bpsToWad, max, min, type RpcCall, SpillwayError } from "../../lib";
import {
  HttpRpc,
  InProcessCoordination,
  Keeper,
  type KeeperConfig,
  laneAgeWad,
  longestAgeWad,
  Metrics,
  readBlock,
  SqliteStore,
} from "../../keeper";
import { mainnet } from "../chain/addresses";
import { ownArtifact, ownVersion } from "../chain/artifacts";
import type { Log, MinedBlock, TxRequest } from "../model/chain";
import { item } from "../item";
import { publication } from "../market/market";
import { etherPriceE36 } from "./etherPrice";
import { kindOf } from "./spillwayKeeper";
import { parametersFor } from "./spillwayParameters";
import type {
  Engine,
  Gauges,
  Lane,
  LiquidationEvent,
  MarketInfo,
  OpenRequest,
  PositionState,
  World,
} from "../model/engine";

const WAD = 10n ** 18n;
const HOUR = 3600n;
const LENDER = getAddress(`0x${id("spillway replay lender").slice(-40)}`);
const UNDERWRITER = getAddress(`0x${id("spillway replay underwriter").slice(-40)}`);
/** Transactions that open positions, in one block. */
const OPENING = 60;
/** Above every amount of a replay. */
const MANY = 1n << 200n;

const vaultAbi: Interface = Vault__factory.createInterface();
const houseAbi: Interface = AuctionHouse__factory.createInterface();
const bufferAbi: Interface = LiquidityBuffer__factory.createInterface();
const erc20Abi: Interface = IERC20__factory.createInterface();

/** Events are read word by word: decoding them in full would take longer than mining them. */
const TOPICS = {
  settled: topicOf(vaultAbi, "Settled"),
  paid: topicOf(vaultAbi, "Paid"),
  writtenOff: topicOf(vaultAbi, "WrittenOff"),
  inventorySold: topicOf(bufferAbi, "InventorySold"),
};

interface Addresses {
  vault: string;
  house: string;
  buffer: string;
}

/** What the replay itself keeps of a lane, to show it. */
interface LaneMemory {
  allowance: bigint;
  seenAt: bigint | undefined;
  terms: Record<"slopeWad" | "minPremiumBps" | "maxPremiumBps" | "maxDiscountBps", bigint>;
}

/**
 * Spillway as its deploy scripts bring it up, with mainnet's parameters, and its keeper as it is. What differs from mainnet
 * is what a replay's book would not fit into (debt ceilings, the buffer's caps), how long a feed may be silent, and that the
 * governor waits for no timelock.
 */
export class Spillway implements Engine {
  readonly versions = { spillway: ownVersion() };
  readonly limits: Engine["limits"];
  readonly kindOf = kindOf;
  private readonly parameters: NetworkParameters;
  /** The keepers' accounts: rivals have each an account, a store and a receiver of their own. */
  private readonly signers: readonly Wallet[];
  private readonly rpc: HttpRpc;
  private addresses: Addresses = { vault: "", house: "", buffer: "" };
  private running: Keeper[] = [];
  private requests: readonly OpenRequest[] = [];
  /** The calls that read every position, one per market. */
  private snapshots: RpcCall[] = [];
  private gaugeCalls: RpcCall[] = [];
  private readonly indexOf = new Map<string, number>();
  private readonly lanes: LaneMemory[];
  private writtenOff = 0n;
  private lenderLoss = 0n;
  private idle = 0n;
  private lenderAssets = 0n;
  private underwriterShares = 0n;

  constructor(private readonly world: World) {
    this.parameters = parametersFor(world);
    const rivals = Array.from({ length: world.rivals }, (_, index) => `spillway replay rival ${index + 1}`);
    this.signers = ["spillway replay keeper", ...rivals].map((name) => new Wallet(id(name)));
    this.limits = this.parameters.markets.map(({ lltvBps, maxLtvBps }) => ({
      lltv: (BigInt(lltvBps) * WAD) / 10_000n,
      maxLtv: (BigInt(maxLtvBps) * WAD) / 10_000n,
    }));
    this.rpc = new HttpRpc(world.url, 60_000);
    const terms = { slopeWad: 1n, minPremiumBps: 0n, maxPremiumBps: 0n, maxDiscountBps: 0n };
    this.lanes = world.markets.map(() => ({ allowance: 0n, seenAt: undefined, terms }));
  }

  get keepers(): readonly (readonly string[])[] {
    return this.signers.map(({ address }) => [address]);
  }

  async deploy(): Promise<void> {
    const { chain, markets } = this.world;
    if (this.world.etherUsd !== null) await this.fixEtherPrice(this.world.etherUsd);
    const fromBlock = chain.blockNumber;
    const deployed = await deployTo(this.world.url, this.parameters);
    await chain.start();
    const at = (name: string): string => addressIn(deployed, name);
    this.addresses = { vault: at("Vault"), house: at("AuctionHouse"), buffer: at("LiquidityBuffer") };
    this.gaugeCalls = this.callsOfGauges();
    if (!this.world.impact) await this.fixDepths();
    for (const [index, market] of markets.entries()) await this.readLane(market, item(this.lanes, index));

    for (const { address } of this.signers) await chain.setBalance(address, 10n ** 24n);
    this.running = this.signers.map((signer) => this.newKeeper(signer, at("FlashLiquidator"), fromBlock));
  }

  async open(requests: readonly OpenRequest[]): Promise<void> {
    const { chain, markets, bufferCash, supplyPerBorrowed } = this.world;
    const { vault, buffer } = this.addresses;
    this.requests = requests;
    requests.forEach(({ market, owner }, index) => {
      this.indexOf.set(key(item(markets, market).collateral.address, owner), index);
    });
    this.snapshots = markets.map(({ collateral }, market) => {
      const owners = requests.filter((request) => request.market === market).map(({ owner }) => owner);
      const data = vaultAbi.encodeFunctionData("snapshot", [collateral.address, owners]);
      return ["eth_call", [{ to: this.addresses.vault, data }, "latest"]];
    });
    const debt = requests.reduce((sum, request) => sum + request.debt, 0n);
    const supply = (debt * supplyPerBorrowed) / WAD + 1n;
    await this.bring(LENDER, supply, vault, vaultAbi.encodeFunctionData("deposit", [supply, LENDER]));
    if (bufferCash > 0n) {
      const data = bufferAbi.encodeFunctionData("deposit", [bufferCash, UNDERWRITER]);
      await this.bring(UNDERWRITER, bufferCash, buffer, data);
    }
    const transactions = requests.flatMap((request) => this.opening(request));
    for (let first = 0; first < transactions.length; first += OPENING) {
      for (const transaction of transactions.slice(first, first + OPENING)) chain.send(transaction);
      await chain.settle("opening positions at Spillway");
    }
  }

  topUp(position: number, collateral: bigint): readonly TxRequest[] {
    const { owner, token } = this.at(position);
    const data = vaultAbi.encodeFunctionData("supplyCollateral", [token, collateral, owner]);
    return [{ from: owner, to: this.addresses.vault, data }];
  }

  repay(position: number, assets: bigint): readonly TxRequest[] {
    const { owner, token } = this.at(position);
    const data = vaultAbi.encodeFunctionData("repay", [token, assets, owner]);
    return [{ from: owner, to: this.addresses.vault, data }];
  }

  exit(who: "lenders" | "underwriters", share: number): readonly TxRequest[] {
    const wad = BigInt(Math.round(share * 1e6)) * 10n ** 12n;
    const { vault, buffer } = this.addresses;
    if (who === "lenders") {
      const wanted = (this.lenderAssets * wad) / WAD;
      const assets = wanted < this.idle ? wanted : this.idle;
      if (assets === 0n) return [];
      const data = vaultAbi.encodeFunctionData("withdraw", [assets, LENDER, LENDER]);
      return [{ from: LENDER, to: vault, data }];
    }
    const shares = (this.underwriterShares * wad) / WAD;
    if (shares === 0n) return [];
    const data = bufferAbi.encodeFunctionData("requestRedeem", [shares, UNDERWRITER, UNDERWRITER]);
    return [{ from: UNDERWRITER, to: buffer, data }];
  }

  async actKeepers(): Promise<void> {
    if (this.running.length === 0) throw new SpillwayError("INTERNAL", "the engine is not deployed");
    // none sees what the others send; whose goes first is up to the chain
    const block = await readBlock(this.rpc, "latest");
    for (const keeper of this.running) await keeper.onBlock(block);
  }

  async settle(block: MinedBlock): Promise<readonly LiquidationEvent[]> {
    const { vault, buffer } = this.addresses;
    const events: LiquidationEvent[] = [];
    for (const log of block.receipts.flatMap((receipt) => receipt.logs)) {
      const from = log.address.toLowerCase();
      if (from === vault.toLowerCase()) events.push(...this.vaultEvent(log));
      else if (from === buffer.toLowerCase()) events.push(...this.bufferEvent(log));
    }
    return Promise.resolve(events);
  }

  async positions(): Promise<readonly PositionState[]> {
    const answers = await this.world.chain.rpc.batch(this.snapshots);
    const read = answers.map(() => 0);
    return this.requests.map(({ market }) => {
      // price, lltv, minDebt and offset of the list; its length; then collateral, debt and riskAt of each
      const first = 5 + 3 * item(read, market);
      read[market] = item(read, market) + 1;
      const answer = item(answers, market) as string;
      return { collateral: word(answer, first), debt: word(answer, first + 1) };
    });
  }

  async gauges(): Promise<Gauges> {
    const { chain, markets } = this.world;
    const answers = (await chain.rpc.batch(this.gaugeCalls)) as string[];
    const scalar = (index: number): bigint => word(item(answers, index), 0);
    this.idle = scalar(2);
    this.lenderAssets = scalar(3);
    this.underwriterShares = scalar(4);
    const inventory = markets.map((_, index) => scalar(5 + index));
    const lanes = markets.map((_, index) => {
      const lane = item(answers, 5 + markets.length + index);
      const isOpen = scalar(5 + 2 * markets.length + index) === 1n;
      return this.laneOf(item(this.lanes, index), {
        ...{ isOpen, cursorWad: word(lane, 0), ratePerHour: word(lane, 1) },
        ...{ lastPriceE36: word(lane, 4), emaE36: word(lane, 6), diverged: word(lane, 7) === 1n },
      });
    });
    return {
      writtenOff: this.writtenOff,
      lenderLoss: this.lenderLoss,
      buffer: this.world.bufferCash === 0n && scalar(0) === 0n ? null : { cash: scalar(0) + scalar(1), inventory },
      lanes,
    };
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  // ------------------------------------------------------------------------------------------------ private

  private at(position: number): { owner: string; token: string } {
    const { owner, market } = item(this.requests, position);
    return { owner, token: item(this.world.markets, market).collateral.address };
  }

  private opening({ market, owner, collateral, debt }: OpenRequest): TxRequest[] {
    const { vault } = this.addresses;
    const token = item(this.world.markets, market).collateral.address;
    const approve = erc20Abi.encodeFunctionData("approve", [vault, MANY]);
    const calls: [string, string][] = [
      [token, approve],
      [this.world.loan.address, approve],
      [vault, vaultAbi.encodeFunctionData("supplyCollateral", [token, collateral, owner])],
      [vault, vaultAbi.encodeFunctionData("borrow", [token, debt, owner, owner])],
    ];
    return calls.map(([to, data]) => ({ from: owner, to, data, gas: 1_000_000n }));
  }

  private callsOfGauges(): RpcCall[] {
    const { vault, house, buffer } = this.addresses;
    const tokens = this.world.markets.map(({ collateral }) => collateral.address);
    const call = (to: string, contract: Interface, name: string, args: readonly unknown[] = []): RpcCall => [
      "eth_call",
      [{ to, data: contract.encodeFunctionData(name, args) }, "latest"],
    ];
    return [
      call(buffer, bufferAbi, "cash"),
      call(vault, vaultAbi, "bufferFees"),
      call(vault, vaultAbi, "idle"),
      call(vault, vaultAbi, "maxWithdraw", [LENDER]),
      call(buffer, bufferAbi, "balanceOf", [UNDERWRITER]),
      ...tokens.map((token) => call(buffer, bufferAbi, "inventory", [token])),
      ...tokens.map((token) => call(house, houseAbi, "lane", [token])),
      ...tokens.map((token) => call(house, houseAbi, "isOpen", [token])),
    ];
  }

  private async bring(from: string, assets: bigint, to: string, data: string): Promise<void> {
    const { chain, loan } = this.world;
    await chain.setBalance(from, 10n ** 24n);
    await chain.setTokenBalance(loan.address, from, assets);
    chain.send({ from, to: loan.address, data: erc20Abi.encodeFunctionData("approve", [to, MANY]) });
    chain.send({ from, to, data });
    await chain.settle("bringing money to Spillway");
  }

  /** Without price impact the pool is deeper beyond measure; the lanes keep the pace of the real one. */
  private async fixDepths(): Promise<void> {
    const { chain, markets } = this.world;
    const { house } = this.addresses;
    const { bytecode } = ownArtifact("mocks/MockDepth.sol", "MockDepth");
    const governor = TEST_ACCOUNTS.governor;
    await chain.setBalance(governor, 10n ** 24n);
    for (const { collateral, depth } of markets) {
      const depthOracle = getAddress(`0x${id(`fixed depth of ${collateral.address}`).slice(-40)}`);
      const constructor = AbiCoder.defaultAbiCoder().encode(["uint256"], [depth]);
      await chain.place(depthOracle, concat([bytecode, constructor]), governor);
      const [current] = await chain.read(house, houseAbi, "laneParameters", [collateral.address]);
      const parameters = { ...(current as { toObject(): object }).toObject(), depthOracle };
      const data = houseAbi.encodeFunctionData("setLane", [collateral.address, parameters]);
      chain.send({ from: governor, to: house, data });
    }
    await chain.settle("fixing the depth that lanes go by");
  }

  /** Where no market has ETH its feed, by which pay is priced, says one price all along. */
  private async fixEtherPrice(usd: number): Promise<void> {
    const { chain } = this.world;
    const { bytecode } = ownArtifact("mocks/ReplayFeed.sol", "ReplayFeed");
    const constructor = AbiCoder.defaultAbiCoder().encode(["address", "string"], [UNDERWRITER, "ETH / USD"]);
    await chain.setBalance(UNDERWRITER, 10n ** 24n);
    await chain.place(mainnet.feeds.ETH, concat([bytecode, constructor]), UNDERWRITER);
    chain.send(publication(UNDERWRITER, mainnet.feeds.ETH, usd));
    await chain.settle("the price of ether");
  }

  private async readLane({ collateral }: MarketInfo, lane: LaneMemory): Promise<void> {
    const [parameters] = (await this.world.chain.read(this.addresses.house, houseAbi, "laneParameters", [
      collateral.address,
    ])) as [LaneMemory["terms"]];
    lane.terms = parameters;
  }

  private newKeeper(signer: Wallet, flashLiquidator: string, fromBlock: number): Keeper {
    const config = { ...this.keeperConfig(flashLiquidator, fromBlock), profitReceiver: signer.address };
    return new Keeper({
      ...{ rpc: this.rpc, signer, config, store: new SqliteStore(":memory:", "replay") },
      ...{ metrics: new Metrics(), coordination: new InProcessCoordination() },
      log: pino({ level: process.env["KEEPER_LOG"] ?? "silent" }, pino.destination(2)),
    });
  }

  private keeperConfig(flashLiquidator: string, fromBlock: number): Omit<KeeperConfig, "profitReceiver"> {
    const { vault, house, buffer } = this.addresses;
    const { markets } = this.world;
    const eth = markets.find(({ asset }) => asset === "ETH");
    return {
      addresses: { vault, auctionHouse: house, buffer, flashLiquidator },
      pools: new Map(markets.map(({ collateral, pool }) => [collateral.address, pool])),
      ...{ fromBlock, logChunk: 10_000, maxActions: 64, checkBlocks: 500, auditPositions: 0, dryRun: false },
      weiPrice: eth ? { market: eth.collateral.address } : { fixedE36: etherPriceE36(this.world) },
      policy: {
        ...{ minProfit: 0n, maxOrders: 30, maxLossBps: 50n, buyInventory: true },
        workAtLoss: this.world.keepers === "service",
      },
      sender: {
        chainId: this.parameters.chainId,
        limits: { priorityFee: 10n ** 9n, maxFeePerGas: 10n ** 14n },
        stuckBlocks: 3,
      },
    };
  }

  private vaultEvent({ topics, data }: Log): LiquidationEvent[] {
    const [topic, collateral, owner, receiver] = topics;
    if (topic === TOPICS.settled) {
      const kind = address(receiver) === this.addresses.buffer.toLowerCase() ? "absorbed" : "seized";
      const position = this.position(address(collateral), address(owner));
      return [{ kind, position, collateral: word(data, 0), repaid: word(data, 1) }];
    }
    if (topic === TOPICS.paid) {
      const position = this.position(address(collateral), address(owner));
      return [{ kind: "seized", position, collateral: word(data, 0), repaid: 0n }];
    }
    if (topic === TOPICS.writtenOff) {
      this.writtenOff += word(data, 0);
      this.lenderLoss += word(data, 4);
    }
    return [];
  }

  private bufferEvent({ topics, data }: Log): LiquidationEvent[] {
    if (topics[0] !== TOPICS.inventorySold) return [];
    return [{ kind: "inventorySold", market: this.market(address(topics[1])), collateral: word(data, 0) }];
  }

  /** What the pace would have let out, and the head's multiple as of what the lane saw last, at the greatest discount. */
  private laneOf(memory: LaneMemory, lane: LaneState): Lane {
    const now = BigInt(this.world.chain.timestamp);
    const { slopeWad, minPremiumBps, maxPremiumBps, maxDiscountBps } = memory.terms;
    const longest = longestAgeWad(maxPremiumBps, maxDiscountBps, slopeWad);
    if (memory.seenAt === undefined) memory.allowance = (lane.ratePerHour * longest) / (HOUR * WAD);
    else memory.allowance += (lane.ratePerHour * (now - memory.seenAt)) / HOUR;
    memory.seenAt = now;
    if (!lane.isOpen) return { allowance: memory.allowance, multiple: null };

    const fallen = (lane.emaE36 * WAD) / lane.lastPriceE36 - WAD;
    const premiumWad = lane.diverged
      ? bpsToWad(maxPremiumBps)
      : max(bpsToWad(minPremiumBps), min(fallen, bpsToWad(maxPremiumBps)));
    const ageWad = laneAgeWad(now, lane.cursorWad, longest);
    const multipleWad = max(WAD + premiumWad - (slopeWad * ageWad) / WAD, WAD - bpsToWad(maxDiscountBps));
    return { allowance: memory.allowance, multiple: Number(multipleWad) / 1e18 };
  }

  private market(collateral: string): number {
    return this.world.markets.findIndex((one) => one.collateral.address.toLowerCase() === collateral.toLowerCase());
  }

  private position(collateral: string, owner: string): number {
    const position = this.indexOf.get(key(collateral, owner));
    if (position === undefined)
      throw new SpillwayError("INTERNAL", `${owner} was sold and is not a borrower of the run`);
    return position;
  }
}

interface LaneState {
  isOpen: boolean;
  cursorWad: bigint;
  ratePerHour: bigint;
  lastPriceE36: bigint;
  emaE36: bigint;
  diverged: boolean;
}

/** Spillway on a replay's chain; see {@link Spillway}. */
export function spillway(world: World): Engine {
  return new Spillway(world);
}

function topicOf(contract: Interface, event: string): string {
  const fragment = contract.getEvent(event);
  if (fragment === null) throw new SpillwayError("INTERNAL", `there is no event ${event}`);
  return fragment.topicHash;
}

/** The word at an index of ABI-encoded data. */
function word(data: string, index: number): bigint {
  return BigInt(`0x${data.slice(2 + 64 * index, 66 + 64 * index)}`);
}

/** The address in a topic, in lower case. */
function address(topic: string | undefined): string {
  return `0x${(topic ?? "").slice(-40)}`;
}

function key(collateral: string, owner: string): string {
  return `${collateral} ${owner}`.toLowerCase();
}
