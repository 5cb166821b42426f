/**
 * The table of RFC 9293's requirements is complete and points at code that is there, and the check
 * of it notices every kind of lie.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readProject } from "./project.ts";

interface Requirement {
  label: string;
  level: string;
  section: string;
  requirement: string;
  status: string;
  reason?: string;
  code?: string[];
}
interface LabelledTest {
  file: string;
  suites: string[];
  title: string;
  labels: string[];
  outcome: string;
}
type Row = Requirement & { tests: LabelledTest[] };
type HasCode = (reference: string) => boolean;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const JUDGE = new URL("../../scripts/conformance/judge.mjs", import.meta.url);
const DOCUMENTS = new URL("../../scripts/conformance/documents.mjs", import.meta.url);
const LABELS = new URL("../../scripts/conformance/labels.mjs", import.meta.url);
const REPORTER = new URL("../../scripts/conformance/reporter.mjs", import.meta.url);
const LANES_FILE = new URL("../../scripts/test/lanes.mjs", import.meta.url);
const { judge, judgeTable, formatCounts } = (await load(JUDGE)) as {
  judge: (given: { requirements: Requirement[]; results: LabelledTest[]; hasCode: HasCode }) => {
    rows: Row[];
    complaints: string[];
  };
  judgeTable: (requirements: Requirement[], hasCode: HasCode) => string[];
  formatCounts: (rows: Row[]) => string;
};
const { readRequirements, hasCode, formatPage } = (await load(DOCUMENTS)) as {
  readRequirements: () => Requirement[];
  hasCode: HasCode;
  formatPage: (rows: Row[]) => string;
};
const { readTitle } = (await load(LABELS)) as {
  readTitle: (text: string) => { title: string; labels: string[] | undefined };
};
const { default: report } = (await load(REPORTER)) as {
  default: (events: unknown) => AsyncGenerator<string>;
};
const { LANES } = (await load(LANES_FILE)) as {
  LANES: { isLabelled?: boolean; files: () => string[] }[];
};

/** Scripts are plain JavaScript: they run before anything is installed. */
function load(url: URL): Promise<unknown> {
  return import(url.href);
}

