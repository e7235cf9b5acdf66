import { getAddress } from "ethers";

import { SpillwayError } from "../../lib";
import type { Block } from "../chain/block";
import { readVault } from "../chain/contracts";
import { type Answer, Reads } from "../chain/Reads";
import type { Rpc } from "../chain/rpc";
import type { Book, Cursor } from "./Book";
import { type Position, debtOf } from "./position";

/** Of what is held against the chain at once, one in so many is the next of the riskiest, which matter first. */
const RISKY_SHARE = 4;
/** How many of each market count as the riskiest. */
const RISKIEST = 1_000;
/** More wrong positions than this at once are not put right one by one. */
const MOST_CORRECTIONS = 20;

/** What an audit has found. */
export interface AuditResult {
  /** Positions that were wrong and were put right. */
  corrected: Position[];
  /** Markets whose sums still differ: the book is to be read anew. */
  broken: string[];
}

/** How far the book can be trusted. */
export interface AuditState {
  /** The last block at which every position had been held against the chain since the one before; undefined before that. */
  auditedAt: number | undefined;
  /** True from when the book was found to be wrong in more than a few positions until it agreed again. */
  differs: boolean;
}

/**
 * Holds the book against the vault in the background: the debt shares of each market, and a number of positions, the next
 * ones in turn and the riskiest more often, in one round trip of a few calls. A position that is wrong is read by itself and
 * put right.
 */
export class Audit {
  private cursor: Cursor = { market: 0, place: 0 };
  private riskiest: Position[] = [];
  private state_: AuditState = { auditedAt: undefined, differs: false };

  constructor(
    private readonly book: Book,
    private readonly vault: string,
  ) {}

  get state(): AuditState {
    return this.state_;
  }

  /**
   * One turn of the audit, at a block that the book is at.
   * @param most How many positions to look at.
   * @throws SpillwayError `RPC_UNREACHABLE`, `RPC_ERROR`; the next turn takes up where this one began.
   */
  async turn(rpc: Rpc, block: Block, markets: readonly string[], most: number): Promise<AuditResult> {
    const { risky, restOfRisky, next, inTurn } = this.choose(markets, most);
    const reads = new Reads(block.number);
    const index = reads.call(readVault.indexE27(this.vault));
    const sums = markets.map((market) => ({ market, read: reads.call(readVault.market(this.vault, market)) }));
    const groups = this.groups(reads, [...risky, ...inTurn]);
    await reads.send(rpc);

    const indexE27 = index.value();
    const wrong: Position[] = [];
    let complete = true;
    for (const { positions, answer } of groups) {
      const held = answer.valueOrNone();
      if (held === undefined) complete = false; // its oracle says nothing; its turn comes again
      positions.forEach((position, i) => {
        const actual = held?.[i];
        if (actual === undefined) return;
        if (actual.collateral !== position.collateral || actual.debt !== debtOf(position, indexE27))
          wrong.push(position);
      });
    }
    const corrected = wrong.length > MOST_CORRECTIONS ? [] : await this.correct(rpc, block, wrong);
    const broken = sums
      .filter(({ market, read }) => read.value().debtShares !== this.book.debtShares(market))
      .map(({ market }) => market);
    if (wrong.length > MOST_CORRECTIONS) broken.push(...new Set(wrong.map(({ market }) => market)));

    const differs = broken.length > 0;
    if (complete && !differs) {
      this.riskiest = restOfRisky;
      this.cursor = next ?? { market: 0, place: 0 };
    }
    const { auditedAt } = this.state_;
    this.state_ = { auditedAt: complete && !differs && next === undefined ? block.number : auditedAt, differs };
    if (differs) this.startAgain();
    return { corrected, broken: [...new Set(broken)] };
  }

  /** Begins again with the first position, for a book that was read anew. */
  private startAgain(): void {
    this.cursor = { market: 0, place: 0 };
    this.riskiest = [];
  }

  private choose(
    markets: readonly string[],
    most: number,
  ): { risky: Position[]; restOfRisky: Position[]; inTurn: Position[]; next: Cursor | undefined } {
    const share = Math.floor(most / RISKY_SHARE);
    const known =
      this.riskiest.length > 0 ? this.riskiest : markets.flatMap((market) => this.book.riskiest(market, RISKIEST));
    // as they are in the book now
    const risky = known.slice(0, share).map(({ market, owner }) => this.book.position(market, owner));
    const { positions, next } = this.book.slice(this.cursor, most - risky.length);
    return { risky, restOfRisky: known.slice(share), inTurn: positions, next };
  }

  private groups(
    reads: Reads,
    positions: readonly Position[],
  ): { positions: Position[]; answer: Answer<{ collateral: bigint; debt: bigint }[]> }[] {
    const byMarket = new Map<string, Map<string, Position>>();
    for (const position of positions) {
      const group = byMarket.get(position.market) ?? new Map<string, Position>();
      byMarket.set(position.market, group.set(position.owner.toLowerCase(), position));
    }
    return [...byMarket].map(([market, group]) => {
      const owners = [...group.keys()];
      return { positions: [...group.values()], answer: reads.call(readVault.snapshot(this.vault, market, owners)) };
    });
  }

  /** Reads the positions one by one and puts the book right. */
  private async correct(rpc: Rpc, block: Block, wrong: readonly Position[]): Promise<Position[]> {
    if (wrong.length === 0) return [];
    const reads = new Reads(block.number);
    const answers = wrong.map(({ market, owner }) => reads.call(readVault.position(this.vault, market, owner)));
    await reads.send(rpc);
    return wrong.map((position, i) => {
      const actual = answers[i]?.value();
      if (actual === undefined) throw new SpillwayError("INTERNAL", "A position was not read.");
      const right = { ...position, ...actual, owner: getAddress(position.owner) };
      this.book.correct(right, block.number);
      return right;
    });
  }
}
