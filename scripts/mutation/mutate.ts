import { type Node, children } from "./ast";
import { apply, type Mutant } from "./mutant";
import { operators, type Text } from "./operators";

/** Whose text has no effect of its own on what is deployed. */
const SKIPPED = new Set([
  "ImportDirective",
  "PragmaDirective",
  "InlineAssembly",
  "ArrayTypeName",
  "StructuredDocumentation",
]);
const SCOPES = new Set(["ContractDefinition", "FunctionDefinition", "ModifierDefinition"]);

/** Every mutant of one file, in the order of its text. `tree` is solc's, with the types of all expressions. */
export function mutate(file: string, source: string, tree: Node): Mutant[] {
  const bytes = Buffer.from(source);
  const text: Text = ({ start, end }) => bytes.subarray(start, end).toString();
  const mutants = new Map<string, Mutant>();

  const visit = (node: Node, within: string): void => {
    if (SKIPPED.has(node.nodeType)) return;
    const scope = SCOPES.has(node.nodeType) ? ((node.name || node.kind) ?? within) : within;
    for (const change of operators.flatMap((operator) => operator(node, text))) {
      const above = text({ start: 0, end: change.start }).split("\n");
      const [line, column] = [above.length, (above.at(-1)?.length ?? 0) + 1];
      const id = `${file}:${line}:${column}:${change.operator}`;
      mutants.set(id, { id, file, line, column, within: scope, ...change, ...lines(source, bytes, change) });
    }
    for (const child of children(node)) visit(child, scope);
  };
  visit(tree, file);
  return [...mutants.values()].sort((a, b) => a.start - b.start);
}

/** The lines that a change touches, before and after, with every run of blanks as one. */
function lines(source: string, bytes: Buffer, change: { start: number; end: number; replacement: string }) {
  const from = bytes.lastIndexOf("\n", change.start - 1) + 1;
  const next = bytes.indexOf("\n", change.end);
  const to = next === -1 ? bytes.length : next;
  const changed = Buffer.from(apply(source, change));
  const tidy = (part: Buffer): string => part.toString().replace(/\s+/g, " ").trim();
  return {
    before: tidy(bytes.subarray(from, to)),
    after: tidy(changed.subarray(from, changed.length - (bytes.length - to))),
  };
}
