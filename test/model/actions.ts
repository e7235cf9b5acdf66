import { MaxUint256, type Interface } from "ethers";

import { INVENTORY, LANE, usdc } from "../contracts/fixture";
import type { Order } from "./auctionHouse";
import { BPS, PRICE, WAD, mulDown } from "./math";
import type { Draws } from "./random";
import { inventoryParameters, laneParameters, type Contracts, type Models } from "./setup";
import { valueDown } from "./vault";
import type { Source } from "./world";

/** One call: how it is made on the chain, and what the model makes of it. */
export interface Action {
  name: string;
  from: string;
  target: string;
  contract: Interface;
  method: string;
  args: readonly unknown[];
  model: () => unknown;
}

const isOff = ({ broken, borrowBroken, depthBroken }: Source): boolean => broken || borrowBroken || depthBroken;

type Contract = { target: unknown; interface: Interface };

/** Draws one action after another. Most would succeed; some are aimed at a refusal. */
export class Actions {
  private readonly names: readonly string[];

  constructor(
    private readonly c: Contracts,
    private readonly m: Models,
    private readonly draws: Draws,
  ) {
    this.names = c.actors.map((actor) => actor.address);
  }

  /** Seconds until the next action; none for one in the same block. */
  pause(): bigint {
    const { draws } = this;
    const days = draws.chance(2) ? draws.between(1n, 5n) * 86_400n : 0n;
    return (
      days + draws.pick([0n, 0n, 12n, draws.between(1n, 120n), draws.between(60n, 1800n), draws.between(0n, 7200n)])
    );
  }

  /** Gives everybody a position in every market, a few near the limit; and one underwriter leaves while all is calm. */
  openBook(): Action[] {
    const { vault, buffer } = this.m;
    const underwriter = this.c.underwriter.address;
    const shares = usdc(10_000) * 1000n;
    const positions = this.c.markets.flatMap(({ token }, i) =>
      this.names.flatMap((owner) => {
        const at = token.target as string;
        const loan = this.draws.between(usdc(1_000), usdc(80_000));
        const worth = (loan * 100n) / this.draws.between(65n, 79n);
        const amount = i === 0 ? (worth * 10n ** 12n) / 2000n : (worth * 100n) / 40_000n;
        return [
          this.call(owner, this.c.vault, "supplyCollateral", [at, amount, owner], () =>
            vault.supplyCollateral(owner, at, amount, owner),
          ),
          this.call(owner, this.c.vault, "borrow", [at, loan, owner, owner], () =>
            vault.borrow(owner, at, loan, owner, owner),
          ),
        ];
      }),
    );
    return [
      this.setCooldown(3600n),
      this.call(underwriter, this.c.buffer, "requestRedeem", [shares, underwriter, underwriter], () =>
        buffer.requestRedeem(underwriter, shares, underwriter, underwriter),
      ),
      ...positions,
      this.call(underwriter, this.c.buffer, "redeem", [shares / 2n, underwriter, underwriter], () =>
        buffer.redeem(underwriter, shares / 2n, underwriter, underwriter),
      ),
    ];
  }

  next(): Action {
    const kinds: readonly (readonly [number, () => Action])[] = [
      [4, () => this.lend()],
      [4, () => this.leave()],
      [5, () => this.supplyCollateral()],
      [4, () => this.withdrawCollateral()],
      [10, () => this.borrow()],
      [5, () => this.repay()],
      [2, () => this.authorize()],
      [14, () => this.movePrice()],
      [4, () => this.disturb()],
      [12, () => this.start()],
      [14, () => this.buy()],
      [5, () => this.buyMany()],
      [4, () => this.cancel()],
      [8, () => this.absorb()],
      [4, () => this.sync()],
      [8, () => this.buyInventory()],
      [3, () => this.underwrite()],
      [3, () => this.requestRedeem()],
      [4, () => this.claim()],
      [2, () => this.flashLoan()],
      [2, () => this.collect()],
      [5, () => this.govern()],
    ];
    let at = this.draws.between(1n, BigInt(kinds.reduce((sum, [weight]) => sum + weight, 0)));
    for (const [weight, make] of kinds) {
      at -= BigInt(weight);
      if (at <= 0n) return make();
    }
    throw new RangeError("no action drawn");
  }

