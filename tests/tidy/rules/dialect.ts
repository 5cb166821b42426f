/** What AssemblyScript code here does without: whatever would allocate, and module-level state. */
import ts from "typescript";
import { isAtTopLevel, place, type Project, type Rule, walk } from "../project.ts";

/** What a node is that no function of the stack may contain, or undefined. */
function describeAllocation(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node)) return "new";
  if (ts.isThrowStatement(node)) return "throw";
  if (ts.isTemplateExpression(node)) return "a template";
  if (ts.isNoSubstitutionTemplateLiteral(node)) return "a template";
  if (ts.isRegularExpressionLiteral(node)) return "a regular expression";
  if (isAtTopLevel(node)) return undefined;
  if (ts.isArrayLiteralExpression(node)) return "an array literal in a function";
  if (ts.isObjectLiteralExpression(node)) return "an object literal in a function";
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) return "a closure";
  if (ts.isDecorator(node.parent.parent ?? node)) return undefined;
  if (ts.isStringLiteral(node) && !isCompileTimeText(node)) return "a string in a function";
  return undefined;
}

/**
 * Text that never reaches the module: an assertion's (`--use abort=`) and a compile-time error's.
 */
function isCompileTimeText(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^(assert|ERROR)$/.test(call.expression.getText());
}

function checkAllocation(project: Project): string[] {
  return project.code("assembly").flatMap((path) =>
    [...walk(project.tree(path))].flatMap((node) => {
      const what = describeAllocation(node);
      return what === undefined ? [] : [`${place(node)}: ${what}`];
    }),
  );
}

const inFunction = (body: string) => ({ "assembly/tcp/a.ts": `function a(): void { ${body} }` });

export const noAllocation: Rule = {
  title: "assembly/ contains nothing that allocates: new, throw, templates, literals, closures",
  check: checkAllocation,
  broken: {
    new: inFunction("const tcb = new Tcb();"),
    throw: inFunction('throw new Error("x");'),
    "a template": inFunction("const b = `c`;"),
    "a template with a value": inFunction("const b = `c${d}`;"),
    "an array": inFunction("const b = [1, 2];"),
    "an object": inFunction("const b = <Tcb>{};"),
    "a closure": inFunction("each((b: u32): void => {});"),
    "a string": inFunction('trace("b");'),
    "new at the top": { "assembly/tcp/a.ts": "const tcb = new Tcb();" },
  },
};

function checkGlobals(project: Project): string[] {
  return project.code("assembly").flatMap((path) =>
    project.tree(path).statements.flatMap((statement) => {
      if (!ts.isVariableStatement(statement)) return [];
      const isConst = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
      return isConst ? [] : [`${place(statement)}: ${statement.getText()}`];
    }),
  );
}

export const noMutableGlobals: Rule = {
  title: "assembly/ keeps its state in static memory: no let at the top of a file",
  check: checkGlobals,
  broken: {
    "a counter": { "assembly/tcp/a.ts": "let counter: u32 = 0;" },
    "an exported one": { "assembly/tcp/a.ts": "export let counter: u32 = 0;" },
  },
};
