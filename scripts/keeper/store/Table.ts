/** One table of the store: its class is the only one that knows its SQL. */
export interface Table {
  readonly name: string;
  /** `CREATE TABLE IF NOT EXISTS …` */
  readonly create: string;
}
