// A member of a fleet as a process of its own, for test/keeper/fleet.test.ts: it is told what there is to do at a block, claims what
// is its own to do, and says so. It sends nothing.
import { pino } from "pino";

import type { Plan } from "../../scripts/keeper/plan";
import { Fleet } from "../../scripts/keeper/coordination/Fleet";
import type { Ending } from "../../scripts/keeper/coordination/Coordination";
import { keyOf } from "../../scripts/keeper/jobs";
import { SpillwayError } from "../../scripts/lib";

/** What the test tells a member. */
export type Order =
  | { kind: "block"; number: number; markets: string[] }
  | { kind: "release"; job: string; ending?: Ending }
  | { kind: "fit"; isFit: boolean }
  /** Accounts whose transactions wait in the pool. */
  | { kind: "busy"; accounts: string[] }
  | { kind: "close" };

/** What a member tells the test. */
export type Word =
  | { kind: "joined" }
  | { kind: "role"; role: string; at: number }
  | { kind: "claimed"; job: string; block: number; at: number }
  | { kind: "failed"; code: string; message: string };

export interface MemberSetup {
  url: string;
  name: string;
  member: string;
  signer: string;
}

const say = (word: Word): void => void process.send?.(word);

async function main({ url, name, member, signer }: MemberSetup): Promise<void> {
  let plan: Plan | undefined;
  let isFit = true;
  let busy: string[] = [];
  let role = "";
  let work = Promise.resolve();

  const act = async (): Promise<void> => {
    if (role !== fleet.role) say({ kind: "role", role: (role = fleet.role), at: Date.now() });
    if (plan === undefined || !isFit) return;
    await fleet.publish(plan);
    const mine = await fleet.take(plan);
    for (const decision of mine.decisions) {
      const job = keyOf(decision);
      if (await fleet.claim(job)) say({ kind: "claimed", job, block: plan.block.number, at: Date.now() });
    }
  };
  const soon = (task: () => Promise<void>): void => {
    work = work.then(task).catch(fail);
  };
  const fleet = await Fleet.join({
    ...{ url, name, member, chainId: 1, vault: "0xvault", signers: [signer], maxActions: 4 },
    report: () => ({ head: plan?.block.number ?? 0, lagSeconds: 0, positions: 0, pending: 0, isFit }),
    isBusy: async (account) => busy.includes(account),
    wake: () => soon(act),
    log: pino({ level: process.env["KEEPER_LOG"] ?? "silent" }),
  });

  process.on("message", (order: Order) => {
    switch (order.kind) {
      case "block": {
        const { number, markets } = order;
        const decisions = markets.map((market) => ({ kind: "sync" as const, market, worth: 1n }));
        const block = { number, hash: `hash ${number}`, parentHash: "", timestamp: 0n, baseFeePerGas: 0n };
        plan = { block, decisions, weiPriceE36: 1n };
        soon(act);
        break;
      }
      case "release":
        soon(() => fleet.release(order.job, order.ending));
        break;
      case "fit":
        isFit = order.isFit;
        break;
      case "busy":
        busy = order.accounts;
        break;
      case "close":
        void fleet.close().then(() => process.exit(0), fail);
    }
  });
  process.once("disconnect", () => process.exit(0));
  say({ kind: "joined" });
  soon(act);
}

function fail(error: unknown): void {
  const code = error instanceof SpillwayError ? error.code : "INTERNAL";
  say({ kind: "failed", code, message: error instanceof Error ? (error.stack ?? "") : String(error) });
  process.exitCode = 1;
  process.disconnect();
}

// only as a process of its own, not where its types are imported
if (process.env["FLEET_MEMBER"] !== undefined) {
  main(JSON.parse(process.env["FLEET_MEMBER"]) as MemberSetup).catch(fail);
}
