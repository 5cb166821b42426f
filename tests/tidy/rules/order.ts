/**
 * Numbers that wrap are ordered in one place each: sequence numbers in tcp/seq.ts, times in
 * core/clock.ts. Everywhere else `<` on them is a bug that shows after 2^31 octets, or after 24
 * days.
 *
 * Two ways to see it: a signed difference (`<i32>(a - b)`), and an operand that has the name of a
 * sequence number or of a point in time. Durations, lengths and windows are ordered as they are.
 */
import ts from "typescript";
import { place, type Project, type Rule, walk } from "../project.ts";

/** Where a signed difference may stand. */
const HOMES = new Map([
  ["assembly/tcp/seq.ts", "sequence numbers are ordered here"],
  ["assembly/core/clock.ts", "times are ordered here"],
  ["assembly/core/deadlines.ts", "the wheel orders times that may lie before its own"],
  ["assembly/tcp/rtt.ts", "the error of an estimated duration has a sign"],
]);

const SEQUENCE = /^(seq|ack|iss|irs|recover)$|(Seq|Ack|Nxt|Una|Iss|Irs|Wl1|Wl2|Cursor)$|^sndEnd$/;
const TIME = /^(now|deadline)$|(Deadline|At|nowMs)$/;
const ORDERS = new Set([
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
]);

/** `x.sndNxt`, `sndNxt` or `now()`: the name that says what the value is. */
function nameOf(node: ts.Node): string {
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isPropertyAccessExpression(node)) return node.name.text;
  if (ts.isParenthesizedExpression(node)) return nameOf(node.expression);
  if (ts.isCallExpression(node) && node.expression.getText() === "now") return "now";
  return "";
}

/** `<i32>(a - b)` or `(a - b) as i32`. */
function isSignedDifference(node: ts.Node): boolean {
  if (!ts.isTypeAssertionExpression(node) && !ts.isAsExpression(node)) return false;
  if (node.type.getText() !== "i32" && node.type.getText() !== "i64") return false;
  let inner: ts.Expression = node.expression;
  while (ts.isParenthesizedExpression(inner)) inner = inner.expression;
  return ts.isBinaryExpression(inner) && inner.operatorToken.kind === ts.SyntaxKind.MinusToken;
}

function describe(node: ts.Node): string | undefined {
  if (isSignedDifference(node)) return "a signed difference";
  const operands: ts.Node[] = [];
  if (ts.isBinaryExpression(node) && ORDERS.has(node.operatorToken.kind)) {
    operands.push(node.left, node.right);
  } else if (ts.isCallExpression(node) && /^(min|max)\b/.test(node.expression.getText())) {
    operands.push(...node.arguments);
  }
  if (operands.some((operand) => SEQUENCE.test(nameOf(operand)))) return "sequence numbers ordered";
  if (operands.some((operand) => TIME.test(nameOf(operand)))) return "times ordered";
  return undefined;
}

function check(project: Project): string[] {
  const complaints: string[] = [];
  for (const path of project.code("assembly")) {
    if (HOMES.has(path)) continue;
    for (const node of walk(project.tree(path))) {
      const what = describe(node);
      if (what !== undefined) complaints.push(`${place(node)}: ${what}: ${node.getText()}`);
    }
  }
  return complaints;
}

const inFunction = (body: string) => ({
  "assembly/tcp/ack.ts": `function a(tcb: Tcb, seq: u32): void { ${body} }`,
});

export const wrappingOrder: Rule = {
  title: "sequence numbers and times are ordered in tcp/seq.ts and core/clock.ts alone",
  check,
  broken: {
    "two fields": inFunction("if (tcb.sndUna < tcb.sndNxt) b();"),
    "a parameter": inFunction("while (seq >= limit) b();"),
    "a signed difference": inFunction("if (<i32>(left - right) < 0) b();"),
    "a signed difference the other way": inFunction("const c = (left - right) as i32;"),
    "the smaller one": inFunction("const c = min(tcb.rcvNxt, d);"),
    "a deadline": inFunction("if (now() > tcb.deadline) b();"),
    "a point in time": inFunction("if (entry.askedAt <= before) b();"),
  },
};
