/**
 * The documents say what is there: the contract's tables, the commands, the paths and the links.
 */
import { posix } from "node:path";
import ts from "typescript";
import { place, type Project, resolveImport, type Rule } from "../project.ts";

const CONTRACT = "hal/README.md";
const ENTRY = "assembly/index.ts";
const HAL = "assembly/hal.ts";
/** What the module exports besides functions. */
const NOT_FUNCTIONS = ["memory", "__heap_base", "__data_end"];
interface Call {
  parameters: string[];
  place: string;
}

/**
 * The functions that a file exports, its own and re-exported ones, with their parameters' names.
 */
function functionsExportedBy(project: Project, path: string): Map<string, Call> {
  const found = new Map<string, Call>();
  for (const statement of project.tree(path).statements) {
    if (ts.isFunctionDeclaration(statement) && isExported(statement)) {
      found.set(statement.name!.text, describeCall(statement));
    } else if (ts.isExportDeclaration(statement)) {
      const specifier = statement.moduleSpecifier;
      if (specifier === undefined || !ts.isStringLiteral(specifier)) continue;
      const target = resolveImport(project, path, specifier.text);
      const clause = statement.exportClause;
      if (target === undefined || clause === undefined || !ts.isNamedExports(clause)) continue;
      const others = functionsExportedBy(project, target);
      for (const { name, propertyName } of clause.elements) {
        const call = others.get((propertyName ?? name).text);
        if (call !== undefined) found.set(name.text, call);
      }
    }
  }
  return found;
}