describe("the table", () => {
  const table = readRequirements();

  test("has every label of RFC 9293 once", () => {
    const groups = [
      ["MUST", 69],
      ["SHLD", 31],
      ["MAY", 18],
      ["REC", 1],
    ] as const;
    const all = groups.flatMap(([group, count]) => {
      return Array.from({ length: count }, (_, i) => `${group}-${i + 1}`);
    });
    assert.deepEqual(
      table.map(({ label }) => label),
      all,
    );
  });

  test("takes nothing for inapplicable but source routes, packet radio and advice to users", () => {
    const labels = table.filter(({ status }) => status === "not applicable");
    assert.deepEqual(
      labels.map(({ label }) => label),
      ["MUST-51", "MUST-52", "MUST-53", "SHLD-6", "SHLD-13", "SHLD-23", "SHLD-24"],
    );
  });

  test("has sentences, known words and code that exists in every row", () => {
    assert.deepEqual(judgeTable(table, hasCode), []);
  });

  test("is not what a test outside of the lanes with labels could prove", () => {
    const labelled = LANES.filter(({ isLabelled }) => isLabelled).flatMap((lane) => lane.files());
    const project = readProject();
    const others = project.paths("tests").filter((path) => {
      return /\.(test|spec)\.ts$/.test(path) && !labelled.includes(path);
    });
    const own = "tests/tidy/conformance.test.ts";
    const strays = others.filter(
      (path) => path !== own && / \[(MUST|SHLD|MAY|REC)-\d/.test(project.text(path)),
    );
    assert.deepEqual(strays, []);
  });
});

const REQUIREMENT: Requirement = {
  label: "MUST-1",
  level: "MUST",
  section: "3.1",
  requirement: "The window has no sign.",
  status: "met",
  code: ["a.ts b"],
};
const PASSED: LabelledTest = {
  file: "tests/tcp/a.test.ts",
  suites: [],
  title: "large windows",
  labels: ["MUST-1"],
  outcome: "passed",
};

function complaintsAbout(requirement: Partial<Requirement>, ...tests: Partial<LabelledTest>[]) {
  const requirements = [{ ...REQUIREMENT, ...requirement }];
  const results = tests.map((one) => ({ ...PASSED, ...one }));
  return judge({ requirements, results, hasCode: (name) => name === "a.ts b" }).complaints;
}

describe("the check", () => {
  test("finds nothing where a test passed", () => {
    assert.deepEqual(complaintsAbout({}, {}), []);
  });

  const lies: Record<string, [Partial<Requirement>, ...Partial<LabelledTest>[]]> = {
    "no test": [{}],
    "a test that failed": [{}, { outcome: "failed" }],
    "one of two that failed": [{}, {}, { outcome: "failed", title: "another" }],
    "a test that was skipped": [{}, { outcome: "skipped" }],
    "a label on a group of tests": [{}, { outcome: "a group" }],
    "a label where nobody looks": [{}, {}, { outcome: "malformed", labels: [] }],
    "a label that does not exist": [{}, {}, { labels: ["MUST-70"] }],
    "code that does not exist": [{ code: ["a.ts c"] }, {}],
    "no code": [{ code: [] }, {}],
    "a status that does not exist": [{ status: "fine" }, {}],
    "a requirement that is not met": [{ status: "missing" }],
    "inapplicable without a reason": [{ status: "not applicable" }],
    "a deviation without a reason": [{ status: "deviates" }, {}],
    "a MUST that was declined": [{ status: "declined", reason: "Too hard." }],
    "a MAY without a reason": [{ label: "MAY-1", level: "MAY" }, { labels: ["MAY-1"] }],
    "a level that does not exist": [{ level: "OUGHT" }, {}],
    "a section that is none": [{ section: "three" }, {}],
    "no sentence": [{ requirement: "window" }, {}],
  };
  for (const [what, [requirement, ...tests]] of Object.entries(lies)) {
    test(`notices: ${what}`, () => {
      assert.equal(complaintsAbout(requirement, ...tests).length, 1);
    });
  }

  test("notices: a row that stands twice", () => {
    const requirements = [REQUIREMENT, REQUIREMENT];
    const { complaints } = judge({ requirements, results: [PASSED], hasCode: () => true });
    assert.equal(complaints.length, 1);
  });

  test("counts as met what a test proves, of what applies", () => {
    const rows = [
      { ...REQUIREMENT, tests: [PASSED] },
      { ...REQUIREMENT, tests: [{ ...PASSED, outcome: "failed" }] },
      { ...REQUIREMENT, level: "MUST NOT", status: "deviates", tests: [] },
      { ...REQUIREMENT, status: "not applicable", tests: [] },
      { ...REQUIREMENT, level: "SHOULD NOT", tests: [PASSED] },
      { ...REQUIREMENT, level: "MAY", status: "declined", tests: [] },
    ];
    assert.equal(formatCounts(rows), "MUST 1/3 SHOULD 1/1 MAY 0/0 RECOMMENDED 0/0");
  });

  test("finds code by what it declares, not by what it mentions", () => {
    assert.ok(hasCode("assembly/tcp/seq.ts seqLt"));
    assert.ok(hasCode("assembly/tcp/tcb.ts Tcb"));
    assert.ok(!hasCode("assembly/tcp/ack.ts seqLt"));
    assert.ok(!hasCode("assembly/tcp/nothing.ts seqLt"));
    assert.ok(!hasCode("assembly/tcp/seq.ts"));
  });
});

describe("the labels of a title", () => {
  test("stand at its end", () => {
    assert.deepEqual(readTitle("a (b)"), { title: "a (b)", labels: [] });
    assert.deepEqual(readTitle("a [MUST-1]"), { title: "a", labels: ["MUST-1"] });
    assert.deepEqual(readTitle("a [MUST-13 SHLD-4]").labels, ["MUST-13", "SHLD-4"]);
  });

  test("are none where they are written in another way", () => {
    for (const title of ["a [MUST-1] b", "a [MUST-1, MUST-2]", "[MUST-1] a", "a [see MUST-1]"]) {
      assert.equal(readTitle(title).labels, undefined, title);
    }
    assert.deepEqual(readTitle("a [b] c").labels, []);
  });
});

describe("the reporter", () => {
  const event = (type: string, name: string, rest: object = {}) => {
    return { type: `test:${type}`, data: { name, nesting: 0, file: `${ROOT}tests/a.ts`, ...rest } };
  };
  const outcomes = async (...events: unknown[]) => {
    const lines: LabelledTest[] = [];
    for await (const line of report(events)) lines.push(JSON.parse(line) as LabelledTest);
    return lines;
  };

  test("tells how tests with labels went, and where they stand", async () => {
    const nested = { nesting: 1 };
    const lines = await outcomes(
      event("start", "group"),
      event("start", "a [MAY-1]", nested),
      event("pass", "a [MAY-1]", nested),
      event("start", "b", nested),
      event("pass", "b", nested),
      event("pass", "group", { details: { type: "suite" } }),
      event("start", "c [MAY-2 MAY-3]"),
      event("fail", "c [MAY-2 MAY-3]"),
    );
    assert.deepEqual(lines, [
      { file: "tests/a.ts", suites: ["group"], title: "a", labels: ["MAY-1"], outcome: "passed" },
      { file: "tests/a.ts", suites: [], title: "c", labels: ["MAY-2", "MAY-3"], outcome: "failed" },
    ]);
  });

  test("takes nothing for passed that did not run as a test", async () => {
    const lines = await outcomes(
      event("pass", "a [MAY-1]", { skip: true }),
      event("pass", "a [MAY-1]", { todo: "later" }),
      event("pass", "a [MAY-1]", { details: { type: "suite" } }),
      event("pass", "a [MAY-1] b"),
    );
    assert.deepEqual(
      lines.map(({ outcome }) => outcome),
      ["skipped", "skipped", "a group", "malformed"],
    );
  });
});

describe("the command", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["scripts/conformance.mjs", ...args], {
      cwd: ROOT,
      encoding: "utf8",
    });

  test("refuses what it does not know, in one line and before any test", () => {
    for (const args of [["--fast"], ["tcp"], ["--json"], ["--json="], ["--json", "no/such/x"]]) {
      const { status, stdout, stderr } = run(...args);
      assert.equal(status, 2, args.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr, /^conformance: [^\n]+\n$/);
    }
  });
});

test("the page names what several states have in common once", () => {
  const titles = ["LISTEN: RST", "b", "CLOSED: RST", "CLOSED: SYN"];
  const page = formatPage([
    { ...REQUIREMENT, tests: titles.map((title) => ({ ...PASSED, title })) },
  ]);
  assert.match(page, /: “LISTEN, CLOSED: RST”, “b”, “CLOSED: SYN” \|$/m);
});

test("the page shows every part of a row, and nothing breaks its table", () => {
  const page = formatPage([{ ...REQUIREMENT, reason: "a | b", tests: [PASSED] }]);
  const row = page.split("\n").find((line) => line.startsWith("| MUST-1"));
  const cells = ["MUST-1<br>§3.1", "The window has no sign.", "met. a \\| b", "[a](../a.ts): b"];
  const tests = "[tcp/a](../tests/tcp/a.test.ts): “large windows”";
  assert.equal(row, `| ${[...cells, tests].join(" | ")} |`);
});
