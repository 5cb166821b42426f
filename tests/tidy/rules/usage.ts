/** Nothing lies around unused: every file is reached from an entry, every export is imported. */
import ts from "typescript";
import { importsOf, type Project, resolveImport, type Rule, walk } from "../project.ts";

/** What users of the package, tools and test runners open by themselves. */
const ENTRIES = [
  /^assembly\/index\.ts$/,
  /^hal\/host\/(index|cli\/main)\.ts$/,
  /^hal\/recorder\/(index|imports)\.ts$/,
  /^examples\/[^/]+\/[^/]+\.ts$/,
  /^bench\/segment\/linger\/driver\.ts$/,
  /\.(test|spec|include)\.ts$/,
  /\.config\.(js|mjs)$/,
  /\.d\.m?ts$/,
];
/** Files whose exports are complete by themselves, and why. */
const COMPLETE = new Map([
  ["assembly/socket/copying.ts", "calls for applications in the module"],
  ["assembly/core/abi.ts", "the boundary's numbers, of which the stack itself uses only its side"],
]);

/** The files that a file names: imports, re-exports, `import("…")` and `new URL("…")`. */
function* filesNamedBy(project: Project, path: string): Generator<string> {
  const tree = project.tree(path);
  for (const { specifier } of importsOf(tree)) {
    const target = resolveImport(project, path, specifier);
    if (target !== undefined) yield target;
  }
  for (const target of dynamicImports(project, path)) yield target;
}

function* dynamicImports(project: Project, path: string): Generator<string> {
  for (const node of walk(project.tree(path))) {
    const text = dynamicSpecifier(node);
    const target = text === undefined ? undefined : resolveImport(project, path, text);
    if (target !== undefined) yield target;
  }
}

function dynamicSpecifier(node: ts.Node): string | undefined {
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return ts.isStringLiteral(node.argument.literal) ? node.argument.literal.text : undefined;
  }
  const isCall =
    (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) ||
    (ts.isNewExpression(node) && node.expression.getText() === "URL");
  const argument = isCall ? node.arguments?.[0] : undefined;
  return argument !== undefined && ts.isStringLiteral(argument) ? argument.text : undefined;
}

function isEntry(project: Project, path: string): boolean {
  if (ENTRIES.some((entry) => entry.test(path))) return true;
  // Scripts, measurements and searches are started by their path, from package.json, asconfig.json,
  // .ci/run or one another.
  const places = project.paths().filter((other) => other !== path && !other.endsWith(".md"));
  const isStarted = places.some((other) => project.text(other).includes(path));
  return /^(scripts|bench|tests)\//.test(path) && isStarted;
}

function checkFiles(project: Project): string[] {
  const reached = new Set<string>();
  const waiting = project.code().filter((path) => isEntry(project, path));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    waiting.push(...filesNamedBy(project, path));
  }
  return project
    .code()
    .filter((path) => !reached.has(path))
    .map((path) => `${path}:1: nothing uses this file`);
}

export const deadFiles: Rule = {
  title: "every file of code is used",
  check: checkFiles,
  broken: {
    "a file of the stack that nothing imports": {
      "assembly/index.ts": "",
      "assembly/tcp/old.ts": "export function a(): void {}",
    },
    "two files that import only one another": {
      "hal/host/index.ts": "",
      "hal/host/a.ts": 'import "./b.ts";',
      "hal/host/b.ts": 'import "./a.ts";',
    },
    "a script that is never run": { "scripts/old.mjs": "", "package.json": "{}" },
    "a helper of no test": { "tests/tcp/helper.ts": "export const a = 1;" },
  },
};

/** What a file exports: its own names, names of others, and everything of others. */
interface Exports {
  own: Map<string, ts.Node>;
  forwarded: Map<string, { target: string; name: string }>;
  all: string[];
}

function exportsOf(project: Project, path: string): Exports {
  const found: Exports = { own: new Map(), forwarded: new Map(), all: [] };
  for (const statement of project.tree(path).statements) {
    if (ts.isExportDeclaration(statement)) addExportDeclaration(project, path, statement, found);
    else if (isExported(statement)) {
      for (const name of declaredNames(statement)) found.own.set(name, statement);
    }
  }
  return found;
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  const has = (wanted: ts.SyntaxKind) => modifiers?.some(({ kind }) => kind === wanted) ?? false;
  return has(ts.SyntaxKind.ExportKeyword) && !has(ts.SyntaxKind.DefaultKeyword);
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) =>
      ts.isIdentifier(name) ? [name.text] : name.elements.map((element) => element.getText()),
    );
  }
  const { name } = statement as ts.DeclarationStatement;
  return name === undefined ? [] : [name.getText()];
}

function addExportDeclaration(
  project: Project,
  path: string,
  statement: ts.ExportDeclaration,
  found: Exports,
): void {
  const from = statement.moduleSpecifier as ts.StringLiteral | undefined;
  const target = from === undefined ? undefined : resolveImport(project, path, from.text);
  const clause = statement.exportClause;
  if (clause === undefined) {
    if (target !== undefined) found.all.push(target);
  } else if (ts.isNamedExports(clause)) {
    for (const { name, propertyName } of clause.elements) {
      const origin = (propertyName ?? name).text;
      if (target !== undefined) found.forwarded.set(name.text, { target, name: origin });
      else found.own.set(name.text, statement);
    }
  }
}