  // ------------------------------------------------------------------------------------- lenders, borrowers

  private lend(): Action {
    const { vault } = this.m;
    const [caller, receiver] = [this.actor(), this.actor()];
    const assets = this.draws.between(0n, usdc(100_000));
    return this.draws.chance(50)
      ? this.call(caller, this.c.vault, "deposit", [assets, receiver], () => vault.deposit(caller, assets, receiver))
      : this.call(caller, this.c.vault, "mint", [assets * 1000n, receiver], () =>
          vault.mint(caller, assets * 1000n, receiver),
        );
  }

  private leave(): Action {
    const { vault, world } = this.m;
    const [caller, other, receiver] = [this.actor(), this.actor(), this.actor()];
    if (this.draws.chance(20)) {
      const amount = this.draws.between(0n, usdc(1000)) * 1000n;
      return this.call(caller, this.c.vault, "approve", [other, amount], () => {
        world.approve(world.at.vault, caller, other, amount);
        return true;
      });
    }
    const owner = this.draws.chance(70) ? caller : other;
    if (this.draws.chance(50)) {
      const assets = this.draws.part(vault.maxWithdraw(owner));
      return this.call(caller, this.c.vault, "withdraw", [assets, receiver, owner], () =>
        vault.withdraw(caller, assets, receiver, owner),
      );
    }
    const shares = this.draws.part(vault.maxRedeem(owner)) / 4n;
    return this.call(caller, this.c.vault, "redeem", [shares, receiver, owner], () =>
      vault.redeem(caller, shares, receiver, owner),
    );
  }

  private supplyCollateral(): Action {
    const [caller, owner, collateral] = [this.actor(), this.actor(), this.collateral()];
    const worth = this.draws.between(0n, usdc(150_000));
    const amount = mulDown(worth, PRICE, this.m.world.state.sources[collateral]!.price);
    return this.call(caller, this.c.vault, "supplyCollateral", [collateral, amount, owner], () =>
      this.m.vault.supplyCollateral(caller, collateral, amount, owner),
    );
  }

  private withdrawCollateral(): Action {
    const [caller, owner] = this.callerOf();
    const [collateral, receiver] = [this.collateral(), this.actor()];
    const amount = this.draws.part(this.m.vault.position(collateral, owner).collateral) / this.draws.pick([1n, 4n]);
    return this.call(caller, this.c.vault, "withdrawCollateral", [collateral, amount, owner, receiver], () =>
      this.m.vault.withdrawCollateral(caller, collateral, amount, owner, receiver),
    );
  }

  private borrow(): Action {
    if (this.m.vault.state.paused && this.draws.chance(70)) return this.setBorrowPaused();
    const [caller, owner] = this.callerOf();
    const [collateral, receiver] = [this.draws.chance(3) ? this.m.world.at.loan : this.collateral(), this.actor()];
    const { vault, world } = this.m;
    const price = world.state.sources[collateral]?.borrowPrice ?? 0n;
    const value = valueDown(vault.position(collateral, owner).collateral, price);
    const most = (value * 8n) / 10n - vault.debtOf(collateral, owner);
    const assets = most <= 0n ? usdc(1000) : (most * this.draws.between(60n, 104n)) / 100n;
    return this.call(caller, this.c.vault, "borrow", [collateral, assets, owner, receiver], () =>
      vault.borrow(caller, collateral, assets, owner, receiver),
    );
  }

  private repay(): Action {
    const { vault } = this.m;
    const [caller, collateral] = [this.actor(), this.collateral()];
    const owner = this.owner((name) => vault.position(collateral, name).debtShares !== 0n);
    if (this.draws.chance(50)) {
      const assets = this.draws.part(vault.debtOf(collateral, owner));
      return this.call(caller, this.c.vault, "repay", [collateral, assets, owner], () =>
        vault.repay(caller, collateral, assets, owner),
      );
    }
    const shares = this.draws.part(vault.position(collateral, owner).debtShares);
    return this.call(caller, this.c.vault, "repayShares", [collateral, shares, owner], () =>
      vault.repayShares(caller, collateral, shares, owner),
    );
  }

