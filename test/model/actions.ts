import { MaxUint256, type Interface } from "ethers";

import { INVENTORY, LANE, PAY, usdc } from "../contracts/fixture";
import type { Order } from "./auctionHouse";
import { BPS, PRICE, WAD, WAD_PER_BPS, bps, mulDown } from "./math";
import type { Draws } from "./random";
import { BTC_RATES, inventoryParameters, laneParameters, payParameters, type Contracts, type Models } from "./setup";
import { ltvUp, valueDown } from "./vault";
import { Refused, ZERO_ADDRESS, type Source } from "./world";

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

const isOff = ({ broken, borrowBroken }: Source): boolean => broken || borrowBroken;

type Contract = { target: unknown; interface: Interface };
type Market = Contracts["markets"][number];

/** An action that is drawn when its turn comes, so many seconds after the one before it; as drawn, where none are given. */
interface Planned {
  wait?: bigint;
  make: () => Action;
}

/** Draws one action after another. Most would succeed; some are aimed at a refusal. */
export class Actions {
  private readonly names: readonly string[];
  private readonly plan: Planned[];

  constructor(
    private readonly c: Contracts,
    private readonly m: Models,
    private readonly draws: Draws,
  ) {
    this.names = c.actors.map((actor) => actor.address);
    this.plan = this.openBook();
  }

  /** Seconds until the next action; none for one in the same block. */
  pause(): bigint {
    const { draws } = this;
    const wait = this.plan[0]?.wait;
    if (wait !== undefined) return wait;
    const days = draws.chance(2) ? draws.between(1n, 5n) * 86_400n : 0n;
    return (
      days + draws.pick([0n, 0n, 12n, draws.between(1n, 120n), draws.between(60n, 1800n), draws.between(0n, 7200n)])
    );
  }

  /**
   * The market of BTC gets its lane, without which it lends and sells nothing, everybody a position in every market, a few
   * near the limit, and one repays nearly all of it. Two underwriters leave while all is calm: sometimes nearly the only
   * ones, and then a market crashes at once.
   */
  private openBook(): Planned[] {
    const [underwriter, lender] = [this.c.underwriter.address, this.c.lender.address];
    const isDrained = this.draws.chance(50);
    const shares = usdc(isDrained ? 195_000 : 10_000) * 1000n;
    const btc = this.c.markets[1]!.token.target as string;
    const { buffer } = this.m;
    const makes = [
      () => this.setCooldown(3600n),
      () => this.requestOf(underwriter, shares),
      () =>
        this.call(lender, this.c.buffer, "deposit", [usdc(5000), lender], () =>
          buffer.deposit(lender, usdc(5000), lender),
        ),
      () => this.requestOf(lender, buffer.balance(lender)),
      () => this.borrowOf(this.names[0]!, btc, usdc(1000)),
      () => this.openOf(this.names[0]!, btc, this.names[0]!),
      () => this.setLane(1),
      ...this.c.markets.flatMap(({ token }) =>
        this.names.flatMap((owner) => this.enter(owner, token.target as string)),
      ),
    ];
    const [owner, weth] = [this.names[0]!, this.c.collateral.target as string];
    const leaving = [
      { make: () => this.repayOf(owner, weth, this.m.vault.debtOf(weth, owner) - usdc(200), owner), wait: 12n },
      { make: () => this.fulfilAll(), wait: 4000n },
      { make: () => this.fulfilAll(), wait: 1801n },
      { make: () => this.claimOf(underwriter) },
    ];
    return [...makes.map((make) => ({ make })), ...leaving, ...(isDrained ? this.disaster() : [])];
  }

  /** A position at an LTV that is mostly allowed. */
  private enter(owner: string, at: string): (() => Action)[] {
    const loan = this.draws.between(usdc(1_000), usdc(80_000));
    const worth = (loan * 100n) / this.draws.between(65n, 79n);
    const amount = mulDown(worth, PRICE, this.m.world.source(at).price);
    const { vault } = this.m;
    return [
      () =>
        this.call(owner, this.c.vault, "supplyCollateral", [at, amount, owner], () =>
          vault.supplyCollateral(owner, at, amount, owner),
        ),
      () => this.borrowOf(owner, at, loan),
    ];
  }