/**
 * Marks what is used, following re-exports to where a name is declared, and from a declaration to
 * the types of its own file that it mentions: whoever uses a function may name what it returns.
 */
class Usage {
  readonly exports = new Map<string, Exports>();
  readonly #used = new Set<string>();

  constructor(project: Project) {
    for (const path of project.code()) this.exports.set(path, exportsOf(project, path));
  }

  isUsed(path: string, name: string): boolean {
    return this.#used.has(`${path} ${name}`);
  }

  mark(path: string, name: string): void {
    const key = `${path} ${name}`;
    const found = this.exports.get(path);
    if (this.#used.has(key) || found === undefined) return;
    this.#used.add(key);
    const forwarded = found.forwarded.get(name);
    if (forwarded !== undefined) this.mark(forwarded.target, forwarded.name);
    const statement = found.own.get(name);
    if (statement === undefined) for (const target of found.all) this.mark(target, name);
    else for (const type of typesMentioned(statement)) this.mark(path, type);
  }

  markAll(path: string): void {
    const found = this.exports.get(path);
    if (found === undefined) return;
    for (const name of [...found.own.keys(), ...found.forwarded.keys()]) this.mark(path, name);
    for (const target of found.all) this.markAll(target);
  }
}

/** The names of types that a declaration mentions outside of the bodies of its functions. */
function* typesMentioned(node: ts.Node): Generator<string> {
  if (ts.isTypeReferenceNode(node)) yield node.typeName.getText();
  if (ts.isExpressionWithTypeArguments(node)) yield node.expression.getText();
  for (const child of node.getChildren()) {
    if (!ts.isBlock(child)) yield* typesMentioned(child);
  }
}

function markImports(project: Project, path: string, usage: Usage): void {
  for (const target of dynamicImports(project, path)) usage.markAll(target);
  for (const { specifier, statement } of importsOf(project.tree(path))) {
    const target = resolveImport(project, path, specifier);
    if (target === undefined || ts.isExportDeclaration(statement)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined) continue;
    if (ts.isNamedImports(bindings)) {
      for (const { name, propertyName } of bindings.elements) {
        usage.mark(target, (propertyName ?? name).text);
      }
    } else {
      const member = new RegExp(`\\b${bindings.name.text}\\.(\\w+)`, "g");
      for (const [, name] of project.text(path).matchAll(member)) usage.mark(target, name!);
    }
  }
}

/** What is used from some files, entries among them, and by whom they import. */
function findUsage(project: Project, paths: readonly string[]): Usage {
  const usage = new Usage(project);
  for (const path of paths) {
    if (ENTRIES.some((entry) => entry.test(path)) || COMPLETE.has(path)) usage.markAll(path);
    markImports(project, path, usage);
  }
  return usage;
}

/** Whether a name stands more than once in the file that declares it. */
function isUsedAtHome(project: Project, path: string, name: string): boolean {
  return [...project.text(path).matchAll(new RegExp(`\\b${name}\\b`, "g"))].length > 1;
}

function checkExports(project: Project): string[] {
  const all = findUsage(project, project.code());
  const shipped = findUsage(project, project.code("assembly", "hal", "examples"));
  return [...all.exports].flatMap(([path, { own, forwarded }]) =>
    [...own.keys(), ...forwarded.keys()].flatMap((name) => {
      if (!all.isUsed(path, name)) return [`${path}: ${name} is exported for nobody`];
      // A test may look inside, but what only tests use is no part of the product.
      if (!/^(assembly|hal)\//.test(path) || shipped.isUsed(path, name)) return [];
      return isUsedAtHome(project, path, name) ? [] : [`${path}: only tests use ${name}`];
    }),
  );
}

export const unusedExports: Rule = {
  title: "every export is imported by somebody, or is the package's own",
  check: checkExports,
  broken: {
    "a function that only its file uses": {
      "assembly/tcp/a.ts": "export function a(): void {}\nexport function b(): void { a(); }",
      "assembly/index.ts": 'import { b } from "./tcp/a";\nb();',
    },
    "a re-export that nobody takes": {
      "hal/host/index.ts": "",
      "hal/host/packet/index.ts": 'export { a } from "./a.ts";',
      "hal/host/packet/a.ts": "export const a = 1;",
    },
    "a member of a namespace": {
      "assembly/index.ts": 'import * as config from "./config";\nconfig.B;',
      "assembly/config.ts": "export const A: u32 = 1;\nexport const B: u32 = 2;",
    },
    "a type": { "hal/host/a.ts": "export interface A {}" },
    "a function that only a test uses": {
      "assembly/tcp/a.ts": "export function a(): void {}",
      "tests/unit/a.spec.ts": 'import { a } from "../../assembly/tcp/a";',
    },
  },
};