function isExported(node: ts.FunctionDeclaration): boolean {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function describeCall(node: ts.FunctionDeclaration): Call {
  return { parameters: node.parameters.map(({ name }) => name.getText()), place: place(node) };
}

/** The rows of the contract's tables below some headings: the names in the first two columns. */
function readTables(text: string, heading: RegExp): Map<string, string[]> {
  const rows = new Map<string, string[]>();
  for (const section of text.split(/^## /m).filter((part) => heading.test(part))) {
    for (const [, names = "", parameters = ""] of section.matchAll(/^\| (`[^|]+) \|([^|]*)\|/gm)) {
      const listed = parameters.split(", ").map((part) => /^\s*`(\w+)`/.exec(part)?.[1] ?? "");
      const given = listed.filter((name) => name !== "");
      for (const [, name] of names.matchAll(/`(\w+)`/g)) rows.set(name!, given);
    }
  }
  return rows;
}

function compare(calls: Map<string, Call>, rows: Map<string, string[]>): string[] {
  const complaints: string[] = [];
  for (const [name, { parameters, place: where }] of calls) {
    const row = rows.get(name);
    if (row === undefined) complaints.push(`${where}: ${CONTRACT} does not describe ${name}`);
    else if (row.join() !== parameters.join()) {
      const [said, are] = [row.join(", "), parameters.join(", ")];
      complaints.push(`${where}: ${name}(${are}) is ${name}(${said}) in ${CONTRACT}`);
    }
  }
  for (const name of rows.keys()) {
    if (calls.has(name) || NOT_FUNCTIONS.includes(name)) continue;
    complaints.push(`${CONTRACT}: ${name} does not exist`);
  }
  return complaints;
}

export const contract: Rule = {
  title: `${CONTRACT} lists every import and export of the module, with its parameters`,
  check: (project) => {
    const text = project.text(CONTRACT);
    return [
      ...compare(functionsExportedBy(project, ENTRY), readTables(text, /^Exports/)),
      ...compare(functionsExportedBy(project, HAL), readTables(text, /^Imports/)),
    ];
  },
  broken: {
    "an export that is not described": {
      [CONTRACT]: "## Exports\n",
      [ENTRY]: "export function poll(nowMs: u32): u32 {}",
      [HAL]: "",
    },
    "an export that does not exist": {
      [CONTRACT]: "## Exports\n| `poll` | `nowMs` | u32 |\n",
      [ENTRY]: "",
      [HAL]: "",
    },
    "other parameters, behind a re-export": {
      [CONTRACT]: "## Exports: TCP\n| `tcpConsume` | `handle` | Status |\n",
      [ENTRY]: 'export { tcpConsume } from "./socket/tcp";',
      "assembly/socket/tcp.ts": "export function tcpConsume(handle: u32, octets: u32): i32 {}",
      [HAL]: "",
    },
    "an import that is not described": {
      [CONTRACT]: "## Imports\n",
      [ENTRY]: "",
      [HAL]: "export declare function entropy(): u32;",
    },
  },
};

/** The enumerations whose members the contract explains; the other one is its version. */
const ABI = "assembly/core/abi.ts";
const UNEXPLAINED = ["Abi"];
/** A length, no word. */
const NO_WORD = "COUNT";

/** The names in the first column of the tables below the heading that names an enumeration. */
function wordsOf(text: string, enumeration: string): string[] | undefined {
  const sections = text.split(/^#{2,3} /m);
  const section = sections.find((part) => part.split("\n")[0]!.includes(`\`${enumeration}\``));
  const cells = section?.matchAll(/^\| ([A-Z][A-Z0-9_, ]*) \|/gm);
  return cells === undefined ? undefined : [...cells].flatMap(([, names]) => names!.split(", "));
}

export const words: Rule = {
  title: `${CONTRACT} explains every number of the boundary`,
  check: (project) =>
    project.tree(ABI).statements.flatMap((statement) => {
      if (!ts.isEnumDeclaration(statement)) return [];
      const name = statement.name.text;
      if (UNEXPLAINED.includes(name)) return [];
      const rows = wordsOf(project.text(CONTRACT), name);
      if (rows === undefined) return [`${place(statement)}: ${CONTRACT} does not explain ${name}`];
      const members = statement.members.map((member) => member.name.getText());
      const wanted = members.filter((member) => member !== NO_WORD);
      const missing = wanted.filter((member) => !rows.includes(member));
      const unknown = rows.filter((row) => !members.includes(row));
      return [
        ...missing.map((member) => `${place(statement)}: ${CONTRACT} lacks ${name}.${member}`),
        ...unknown.map((row) => `${CONTRACT}: ${name}.${row} does not exist`),
      ];
    }),
  broken: {
    "an enumeration without a table": {
      [ABI]: "export const enum State {\n  CLOSED = 0,\n}\n",
      [CONTRACT]: "### Events: `Event`\n| CLOSED | over |\n",
    },
    "a member without a row": {
      [ABI]: "export const enum Event {\n  ENDED = 32,\n  URGENT = 128,\n}\n",
      [CONTRACT]: "### Events: `Event`\n| ENDED | over |\n",
    },
    "a row without a member": {
      [ABI]: "export const enum Event {\n  ENDED = 32,\n}\n",
      [CONTRACT]: "### Events: `Event`\n| ENDED, LOST | over |\n",
    },
  },
};

const DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/", "hal/", "examples/"];

function documents(project: Project): string[] {
  return project
    .paths()
    .filter((path) => path.endsWith(".md") && DOCUMENTS.some((start) => path.startsWith(start)));
}

/** What stands in code fences and between backticks, with its line number. */
function* codeOf(project: Project, path: string): Generator<{ code: string; line: number }> {
  let fenced = false;
  for (const [index, line] of project.lines(path).entries()) {
    if (line.startsWith("```")) fenced = !fenced;
    else if (fenced) yield { code: line.replace(/\s#.*$/, ""), line: index + 1 };
    else for (const [, code] of line.matchAll(/`([^`]+)`/g)) yield { code: code!, line: index + 1 };
  }
}

/** npm's own commands that documents may use. */
const NPM_COMMANDS = /^(ci|install|pack|publish|exec|version)$/;

function judgeCommand(project: Project, code: string): string | undefined {
  const { scripts } = JSON.parse(project.text("package.json")) as {
    scripts: Record<string, string>;
  };
  for (const [, run, name = ""] of code.matchAll(/\bnpm (run )?([a-z][\w:-]*)/g)) {
    if (scripts[name] === undefined && (run !== undefined || !NPM_COMMANDS.test(name))) {
      return `npm ${run ?? ""}${name} does not exist`;
    }
  }
  const command = /^(?:\$ )?(?:npx )?linger(?: ([a-z]+))?( .*|$)/.exec(code);
  if (command === null) return undefined;
  return judgeLinger(project, command[1] ?? "help", command[2] ?? "");
}

function judgeLinger(project: Project, name: string, rest: string): string | undefined {
  const sources = project.code("hal/host/cli").map((path) => project.text(path));
  const names = sources.flatMap((text) =>
    [...text.matchAll(/: Command = \{\s*name: "(\w+)"/g)].map(([, found]) => found),
  );
  if (!["help", ...names].includes(name)) return `linger ${name} does not exist`;
  for (const [option] of rest.matchAll(/--[a-z][a-z-]*/g)) {
    if (!sources.some((text) => text.includes(option))) return `linger knows no ${option}`;
  }
  return undefined;
}

export const commands: Rule = {
  title: "every command in the documents exists",
  check: (project) =>
    documents(project).flatMap((path) =>
      [...codeOf(project, path)].flatMap(({ code, line }) => {
        const wrong = judgeCommand(project, code);
        return wrong === undefined ? [] : [`${path}:${line}: ${wrong}`];
      }),
    ),
  broken: {
    "a script": { "package.json": '{"scripts":{}}', "README.md": "Run `npm run bench`.\n" },
    "npm test": { "package.json": '{"scripts":{}}', "README.md": "```sh\nnpm test\n```\n" },
    "a command": {
      "package.json": '{"scripts":{}}',
      "README.md": "`linger dance`\n",
      "hal/host/cli/a.ts": 'export const a: Command = {\n  name: "serve",',
    },
    "an option": {
      "package.json": '{"scripts":{}}',
      "docs/a.md": "`linger serve --fast`\n",
      "hal/host/cli/a.ts": 'export const a: Command = {\n  name: "serve",',
    },
  },
};

/** A path of ours between backticks. Names with placeholders are not meant literally. */
const OUR_PATH = /^(assembly|hal|bench|tests|scripts|docs|examples|\.ci)\/[\w./-]*$/;
/** What only a build makes. */
const GENERATED = /^(hal\/host\/abi\.ts|dist\/|build\/)/;

function exists(project: Project, path: string): boolean {
  const folder = path.replace(/\/$/, "");
  return project.has(folder) || project.paths(folder).length > 0 || GENERATED.test(path);
}

function findBrokenLinks(project: Project, path: string): string[] {
  const complaints: string[] = [];
  for (const { code, line } of codeOf(project, path)) {
    if (OUR_PATH.test(code) && !exists(project, code)) complaints.push(`${path}:${line}: ${code}`);
  }
  for (const [index, line] of project.lines(path).entries()) {
    for (const [, link = ""] of line.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const target = posix.join(posix.dirname(path), link);
      if (!exists(project, target)) complaints.push(`${path}:${index + 1}: ${link}`);
    }
  }
  return complaints;
}

export const links: Rule = {
  title: "every path and link in the documents leads somewhere",
  check: (project) => documents(project).flatMap((path) => findBrokenLinks(project, path)),
  broken: {
    "a path": { "README.md": "See `assembly/tcp/nothing.ts`.\n" },
    "a link": { "docs/a.md": "See [this](../gone.md).\n" },
  },
};

const ARCHITECTURE = "docs/architecture.md";

/** How often each file of assembly/ says DEVIATION, and how often the table lists it. */
function checkDeviations(project: Project): string[] {
  const [, section = ""] = project.text(ARCHITECTURE).split(/^## Deviations$/m);
  const rows = [...section.split(/^## /m)[0]!.matchAll(/^\| `([\w./-]+)` \|/gm)];
  const listed = (path: string) => rows.filter(([, name]) => path === `assembly/${name}`).length;
  const gone = rows.filter(([, name]) => !project.has(`assembly/${name}`));
  return [
    ...gone.map(([, name]) => `${ARCHITECTURE}: ${name} does not exist`),
    ...project.code("assembly").flatMap((path) => {
      const said = [...project.text(path).matchAll(/\bDEVIATION\b/g)].length;
      const difference = `${said} times DEVIATION, ${listed(path)} times in ${ARCHITECTURE}`;
      return said === listed(path) ? [] : [`${path}: ${difference}`];
    }),
  ];
}

export const deviations: Rule = {
  title: `${ARCHITECTURE} lists every DEVIATION`,
  check: checkDeviations,
  broken: {
    "one that is not listed": {
      [ARCHITECTURE]: "## Deviations\n",
      "assembly/tcp/seq.ts": "// DEVIATION: because",
    },
    "one that is listed elsewhere": {
      [ARCHITECTURE]: "## Deviations\n\n## More\n| `tcp/seq.ts` | x |\n",
      "assembly/tcp/seq.ts": "// DEVIATION: because",
    },
    "one that is gone": {
      [ARCHITECTURE]: "## Deviations\n| `tcp/seq.ts` | x |\n",
      "assembly/tcp/seq.ts": "",
    },
    "one in a file that is gone": { [ARCHITECTURE]: "## Deviations\n| `tcp/seq.ts` | x |\n" },
  },
};
