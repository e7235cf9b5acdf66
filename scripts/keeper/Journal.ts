import type { Block } from "./chain/block";
import { earnedOf, type Valuation } from "./earned";
import type { Job, Outcome } from "./sender/job";
import type { Decision } from "./strategy/view";

/** A transaction of this run. Amounts in loan asset's smallest units. */
export interface Entry {
  /** Its job's: no two with one key are under way at once. */
  key: string;
  block: number;
  kind: string;
  /** Empty for a redemption, which is of no market. */
  market: string;
  hash: string;
  nonce: number;
  expected: bigint;
  result: "pending" | Outcome["result"];
  /** Before gas; undefined until it is mined. */
  earned: bigint | undefined;
  gas: bigint | undefined;
}

/** Profit and gas of one kind of transaction since the start. */
export interface Profit {
  count: number;
  earned: bigint;
  gas: bigint;
}

/** How many transactions are remembered one by one. */
const REMEMBERED = 200;

/** What the keeper did since it was started, and what that earned. In memory: the store keeps what must outlive a run. */
export class Journal {
  private readonly entries: Entry[] = [];
  readonly profit = new Map<string, Profit>();

  /** The last ones, newest first. */
  get last(): readonly Entry[] {
    return this.entries;
  }

  sent(decision: Decision, job: Job, nonce: number, hash: string, block: Block): void {
    const market = decision.kind === "fulfil" ? "" : decision.market;
    const about = { key: job.key, block: block.number, kind: job.kind, market, hash, nonce };
    this.entries.unshift({ ...about, expected: decision.worth, result: "pending", earned: undefined, gas: undefined });
    this.entries.splice(REMEMBERED);
  }

  /** @param weiPriceE36 Loan asset for a wei, scaled by 1e36; undefined where it is not known: its gas then counts nothing. */
  settled(outcome: Outcome, valuation: Valuation, weiPriceE36: bigint | undefined): void {
    const { job, nonce, result, gasPaid, logs } = outcome;
    const kind = job?.kind ?? "given-up";
    const earned = earnedOf(logs, valuation);
    const gas = (gasPaid * (weiPriceE36 ?? 0n)) / 10n ** 36n;
    const entry = this.entries.find((one) => one.key === job?.key && one.nonce === nonce);
    const total = this.profit.get(kind) ?? { count: 0, earned: 0n, gas: 0n };
    if (result === "unmined") {
      // what was counted is taken back; the receipt of its next block counts anew
      total.earned -= entry?.earned ?? 0n;
      total.gas -= entry?.gas ?? 0n;
      total.count -= entry?.earned === undefined ? 0 : 1;
    } else {
      total.earned += earned;
      total.gas += gas;
      total.count += 1;
    }
    this.profit.set(kind, total);
    if (entry === undefined) return;
    entry.result = result === "unmined" ? "pending" : result;
    entry.earned = result === "unmined" ? undefined : earned;
    entry.gas = result === "unmined" ? undefined : gas;
  }
}
