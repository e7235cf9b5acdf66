import type { CheckpointChange, CheckpointHead } from "../book/checkpoint";
import type { Position } from "../book/position";
import type { Opportunity } from "../explain/opportunity";
import { Disk, type Notice } from "./Disk";
import { GasTable } from "./GasTable";
import { LossTable } from "./LossTable";
import { MetaTable } from "./MetaTable";
import { OpportunityTable, type Since } from "./OpportunityTable";
import { PendingTable } from "./PendingTable";
import { PositionTable } from "./PositionTable";
import { RequestTable } from "./RequestTable";
import { SqliteCheckpoints } from "./SqliteCheckpoints";
import type { Store } from "./Store";

/** Raised whenever the tables change; a file of another version is begun anew. */
const VERSION = 4;

/** The store in one SQLite file, which this process owns while it is open. */
export class SqliteStore implements Store {
  readonly pending: PendingTable;
  readonly losses: LossTable;
  readonly gas: GasTable;
  private readonly disk: Disk;
  private readonly meta: MetaTable;
  private readonly taken: OpportunityTable;
  private readonly positions: PositionTable;
  private readonly requests: RequestTable;
  private readonly checkpoints: SqliteCheckpoints;

  /**
   * @param path A file, or `:memory:`.
   * @param scope Whose data this is, such as chain and vault; another scope's is thrown away.
   * @param notify Told what an operator should know: that the file was not what was written, or can't be written.
   * @throws SpillwayError `STORE_IN_USE`, `BAD_CONFIG`.
   */
  constructor(
    path: string,
    private readonly scope: string,
    notify: (notice: Notice) => void = () => undefined,
  ) {
    this.disk = new Disk(path, VERSION, notify);
    this.meta = new MetaTable(this.disk);
    this.taken = new OpportunityTable(this.disk);
    this.pending = new PendingTable(this.disk);
    this.losses = new LossTable(this.disk);
    this.gas = new GasTable(this.disk);
    this.positions = new PositionTable(this.disk);
    this.requests = new RequestTable(this.disk);
    this.createTables();
    const { disk, meta, positions, requests } = this;
    this.checkpoints = new SqliteCheckpoints(disk, meta, positions, requests, (why) => this.discard(why));
  }

  get trouble(): string | undefined {
    return this.disk.trouble;
  }

  loadCheckpoint(): CheckpointHead | undefined {
    return this.checkpoints.loadCheckpoint();
  }

  loadPositions(take: (positions: readonly Position[]) => void): Promise<boolean> {
    return this.checkpoints.loadPositions(take);
  }

  saveCheckpoint(change: CheckpointChange): Promise<boolean> {
    return this.checkpoints.saveCheckpoint(change);
  }

  addOpportunities(opportunities: readonly Opportunity[]): void {
    this.taken.add(opportunities);
  }

  opportunities(since?: Since): Opportunity[] {
    return this.taken.all(since);
  }

  close(): void {
    this.disk.close();
  }

  /** Makes the tables that are missing, and empties those of another scope. */
  private createTables(): void {
    const { meta, positions, requests, taken, pending, losses, gas } = this;
    const tables = [meta, positions, requests, taken, pending, losses, gas];
    const create = (): void => {
      for (const table of tables) this.disk.exec(table.create);
      if (this.meta.get("scope") === this.scope) return;
      for (const name of tables.flatMap(({ names }) => names)) this.disk.exec(`DELETE FROM ${name}`);
      this.meta.set("scope", this.scope);
    };
    if (this.disk.write(create)) return;
    this.disk.keepInMemory();
    this.disk.write(create);
  }

  private discard(why: string): void {
    this.disk.discard(why);
    this.createTables();
  }
}
