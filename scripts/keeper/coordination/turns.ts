import { createHash } from "node:crypto";

/** The most blocks that a member waits for its turn, however many go before it. */
const LONGEST_WAIT = 3;

/**
 * The order in which members that can't talk to each other do a job: by chance, but the same for all who know the same
 * members.
 * @returns The members that go before `me`. Each waits a block longer than the one before it.
 */
export function before(job: string, me: string, members: readonly string[]): string[] {
  const rank = (member: string): string => createHash("sha256").update(`${job} ${member}`).digest("hex");
  const mine = rank(me);
  return members.filter((member) => member !== me && rank(member) < mine);
}

/** Blocks for which a member waits behind `count` others. */
export function waitBehind(count: number): number {
  return Math.min(count, LONGEST_WAIT);
}
