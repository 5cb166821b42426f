/**
 * The project's files as the rules see them: texts by path, and parsed trees where one is wanted.
 *
 * Made from the working tree, or from a few lines of fixture. assembly/ parses with TypeScript's
 * own parser, decorators and all; what its checker would say does not matter here. Never writes a
 * file.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CODE = /\.(ts|mts|mjs|js)$/;
const BINARY = /\.(wasm|pcap|png|ico|tgz)$/;

/** One thing that a rule must hold, and examples that break it. */
export interface Rule {
  /** What holds, as a sentence. */
  readonly title: string;
  /** Complaints, each beginning with the place (`path:line`). */
  check(project: Project): string[];
  /** By what is wrong in them: files that the rule must complain about. */
  readonly broken: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export class Project {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #trees = new Map<string, ts.SourceFile>();

  constructor(texts: Readonly<Record<string, string>>) {
    this.#texts = new Map(Object.entries(texts));
  }

  /** The paths below some folders (all of them by default), in order. */
  paths(...folders: string[]): string[] {
    const all = [...this.#texts.keys()].sort();
    if (folders.length === 0) return all;
    return all.filter((path) => folders.some((folder) => path.startsWith(`${folder}/`)));
  }

  /** Those among them that hold code. */
  code(...folders: string[]): string[] {
    return this.paths(...folders).filter((path) => CODE.test(path));
  }

  has(path: string): boolean {
    return this.#texts.has(path);
  }

  text(path: string): string {
    const text = this.#texts.get(path);
    if (text === undefined) throw new Error(`no such file: ${path}`);
    return text;
  }

  lines(path: string): string[] {
    return this.text(path).split("\n");
  }

  tree(path: string): ts.SourceFile {
    let tree = this.#trees.get(path);
    if (tree === undefined) {
      const kind = path.endsWith("ts") ? ts.ScriptKind.TS : ts.ScriptKind.JS;
      tree = ts.createSourceFile(path, this.text(path), ts.ScriptTarget.ES2022, true, kind);
      this.#trees.set(path, tree);
    }
    return tree;
  }
}

/** The working tree: what git tracks, and what it would if it were added. */
export function readProject(): Project {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const paths = execFileSync("git", list, { cwd: ROOT, encoding: "utf8" }).split("\0");
  const texts: Record<string, string> = {};
  for (const path of paths) {
    if (path === "" || BINARY.test(path) || !existsSync(join(ROOT, path))) continue;
    texts[path] = readFileSync(join(ROOT, path), "utf8");
  }
  return new Project(texts);
}

/** `path:line`, the place of a node. */
export function place(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

/** Every node below a node, itself included. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* walk(child);
}

/**
 * What a file imports or exports from elsewhere: the specifier, and the statement that names it.
 */
export function* importsOf(
  tree: ts.SourceFile,
): Generator<{ specifier: string; statement: ts.ImportDeclaration | ts.ExportDeclaration }> {
  for (const statement of tree.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const specifier = statement.moduleSpecifier;
    if (specifier === undefined || !ts.isStringLiteral(specifier)) continue;
    yield { specifier: specifier.text, statement };
  }
}

/** The path that a relative import means, or undefined for a package or for no file of ours. */
export function resolveImport(
  project: Project,
  from: string,
  specifier: string,
): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const path = join(from, "..", specifier);
  return [path, `${path}.ts`, `${path}/index.ts`].find((candidate) => project.has(candidate));
}

/** `let x: T` and the like at the top of a file, functions excluded. */
export function isAtTopLevel(node: ts.Node): boolean {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if (ts.isFunctionLike(at)) return false;
  }
  return true;
}
