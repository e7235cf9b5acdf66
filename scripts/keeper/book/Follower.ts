import { type Block, parseBlock, readBlock } from "../chain/block";
import { type Reads } from "../chain/Reads";
import { type Rpc, toHex, unwrap } from "../chain/rpc";
import { Book, UNDO_BLOCKS } from "./Book";
import type { Checkpoints } from "./checkpoint";
import { type KeeperEvent, listOfLogs, logsRequest, parseLog, parseLogs } from "./events";
import { Requests } from "./Requests";
import { inSlices } from "./slices";

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

/** The most blocks whose events come with a block's other reads. */
const NEAR_BLOCKS = 16;
/** An answer of more logs than this is too much for the next one to be as long: neither node nor memory should burst. */
const MANY_LOGS = 8_000;
/** An answer of fewer makes the next one twice as long. */
const FEW_LOGS = 2_000;
/** Blocks in the first request of a catch-up. */
const FIRST_CHUNK = 1_000;
/** Logs that are taken up before others have a turn: some 5 ms. */
const LOGS_AT_ONCE = 1_000;

/** Keeps a book, and the underwriters' requests, in step with the chain: its events and its reorganisations. */
export class Follower {
  readonly book = new Book();
  readonly requests = new Requests();
  /** Hashes of the blocks up to which events were applied, in rising order. */
  private readonly hashes = new Map<number, string>();
  private head: number | undefined;
  /** What was caught up with and not told yet. */
  private untold: KeeperEvent[] = [];
  private saving: Promise<void> | undefined;
  private saveError: Error | undefined;

  constructor(
    private readonly rpc: Rpc,
    private readonly watched: Watched,
  ) {}

  /**
   * Takes up the last checkpoint if its block is still part of the chain.
   * @returns The checkpoint's block; undefined where there is none to take up.
   */
  async restore(checkpoints: Checkpoints, block: Block): Promise<number | undefined> {
    const checkpoint = checkpoints.loadCheckpoint();
    if (checkpoint === undefined || checkpoint.block > block.number) return undefined;
    const { hash } = await readBlock(this.rpc, checkpoint.block);
    if (hash !== checkpoint.hash) return undefined;
    if (!(await checkpoints.loadPositions((positions) => this.book.load(positions)))) {
      this.restart();
      return undefined;
    }
    this.book.loaded();
    for (const controller of checkpoint.controllers) this.requests.add(controller, checkpoint.block);
    this.moveTo({ number: checkpoint.block, hash });
    return checkpoint.block;
  }

  /**
   * Begins to write what a restart can go on from, beside whatever else is done meanwhile; not before the first block, nor
   * while an earlier one is still being written.
   */
  save(checkpoints: Checkpoints): void {
    const { saveError } = this;
    if (saveError !== undefined) throw saveError;
    this.saving ??= this.write(checkpoints)
      .catch((error: unknown) => {
        this.saveError = error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => (this.saving = undefined));
  }

  /** Writes the last checkpoint of a run: resolves once the book as it is now is safe. */
  async saveNow(checkpoints: Checkpoints): Promise<void> {
    await this.saving;
    await this.write(checkpoints);
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
      this.untold = this.untold.filter((event) => event.block <= common);
    } else this.restart();
    return true;
  }

  /** Forgets everything, so that the next block reads it all again. */
  restart(): void {
    this.book.clear();
    this.requests.clear();
    this.hashes.clear();
    this.untold = [];
    this.head = undefined;
  }

  /**
   * Applies the events of long ago, chunk by chunk and a few at a time, until what is left up to `block` is little. A chunk is
   * as long as what the node has answered so far suggests.
   */
  async catchUp(block: Block): Promise<void> {
    const follows = this.head !== undefined;
    let next = this.head === undefined ? this.watched.fromBlock : this.head + 1;
    let chunk = Math.min(FIRST_CHUNK, this.watched.logChunk);
    while (block.number - next >= NEAR_BLOCKS) {
      const end = Math.min(next + chunk, block.number) - 1;
      const [logs, at] = await this.rpc.batch([
        logsRequest(this.addresses, next, end),
        { method: "eth_getBlockByNumber", params: [toHex(end), false] },
      ]);
      if (logs?.ok === false && chunk > 1) {
        // more than the node gives at once, most likely
        chunk = Math.ceil(chunk / 4);
        continue;
      }
      const list = listOfLogs(unwrap(logs, "reading logs"));
      const { hash } = parseBlock(unwrap(at, `reading block ${end}`));
      await this.take(list, block.number, follows);
      this.moveTo({ number: end, hash });
      next = end + 1;
      if (list.length > MANY_LOGS) chunk = Math.ceil(chunk / 2);
      else if (list.length < FEW_LOGS) chunk = Math.min(chunk * 2, this.watched.logChunk);
    }
  }

  /**
   * Adds to a block's batch the events since the last one.
   * @returns Call it once the batch was sent: it applies them and returns them, and those that were caught up with before.
   */
  read(reads: Reads, block: Block): () => KeeperEvent[] {
    const next = this.head === undefined ? this.watched.fromBlock : this.head + 1;
    if (next > block.number) return () => this.tell([]);
    const logs = reads.request(logsRequest(this.addresses, next, block.number), parseLogs);
    return () => {
      const events = logs.value();
      for (const event of events) this.apply(event, true);
      this.moveTo(block);
      return this.tell(events);
    };
  }

  private get addresses(): string[] {
    return [this.watched.vault, this.watched.auctionHouse, this.watched.buffer];
  }

  /** @param follows Whether what others did here was missed: not where a book is only being read. */
  private async take(logs: readonly unknown[], head: number, follows: boolean): Promise<void> {
    const taken: KeeperEvent[] = [];
    const events = function* (): Generator<KeeperEvent> {
      for (const log of logs) {
        const event = parseLog(log);
        if (event !== undefined) yield event;
      }
    };
    // all or nothing: what can't be read must not leave half a chunk applied
    await inSlices(events(), LOGS_AT_ONCE, (slice) => taken.push(...slice));
    await inSlices(taken, LOGS_AT_ONCE, (slice) => {
      for (const event of slice) {
        this.apply(event, event.block > head - UNDO_BLOCKS);
        if (follows && event.kind !== "position") this.untold.push(event);
      }
    });
  }

  private apply(event: KeeperEvent, undoable: boolean): void {
    if (event.kind === "position") this.book.apply(event.change, event.block, undoable);
    else if (event.kind === "redeemRequested") this.requests.add(event.controller, event.block);
    // a part of it may wait on
    else if (event.kind === "fulfil") this.requests.add(event.owner, event.block);
  }

  private tell(events: KeeperEvent[]): KeeperEvent[] {
    if (this.untold.length === 0) return events;
    const all = [...this.untold, ...events];
    this.untold = [];
    return all;
  }

  private async write(checkpoints: Checkpoints): Promise<void> {
    const hash = this.head === undefined ? undefined : this.hashes.get(this.head);
    if (this.head === undefined || hash === undefined) return;
    const changes = this.book.takeChanges();
    const head = { block: this.head, hash, controllers: this.requests.controllers() };
    if (!(await checkpoints.saveCheckpoint({ ...head, ...changes }))) this.book.giveBack();
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
