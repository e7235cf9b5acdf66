import type { Follower } from "./book/Follower";
import type { Position } from "./book/position";
import type { Block } from "./chain/block";
import { readVault } from "./chain/contracts";
import { Reads } from "./chain/Reads";
import type { Rpc } from "./chain/rpc";

/** How many positions one audit reads; nodes take up to a thousand calls a batch. */
const CHECKED_POSITIONS = 200;

/** Holds the book against the vault: the debt of each market, and all positions in turn, some at a time. */
export class Auditor {
  private checkedTo = 0;

  constructor(
    private readonly rpc: Rpc,
    private readonly follower: Follower,
    private readonly vault: string,
  ) {}

  /**
   * Compares each market's debt shares and the next positions with the chain.
   * @param markets Their collaterals.
   * @returns Markets in which they differ. The book is then read anew with the next block.
   */
  async audit(block: Block, markets: readonly string[]): Promise<string[]> {
    const { book } = this.follower;
    const reads = new Reads(block.number);
    const sums = markets.map((market) => ({ market, read: reads.call(readVault.market(this.vault, market)) }));
    const positions = this.next(book.positions()).map((position) => ({
      ...position,
      read: reads.call(readVault.position(this.vault, position.market, position.owner)),
    }));
    await reads.send(this.rpc);
    const wrong = [
      ...sums.filter(({ market, read }) => read.value().debtShares !== book.debtShares(market)),
      ...positions.filter(({ collateral, debtShares, read }) => {
        const actual = read.value();
        return actual.collateral !== collateral || actual.debtShares !== debtShares;
      }),
    ].map(({ market }) => market);
    if (wrong.length > 0) this.follower.restart();
    return [...new Set(wrong)];
  }

  private next(positions: readonly Position[]): readonly Position[] {
    const from = this.checkedTo < positions.length ? this.checkedTo : 0;
    this.checkedTo = from + CHECKED_POSITIONS;
    return positions.slice(from, this.checkedTo);
  }
}
