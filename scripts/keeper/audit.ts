import type { Audit, AuditResult, AuditState } from "./book/audit";
import type { Follower } from "./book/Follower";
import type { Block } from "./chain/block";
import type { Rpc } from "./chain/rpc";

/** Holds the book against the vault, some positions at a time, and has it read anew where that can't put it right. */
export class Auditor {
  constructor(
    private readonly rpc: Rpc,
    private readonly follower: Follower,
    private readonly audits: Audit,
  ) {}

  /** How far the book can be trusted. */
  get state(): AuditState {
    return this.audits.state;
  }

  /**
   * Compares each market's debt shares and the next positions with the chain. Where the sums differ the book is read anew
   * with the next block.
   * @param markets Their collaterals.
   * @param most How many positions to compare.
   */
  async audit(block: Block, markets: readonly string[], most: number): Promise<AuditResult> {
    const result = await this.audits.turn(this.rpc, block, markets, most);
    if (result.broken.length > 0) this.follower.restart();
    return result;
  }
}