  private authorize(): Action {
    const { vault, buffer } = this.m;
    const [caller, operator, allowed] = [this.actor(), this.actor(), this.draws.chance(70)];
    return this.draws.chance(60)
      ? this.call(caller, this.c.vault, "setAuthorization", [operator, allowed], () =>
          vault.setAuthorization(caller, operator, allowed),
        )
      : this.call(caller, this.c.buffer, "setOperator", [operator, allowed], () =>
          buffer.setOperator(caller, operator, allowed),
        );
  }

  private flashLoan(): Action {
    const { vault, world } = this.m;
    const flash = this.c.flash.target as string;
    if (this.draws.chance(10)) {
      const token = this.collateral();
      return this.call(this.actor(), this.c.vault, "flashLoan", [flash, token, 1n, "0x"], () =>
        vault.flashLoan(token, 1n, flash),
      );
    }
    const amount = this.draws.part(vault.state.idle);
    return this.call(this.actor(), this.c.vault, "flashLoan", [flash, world.at.loan, amount, "0x"], () =>
      vault.flashLoan(world.at.loan, amount, flash),
    );
  }

  private collect(): Action {
    return this.draws.chance(50)
      ? this.call(this.actor(), this.c.vault, "accrueInterest", [], () => {
          this.m.vault.accrue();
        })
      : this.call(this.actor(), this.c.buffer, "collectFees", [], () => this.m.buffer.collectFees());
  }

  // -------------------------------------------------------------------------------------- the world outside

  private movePrice(): Action {
    if (Object.values(this.m.world.state.sources).some(isOff)) return this.disturb();
    const at = this.draws.between(0n, 1n) === 0n ? 0 : 1;
    const { token, oracle, borrowOracle } = this.c.markets[at]!;
    const source = this.m.world.state.sources[token.target as string]!;
    if (source.borrowPrice > source.price || this.draws.chance(30)) {
      // the price for borrowing follows; it is never above the other
      const price = this.draws.chance(80) ? source.price : (source.price * this.draws.between(95n, 100n)) / 100n;
      return this.call(this.governor, borrowOracle, "setPrice", [price], () => {
        source.borrowPrice = price;
      });
    }
    const normal = at === 0 ? 2000n * 10n ** 24n : 40_000n * 10n ** 34n;
    const crash = this.draws.chance(10);
    const percent = crash ? this.draws.between(70n, 90n) : this.draws.between(90n, 105n);
    const price = this.draws.chance(15) ? normal : (source.price * percent) / 100n + this.draws.between(0n, 10n ** 20n);
    return this.call(this.governor, oracle, "setPrice", [price], () => {
      source.price = price;
    });
  }

  /** Breaks one of the sources, or mends it. */
  private disturb(): Action {
    const { sources } = this.m.world.state;
    const off = this.c.markets.find(({ token }) => isOff(sources[token.target as string]!));
    const { token, oracle, borrowOracle, depth, guard } = off ?? this.draws.pick(this.c.markets);
    const source = sources[token.target as string]!;
    const toggles = [
      [oracle, "setBroken", "broken"],
      [borrowOracle, "setBroken", "borrowBroken"],
      [depth, "setBroken", "depthBroken"],
      [guard, "setDiverged", "diverged"],
    ] as const;
    if (off === undefined && this.draws.chance(30)) {
      const amount = (source.depth * this.draws.between(50n, 250n)) / 100n;
      return this.call(this.governor, depth, "setDepth", [amount], () => {
        source.depth = amount;
      });
    }
    const broken = toggles.find(([, , key]) => source[key]);
    const [contract, method, key] = broken ?? this.draws.pick(toggles);
    return this.call(this.governor, contract, method, [!source[key]], () => {
      source[key] = !source[key];
    });
  }

  // ------------------------------------------------------------------------------------------------ keepers

  private start(): Action {
    if (!this.someone((at, name) => this.isUnhealthy(at, name) && !this.isInAuction(at, name))) return this.movePrice();
    const caller = this.actor();
    const collateral = this.market((at, name) => this.isUnhealthy(at, name) && !this.isInAuction(at, name));
    const owner = this.owner((name) => this.isUnhealthy(collateral, name));
    return this.call(caller, this.c.house, "start", [collateral, owner], () =>
      this.m.house.start(caller, collateral, owner),
    );
  }

