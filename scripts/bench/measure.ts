import { id, type Interface } from "ethers";
import { SpillwayError } from "../lib";
import { mainnet } from "../replay/chain/addresses";
import { item } from "../replay/item";
import type { ReadyWorld } from "../replay/world";
import { IERC20__factory } from "../../typechain-types";
import { openGround, PRICE, queuePrice } from "./ground";
import { aaveV3, morphoBlue, spillway, type Call, type Protocol } from "./protocols";

export const PROTOCOLS = ["spillway", "morpho-blue", "aave-v3"] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];

/** Gas of whole transactions, by action and protocol; what only one protocol does has only its figure. */
export type Measured = Record<string, Partial<Record<ProtocolName, number>>>;

const ETH = 10n ** 18n;
const USDC = 10n ** 6n;
/** Every position that is sold is opened at this LTV, below what each of the three allows. */
const OPENED_LTV = 0.795;
const COLLATERAL = 100n * ETH;
const DEBT = 15_900n * USDC;
/** What a part of a liquidation takes, and what it is about worth. */
const PART = { collateral: 10n * ETH, worth: 1_500n * USDC };
const BATCH = 10;
/** A lane has closed by then, and pays for the next `open`. */
const PAY_INTERVAL = 3_700;

const account = (name: string): string => `0x${id(`gas bench ${name}`).slice(-40)}`;
const [LENDER, USER, LIQUIDATOR, UNDERWRITER] = ["lender", "user", "liquidator", "underwriter"].map(account) as [
  string,
  string,
  string,
  string,
];
const SOLD = ["first", "guarded", "part", "whole", "absorbed first", "absorbed"] as const;
const owner = (name: (typeof SOLD)[number]): string => account(name);
const TEN = Array.from({ length: BATCH }, (_, index) => account(`of ten ${index}`));

const erc20: Interface = IERC20__factory.createInterface();

/** Deploys the three on one chain and does the same in each. Takes about half a minute. */
export async function measureGas(): Promise<Measured> {
  const ground = await openGround();
  try {
    return await new Measurement(ground.ready).run();
  } finally {
    await ground.stop();
  }
}

class Measurement {
  private readonly measured: Measured = {};

  constructor(private readonly ready: ReadyWorld) {}

  async run(): Promise<Measured> {
    const { world } = this.ready;
    const ours = await spillway(world);
    const protocols: [ProtocolName, Protocol][] = [
      ["spillway", ours],
      ["morpho-blue", await morphoBlue(world)],
      ["aave-v3", await aaveV3(world)],
    ];
    await this.fund(protocols.flatMap(([, { spenders }]) => spenders));
    await this.send(UNDERWRITER, ours.underwrite(UNDERWRITER, 1_000_000n * USDC));
    for (const [, protocol] of protocols) await this.open(protocol);

    // once before, so that no account or total is touched for the first time
    for (const [name, protocol] of protocols) await this.userActions(name, protocol, false);
    await this.userActions("spillway", ours, true, ", guarded");

    await this.publish((PRICE * OPENED_LTV) / 0.88);
    await this.send(LIQUIDATOR, ours.open(owner("first"), LIQUIDATOR));
    await this.wait(PAY_INTERVAL);
    await this.publish((PRICE * OPENED_LTV) / 0.88);
    await this.note("open, guarded", "spillway", LIQUIDATOR, ours.open(owner("guarded"), LIQUIDATOR));
    const { from, calls } = await ours.dropGuards();
    await world.chain.setBalance(from, 10n ** 24n);
    for (const call of calls) await this.send(from, call);

    for (const [name, protocol] of protocols) await this.userActions(name, protocol, true);

    await this.wait(PAY_INTERVAL);
    await this.publish((PRICE * OPENED_LTV) / 0.88);
    await this.note("open", "spillway", LIQUIDATOR, ours.open(owner("part"), LIQUIDATOR));
    await this.wait(900);
    await this.publish((PRICE * OPENED_LTV) / 0.88);
    for (const [name, protocol] of protocols) {
      await this.send(LIQUIDATOR, await protocol.liquidate(LIQUIDATOR, owner("first"), PART));
      const liquidate = (one: string, size: "whole" | typeof PART) => protocol.liquidate(LIQUIDATOR, one, size);
      await this.note("liquidate part", name, LIQUIDATOR, await liquidate(owner("part"), PART));
      await this.note("liquidate all", name, LIQUIDATOR, await liquidate(owner("whole"), "whole"));
      await this.note("liquidate batch of 10", name, LIQUIDATOR, await protocol.liquidateMany(LIQUIDATOR, TEN), BATCH);
    }

    await this.publish((PRICE * OPENED_LTV) / 0.93);
    await this.send(LIQUIDATOR, ours.absorb(owner("absorbed first"), LIQUIDATOR));
    await this.note("absorb", "spillway", LIQUIDATOR, ours.absorb(owner("absorbed"), LIQUIDATOR));
    return this.measured;
  }

