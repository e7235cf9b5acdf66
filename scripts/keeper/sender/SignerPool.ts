import type { Block } from "../chain/block";
import type { Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";
import type { PathCount } from "./Delivery";
import { nextBaseFee } from "./fees";
import type { GasUnits } from "./GasLearner";
import type { Job, Outcome, Refused, Sent, Signer } from "./job";
import { Sender, type SignerStatus } from "./Sender";
import { openServices, type SenderConfig, type SenderServices, type SenderStore } from "./services";
import { LIMIT_TO_GAS } from "./Simulation";

/** Several accounts, one ordered queue each, as one sender. Jobs of one market go to one account, so that they stay in order. */
export class SignerPool {
  private readonly senders: readonly Sender[];
  private readonly services: SenderServices;

  constructor(rpc: Rpc, signers: readonly Signer[], config: SenderConfig, store: SenderStore) {
    this.services = openServices(rpc, config, store);
    this.senders = signers.map((signer) => new Sender(rpc, signer, config, this.services));
  }

  get pendingCount(): number {
    return this.senders.reduce((sum, { pendingCount }) => sum + pendingCount, 0);
  }

  /** The next nonce of the first account, by the chain's count. */
  get nonce(): number {
    return this.senders[0]?.nonce ?? 0;
  }

  /** Jobs that wait to be mined. */
  get pendingJobs(): Job[] {
    return this.senders.flatMap(({ pendingJobs }) => pendingJobs);
  }

  /** What transactions really take. */
  get gas(): GasUnits {
    return this.services.learner;
  }

  /** The tip that wins at present, wei for a unit of gas; what is paid is also bounded by what a job is worth. */
  get tip(): bigint {
    return this.services.tips.tip;
  }

  signers(): SignerStatus[] {
    return this.senders.map(({ status }) => status);
  }

  /** What was sent and mined by each path. */
  paths(): PathCount[] {
    return this.services.delivery.paths();
  }

  isOwn(hash: string): boolean {
    return this.senders.some((sender) => sender.isOwn(hash));
  }

  async open(block: Block): Promise<void> {
    await Promise.all(this.senders.map((sender) => sender.open(block)));
  }

  /**
   * Adds to a block's batch what tells what became of pending transactions.
   * @returns Call it once the batch was sent.
   */
  read(reads: Reads): () => Outcome[] {
    const done = this.senders.map((sender) => sender.read(reads));
    return () => done.flatMap((outcomes) => outcomes());
  }

  recount(): void {
    for (const sender of this.senders) sender.recount();
  }

  /** As {@link Sender.send}, by the account that each job is best sent from. One after the other: each knows what goes before. */
  async send(jobs: readonly Job[], block: Block): Promise<{ sent: Sent[]; refused: Refused[] }> {
    const keys = new Set(this.pendingJobs.map(({ key }) => key));
    const fresh = jobs.filter(({ key }) => !keys.has(key));
    const assigned = this.assign(fresh, block);
    const sent: Sent[] = [];
    const refused: Refused[] = jobs.filter(({ key }) => keys.has(key)).map((job) => ({ job, reason: "pending" }));
    for (const sender of this.senders) {
      const before = this.senders.filter((other) => other !== sender).flatMap((other) => other.calls());
      const result = await sender.send(assigned.get(sender) ?? [], block, before);
      sent.push(...result.sent);
      refused.push(...result.refused);
    }
    return { sent, refused };
  }

  stop(): void {
    for (const sender of this.senders) sender.stop();
  }

  /** As {@link Sender.drain}. */
  async drain(deadline: number, pollMs?: number): Promise<Outcome[]> {
    return (await Promise.all(this.senders.map((sender) => sender.drain(deadline, pollMs)))).flat();
  }

  /**
   * Each market's jobs to the account that one of them has to be sent from, or else to the one that has some of it pending, or
   * else to the one with fewest pending and enough ether.
   */
  private assign(jobs: readonly Job[], block: Block): Map<Sender, Job[]> {
    const assigned = new Map<Sender, Job[]>(this.senders.map((sender) => [sender, []]));
    for (const subject of new Set(jobs.map(subjectOf))) {
      const together = jobs.filter((job) => subjectOf(job) === subject);
      const units = together.reduce((sum, { gas }) => sum + gas, 0n) * LIMIT_TO_GAS;
      const cost = units * nextBaseFee(block.baseFeePerGas);
      const from = together.find((job) => job.from !== undefined)?.from;
      const load = (sender: Sender): number => sender.pendingCount + (assigned.get(sender)?.length ?? 0);
      const [best] = this.senders
        .map((sender) => ({
          sender,
          mustSend: sender.status.address === from,
          hasSubject: sender.pendingJobs.some((job) => subjectOf(job) === subject),
          canPay: (sender.status.balanceWei ?? cost) >= cost,
          isWell: sender.status.trouble === undefined,
          load: load(sender),
        }))
        .sort(
          (a, b) =>
            Number(b.mustSend) - Number(a.mustSend) ||
            Number(b.canPay) - Number(a.canPay) ||
            Number(b.hasSubject) - Number(a.hasSubject) ||
            Number(b.isWell) - Number(a.isWell) ||
            a.load - b.load,
        );
      if (best !== undefined) assigned.get(best.sender)?.push(...together);
    }
    return assigned;
  }
}

/** What a job is about: the market, by its key. */
function subjectOf({ key }: Job): string {
  return key.slice(key.indexOf(":") + 1);
}
