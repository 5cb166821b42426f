/**
 * Joins the table of requirements with the tests that carry their labels, and finds where the table
 * says more than is so.
 *
 * Used by `npm run conformance` and, with the results of the lanes that ran anyway, by `npm test`.
 * Runs and writes nothing.
 */

/** The levels as the last line names them; an option that was declined has nothing to meet. */
const LEVELS = [
  ["MUST", ["MUST", "MUST NOT"]],
  ["SHOULD", ["SHOULD", "SHOULD NOT"]],
  ["MAY", ["MAY"]],
  ["RECOMMENDED", ["RECOMMENDED"]],
];
const NOTHING_TO_MEET = ["not applicable", "declined"];
/** Statuses that a reason must explain; of a MAY it says why it was decided so. */
const EXPLAINED = ["not applicable", "declined", "deviates"];
const STATUSES = ["met", ...EXPLAINED];

/**
 * The rows with their `tests`, and `complaints`, each a sentence that begins with what it is about.
 *
 * `requirements`: as in docs/conformance.json. `results`: as `readResults` gives them.
 * `hasCode(reference)`: whether `path name` is a declaration in a file of ours.
 */
export function judge({ requirements, results, hasCode }) {
  const known = new Set(requirements.map(({ label }) => label));
  const rows = requirements.map((requirement) => {
    const tests = results.filter(({ labels }) => labels.includes(requirement.label));
    return { ...requirement, tests: sortTests(tests) };
  });
  const complaints = [
    ...rows.flatMap((row) => judgeTests(row).map((what) => `${row.label}: ${what}`)),
    ...results.flatMap((test) => judgeLabels(test, known)),
    ...judgeTable(requirements, hasCode),
  ];
  return { rows, complaints };
}

/** What is wrong with the table by itself. */
export function judgeTable(requirements, hasCode) {
  const labels = requirements.map(({ label }) => label);
  const twice = labels.filter((label, i) => labels.indexOf(label) !== i);
  return [
    ...twice.map((label) => `${label}: stands in the table twice`),
    ...requirements.flatMap((row) => {
      return [...judgeRow(row), ...judgeCode(row, hasCode)].map((what) => `${row.label}: ${what}`);
    }),
  ];
}

function judgeRow({ level, section, requirement, status, reason = "" }) {
  const complaints = [];
  if (!LEVELS.some(([, names]) => names.includes(level))) complaints.push(`no level is ${level}`);
  if (!/^\d+(\.\d+)*$/.test(section)) complaints.push(`no section is ${section}`);
  if (!/^\S.{10,}\.$/.test(requirement)) complaints.push("the requirement is not a sentence");
  if (!STATUSES.includes(status)) complaints.push(`no status is ${status}`);
  if (status === "declined" && level !== "MAY") complaints.push("only a MAY can be declined");
  if ((EXPLAINED.includes(status) || level === "MAY") && reason === "") {
    complaints.push("gives no reason");
  }
  return complaints;
}

function judgeCode({ status, code = [] }, hasCode) {
  if (status === "met" && code.length === 0) return ["names no code"];
  return code.filter((name) => !hasCode(name)).map((name) => `there is no ${name}`);
}

function judgeTests({ status, tests }) {
  const failed = tests.filter(({ outcome }) => outcome !== "passed");
  const complaints = failed.map((test) => `${describe(test)} ${describeOutcome(test.outcome)}`);
  if (tests.length === 0 && (status === "met" || status === "deviates")) {
    complaints.push(`is ${status}, but no test carries the label`);
  }
  return complaints;
}

function judgeLabels(test, known) {
  if (test.outcome === "malformed") return [`${describe(test)}: the label is not at the end`];
  const unknown = test.labels.filter((label) => !known.has(label));
  return unknown.map((label) => `${label}: stands on ${describe(test)}, but not in the table`);
}

const describe = ({ file, title }) => `"${title}" (${file})`;

function describeOutcome(outcome) {
  return outcome === "a group" ? "is a group of tests, not a test" : outcome;
}

function sortTests(tests) {
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return tests.toSorted((a, b) => order(a.file, b.file) || order(a.title, b.title));
}

/** `MUST 66/66 SHOULD 27/27 …`: met of those that apply. */
export function formatCounts(rows) {
  return LEVELS.map(([name, levels]) => {
    const rest = rows.filter(({ level, status }) => {
      return levels.includes(level) && !NOTHING_TO_MEET.includes(status);
    });
    const met = rest.filter(({ status, tests }) => {
      return status === "met" && tests.some(({ outcome }) => outcome === "passed");
    });
    return `${name} ${met.length}/${rest.length}`;
  }).join(" ");
}
