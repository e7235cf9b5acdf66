/** A part of the store: its class is the only one that knows its SQL. */
export interface Table {
  /** Its tables in the database. */
  readonly names: readonly string[];
  /** `CREATE TABLE IF NOT EXISTS …` for each. */
  readonly create: string;
}
