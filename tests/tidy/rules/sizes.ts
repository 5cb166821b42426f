/** How big things may be: functions, their parameter lists, lines. */
import ts from "typescript";
import { place, type Project, type Rule, walk } from "../project.ts";

const FUNCTION_LINES_MAX = 70;
const PARAMETERS_MAX = 4;
const COLUMNS_MAX = 100;

function* functionsOf(project: Project): Generator<ts.FunctionLikeDeclaration> {
  for (const path of project.code()) {
    for (const node of walk(project.tree(path))) {
      if (ts.isFunctionLike(node) && "body" in node) yield node;
    }
  }
}

/** A group of tests is a function only by the runner's grammar. */
function isGroup(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^(describe|suite)\b/.test(call.expression.getText());
}

function lineCount(node: ts.Node): number {
  const file = node.getSourceFile();
  const line = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  return line(node.getEnd()) - line(node.getStart()) + 1;
}

export const functionLength: Rule = {
  title: `a function has at most ${FUNCTION_LINES_MAX} lines`,
  check: (project) =>
    [...functionsOf(project)]
      .filter((node) => !isGroup(node) && lineCount(node) > FUNCTION_LINES_MAX)
      .map((node) => `${place(node)}: ${lineCount(node)} lines`),
  broken: {
    "a function of 71 lines": {
      "assembly/tcp/a.ts": `function a(): void {\n${"  b();\n".repeat(FUNCTION_LINES_MAX - 1)}}`,
    },
    "an arrow function": {
      "hal/host/a.ts": `const a = () => {\n${"  b();\n".repeat(FUNCTION_LINES_MAX - 1)}};`,
    },
    "a method": {
      "hal/host/a.ts": `class A {\na() {\n${"b();\n".repeat(FUNCTION_LINES_MAX - 1)}}\n}`,
    },
  },
};

export const parameterCount: Rule = {
  title: `a function has at most ${PARAMETERS_MAX} parameters`,
  check: (project) =>
    [...functionsOf(project)]
      .filter((node) => node.parameters.length > PARAMETERS_MAX)
      .map((node) => `${place(node)}: ${node.parameters.length} parameters`),
  broken: {
    "five parameters": {
      "assembly/a.ts": "function a(b: u32, c: u32, d: u32, e: u32, f: u32): void {}",
    },
    "a constructor": { "hal/host/a.ts": "class A { constructor(b, c, d, e, f) {} }" },
  },
};

export const lineLength: Rule = {
  title: `a line of code has at most ${COLUMNS_MAX} columns`,
  check: (project) =>
    project.code().flatMap((path) =>
      project
        .lines(path)
        .map((line, index) => ({ place: `${path}:${index + 1}`, columns: [...line].length }))
        .filter(({ columns }) => columns > COLUMNS_MAX)
        .map(({ place: where, columns }) => `${where}: ${columns} columns`),
    ),
  broken: { "101 columns": { "scripts/a.mjs": `//${"x".repeat(COLUMNS_MAX - 1)}` } },
};