  private buy(): Action {
    if (!this.someone((at, name) => this.isInAuction(at, name))) return this.start();
    const [caller, receiver] = [this.actor(), this.actor()];
    const collateral = this.market((at, name) => this.isInAuction(at, name) && this.isUnhealthy(at, name));
    const { owner, maxCollateral } = this.order(collateral);
    const maxCost = this.draws.chance(95) ? MaxUint256 : usdc(100);
    const args = [collateral, owner, maxCollateral, maxCost, receiver, "0x"];
    return this.call(caller, this.c.house, "buy", args, () =>
      this.m.house.buy(caller, collateral, { owner, maxCollateral }, maxCost, receiver),
    );
  }

  private buyMany(): Action {
    if (!this.someone((at, name) => this.isInAuction(at, name))) return this.start();
    const [caller, receiver] = [this.actor(), this.actor()];
    const collateral = this.market((at, name) => this.isInAuction(at, name) && this.isUnhealthy(at, name));
    const drawn = Array.from({ length: Number(this.draws.between(0n, 4n)) }, () => this.order(collateral));
    const orders = this.draws.chance(15) ? drawn : [...new Map(drawn.map((order) => [order.owner, order])).values()];
    const maxCost = this.draws.chance(95) ? MaxUint256 : usdc(100);
    return this.call(caller, this.c.house, "buyMany", [collateral, orders, maxCost, receiver, "0x"], () =>
      this.m.house.buyMany(caller, collateral, orders, maxCost, receiver),
    );
  }

  private cancel(): Action {
    const collateral = this.market((at, name) => this.isInAuction(at, name) && !this.isUnhealthy(at, name));
    const owner = this.owner((name) => this.isInAuction(collateral, name) && !this.isUnhealthy(collateral, name));
    return this.call(this.actor(), this.c.house, "cancel", [collateral, owner], () =>
      this.m.house.cancel(collateral, owner),
    );
  }

  private absorb(): Action {
    if (!this.someone((at, name) => this.isUnhealthy(at, name))) return this.movePrice();
    const caller = this.actor();
    const collateral = this.market((at, name) => this.isUnhealthy(at, name));
    const owner = this.owner((name) => this.isUnhealthy(collateral, name));
    return this.call(caller, this.c.house, "absorb", [collateral, owner], () =>
      this.m.house.absorb(caller, collateral, owner),
    );
  }

  private sync(): Action {
    const collateral = this.collateral();
    return this.call(this.actor(), this.c.house, "sync", [collateral], () => this.m.house.sync(collateral));
  }

  private buyInventory(): Action {
    const [caller, receiver] = [this.actor(), this.actor()];
    const collateral = this.market((at) => this.m.buffer.state.inventory[at]!.amount !== 0n);
    const want = this.draws.part(this.m.buffer.state.inventory[collateral]!.amount);
    const maxCost = this.draws.chance(95) ? MaxUint256 : usdc(100);
    return this.call(caller, this.c.buffer, "buyInventory", [collateral, want, maxCost, receiver, "0x"], () =>
      this.m.buffer.buyInventory(caller, collateral, want, maxCost, receiver),
    );
  }

  // ------------------------------------------------------------------------------------------- underwriters

  private underwrite(): Action {
    const { buffer } = this.m;
    const [caller, receiver] = [this.actor(), this.actor()];
    const assets = this.draws.between(0n, usdc(this.draws.pick([1, 60_000])));
    return this.draws.chance(50)
      ? this.call(caller, this.c.buffer, "deposit", [assets, receiver], () => buffer.deposit(caller, assets, receiver))
      : this.call(caller, this.c.buffer, "mint", [assets * 1000n, receiver], () =>
          buffer.mint(caller, assets * 1000n, receiver),
        );
  }

  private requestRedeem(): Action {
    const { world, buffer } = this.m;
    const [caller, owner] = this.callerOf();
    const controller = this.draws.chance(80) ? owner : this.actor();
    const shares = this.draws.part(world.balance(world.at.buffer, owner)) / this.draws.pick([1n, 5n]);
    return this.call(caller, this.c.buffer, "requestRedeem", [shares, controller, owner], () =>
      buffer.requestRedeem(caller, shares, controller, owner),
    );
  }

