/** What the mutator reads of a node of solc's syntax tree. Every field but the first two depends on the type of node. */
export interface Node {
  nodeType: string;
  /** `start:length:file`, in bytes. */
  src: string;
  name?: string;
  kind?: string;
  operator?: string;
  prefix?: boolean;
  value?: unknown;
  memberName?: string;
  memberLocation?: string;
  leftExpression?: Node;
  rightExpression?: Node;
  leftHandSide?: Node;
  rightHandSide?: Node;
  subExpression?: Node;
  expression?: Node;
  condition?: Node;
  trueBody?: Node;
  falseBody?: Node | null;
  statements?: Node[];
  arguments?: Node[];
  typeDescriptions?: { typeIdentifier?: string | null };
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "nodeType" in value && "src" in value;
}

/** The nodes right under this one, in the order of the text. */
export function children(node: Node): Node[] {
  return Object.values(node)
    .flatMap((value: unknown) => (Array.isArray(value) ? (value as unknown[]) : [value]))
    .filter(isNode)
    .sort((a, b) => range(a).start - range(b).start);
}

export function range(node: { src: string }): { start: number; end: number } {
  const [start = 0, length = 0] = node.src.split(":").map(Number);
  return { start, end: start + length };
}
