import type { Interface } from "ethers";

import { REFUSALS } from "./auctionHouse";
import { SALE_REFUSALS } from "./buffer";
import { MAX_UINT256 } from "./math";
import { node, type Contracts, type Models } from "./setup";
import { Refused, outcome } from "./world";

interface View {
  label: string;
  target: string;
  contract: Interface;
  method: string;
  data: string;
  model: () => unknown;
  /** Of whom it is, where it follows from figures that are compared anyway: then it is looked at for one user at a time. */
  derivedFor: string | undefined;
  /** What the chain said last, and that as text: most figures stay as they are. */
  lastData: string;
  lastText: string;
}

/** All numbers and flags as one line of text, so that chain and model can be compared whatever the shape. */
export const text = (value: unknown): string =>
  JSON.stringify(value, (_, x: unknown) => (typeof x === "bigint" || typeof x === "number" ? x.toString() : x));

export const errorText = (contracts: readonly Interface[], data: string): string => {
  for (const contract of contracts) {
    const error = contract.parseError(data);
    if (error) return `${error.name}(${error.args.map(String).join(", ")})`;
  }
  return data;
};

/** Every figure that the protocol shows of itself and its users. */
function viewsOf(c: Contracts, m: Models): View[] {
  const views: View[] = [];
  let owner: string | undefined;
  const add = (
    contract: { target: unknown; interface: Interface },
    method: string,
    args: readonly unknown[],
    model: () => unknown,
  ): void => {
    views.push({
      label: `${method}(${args.map(String).join(", ")})`,
      target: contract.target as string,
      contract: contract.interface,
      method,
      data: contract.interface.encodeFunctionData(method, args),
      model,
      derivedFor: owner,
      lastData: "",
      lastText: "",
    });
  };
  const { vault, house, buffer, world } = m;
  const { vault: vaultAt, buffer: bufferAt } = world.at;
  const names = c.actors.map((actor) => actor.address);

  add(c.vault, "totalAssets", [], () => vault.totalAssets());
  add(c.vault, "idle", [], () => vault.state.idle);
  add(c.vault, "indexE27", [], () => vault.accrued().index);
  add(c.vault, "totalDebt", [], () => vault.totalDebt());
  add(c.vault, "totalDebtShares", [], () => vault.state.debtShares);
  add(c.vault, "reserves", [], () => vault.divided().reserves);
  add(c.vault, "bufferFees", [], () => vault.divided().bufferFees);
  add(c.vault, "borrowPaused", [], () => vault.state.paused);
  add(c.house, "payInLoanAsset", [10n ** 6n], () => house.pay.inLoanAsset(10n ** 6n));
  add(c.buffer, "totalAssets", [], () => buffer.totalAssets());
  add(c.buffer, "cash", [], () => buffer.state.cash);
  add(c.buffer, "setAside", [], () => buffer.state.setAside);
  add(c.buffer, "epoch", [], () => buffer.state.epoch);
  add(c.buffer, "cooldown", [], () => buffer.state.cooldown);
  add(c.buffer, "marketInTrouble", [], () => buffer.marketInTrouble());
  add(c.buffer, "previewDeposit", [10n ** 9n], () => buffer.previewDeposit(10n ** 9n));
  add(c.buffer, "previewMint", [10n ** 12n], () => buffer.previewMint(10n ** 12n));
  for (const name of names) {
    owner = name;
    add(c.vault, "maxWithdraw", [name], () => vault.maxWithdraw(name));
    add(c.vault, "maxRedeem", [name], () => vault.maxRedeem(name));
    add(c.buffer, "maxRedeem", [name], () => buffer.claimable(name).shares);
    add(c.buffer, "maxWithdraw", [name], () => buffer.claimable(name).assets);
    add(c.buffer, "claimableRedeemRequest", [0, name], () => buffer.claimable(name).shares);
    owner = undefined;
    add(c.buffer, "pendingRedeemRequest", [0, name], () => buffer.pending(name));
    add(c.buffer, "request", [name], () => {
      const { shares, readyAt, epoch } = buffer.request(name);
      return [shares, readyAt, epoch];
    });
    add(c.buffer, "claimable", [name], () => {
      const { shares, assets } = buffer.claimable(name);
      return [shares, assets];
    });
  }
  for (const { token } of c.markets) {
    const at = token.target as string;
    add(c.vault, "market", [at], () => {
      const { maxLtvBps, lltvBps, debtCeiling, laneCeiling, minDebt, debtShares } = vault.market(at);
      return [lltvBps, minDebt, vault.ceiling(at), debtShares, maxLtvBps, debtCeiling, laneCeiling];
    });
    add(c.house, "lane", [at], () => {
      if (!house.hasLane(at)) return [0, 0, 0, 0, 0, 0, 0, false, 0, 0];
      const l = house.lane(at);
      const sale = [l.cursorWad, l.ratePerHour, l.syncedAt, l.boundAt % 2n ** 24n];
      return [...sale, l.lastPriceE36, l.observedAt, l.emaE36, l.diverged, l.watchedSince, l.paidAt];
    });
    add(c.house, "laneState", [at], () => {
      const l = house.laneState(at);
      return [l.isOpen, l.diverged, l.price, l.ema, l.premium, l.rate, l.age];
    });
    add(c.house, "isOpen", [at], () => house.isOpen(at));
    add(c.house, "ratePerHour", [at], () => house.ratePerHour(at));
    add(c.house, "ema", [at], () => house.ema(at));
    add(c.buffer, "inventory", [at], () => {
      const { amount, heldSince, cursorWad } = buffer.state.inventory[at]!;
      return [amount, heldSince, cursorWad];
    });
    add(c.buffer, "capacity", [at], () => Object.values(buffer.capacity(at)));
    add(c.buffer, "quoteInventory", [at, MAX_UINT256], () => {
      const { refusal, bought, cost, multipleWad } = buffer.quote(at, MAX_UINT256);
      return [SALE_REFUSALS.indexOf(refusal), bought, cost, multipleWad];
    });
    for (const name of names) {
      add(c.vault, "debtOf", [at, name], () => vault.debtOf(at, name));
      add(c.vault, "position", [at, name], () => {
        const { collateral, debtShares, riskAt } = vault.position(at, name);
        return [collateral, debtShares, riskAt];
      });
      add(c.house, "ratchet", [at, name], () => {
        const { discountWad, filledAt } = house.ratchet(at, name);
        return [discountWad, filledAt];
      });
      owner = name;
      add(c.house, "quote", [at, name, MAX_UINT256], () => {
        const q = house.quote(at, { owner: name, maxCollateral: MAX_UINT256 });
        const { collateral, cost, repaid, multipleWad, available, priceE36, ltvWad } = q;
        const figures = [collateral, cost, repaid, multipleWad, available, priceE36, ltvWad];
        return [REFUSALS.indexOf(q.refusal), ...figures];
      });
      owner = undefined;
    }
  }
  for (const token of [c.loan, c.vault, c.buffer, ...c.markets.map((market) => market.token)]) {
    const at = token.target as string;
    for (const holder of [...names, vaultAt, bufferAt]) {
      add(token, "balanceOf", [holder], () =>
        token === c.buffer ? buffer.balance(holder) : world.balance(at, holder),
      );
    }
    if (token === c.vault) add(token, "totalSupply", [], () => world.token(at).supply);
    if (token === c.buffer) add(token, "totalSupply", [], () => buffer.supply());
  }
  return views;
}

