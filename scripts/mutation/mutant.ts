/** One small change of one source file. `start` and `end` are byte offsets, as the compiler gives them. */
export interface Mutant {
  /** `contracts/Vault.sol:180:12:compare/<=`: the same as long as the text around it does not move. */
  id: string;
  file: string;
  line: number;
  column: number;
  operator: string;
  /** The function or contract that it lies in. */
  within: string;
  start: number;
  end: number;
  replacement: string;
  /** The whole lines that it touches, before and after, on one line each: what a person reads and reasons are keyed by. */
  before: string;
  after: string;
}

/** The file's text with the change made. */
export function apply(source: string, { start, end, replacement }: Pick<Mutant, "start" | "end" | "replacement">) {
  const bytes = Buffer.from(source);
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(replacement), bytes.subarray(end)]).toString();
}
