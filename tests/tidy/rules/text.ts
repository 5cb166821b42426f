/**
 * What holds for every text file: heads, blanks, names, and nothing of the machine it was made on.
 */
import { posix } from "node:path";
import type { Project, Rule } from "../project.ts";

/** A complaint for each line of some files that a pattern matches. */
function findLines(project: Project, paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    project
      .lines(path)
      .map((line, index) => ({ place: `${path}:${index + 1}`, found: pattern.exec(line)?.[0] }))
      .filter(({ found }) => found !== undefined)
      .map(({ place, found }) => `${place}: ${JSON.stringify(found)}`),
  );
}

const HEAD_OCTETS_MIN = 40;
/** A head may come after the line that makes a script a command, and after a linter's directive. */
const HEAD = /^(#!.*\n)?\/\*\*([\s\S]*?)\*\//;

export const fileHeads: Rule = {
  title: "every file of code opens with /** what it is for */",
  check: (project) =>
    project
      .code()
      .filter((path) => (HEAD.exec(project.text(path))?.[2]?.trim().length ?? 0) < HEAD_OCTETS_MIN)
      .map((path) => `${path}:1: no head`),
  broken: {
    "no head": { "hal/host/a.ts": 'import { a } from "./b.ts";\n' },
    "a head that says nothing": { "hal/host/a.ts": "/** Types. */\n" },
    "a comment of another kind": { "hal/host/a.ts": "// What this file is for, at length.\n" },
  },
};

export const blanks: Rule = {
  title: "no tab, no blank at a line's end, one newline at a file's end",
  check: (project) => [
    ...findLines(project, project.paths(), /\t|[ \r]+$/),
    ...project
      .paths()
      .filter((path) => project.text(path) !== "" && !/[^\n]\n$/.test(project.text(path)))
      .map((path) => `${path}: the end`),
  ],
  broken: {
    "a tab": { "a.ts": "\tb;\n" },
    "a blank at the end": { "README.md": "text \nmore\n" },
    "a carriage return": { "README.md": "text\r\n" },
    "no newline at the end": { "a.ts": "b;" },
    "two newlines at the end": { "a.ts": "b;\n\n" },
  },
};

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.(config|test|spec|include|asconfig|app|d))*\.[a-z]+$/;

export const fileNames: Rule = {
  title: "files of code are named in kebab-case",
  check: (project) =>
    project
      .code()
      .filter((path) => !KEBAB.test(posix.basename(path)))
      .map((path) => `${path}:1: the name`),
  broken: {
    "camel case": { "hal/host/frameSplitter.ts": "" },
    "snake case": { "assembly/tcp/half_open.ts": "" },
  },
};

/** Pieces, so that this file does not hold what it forbids. */
const HOSTS = [
  "registry[.]npmjs",
  "registry[.]yarnpkg",
  "npm[m]irror",
  "crates[.]io",
  "deb[.]debian",
];
const FOLDERS = ["home", "root", "work", "tmp", "Users"];
/** At the beginning of a path: what comes before is not a part of it. */
const PATHS = FOLDERS.map((name) => `(?<![\\w.)}\\]-])/${name}/\\w`);
const MACHINE = new RegExp([...HOSTS, ...PATHS].join("|"));

export const machine: Rule = {
  title: "no registry's host and no absolute path of a machine stands in a file",
  check: (project) => findLines(project, project.paths(), MACHINE),
  broken: {
    "a registry": { "package-lock.json": `"https://${"registry"}.npmjs.org/x"` },
    "a home folder": { "README.md": `see /${"home"}/somebody/x` },
    "a folder for temporary files": { "a.ts": `const a = "/${"tmp"}/x";` },
  },
};