  /** A market falls to a fraction while the buffer takes nothing of it: its lane sells what leaves only losses. */
  private disaster(): Planned[] {
    const market = this.draws.pick(this.c.markets);
    const at = market.token.target as string;
    const all = (): Action => {
      const orders = this.names.map((owner) => ({ owner, maxCollateral: MaxUint256 }));
      return this.buyManyOf(this.actor(), at, orders, MaxUint256);
    };
    const cap = { cap: this.draws.between(0n, 1000n) };
    return [
      { make: () => this.setInventoryParametersOf(at, cap) },
      { make: () => this.setPrice(market, (this.m.world.source(at).price * this.draws.between(10n, 50n)) / 100n) },
      { make: () => this.openOf(this.actor(), at, this.draws.pick(this.names)) },
      ...[300n, 400n, 300n, 200n].map((wait) => ({ make: all, wait })),
      // before interest makes the old shares worth more than a millionth again, and once more after it
      ...[12n, 3600n].map((wait) => ({ make: () => this.underwrite(), wait })),
      { make: () => this.setInventoryParametersOf(at) },
    ];
  }

  next(): Action {
    const [planned] = this.plan;
    const action = planned ? planned.make() : this.draw();
    if (planned) this.plan.shift();
    return action;
  }

  private draw(): Action {
    const kinds: readonly (readonly [number, () => Action])[] = [
      [4, () => this.lend()],
      [4, () => this.leave()],
      [5, () => this.supplyCollateral()],
      [5, () => this.withdrawCollateral()],
      [10, () => this.borrow()],
      [5, () => this.repay()],
      [2, () => this.authorize()],
      [12, () => this.movePrice()],
      [6, () => this.disturb()],
      [4, () => this.doubt()],
      [5, () => this.open()],
      [14, () => this.buy()],
      [8, () => this.buyMany()],
      [4, () => this.buyTwice()],
      [2, () => this.enlarge()],
      [7, () => this.absorb()],
      [6, () => this.absorbMany()],
      [4, () => this.sync()],
      [3, () => this.observe()],
      [8, () => this.buyInventory()],
      [4, () => this.underwrite()],
      [2, () => this.passShares()],
      [4, () => this.requestRedeem()],
      [5, () => this.fulfil()],
      [5, () => this.claim()],
      [2, () => this.flashLoan()],
      [2, () => this.collect()],
      [6, () => this.govern()],
      [1, () => this.startDisaster()],
    ];
    let at = this.draws.between(1n, BigInt(kinds.reduce((sum, [weight]) => sum + weight, 0)));
    for (const [weight, make] of kinds) {
      at -= BigInt(weight);
      if (at <= 0n) return make();
    }
    throw new RangeError("no action drawn");
  }

