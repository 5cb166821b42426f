/**
 * The table of requirements on the disk: `docs/conformance.json`, which is written by hand, and
 * `docs/conformance.md`, which is made of it and of the tests' titles.
 *
 * Used by `npm run conformance`, `npm test` and the tests. Judges nothing.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatCounts } from "./judge.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TABLE = "docs/conformance.json";
/** The table for people. */
export const PAGE = "docs/conformance.md";

const GROUPS = [
  ["MUST and MUST NOT", /^MUST/],
  ["SHOULD, SHOULD NOT and RECOMMENDED", /^(SHOULD|RECOMMENDED)/],
  ["MAY", /^MAY/],
];

/** { label, level, section, requirement, status, reason?, code? } of each requirement. */
export function readRequirements() {
  return JSON.parse(readFileSync(join(ROOT, TABLE), "utf8"));
}

/** Whether `path name` is a function, a class, a constant or an enumeration in a file of ours. */
export function hasCode(reference) {
  const [path, name = "", ...rest] = reference.split(" ");
  if (rest.length > 0 || !/^\w+$/.test(name) || !existsSync(join(ROOT, path))) return false;
  const text = readFileSync(join(ROOT, path), "utf8");
  return new RegExp(`\\b(function|class|const|enum) ${name}\\b`).test(text);
}

/** Whether the page says what the rows say that `judge` gives. */
export function isPageFresh(rows) {
  const path = join(ROOT, PAGE);
  return existsSync(path) && readFileSync(path, "utf8") === formatPage(rows);
}

/** docs/conformance.md, from the rows that `judge` gives. */
export function formatPage(rows) {
  const head = `# Conformance to RFC 9293

Every requirement that RFC 9293 labels, in our own words, with the code that meets it and the tests
that prove it. Met, of those that apply: **${formatCounts(rows)}**.

- A test carries the labels that it proves at the end of its title. It runs against the release
  modules, under virtual time, and it fails where the requirement is not met. A module that is
  compiled without some feature (\`HAS_…\` in \`assembly/config.ts\`) meets less.
- *not applicable*: there is nothing here to which it could apply. *declined*: a MAY that we do not
  make use of. *deviates*: we do something else, and say why.
- This page is made by \`npm run conformance\` from \`${TABLE}\` and the tests. Do not edit it.
`;
  const parts = GROUPS.map(([title, levels]) => {
    const chosen = rows.filter(({ level }) => levels.test(level));
    return `\n## ${title}\n${formatTable(chosen)}`;
  });
  return head + parts.join("");
}

function formatTable(rows) {
  const lines = rows.map((row) => {
    const cells = [formatLabel(row), row.requirement, formatStatus(row), formatCode(row.code)];
    return `| ${[...cells, formatTests(row.tests)].map(escapeCell).join(" | ")} |\n`;
  });
  const head = "| label | requirement | status | code | tests |\n|---|---|---|---|---|\n";
  return head + lines.join("");
}

const escapeCell = (text) => text.replaceAll("|", "\\|");

const formatLabel = ({ label, section }) => `${label}<br>§${section}`;

const formatStatus = ({ status, reason }) =>
  reason === undefined ? status : `${status}. ${reason}`;

/** Each file with the names in it. */
function formatCode(code = []) {
  const files = groupBy(code.map((reference) => reference.split(" ")));
  const format = ([path, names]) => `${linkTo(path, /^assembly\/|\.ts$/g)}: ${names.join(", ")}`;
  return files.map(format).join("<br>");
}

/** Each file with the titles in it. */
function formatTests(tests) {
  const files = groupBy(tests.map(({ file, title }) => [file, title]));
  const format = ([file, titles]) => {
    const quoted = mergeTitles(titles).map((title) => `“${title}”`);
    return `${linkTo(file, /^tests\/|\.test\.ts$/g)}: ${quoted.join(", ")}`;
  };
  return files.map(format).join("<br>");
}

/** The same in several situations, as a table of states has it: `A: x` and `B: x` are `A, B: x`. */
function mergeTitles(titles) {
  const split = (title) => /^(.*?): (.*)$/.exec(title)?.slice(1) ?? ["", title];
  const groups = groupBy(titles.map((title) => split(title).reverse()));
  return groups.map(([what, where]) => (where[0] === "" ? what : `${where.join(", ")}: ${what}`));
}

/** [key, values] of each key in [key, value] pairs, in their order. */
function groupBy(pairs) {
  const groups = new Map();
  for (const [key, value] of pairs) groups.set(key, [...(groups.get(key) ?? []), value]);
  return [...groups];
}

/** A link to a file, from docs/, under the part of its path that says something. */
const linkTo = (path, noise) => `[${path.replaceAll(noise, "")}](../${path})`;
