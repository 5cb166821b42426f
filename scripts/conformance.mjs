/**
 * `npm run conformance`: shows that Linger meets RFC 9293, requirement by requirement.
 *
 *     npm run conformance                   run the tests, print the counts, write the page
 *     npm run conformance -- --json FILE    and the rows, with their tests, as JSON
 *
 * Runs every test that carries a label, against the release modules, and joins the results with the
 * table. The last line is `MUST n/n SHOULD n/n MAY n/n RECOMMENDED n/n`, met of those that apply.
 * Exit status 0 if all that the table says is so, 1 if not, 2 for a mistake in the command line.
 */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { formatPage, hasCode, PAGE, readRequirements } from "./conformance/documents.mjs";
import { formatCounts, judge } from "./conformance/judge.mjs";
import { LABELLED, readResults, reporterArguments } from "./conformance/labels.mjs";
import { makeReady, ReadyError, ROOT } from "./ready.mjs";
import { LANES } from "./test/lanes.mjs";

const RESULTS = "conformance";

/** A mistake in the command line; its message is all that the user needs. */
class UsageError extends Error {}

function readCommandLine(args) {
  const { json } = parse(args);
  if (json === "") throw new UsageError("--json needs the name of a file");
  if (json !== undefined && !existsSync(dirname(json))) {
    throw new UsageError(`--json ${json}: there is no folder ${dirname(json)}`);
  }
  return json;
}

function parse(args) {
  try {
    return parseArgs({ args, options: { json: { type: "string" } } }).values;
  } catch (error) {
    // Node's own sentence, without its advice.
    throw new UsageError(error.message.split(/\. |\n/)[0]);
  }
}

/** Runs the tests that have labels; their results are left for `readResults`. */
function runTests() {
  const files = LANES.filter(({ isLabelled }) => isLabelled).flatMap((lane) => lane.files());
  const { status } = spawnSync(
    process.execPath,
    [
      ...["--import", "tsx", "--test", "--test-reporter=dot", "--test-reporter-destination=stdout"],
      ...[...reporterArguments(RESULTS), `--test-name-pattern=${LABELLED}`, ...files],
    ],
    { cwd: ROOT, stdio: "inherit", env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
  );
  return status === 0;
}

function writeJson(path, rows) {
  try {
    writeFileSync(path, `${JSON.stringify(rows, null, 2)}\n`);
  } catch (error) {
    throw new UsageError(`--json ${path}: ${error.message}`);
  }
}

function main(args) {
  const json = readCommandLine(args);
  makeReady(console.log);
  const haveAllPassed = runTests();
  const results = readResults(RESULTS);
  const { rows, complaints } = judge({ requirements: readRequirements(), results, hasCode });
  writeFileSync(join(ROOT, PAGE), formatPage(rows));
  if (json !== undefined) writeJson(json, rows);
  for (const complaint of complaints) console.error(complaint);
  if (!haveAllPassed && complaints.length === 0) console.error("a test failed, see above");
  console.log(formatCounts(rows));
  return haveAllPassed && complaints.length === 0 ? 0 : 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError || error instanceof ReadyError)) throw error;
  console.error(`conformance: ${error.message}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