  private startDisaster(): Action {
    const action = this.movePrice();
    this.plan.push(...this.disaster());
    return action;
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

  private borrowOf(owner: string, collateral: string, assets: bigint): Action {
    return this.call(owner, this.c.vault, "borrow", [collateral, assets, owner, owner], () =>
      this.m.vault.borrow(owner, collateral, assets, owner, owner),
    );
  }

  private repay(): Action {
    const { vault } = this.m;
    const [caller, collateral] = [this.actor(), this.collateral()];
    const owner = this.owner((name) => vault.position(collateral, name).debtShares !== 0n);
    if (this.draws.chance(50)) {
      const debt = vault.debtOf(collateral, owner);
      const assets = this.draws.chance(30) && debt > usdc(200) ? debt - usdc(200) : this.draws.part(debt);
      return this.repayOf(caller, collateral, assets, owner);
    }
    const shares = this.draws.part(vault.position(collateral, owner).debtShares);
    return this.call(caller, this.c.vault, "repayShares", [collateral, shares, owner], () =>
      vault.repayShares(caller, collateral, shares, owner),
    );
  }

  private repayOf(caller: string, collateral: string, assets: bigint, owner: string): Action {
    return this.call(caller, this.c.vault, "repay", [collateral, assets, owner], () =>
      this.m.vault.repay(caller, collateral, assets, owner),
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
      : this.collectFees();
  }

  private collectFees(): Action {
    return this.call(this.actor(), this.c.buffer, "collectFees", [], () => this.m.buffer.collectFees());
  }

  // -------------------------------------------------------------------------------------- the world outside

  private movePrice(): Action {
    if (Object.values(this.m.world.state.sources).some(isOff)) return this.disturb();
    const market = this.c.markets[this.draws.between(0n, 1n) === 0n ? 0 : 1]!;
    const source = this.m.world.source(market.token.target as string);
    if (source.borrowPrice > source.price || this.draws.chance(30)) {
      // the price for borrowing follows; it is never above the other, and may be nonsense
      const percent = this.draws.pick([100n, 100n, 100n, 100n, this.draws.between(95n, 100n)]);
      return this.setBorrowPrice(market, this.draws.chance(3) ? 0n : (source.price * percent) / 100n);
    }
    const normal = market.token === this.c.collateral ? 2000n * 10n ** 24n : 40_000n * 10n ** 34n;
    const crash = this.draws.chance(10);
    const percent = crash ? this.draws.between(70n, 90n) : this.draws.between(90n, 105n);
    const price = this.draws.chance(15) ? normal : (source.price * percent) / 100n + this.draws.between(0n, 10n ** 20n);
    return this.setPrice(market, price);
  }

  /** Somebody takes a position near the limit, or a price moves. */
  private stir(): Action {
    const owes = this.m.world.at.collaterals.flatMap((at) =>
      this.names.filter((name) => this.m.vault.position(at, name).debtShares !== 0n),
    );
    if (owes.length > this.names.length || this.draws.chance(30)) return this.movePrice();
    const at = this.collateral();
    const [supply, borrow] = this.enter(this.actor(), at);
    this.plan.push({ make: borrow!, wait: 0n });
    return supply!();
  }

  private setPrice({ token, oracle }: Market, price: bigint): Action {
    return this.call(this.governor, oracle, "setPrice", [price], () => {
      this.m.world.source(token.target as string).price = price;
    });
  }

  private setBorrowPrice({ token, borrowOracle }: Market, price: bigint): Action {
    return this.call(this.governor, borrowOracle, "setPrice", [price], () => {
      this.m.world.source(token.target as string).borrowPrice = price;
    });
  }

  /** Somebody borrows all that is allowed, and in the same block the price falls. */
  private enlarge(): Action {
    const market = this.draws.pick(this.c.markets);
    const [at, owner] = [market.token.target as string, this.actor()];
    const { vault } = this.m;
    const { price, borrowPrice } = this.m.world.source(at);
    const most = bps(valueDown(vault.position(at, owner).collateral, borrowPrice), vault.market(at).maxLtvBps);
    const debt = vault.debtOf(at, owner);
    const make = this.draws.pick([
      () => this.openOf(this.actor(), at, owner),
      () => this.buyAgain(at, owner),
      () => this.absorbOf(this.actor(), at, owner),
    ]);
    this.plan.push(
      { make: () => this.setPrice(market, (price * this.draws.between(60n, 90n)) / 100n), wait: 0n },
      { make, wait: 0n },
      { make },
    );
    return this.borrowOf(owner, at, most > debt ? most - debt : usdc(1));
  }

  /** The guard parts from the oracle, and the second price is lower; later they agree again. */
  private doubt(): Action {
    const isDue = ({ token }: Market): boolean => {
      const at = token.target as string;
      return this.m.world.source(at).diverged || this.names.some((name) => this.isUrgent(at, name));
    };
    const market = this.c.markets.find(isDue);
    if (!market) return this.movePrice();
    const at = market.token.target as string;
    const source = this.m.world.source(at);
    const doubtful = !source.diverged;
    const price = (source.price * (doubtful ? this.draws.between(70n, 99n) : 100n)) / 100n;
    const absorb = (): Action => this.absorbOf(this.actor(), at, this.urgent(at));
    const then: Planned[] = doubtful ? [{ make: absorb, wait: this.draws.pick([1n, 301n]) }, { make: absorb }] : [];
    const action = this.call(this.governor, market.guard, "setDiverged", [doubtful], () => {
      this.m.world.source(at).diverged = doubtful;
    });
    this.plan.push({ make: () => this.setBorrowPrice(market, price), wait: 0n }, ...then);
    return action;
  }

  /** Breaks one of the sources, or mends it. */
  private disturb(): Action {
    const { sources, native } = this.m.world.state;
    if (native.broken || this.draws.chance(10)) {
      return this.call(this.governor, this.c.native, "setBroken", [!native.broken], () => {
        const now = this.m.world.state.native;
        now.broken = !now.broken;
      });
    }
    if (this.draws.chance(10)) {
      const price = (native.price * this.draws.between(80n, 120n)) / 100n;
      return this.call(this.governor, this.c.native, "setPrice", [price], () => {
        this.m.world.state.native.price = price;
      });
    }
    const off = this.c.markets.find(({ token }) => {
      const source = sources[token.target as string]!;
      return isOff(source) || source.depthBroken;
    });
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
        this.m.world.source(token.target as string).depth = amount;
      });
    }
    const broken = toggles.find(([, , key]) => source[key]);
    const [contract, method, key] = broken ?? this.draws.pick(toggles);
    const flipped = !source[key];
    return this.call(this.governor, contract, method, [flipped], () => {
      this.m.world.source(token.target as string)[key] = flipped;
    });
  }

  // ------------------------------------------------------------------------------------------------ keepers

  private open(): Action {
    if (!this.someone((at, name) => this.isUnhealthy(at, name))) return this.stir();
    const collateral = this.draws.chance(2)
      ? this.m.world.at.loan
      : this.market((at, name) => this.isUnhealthy(at, name) && !this.m.house.isOpen(at));
    const owner = this.owner((name) => this.isUnhealthy(collateral, name));
    if (this.draws.chance(70)) this.plan.push({ make: () => this.buy(), wait: this.draws.between(12n, 1500n) });
    return this.openOf(this.actor(), collateral, owner);
  }

  /** A part of a position whose equity bounds its discount, and in the same block the rest. */
  private buyTwice(): Action {
    const isBound = (at: string, name: string): boolean => {
      const ltv = this.ltv(at, name);
      return ltv > (88n * WAD) / 100n && ltv < WAD;
    };
    const at = this.m.world.at.collaterals.find((name) => this.names.some((owner) => isBound(name, owner)));
    if (at === undefined) return this.buy();
    const owner = this.draws.pick(this.names.filter((name) => isBound(at, name)));
    const caller = this.actor();
    const part = this.m.vault.position(at, owner).collateral / this.draws.between(10n, 1000n);
    const buy = (maxCollateral: bigint): Action => {
      const args = [at, owner, maxCollateral, MaxUint256, caller, "0x"];
      return this.call(caller, this.c.house, "buy", args, () =>
        this.m.house.buy(caller, at, { owner, maxCollateral }, MaxUint256, caller),
      );
    };
    const wait = this.draws.between(60n, 900n);
    this.plan.push({ make: () => buy(part), wait }, { make: () => buy(MaxUint256), wait: 0n });
    return this.openOf(caller, at, owner);
  }

  private openOf(caller: string, collateral: string, owner: string): Action {
    const receiver = this.receiver();
    return this.call(caller, this.c.house, "open", [collateral, owner, receiver], () =>
      this.m.house.open(collateral, owner, receiver),
    );
  }

  private buy(): Action {
    if (!this.isForSale()) return this.open();
    const [caller, receiver] = [this.actor(), this.receiver()];
    const collateral = this.market((at, name) => this.m.house.isOpen(at) && this.isUnhealthy(at, name));
    const { owner, maxCollateral } = this.order(collateral);
    const maxCost = this.draws.chance(95) ? MaxUint256 : usdc(100);
    const args = [collateral, owner, maxCollateral, maxCost, receiver, "0x"];
    // the rest in the same block, which a ratchet may bound
    if (this.draws.chance(this.ltv(collateral, owner) > (88n * WAD) / 100n ? 60 : 20))
      this.plan.push({ make: () => this.buyAgain(collateral, owner), wait: 0n });
    return this.call(caller, this.c.house, "buy", args, () =>
      this.m.house.buy(caller, collateral, { owner, maxCollateral }, maxCost, receiver),
    );
  }

  private buyAgain(collateral: string, owner: string): Action {
    const [caller, receiver] = [this.actor(), this.actor()];
    const args = [collateral, owner, MaxUint256, MaxUint256, receiver, "0x"];
    return this.call(caller, this.c.house, "buy", args, () =>
      this.m.house.buy(caller, collateral, { owner, maxCollateral: MaxUint256 }, MaxUint256, receiver),
    );
  }

  private buyMany(): Action {
    if (!this.isForSale()) return this.open();
    const collateral = this.market((at, name) => this.m.house.isOpen(at) && this.isUnhealthy(at, name));
    const drawn = Array.from({ length: Number(this.draws.between(0n, 4n)) }, () => this.order(collateral));
    const orders = this.draws.chance(15) ? drawn : [...new Map(drawn.map((order) => [order.owner, order])).values()];
    return this.buyManyOf(this.actor(), collateral, orders, this.draws.chance(95) ? MaxUint256 : usdc(100));
  }

  private buyManyOf(caller: string, collateral: string, orders: readonly Order[], maxCost: bigint): Action {
    const receiver = this.receiver();
    return this.call(caller, this.c.house, "buyMany", [collateral, orders, maxCost, receiver, "0x"], () =>
      this.m.house.buyMany(caller, collateral, orders, maxCost, receiver),
    );
  }

  private absorb(): Action {
    if (!this.someone((at, name) => this.isUrgent(at, name))) return this.buy();
    const collateral = this.market((at, name) => this.isUrgent(at, name));
    return this.absorbOf(this.actor(), collateral, this.urgent(collateral));
  }

  private absorbOf(caller: string, collateral: string, owner: string): Action {
    const receiver = this.receiver();
    return this.call(caller, this.c.house, "absorb", [collateral, owner, receiver], () =>
      this.m.house.absorb(collateral, owner, receiver),
    );
  }

  private absorbMany(): Action {
    if (!this.someone((at, name) => this.isUrgent(at, name))) return this.buyMany();
    const [caller, receiver] = [this.actor(), this.receiver()];
    const collateral = this.market((at, name) => this.isUrgent(at, name));
    const drawn = Array.from({ length: Number(this.draws.between(0n, 4n)) }, () => this.urgent(collateral));
    const owners = this.draws.chance(15) ? drawn : [...new Set(drawn)];
    return this.call(caller, this.c.house, "absorbMany", [collateral, owners, receiver], () =>
      this.m.house.absorbMany(collateral, owners, receiver),
    );
  }

  private sync(): Action {
    const collateral = this.collateral();
    return this.call(this.actor(), this.c.house, "sync", [collateral], () => this.m.house.sync(collateral));
  }

  private observe(): Action {
    const collateral = this.draws.chance(5) ? this.m.world.at.loan : this.collateral();
    return this.call(this.actor(), this.c.house, "observe", [collateral], () => this.m.house.observe(collateral));
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
    const { buffer } = this.m;
    const owner = this.owner((name) => buffer.balance(name) !== 0n);
    const caller = this.draws.chance(80) ? owner : this.actor();
    const controller = this.draws.chance(80) ? owner : this.actor();
    const shares = this.draws.part(buffer.balance(owner)) / this.draws.pick([1n, 5n]);
    return this.call(caller, this.c.buffer, "requestRedeem", [shares, controller, owner], () =>
      buffer.requestRedeem(caller, shares, controller, owner),
    );
  }

  private requestOf(owner: string, shares: bigint): Action {
    return this.call(owner, this.c.buffer, "requestRedeem", [shares, owner, owner], () =>
      this.m.buffer.requestRedeem(owner, shares, owner, owner),
    );
  }

  private fulfil(): Action {
    const { buffer } = this.m;
    if (this.names.every((name) => buffer.pending(name) === 0n)) return this.requestRedeem();
    const controller = this.owner((name) => buffer.pending(name) !== 0n);
    const make = this.draws.chance(50) ? () => this.fulfilAll() : () => this.fulfilOf(controller);
    // what was not watched is watched for half an hour before anybody leaves
    if (this.draws.chance(60)) this.plan.push({ make, wait: 1801n });
    return make();
  }

  /** Everybody's, in one transaction. */
  private fulfilAll(): Action {
    const { buffer } = this.c;
    const [caller, receiver] = [this.actor(), this.receiver()];
    const calls = this.names.map((controller) => ({
      target: buffer.target,
      allowFailure: true,
      callData: buffer.interface.encodeFunctionData("fulfil", [controller, receiver]),
    }));
    return this.call(caller, this.c.batch, "aggregate3", [calls], () => [
      this.m.buffer
        .fulfilAll(this.names, receiver)
        .map((result) =>
          result instanceof Refused
            ? [false, buffer.interface.encodeErrorResult(result.reason, result.args)]
            : [true, buffer.interface.encodeFunctionResult("fulfil", result)],
        ),
    ]);
  }

  private fulfilOf(controller: string): Action {
    const [caller, receiver] = [this.actor(), this.receiver()];
    return this.call(caller, this.c.buffer, "fulfil", [controller, receiver], () =>
      this.m.buffer.fulfil(controller, receiver),
    );
  }

  private claim(): Action {
    const hasClaim = (name: string): boolean => this.m.buffer.claimable(name).assets !== 0n;
    return this.names.some(hasClaim) ? this.claimOf(this.owner(hasClaim)) : this.fulfil();
  }

  private claimOf(controller: string): Action {
    const { buffer } = this.m;
    const [caller, receiver] = [this.draws.chance(85) ? controller : this.actor(), this.receiver()];
    const claimable = buffer.claimable(controller);
    if (this.draws.chance(50)) {
      const shares = this.draws.part(claimable.shares);
      return this.call(caller, this.c.buffer, "redeem", [shares, receiver, controller], () =>
        buffer.redeem(caller, shares, receiver, controller),
      );
    }
    const assets = this.draws.part(claimable.assets);
    return this.call(caller, this.c.buffer, "withdraw", [assets, receiver, controller], () =>
      buffer.withdraw(caller, assets, receiver, controller),
    );
  }

  /** Shares of the buffer go to another, or may be asked for by another. */
  private passShares(): Action {
    const { buffer, world } = this.m;
    const [caller, other] = [this.actor(), this.actor()];
    const amount = this.draws.part(buffer.balance(caller)) / this.draws.pick([1n, 10n]);
    return this.draws.chance(60)
      ? this.call(caller, this.c.buffer, "transfer", [other, amount], () => buffer.transfer(caller, other, amount))
      : this.call(caller, this.c.buffer, "approve", [other, amount], () => {
          world.approve(world.at.buffer, caller, other, amount);
          return true;
        });
  }

  // --------------------------------------------------------------------------------------------- governance

  private govern(): Action {
    return this.draws.pick([
      () => this.setInterestShares(),
      () => this.setLane(this.draws.pick([0, 1])),
      () => this.setPay(),
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

  private setLane(market: 0 | 1): Action {
    const { token, depth, guard } = this.c.markets[market]!;
    const at = token.target as string;
    const slopeWad = this.draws.between(10n ** 13n, 5n * 10n ** 14n);
    const minPremiumBps = this.draws.between(0n, 100n);
    const maxPremiumBps = minPremiumBps + this.draws.between(50n, 500n);
    const liquidationFeeBps = this.draws.between(0n, 200n);
    const maxDiscountBps = this.draws.between(0n, 850n - liquidationFeeBps);
    const absorbLtvBps = this.draws.between(8400n, 9600n);
    const changes = {
      ...{ slopeWad, minPremiumBps, maxPremiumBps, liquidationFeeBps, maxDiscountBps, absorbLtvBps },
      ...(market === 0 ? {} : BTC_RATES),
      firstDiscountBps: this.draws.between(0n, maxDiscountBps),
      targetLtvBps: this.draws.between(6000n, 8200n),
      absorbDiscountBps: this.draws.between(0n, (BPS - absorbLtvBps) / 2n),
      urgency: this.draws.pick([0n, 4n, this.draws.between(0n, 100n)]),
      idleTime: this.draws.pick([60n, 300n, this.draws.between(60n, 43_200n)]),
      emaPeriod: this.draws.between(60n, 7200n),
      paceBps: this.draws.between(50n, 400n),
      clearHours: this.draws.pick([240n, this.draws.between(1n, 8760n), this.draws.between(1n, 6n)]),
    };
    const guarded = this.draws.chance(90);
    const contracts = { depthOracle: depth.target, guard: guarded ? guard.target : ZERO_ADDRESS };
    return this.call(this.governor, this.c.house, "setLane", [at, { ...LANE, ...changes, ...contracts }], () =>
      this.m.house.setLane(at, laneParameters(changes, guarded)),
    );
  }

  private setPay(): Action {
    const changes = {
      feeCap: this.draws.between(0n, 3000n) * 10n ** 9n,
      tip: this.draws.between(0n, 100n) * 10n ** 9n,
      marginBps: this.draws.between(0n, BPS),
      capBps: this.draws.pick([0n, 100n, this.draws.between(0n, 100n)]),
      interval: this.draws.pick([600n, this.draws.between(600n, 86_400n)]),
    };
    const priced = this.draws.chance(80);
    const wrappedNative = this.draws.pick([this.c.collateral.target as string, ZERO_ADDRESS]);
    const nativeOracle = priced ? this.c.native.target : ZERO_ADDRESS;
    const parameters = { ...PAY, ...changes, nativeOracle, wrappedNative };
    return this.call(this.governor, this.c.house, "setPay", [parameters], () =>
      this.m.house.pay.set(payParameters(wrappedNative, priced, changes)),
    );
  }

  private setInventoryParameters(): Action {
    return this.setInventoryParametersOf(this.collateral());
  }

  private setInventoryParametersOf(at: string, fixed: object = {}): Action {
    const room = at === this.c.collateral.target ? 60n * 10n ** 18n : 3n * 10n ** 8n;
    const changes = {
      cap: (room * this.draws.between(50n, 150n)) / 100n,
      slopeWad: this.draws.between(10n ** 13n, 5n * 10n ** 14n),
      paceShareBps: this.draws.between(1000n, BPS),
      premiumBps: this.draws.between(10n, 200n),
      maxDiscountBps: this.draws.between(0n, 300n),
      emaToleranceBps: this.draws.between(0n, 300n),
      haircutBps: this.draws.between(0n, 1000n),
      maxHold: this.draws.between(3600n, 86_400n),
      biteTime: this.draws.pick([0n, 0n, this.draws.between(0n, 7200n)]),
      ...fixed,
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
    const batch = this.c.batch.target as string;
    return { [vault]: "vault", [house]: "house", [buffer]: "buffer", [batch]: "batch" }[target] ?? "source";
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

  /** Nobody, once in a while. */
  private receiver(): string {
    return this.draws.chance(1) ? ZERO_ADDRESS : this.actor();
  }

  private ltv(collateral: string, owner: string): bigint {
    const { vault, world } = this.m;
    const price = world.state.sources[collateral]?.price ?? 0n;
    return ltvUp(vault.position(collateral, owner).collateral, vault.debtOf(collateral, owner), price);
  }

  private isUnhealthy(collateral: string, owner: string): boolean {
    return this.ltv(collateral, owner) > (83n * WAD) / 100n;
  }

  /** Whether the buffer may absorb it. */
  private isUrgent(collateral: string, owner: string): boolean {
    const lane = this.m.world.state.house[collateral];
    return lane !== undefined && this.ltv(collateral, owner) >= lane.parameters.absorbLtvBps * WAD_PER_BPS;
  }

  /** Mostly somebody whom the buffer may absorb. */
  private urgent(collateral: string): string {
    return this.owner((name) => this.isUrgent(collateral, name));
  }

  private isForSale(): boolean {
    return this.someone((at, name) => this.m.house.isOpen(at) && this.isUnhealthy(at, name));
  }

  private order(collateral: string): Order {
    const owner = this.owner((name) => this.isUnhealthy(collateral, name));
    const { collateral: held } = this.m.vault.position(collateral, owner);
    return { owner, maxCollateral: this.draws.chance(40) ? MaxUint256 : this.draws.part(held / 20n) };
  }
}
