import { max, min } from "../../lib";
import type { Block } from "../chain/block";
import { type FeeLimits, type Fees, bumpedFees, firstFees } from "./fees";
import type { Job, RefusalReason } from "./job";
import type { LossBudget } from "./LossBudget";
import type { Pending } from "./pending";
import { LIMIT_TO_GAS, type Verdict } from "./Simulation";
import type { TipMarket } from "./TipMarket";

/** Gas limit and fees of a transaction to be made, or why it is not. */
export type Price = { gas: bigint; fees: Fees } | { reason: string };

const SELF_TRANSFER_GAS = 21_000n;
/** What a transaction that was given up for an empty one counts as in the loss budget. */
export const GIVEN_UP = "given-up";

/** Says what a transaction may cost: by what it is worth now, what wins, what may be lost, and what the signer has. */
export class Pricing {
  constructor(
    private readonly limits: FeeLimits,
    private readonly tips: TipMarket,
    private readonly budget: LossBudget,
  ) {}

  /** @param funds Wei that the signer has left for it; undefined where that isn't known. */
  first(job: Job, verdict: Verdict, block: Block, funds: bigint | undefined): Price {
    if ("reason" in verdict) return verdict;
    if (this.budget.isUsedUp(job.kind, block.timestamp)) return refusal("budget");
    const gas = verdict.gas * LIMIT_TO_GAS;
    const worth = this.mayCost(job, verdict.worth, block);
    const fees = (limits: FeeLimits): Fees | undefined =>
      firstFees(block.baseFeePerGas, limits, verdict.gas, worth, this.tips.tip);
    const wanted = fees(this.limits);
    if (wanted === undefined) return refusal("gas");
    if (funds === undefined || wanted.maxFeePerGas * gas <= funds) return { gas, fees: wanted };
    const afforded = fees({ ...this.limits, maxFeePerGas: min(this.limits.maxFeePerGas, max(0n, funds) / gas) });
    return afforded === undefined ? refusal("no-funds") : { gas, fees: afforded };
  }

  /** For a job that is sent again dearer. */
  again({ fees: old, bumps }: Pending, job: Job, verdict: Verdict, block: Block): Price {
    if ("reason" in verdict) return verdict;
    if (this.budget.isUsedUp(job.kind, block.timestamp)) return refusal("budget");
    const worth = this.mayCost(job, verdict.worth, block);
    const step = { bumps, tip: this.tips.tip };
    const fees = bumpedFees(old, block.baseFeePerGas, this.limits, verdict.gas, worth, step);
    return fees === undefined ? refusal("gas") : { gas: verdict.gas * LIMIT_TO_GAS, fees };
  }

  /** For an empty transaction in place of one, which frees the nonce for those that wait behind it. */
  empty({ fees: old, bumps }: Pending, block: Block): Price {
    const worth = this.budget.left(GIVEN_UP, block.timestamp);
    const fees = bumpedFees(old, block.baseFeePerGas, this.limits, SELF_TRANSFER_GAS, worth, { bumps });
    return fees === undefined ? refusal("gas") : { gas: SELF_TRANSFER_GAS, fees };
  }

  /** For an empty transaction with a nonce that nothing waits with. */
  filler(block: Block): Price {
    const worth = this.budget.left(GIVEN_UP, block.timestamp);
    const fees = firstFees(block.baseFeePerGas, this.limits, SELF_TRANSFER_GAS, worth);
    return fees === undefined ? refusal("gas") : { gas: SELF_TRANSFER_GAS, fees };
  }

  /** Counts gas that was paid against what the job was paid. @param paid Wei for gas; `earned` is 0 for one that reverted. */
  settle(job: Job | undefined, gasPaid: bigint, isMined: boolean, now: bigint): void {
    const earned = isMined && job !== undefined ? (job.paid ?? job.worth ?? 0n) : 0n;
    this.budget.add(job?.kind ?? GIVEN_UP, max(0n, gasPaid - max(0n, earned)), now);
  }

  /** Wei: what it is worth, but no more beyond what it is paid than may be lost. */
  private mayCost({ kind, paid, worth: asked }: Job, worth: bigint | undefined, block: Block): bigint | undefined {
    if (asked !== undefined && paid === undefined) return worth;
    const left = this.budget.left(kind, block.timestamp);
    if (left === undefined) return worth;
    const most = left + (paid ?? 0n);
    return worth === undefined ? most : min(worth, most);
  }
}

function refusal(reason: RefusalReason): { reason: RefusalReason } {
  return { reason };
}
