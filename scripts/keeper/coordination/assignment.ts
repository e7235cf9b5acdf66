import { z } from "zod";

import { keyOf } from "../jobs";
import type { Plan } from "../plan";
import type { Decision } from "../strategy/view";
import type { Sale } from "../venues/joinQuotes";
import { MAX_VENUES } from "../venues/JoinedVenue";

const amount = z.string().regex(/^\d{1,78}$/);
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
const order = z.strictObject({ owner: address, maxCollateral: amount });
const owners = z.array(address).min(1).max(1_000);
const part = z.strictObject({ venue: z.string().max(300), amount, proceeds: amount });
const sale = z.strictObject({
  capital: z.enum(["flash", "own"]),
  proceeds: amount,
  parts: z.array(part).max(MAX_VENUES),
  gas: amount,
});

/** A decision as it travels: amounts as decimal digits. */
const decisionSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("open"), worth: amount, market: address, owner: address }),
  z.strictObject({ kind: z.literal("absorb"), worth: amount, market: address, owners }),
  z.strictObject({
    kind: z.literal("buy"),
    worth: amount,
    market: address,
    orders: z.array(order).min(1).max(1_000),
    minProfit: amount,
    sale,
  }),
  z.strictObject({ kind: z.literal("buyInventory"), worth: amount, market: address, amount, minProfit: amount, sale }),
  z.strictObject({ kind: z.literal("fulfil"), worth: amount, controller: address }),
  z.strictObject({ kind: z.literal("sync"), worth: amount, market: address }),
]);
const assignmentSchema = z.strictObject({
  token: z.int().positive(),
  block: z.int().nonnegative(),
  decision: decisionSchema,
  declinedBy: z.array(z.string().max(200)).max(1_000),
});

/** What a watcher asks the fleet to do. */
export interface Assignment {
  /** The watcher's fencing token: a later watcher's is higher. */
  token: number;
  /** The block whose state the decision rests on. */
  block: number;
  decision: Decision;
  /** Members whose own plans don't have it. */
  declinedBy: readonly string[];
}

/** An assignment as it is put into the queue. */
export type QueuedAssignment = z.input<typeof assignmentSchema>;

/** Names a job in the queue, where a colon has a meaning of its own. */
export function queueId(job: string): string {
  return job.replaceAll(":", "|");
}

/** An assignment of each of a plan's decisions, by job. */
export function assignmentsOf(plan: Plan, token: number): Map<string, QueuedAssignment> {
  return new Map(
    plan.decisions.map((decision) => [
      keyOf(decision),
      { token, block: plan.block.number, decision: encode(decision), declinedBy: [] },
    ]),
  );
}

/** Checks what came out of the queue. @returns Undefined where it is no assignment. */
export function readAssignment(data: unknown): Assignment | undefined {
  const parsed = assignmentSchema.safeParse(data);
  return parsed.success ? { ...parsed.data, decision: decode(parsed.data.decision) } : undefined;
}

function encode(decision: Decision): z.input<typeof decisionSchema> {
  const worth = String(decision.worth);
  switch (decision.kind) {
    case "buy": {
      const orders = decision.orders.map(({ owner, maxCollateral }) => ({
        owner,
        maxCollateral: String(maxCollateral),
      }));
      return { ...decision, worth, orders, minProfit: String(decision.minProfit), sale: encodeSale(decision.sale) };
    }
    case "buyInventory": {
      const { amount, minProfit } = decision;
      const sale = encodeSale(decision.sale);
      return { ...decision, worth, amount: String(amount), minProfit: String(minProfit), sale };
    }
    case "open":
    case "absorb":
    case "fulfil":
    case "sync":
      return { ...decision, worth };
  }
}

function decode(encoded: z.output<typeof decisionSchema>): Decision {
  const worth = BigInt(encoded.worth);
  switch (encoded.kind) {
    case "buy": {
      const orders = encoded.orders.map(({ owner, maxCollateral }) => ({
        owner,
        maxCollateral: BigInt(maxCollateral),
      }));
      return { ...encoded, worth, orders, minProfit: BigInt(encoded.minProfit), sale: decodeSale(encoded.sale) };
    }
    case "buyInventory": {
      const { amount, minProfit } = encoded;
      return {
        ...encoded,
        worth,
        amount: BigInt(amount),
        minProfit: BigInt(minProfit),
        sale: decodeSale(encoded.sale),
      };
    }
    case "open":
    case "absorb":
    case "fulfil":
    case "sync":
      return { ...encoded, worth };
  }
}

function encodeSale({ capital, proceeds, parts, gas }: Sale): z.input<typeof sale> {
  return {
    capital,
    proceeds: String(proceeds),
    parts: parts.map((one) => ({ venue: one.venue, amount: String(one.amount), proceeds: String(one.proceeds) })),
    gas: String(gas),
  };
}

function decodeSale({ capital, proceeds, parts, gas }: z.output<typeof sale>): Sale {
  return {
    capital,
    proceeds: BigInt(proceeds),
    parts: parts.map((one) => ({ venue: one.venue, amount: BigInt(one.amount), proceeds: BigInt(one.proceeds) })),
    gas: BigInt(gas),
  };
}