  private claim(): Action {
    const { buffer } = this.m;
    const controller = this.owner((name) => (buffer.state.requests[name]?.shares ?? 0n) !== 0n);
    const [caller, receiver] = [this.draws.chance(85) ? controller : this.actor(), this.actor()];
    const shares = this.draws.part(buffer.state.requests[controller]?.shares ?? 0n);
    if (this.draws.chance(50)) {
      return this.call(caller, this.c.buffer, "redeem", [shares, receiver, controller], () =>
        buffer.redeem(caller, shares, receiver, controller),
      );
    }
    return this.call(caller, this.c.buffer, "withdraw", [shares / 1001n, receiver, controller], () =>
      buffer.withdraw(caller, shares / 1001n, receiver, controller),
    );
  }

  // --------------------------------------------------------------------------------------------- governance

  private govern(): Action {
    return this.draws.pick([
      () => this.setInterestShares(),
      () => this.setLane(),
      () => this.setInventoryParameters(),
      () => this.setMarket(),
      () => this.withdrawReserves(),
      () => this.setBorrowPaused(),
      () => this.setCooldown(),
    ])();
  }

  private setInterestShares(): Action {
    const [reserves, buffer] = [this.draws.between(0n, 2000n), this.draws.pick([500n, 3000n, BPS])];
    return this.call(this.governor, this.c.vault, "setInterestShares", [reserves, buffer], () =>
      this.m.vault.setInterestShares(reserves, buffer),
    );
  }

  private setLane(): Action {
    const { token, depth, guard } = this.draws.pick(this.c.markets);
    const at = token.target as string;
    const { minRatePerHour, maxRatePerHour } = this.m.house.lane(at).parameters;
    const slopeWad = this.draws.between(10n ** 13n, 5n * 10n ** 14n);
    const minPremiumBps = this.draws.between(0n, 100n);
    const maxPremiumBps = minPremiumBps + this.draws.between(50n, 500n);
    const liquidationFeeBps = this.draws.between(0n, 200n);
    const maxDiscountBps = this.draws.between(0n, 850n - liquidationFeeBps);
    const absorbLtvBps = this.draws.between(8400n, 9600n);
    const paceBps = this.draws.between(50n, 400n);
    const changes = {
      ...{ slopeWad, minPremiumBps, maxPremiumBps, liquidationFeeBps, maxDiscountBps, absorbLtvBps, paceBps },
      ...{ minRatePerHour, maxRatePerHour },
      targetLtvBps: this.draws.between(6000n, 8200n),
      absorbDiscountBps: this.draws.between(0n, (BPS - absorbLtvBps) / 2n),
      stressPaceBps: paceBps * this.draws.between(1n, 5n),
      absorbDelay: this.draws.between(0n, 7200n),
      maxAuctionDuration: 86_400n,
      emaPeriod: this.draws.between(60n, 7200n),
      tip: this.draws.between(0n, usdc(200)),
      chipBps: this.draws.between(0n, 20n),
    };
    const parameters = { ...LANE, ...changes, depthOracle: depth.target, guard: guard.target };
    return this.call(this.governor, this.c.house, "setLane", [at, parameters], () =>
      this.m.house.setLane(at, laneParameters(changes)),
    );
  }

  private setInventoryParameters(): Action {
    const at = this.collateral();
    const { cap } = this.m.buffer.state.inventory[at]!.parameters;
    const changes = {
      cap: (cap * this.draws.between(80n, 130n)) / 100n,
      slopeWad: this.draws.between(10n ** 13n, 5n * 10n ** 14n),
      paceShareBps: this.draws.between(1000n, BPS),
      premiumBps: this.draws.between(10n, 200n),
      maxDiscountBps: this.draws.between(0n, 300n),
      emaToleranceBps: this.draws.between(0n, 300n),
      haircutBps: this.draws.between(0n, 1000n),
      maxHold: this.draws.between(3600n, 86_400n),
    };
    return this.call(this.governor, this.c.buffer, "setInventoryParameters", [at, { ...INVENTORY, ...changes }], () =>
      this.m.buffer.setInventoryParameters(at, inventoryParameters(changes)),
    );
  }