/** Holds the chain's figures against the model's. */
export class Comparison {
  private readonly views: readonly View[];
  private readonly errors: readonly Interface[];
  /** By whose derived views it is. */
  private readonly batches = new Map<string, { views: readonly View[]; call: string }>();

  constructor(
    private readonly c: Contracts,
    private readonly models: Models,
  ) {
    this.views = viewsOf(c, models);
    this.errors = [c.vault, c.house, c.buffer, c.oracle].map((contract) => contract.interface);
  }

  /** What differs, one line for each view; of the derived ones those of `owner`. */
  async differences(owner: string): Promise<string[]> {
    const { views, call } = this.batch(owner);
    const { batch } = this.c;
    const answer = (await node.request("eth_call", [{ to: batch.target, data: call }, "pending"])) as string;
    const [results] = batch.interface.decodeFunctionResult("aggregate3", answer) as unknown as [
      { success: boolean; data: string }[],
    ];
    return views.flatMap((view, i) => {
      const { success, data } = results[i]!;
      if (data !== view.lastData) {
        view.lastData = data;
        view.lastText = success ? shown(view, data) : errorText(this.errors, data);
      }
      const value = this.models.world.asRead(() => outcome(view.model));
      const model = value instanceof Refused ? value.message : text(flat(value));
      return view.lastText === model ? [] : [`${view.label}: chain ${view.lastText}, model ${model}`];
    });
  }

  private batch(owner: string): { views: readonly View[]; call: string } {
    const known = this.batches.get(owner);
    if (known) return known;
    const views = this.views.filter(({ derivedFor }) => derivedFor === undefined || derivedFor === owner);
    const calls = views.map(({ target, data }) => [target, true, data]);
    const batch = { views, call: this.c.batch.interface.encodeFunctionData("aggregate3", [calls]) };
    this.batches.set(owner, batch);
    return batch;
  }
}

const flat = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value]);

/** A struct as the list of its fields; a market without its oracles' addresses. */
function shown({ contract, method }: View, data: string): string {
  const result = contract.decodeFunctionResult(method, data).toArray(true);
  const fields = result.length === 1 ? flat(result[0]) : result;
  return text(method === "market" ? fields.filter((field) => typeof field !== "string") : fields);
}
