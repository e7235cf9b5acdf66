import { type Node, range } from "./ast";

/** A change that an operator proposes: this range of bytes becomes that text. */
export interface Change {
  operator: string;
  start: number;
  end: number;
  replacement: string;
}

/** Text of a range of the file. */
export type Text = (range: { start: number; end: number }) => string;
type Operator = (node: Node, text: Text) => Change[];

const BINARY: Record<string, { name: string; into: string[] }> = {
  "+": { name: "arithmetic", into: ["-"] },
  "-": { name: "arithmetic", into: ["+"] },
  "*": { name: "arithmetic", into: ["/"] },
  "/": { name: "arithmetic", into: ["*"] },
  "%": { name: "arithmetic", into: ["*"] },
  "<<": { name: "arithmetic", into: [">>"] },
  ">>": { name: "arithmetic", into: ["<<"] },
  "+=": { name: "arithmetic", into: ["-="] },
  "-=": { name: "arithmetic", into: ["+="] },
  "*=": { name: "arithmetic", into: ["/="] },
  "/=": { name: "arithmetic", into: ["*="] },
  "<": { name: "compare", into: ["<=", ">="] },
  "<=": { name: "compare", into: ["<", ">"] },
  ">": { name: "compare", into: [">=", "<="] },
  ">=": { name: "compare", into: [">", "<"] },
  "==": { name: "compare", into: ["!="] },
  "!=": { name: "compare", into: ["=="] },
  "&&": { name: "logic", into: ["||"] },
  "||": { name: "logic", into: ["&&"] },
};

/** Functions and enum members whose twin rounds the other way, or takes the other end. */
const TWINS: Record<string, { name: string; twin: string }> = Object.fromEntries(
  [
    ["rounding", "fullMulDiv", "fullMulDivUp"],
    ["rounding", "mulDiv", "mulDivUp"],
    ["rounding", "toAssetsDown", "toAssetsUp"],
    ["rounding", "toSharesDown", "toSharesUp"],
    ["rounding", "Floor", "Ceil"],
    ["min-max", "min", "max"],
  ].flatMap(([name = "", a = "", b = ""]) => [
    [a, { name, twin: b }],
    [b, { name, twin: a }],
  ]),
);

/** Functions for which the order of the first two arguments makes no difference. */
const COMMUTATIVE = new Set(["min", "max", "dist", "mulDiv", "mulDivUp", "fullMulDiv", "fullMulDivUp"]);

const binary: Operator = (node, text) => {
  const isBinary = node.nodeType === "BinaryOperation";
  const [left, right] = isBinary
    ? [node.leftExpression, node.rightExpression]
    : [node.leftHandSide, node.rightHandSide];
  const found = BINARY[node.operator ?? ""];
  if ((!isBinary && node.nodeType !== "Assignment") || !left || !right || !found) return [];
  const gap = { start: range(left).end, end: range(right).start };
  // brackets and comments may stand around the operator
  const start = gap.start + Buffer.byteLength(text(gap).split(node.operator ?? "")[0] ?? "");
  const end = start + (node.operator ?? "").length;
  return found.into.map((replacement) => ({ operator: `${found.name}/${replacement}`, start, end, replacement }));
};

const unary: Operator = (node, text) => {
  const { operator, subExpression } = node;
  if (node.nodeType !== "UnaryOperation" || !subExpression) return [];
  const all = range(node);
  if (operator === "!") return [{ operator: "not", ...all, replacement: text(range(subExpression)) }];
  if (operator !== "++" && operator !== "--") return [];
  const replacement = operator === "++" ? "--" : "++";
  const start = node.prefix === true ? all.start : all.end - 2;
  return [{ operator: `arithmetic/${replacement}`, start, end: start + 2, replacement }];
};

const literal: Operator = (node, text) => {
  if (node.nodeType !== "Literal") return [];
  const all = range(node);
  const old = text(all);
  if (node.kind === "bool") {
    const replacement = old === "true" ? "false" : "true";
    return [{ operator: `boolean/${replacement}`, ...all, replacement }];
  }
  if (node.kind !== "number" || old.startsWith("0x")) return [];
  const more = { operator: "constant/+1", ...all, replacement: `(${old} + 1)` };
  return Number(node.value) === 0 ? [more] : [more, { operator: "constant/-1", ...all, replacement: `(${old} - 1)` }];
};

const twin: Operator = (node) => {
  const name = node.nodeType === "MemberAccess" ? node.memberName : node.name;
  const found = Object.hasOwn(TWINS, name ?? "") ? TWINS[name ?? ""] : undefined;
  if (!["MemberAccess", "Identifier"].includes(node.nodeType) || !name || !found) return [];
  const { end } = range(node);
  return [{ operator: `${found.name}/${found.twin}`, start: end - name.length, end, replacement: found.twin }];
};

/** Whether a branch does nothing but revert. */
function reverts(body: Node | undefined): boolean {
  if (body?.nodeType === "Block") return body.statements?.length === 1 && reverts(body.statements[0]);
  return body?.nodeType === "RevertStatement";
}

const condition: Operator = (node) => {
  if ((node.nodeType !== "IfStatement" && node.nodeType !== "Conditional") || !node.condition) return [];
  const all = range(node.condition);
  if (reverts(node.trueBody)) return [{ operator: "remove-guard", ...all, replacement: "false" }];
  return ["true", "false"].map((replacement) => ({ operator: `condition/${replacement}`, ...all, replacement }));
};

const modifier: Operator = (node) => {
  if (node.nodeType !== "ModifierInvocation" || node.kind !== "modifierInvocation") return [];
  return [{ operator: "remove-modifier", ...range(node), replacement: "" }];
};

const statement: Operator = (node, text) => {
  const { start, end } = range(node);
  const effects = ["Assignment", "FunctionCall", "UnaryOperation"];
  const isEffect = node.nodeType === "ExpressionStatement" && effects.includes(node.expression?.nodeType ?? "");
  if (!isEffect && node.nodeType !== "EmitStatement") return [];
  // the range of a statement may leave its semicolon out; a block can stand where a statement has to
  const semicolon = text({ start, end: end + 1 }).endsWith(";") ? 1 : 0;
  return [{ operator: "delete-statement", start, end: end + semicolon, replacement: "{}" }];
};

const swap: Operator = (node, text) => {
  const called = node.expression?.memberName ?? node.expression?.name ?? "";
  if (node.nodeType !== "FunctionCall" || node.kind === "typeConversion" || !node.arguments) return [];
  const parts = node.arguments.map((argument) => ({
    ...range(argument),
    text: text(range(argument)),
    type: argument.typeDescriptions?.typeIdentifier?.replace(/_(storage|memory|calldata)(_ptr)?$/, ""),
  }));
  return parts.flatMap((a, i) => {
    const j = parts.findIndex(({ type }, k) => k > i && type === a.type);
    const b = parts[j];
    if (b === undefined || a.text === b.text || (i === 0 && j === 1 && COMMUTATIVE.has(called))) return [];
    const replacement = b.text + text({ start: a.end, end: b.start }) + a.text;
    return [{ operator: `swap-arguments/${i + 1}-${j + 1}`, start: a.start, end: b.end, replacement }];
  });
};

export const operators: Operator[] = [binary, unary, literal, twin, condition, modifier, statement, swap];
