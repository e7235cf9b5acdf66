import { type Block, parseBlock, readBlock } from "../chain/block";
import { type Reads } from "../chain/Reads";
import { type Rpc, toHex, unwrap } from "../chain/rpc";
import type { Checkpoint } from "../store/Store";
import { Book, UNDO_BLOCKS } from "./Book";
import { type KeeperEvent, logsRequest, parseLogs } from "./events";
import { Requests } from "./Requests";

/** Whom a follower watches. Addresses checksummed. */
export interface Watched {
  vault: string;
  auctionHouse: string;
  buffer: string;
  /** The block in which they were deployed, or one before it. */
  fromBlock: number;
  /** The most blocks to ask logs for at once. */
  logChunk: number;
}

/** Keeps a book, and the underwriters' requests, in step with the chain: its events and its reorganisations. */
export class Follower {
  readonly book = new Book();
  readonly requests = new Requests();
  /** Hashes of the blocks up to which events were applied, in rising order. */
  private readonly hashes = new Map<number, string>();
  private head: number | undefined;

  constructor(
    private readonly rpc: Rpc,
    private readonly watched: Watched,
  ) {}

  /** Takes up a checkpoint if its block is still part of the chain. */
  async restore(checkpoint: Checkpoint, block: Block): Promise<boolean> {
    if (checkpoint.block > block.number) return false;
    const { hash } = await readBlock(this.rpc, checkpoint.block);
    if (hash !== checkpoint.hash) return false;
    this.book.load(checkpoint.positions);
    for (const controller of checkpoint.controllers) this.requests.add(controller, checkpoint.block);
    this.moveTo({ number: checkpoint.block, hash });
    return true;
  }

  /** What a restart could go on from; undefined before the first block. */
  checkpoint(): Checkpoint | undefined {
    const hash = this.head === undefined ? undefined : this.hashes.get(this.head);
    if (this.head === undefined || hash === undefined) return undefined;
    return { block: this.head, hash, positions: this.book.positions(), controllers: this.requests.controllers() };
  }

  /**
   * Takes back what blocks that are no longer part of the chain have brought.
   * @returns True where there were any.
   */
  async undoReorg(block: Block): Promise<boolean> {
    if (this.head === undefined) return false;
    const headHash = this.hashes.get(this.head);
    if (block.number === this.head + 1 && block.parentHash === headHash) return false;
    if (block.number === this.head && block.hash === headHash) return false;

    const known = [...this.hashes].filter(([number]) => number <= block.number).reverse();
    const replies = await this.rpc.batch(
      known.map(([number]) => ({ method: "eth_getBlockByNumber", params: [toHex(number), false] })),
    );
    const common = known.find(([number, hash], i) => {
      const result = unwrap(replies[i], `reading block ${number}`);
      return result !== null && parseBlock(result).hash === hash;
    })?.[0];
    if (common === this.head) return false; // blocks were left out, no more
    if (common !== undefined && this.book.undoTo(common, this.head)) {
      for (const number of this.hashes.keys()) if (number > common) this.hashes.delete(number);
      this.head = common;
      this.requests.recheck();
    } else this.restart();
    return true;
  }

  /** Forgets everything, so that the next block reads it all again. */
  restart(): void {
    this.book.clear();
    this.requests.clear();
    this.hashes.clear();
    this.head = undefined;
  }

  /** Applies the events of long ago, chunk by chunk, until what is left up to `block` fits in one request. */
  async catchUp(block: Block): Promise<void> {
    const { fromBlock, logChunk } = this.watched;
    let next = this.head === undefined ? fromBlock : this.head + 1;
    for (; block.number - next >= logChunk; next += logChunk) {
      const end = next + logChunk - 1;
      const [logs] = await this.rpc.batch([logsRequest(this.addresses, next, end)]);
      const { hash } = await readBlock(this.rpc, end);
      this.applyAll(parseLogs(unwrap(logs, "reading logs")));
      this.moveTo({ number: end, hash });
    }
  }

  /**
   * Adds to a block's batch the events since the last one.
   * @returns Call it once the batch was sent: it applies them and returns them.
   */
  read(reads: Reads, block: Block): () => KeeperEvent[] {
    const next = this.head === undefined ? this.watched.fromBlock : this.head + 1;
    if (next > block.number) return () => [];
    const logs = reads.request(logsRequest(this.addresses, next, block.number), parseLogs);
    return () => {
      const events = logs.value();
      this.applyAll(events);
      this.moveTo(block);
      return events;
    };
  }

  private get addresses(): string[] {
    return [this.watched.vault, this.watched.auctionHouse, this.watched.buffer];
  }

  private applyAll(events: readonly KeeperEvent[]): void {
    for (const event of events) {
      if (event.kind === "position") this.book.apply(event.change, event.block);
      else if (event.kind === "redeemRequested") this.requests.add(event.controller, event.block);
      // a part of it may wait on
      else if (event.kind === "fulfil") this.requests.add(event.owner, event.block);
    }
  }

  private moveTo({ number, hash }: Pick<Block, "number" | "hash">): void {
    this.hashes.set(number, hash);
    this.head = number;
    for (const old of this.hashes.keys()) {
      if (old > number - UNDO_BLOCKS) break;
      this.hashes.delete(old);
    }
  }
}
