import type { Logger } from "pino";

import { revertReason } from "./chain/contracts";
import { type Rpc, toHex } from "./chain/rpc";
import { jobOf, keyOf, routeOf, type Targets } from "./jobs";
import type { Plan } from "./plan";
import type { GasUnits } from "./sender/GasLearner";
import type { Job } from "./sender/job";
import type { Outlet } from "./venues/Outlet";

/** Shows what a plan would send, each transaction simulated on the block's state, and sends nothing. */
export class DryRun {
  /**
   * @param sender Who would send.
   * @param learnt What transactions really take.
   */
  constructor(
    private readonly rpc: Rpc,
    private readonly sender: string,
    private readonly targets: Targets,
    private readonly outletOf: (market: string) => Outlet | undefined,
    private readonly learnt: GasUnits,
    private readonly log: Logger,
  ) {}

  /** One line for each transaction. @throws SpillwayError `RPC_UNREACHABLE`. */
  async show({ block, decisions, weiPriceE36 }: Plan): Promise<void> {
    const jobs: Job[] = [];
    for (const decision of decisions) {
      const route = await routeOf(decision, this.outletOf);
      if (route !== undefined) jobs.push(jobOf(decision, this.targets, weiPriceE36, route, this.learnt));
      else this.log.info({ block: block.number, job: keyOf(decision), fails: "no-venue" }, "would not send");
    }
    if (jobs.length === 0) return;
    const calls = jobs.map(({ to, data }) => ({
      method: "eth_call",
      params: [{ from: this.sender, to, data }, toHex(block.number)],
    }));
    const replies = await this.rpc.batch(calls);
    jobs.forEach(({ key, kind, to, data, gas, worth }, i) => {
      const reply = replies[i];
      const fails = reply?.ok === false ? revertReason(reply.error) : undefined;
      const transaction = { kind, from: this.sender, to, data, gas: String(gas), worthWei: worth?.toString() };
      this.log.info(
        { block: block.number, job: key, transaction, fails },
        fails === undefined ? "would send" : "would not send",
      );
    });
  }
}
