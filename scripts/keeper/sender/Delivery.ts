import type { Block } from "../chain/block";
import type { Rpc, RpcReply } from "../chain/rpc";
import type { Pending } from "./pending";
import type { Relay } from "./relay";

/** What was sent by a path, and how much of it was mined from there. */
export interface PathCount {
  path: string;
  sent: number;
  included: number;
}

/** What a path made of a transaction. `trouble` is what the node refused it with. */
export interface Delivered {
  trouble: string | undefined;
  /** The last block for which only relays have it; undefined once everybody may. */
  privateUntil: number | undefined;
}

const PUBLIC = "public";

/** Brings signed transactions to the chain: by private relays first where there are any, and to the public after a deadline. */
export class Delivery {
  private readonly counts = new Map<string, PathCount>();
  /** By hash: the relays that took it. */
  private readonly takenBy = new Map<string, readonly string[]>();

  /** @param publicAfterBlocks For so many blocks a transaction is the relays' alone. */
  constructor(
    private readonly rpc: Rpc,
    private readonly relays: readonly Relay[],
    private readonly publicAfterBlocks: number,
  ) {
    for (const path of [...relays.map(({ name }) => name), PUBLIC]) {
      this.counts.set(path, { path, sent: 0, included: 0 });
    }
  }

  paths(): PathCount[] {
    return [...this.counts.values()].map((count) => ({ ...count }));
  }

  /** Until when a transaction that is new at this block is for relays only; undefined without relays. */
  privateUntil(block: Block): number | undefined {
    return this.relays.length === 0 ? undefined : block.number + this.publicAfterBlocks;
  }

  /**
   * Sends transactions of one account, by nonce. What no relay takes goes to the public at once.
   * @returns What became of each.
   * @throws SpillwayError `RPC_UNREACHABLE`: whether the node has them is not known.
   */
  async send(all: readonly Pending[], block: Block): Promise<Delivered[]> {
    const secret = all.filter(({ privateUntil }) => privateUntil !== undefined && privateUntil > block.number);
    const taken = await this.toRelays(this.relays, secret, block);
    const open = all.filter((one) => !taken.has(one));
    const replies =
      open.length === 0
        ? []
        : await this.rpc.batch(open.map(({ raw }) => ({ method: "eth_sendRawTransaction", params: [raw] })));
    return all.map((one) => {
      if (taken.has(one)) return { trouble: undefined, privateUntil: one.privateUntil };
      const trouble = troubleOf(replies[open.indexOf(one)]);
      if (trouble === undefined) this.count(PUBLIC, "sent");
      return { trouble, privateUntil: undefined };
    });
  }

  /** Offers again for the next block what is still private, to the relays that take it for one block only. */
  async renew(waiting: readonly Pending[], block: Block): Promise<void> {
    const relays = this.relays.filter(({ isForOneBlock }) => isForOneBlock);
    const secret = waiting.filter(
      ({ privateUntil, sentAt }) => privateUntil !== undefined && privateUntil > block.number && sentAt < block.number,
    );
    await this.toRelays(relays, secret, block, false);
  }

  /** Counts a transaction that was mined. @param hash Of the version that was. */
  included(hash: string, { privateUntil }: Pending): void {
    const relays = privateUntil === undefined ? [] : (this.takenBy.get(hash) ?? []);
    for (const path of relays.length === 0 ? [PUBLIC] : relays) this.count(path, "included");
    this.takenBy.delete(hash);
  }

  private async toRelays(
    relays: readonly Relay[],
    secret: readonly Pending[],
    block: Block,
    isNew = true,
  ): Promise<ReadonlySet<Pending>> {
    const taken = new Set<Pending>();
    if (secret.length === 0) return taken;
    const until = Math.max(...secret.map(({ privateUntil }) => privateUntil ?? 0));
    const raws = secret.map(({ raw }) => raw);
    const answers = await Promise.all(
      relays.map(async (relay) => ({ relay, took: await relay.send(raws, block.number, until) })),
    );
    secret.forEach((one, i) => {
      const by = answers.filter(({ took }) => took[i] === true).map(({ relay }) => relay.name);
      if (by.length === 0) return;
      taken.add(one);
      if (!isNew) return;
      this.takenBy.set(one.hashes.at(-1) ?? "", by);
      for (const name of by) this.count(name, "sent");
    });
    return taken;
  }

  private count(path: string, what: "sent" | "included"): void {
    const count = this.counts.get(path);
    if (count !== undefined) count[what]++;
  }
}

/** What was wrong with a transaction that was sent; undefined where the node has it, from now or from before. */
function troubleOf(reply: RpcReply | undefined): string | undefined {
  if (reply === undefined) return "the node did not answer";
  if (reply.ok || /already (known|imported)/i.test(reply.error.message)) return undefined;
  return reply.error.message;
}