  private setMarket(): Action {
    const { token, oracle, borrowOracle } = this.draws.pick(this.c.markets);
    const at = token.target as string;
    const limits = {
      maxLtvBps: this.draws.between(7500n, 8200n),
      debtCeiling: usdc(this.draws.pick([100_000, 1_000_000, 100_000_000])),
      minDebt: usdc(this.draws.pick([0, 500, 3000])),
    };
    const lltvBps = this.draws.chance(80) ? 8300n : 8400n;
    const parameters = { oracle: oracle.target, borrowOracle: borrowOracle.target, lltvBps, ...limits };
    return this.call(this.governor, this.c.vault, "setMarket", [at, parameters], () =>
      this.m.vault.setMarket(at, { ...limits, lltvBps }),
    );
  }

  private withdrawReserves(): Action {
    const [receiver, assets] = [this.actor(), this.draws.part(this.m.vault.divided().reserves)];
    return this.call(this.governor, this.c.vault, "withdrawReserves", [assets, receiver], () =>
      this.m.vault.withdrawReserves(assets, receiver),
    );
  }

  private setBorrowPaused(): Action {
    const paused = !this.m.vault.state.paused && this.draws.chance(50);
    return this.call(this.governor, this.c.vault, "setBorrowPaused", [paused], () => {
      this.m.vault.state.paused = paused;
    });
  }

  private setCooldown(cooldown = this.draws.between(3600n, 86_400n)): Action {
    return this.call(this.governor, this.c.buffer, "setCooldown", [cooldown], () => {
      this.m.buffer.state.cooldown = cooldown;
    });
  }

  // ---------------------------------------------------------------------------------------------- internal

  private call(
    from: string,
    { target, interface: contract }: Contract,
    method: string,
    args: readonly unknown[],
    model: () => unknown,
  ): Action {
    const name = `${this.nameOf(target as string)}.${method}`;
    return { name, from, target: target as string, contract, method, args, model };
  }

  private nameOf(target: string): string {
    const { vault, house, buffer } = this.m.world.at;
    return { [vault]: "vault", [house]: "house", [buffer]: "buffer" }[target] ?? "source";
  }

  private get governor(): string {
    return this.c.governor.address;
  }

  private actor(): string {
    return this.draws.pick(this.names);
  }

  private collateral(): string {
    return this.draws.pick(this.m.world.at.collaterals);
  }

  /** A caller and the owner that it acts for; mostly itself. */
  private callerOf(): [string, string] {
    const caller = this.actor();
    return [caller, this.draws.chance(80) ? caller : this.actor()];
  }

  /** Mostly one of those to whom it applies. */
  private owner(applies: (name: string) => boolean): string {
    const fitting = this.names.filter(applies);
    return fitting.length === 0 || this.draws.chance(10) ? this.actor() : this.draws.pick(fitting);
  }

  private someone(applies: (collateral: string, name: string) => boolean): boolean {
    return this.m.world.at.collaterals.some((at) => this.names.some((name) => applies(at, name)));
  }

  /** Mostly a market in which it applies to somebody. */
  private market(applies: (collateral: string, name: string) => boolean): string {
    const fitting = this.m.world.at.collaterals.filter((at) => this.names.some((name) => applies(at, name)));
    return fitting.length === 0 || this.draws.chance(10) ? this.collateral() : this.draws.pick(fitting);
  }

  private isInAuction(collateral: string, owner: string): boolean {
    return this.m.house.auction(collateral, owner).startedAt !== 0n;
  }

  private isUnhealthy(collateral: string, owner: string): boolean {
    const { vault, world } = this.m;
    const value = valueDown(vault.position(collateral, owner).collateral, world.state.sources[collateral]!.price);
    return vault.debtOf(collateral, owner) * WAD > value * ((83n * WAD) / 100n);
  }

  private order(collateral: string): Order {
    const owner = this.owner((name) => this.isInAuction(collateral, name));
    const { collateral: held } = this.m.vault.position(collateral, owner);
    return { owner, maxCollateral: this.draws.chance(40) ? MaxUint256 : this.draws.part(held / 20n) };
  }
}
