/**
 * The labels of RFC 9293's requirements in the titles of tests, and how the tests that carry them
 * went.
 *
 *     test("an MSS option counts only with SYN [MUST-65]", …)
 *
 * A lane of `npm test`, or `npm run conformance`, runs its tests with `reporter.mjs` beside its own
 * reporter; what that has written is read back here. Knows nothing of the table.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REPORTER = "./scripts/conformance/reporter.mjs";

/** The names of the groups that RFC 9293 numbers its requirements in. */
const GROUPS = "MUST|SHLD|MAY|REC";
const AT_THE_END = new RegExp(` \\[((?:${GROUPS})-\\d+(?: (?:${GROUPS})-\\d+)*)\\]$`);
/** Anything that looks as if it were meant as a label. */
const ANYWHERE = new RegExp(`\\[[^\\]]*\\b(?:${GROUPS})-`);
/** For node:test: the tests that have labels. */
export const LABELLED = `\\[(?:${GROUPS})-`;

/**
 * Takes a title apart: { title, labels }. `labels` is empty where there is none, and undefined
 * where one stands that nobody would find.
 */
export function readTitle(text) {
  const found = AT_THE_END.exec(text);
  if (found === null) return { title: text, labels: ANYWHERE.test(text) ? undefined : [] };
  const title = text.slice(0, found.index);
  return { title, labels: ANYWHERE.test(title) ? undefined : found[1].split(" ") };
}

/** Where the results of some tests go, from the project's root. */
const resultsPath = (name) => `build/labels-${name}.jsonl`;

/** The arguments of `node --test` that write them there. */
export function reporterArguments(name) {
  return [`--test-reporter=${REPORTER}`, `--test-reporter-destination=${resultsPath(name)}`];
}

/** What was written: { file, suites, title, labels, outcome } of each test with labels. */
export function readResults(name) {
  const path = join(ROOT, resultsPath(name));
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}