  /** Everybody has plenty of both tokens, and approves all three protocols. */
  private async fund(spenders: readonly string[]): Promise<void> {
    const { chain, loan } = this.ready.world;
    for (const one of [LENDER, USER, LIQUIDATOR, UNDERWRITER, mainnet.multicall3, ...SOLD.map(owner), ...TEN]) {
      await chain.setBalance(one, 10n ** 24n);
      for (const token of [loan.address, this.collateral]) {
        await chain.setTokenBalance(token, one, token === loan.address ? 10_000_000n * USDC : 10_000n * ETH);
        for (const spender of spenders) {
          const data = erc20.encodeFunctionData("approve", [spender, (1n << 256n) - 1n]);
          chain.send({ from: one, to: token, data });
        }
      }
      await chain.settle("approvals");
    }
  }

  private async open(protocol: Protocol): Promise<void> {
    await this.send(LENDER, protocol.supply(LENDER, 2_000_000n * USDC));
    for (const one of [...SOLD.map(owner), ...TEN, USER]) {
      await this.send(one, protocol.supplyCollateral(one, COLLATERAL));
      await this.send(one, protocol.borrow(one, one === USER ? DEBT / 3n : DEBT));
    }
  }

  private async userActions(name: ProtocolName, protocol: Protocol, counted: boolean, suffix = ""): Promise<void> {
    const actions: [string, string, Call][] = [
      ["supply", LENDER, protocol.supply(LENDER, 1_000n * USDC)],
      ["withdraw", LENDER, protocol.withdraw(LENDER, 1_000n * USDC)],
      ["supply collateral", USER, protocol.supplyCollateral(USER, ETH)],
      ["withdraw collateral", USER, protocol.withdrawCollateral(USER, ETH)],
      ["borrow", USER, protocol.borrow(USER, 1_000n * USDC)],
      ["repay", USER, protocol.repay(USER, 1_000n * USDC)],
    ];
    for (const [action, from, call] of actions) {
      // only these two ask the oracle that is guarded
      const asks = action === "borrow" || action === "withdraw collateral";
      if (counted && (suffix === "" || asks)) await this.note(`${action}${suffix}`, name, from, call);
      else await this.send(from, call);
    }
  }

  private async note(action: string, name: ProtocolName, from: string, call: Call, positions = 1): Promise<void> {
    const gas = await this.send(from, call);
    (this.measured[action] ??= {})[name] = Math.round(gas / positions);
  }

  /** Mines a block with this transaction in it; its gas. */
  private async send(from: string, { to, data }: Call): Promise<number> {
    const { chain } = this.ready.world;
    chain.send({ from, to, data, gas: 15_000_000n });
    const block = await chain.mine(chain.timestamp + 12, 10n ** 9n);
    const { status, gasUsed } = item(block.queued, 0);
    if (status !== 1) throw new SpillwayError("INTERNAL", `a transaction to ${to} of ${data.slice(0, 10)} reverted`);
    return Number(gasUsed);
  }

  private async wait(seconds: number): Promise<void> {
    const { chain } = this.ready.world;
    await chain.mine(chain.timestamp + seconds, 10n ** 9n);
  }

  /** Lets the feeds say this price of the collateral. */
  private async publish(price: number): Promise<void> {
    await queuePrice(this.ready.world, price);
    await this.ready.world.chain.settle("prices");
  }

  private get collateral(): string {
    return item(this.ready.world.markets, 0).collateral.address;
  }
}
