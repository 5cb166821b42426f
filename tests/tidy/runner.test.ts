/**
 * The runner of `npm test` itself: what it makes of the output of test runners, and that no test
 * file lies outside its lanes. It must never call a failure a success.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readProject } from "./project.ts";

interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  problem?: string;
}
interface Run {
  kind: "node" | "as-pect";
  output: string;
  end: { code: number | null; signal: string | null; timedOut: boolean };
  strict: boolean;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { readOutcome } = (await load("scripts/test/counts.mjs")) as {
  readOutcome: (run: Run) => Outcome;
};
const { LANES } = (await load("scripts/test/lanes.mjs")) as {
  LANES: { name: string; files: () => string[]; timeoutS: number }[];
};

/** The runner's own files are plain JavaScript: they run before anything is installed. */
function load(path: string): Promise<unknown> {
  return import(new URL(`../../${path}`, import.meta.url).href);
}

const FINE = { code: 0, signal: null, timedOut: false };
const nodeSummary = (counts: Record<string, number>) =>
  Object.entries({ tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0, ...counts })
    .map(([name, count]) => `ℹ ${name} ${count}\n`)
    .join("");
const aspectSummary = (passed: number, tests: number, result: string) =>
  `  [Summary]\n    [Tests]: ${passed} / ${tests}\n   [Result]: ${result}\n`;

function judge(run: Partial<Run>): Outcome {
  return readOutcome({ kind: "node", output: "", end: FINE, strict: false, ...run });
}

describe("an outcome", () => {
  test("counts what passed", () => {
    const { passed, failed } = judge({ output: nodeSummary({ pass: 7 }) });
    assert.deepEqual([passed, failed], [7, 0]);
  });

  test("counts what failed, cancelled tests included", () => {
    const end = { ...FINE, code: 1 };
    const { passed, failed } = judge({
      output: nodeSummary({ pass: 7, fail: 2, cancelled: 1 }),
      end,
    });
    assert.deepEqual([passed, failed], [7, 3]);
  });

  test("takes the last summary, not one that a test printed", () => {
    const output = nodeSummary({ pass: 99 }) + nodeSummary({ pass: 1, fail: 1 });
    assert.equal(judge({ output, end: { ...FINE, code: 1 } }).failed, 1);
  });

  test("fails without a summary, whatever the exit status", () => {
    assert.equal(judge({ output: "✔ all is well\n" }).failed, 1);
  });

  test("fails when nothing ran", () => {
    assert.equal(judge({ output: nodeSummary({}) }).failed, 1);
  });

  test("fails by a bad exit status, a signal or a time-out, in spite of a good summary", () => {
    const output = nodeSummary({ pass: 7 });
    for (const end of [
      { code: 1, signal: null, timedOut: false },
      { code: null, signal: "SIGSEGV", timedOut: false },
      { code: null, signal: "SIGKILL", timedOut: true },
    ]) {
      assert.equal(judge({ output, end }).failed, 1);
    }
  });

  test("counts skipped and to-do tests as failed when strict", () => {
    const output = nodeSummary({ pass: 7, skipped: 2, todo: 1 });
    assert.equal(judge({ output, strict: true }).failed, 3);
    assert.deepEqual(judge({ output, strict: false }).failed, 0);
  });

  test("reads as-pect's summary, and believes its verdict over its counts", () => {
    const kind = "as-pect";
    assert.equal(judge({ kind, output: aspectSummary(5, 5, "✔ Pass!") }).passed, 5);
    assert.equal(judge({ kind, output: aspectSummary(5, 5, "❌ Fail") }).failed, 1);
    assert.equal(judge({ kind, output: aspectSummary(3, 5, "❌ Fail") }).failed, 2);
    assert.equal(judge({ kind, output: aspectSummary(0, 0, "✔ Pass!") }).failed, 1);
    assert.equal(judge({ kind, output: "[Tests]: 5 / 5" }).failed, 1);
  });
});

describe("the lanes", () => {
  test("take every test file exactly once", () => {
    const inLanes = LANES.flatMap((lane) => lane.files()).sort();
    const all = readProject()
      .paths("tests")
      .filter((path) => /\.(test|spec)\.ts$/.test(path));
    assert.deepEqual(inLanes, all);
  });

  test("end within ten minutes, even if each takes all of its time", () => {
    const busyUntilS = [0, 0];
    for (const { timeoutS } of LANES) {
      busyUntilS.sort((a, b) => a - b);
      busyUntilS[0]! += timeoutS;
    }
    assert.ok(Math.max(...busyUntilS) <= 600, `${busyUntilS.join(" and ")} s`);
  });
});

describe("the command", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, "scripts/test.mjs"), ...args], { encoding: "utf8" });

  test("refuses a lane that does not exist, in one line", () => {
    const { status, stdout, stderr } = run("nonsense");
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^test: there is no lane nonsense; the lanes are [^\n]+\n$/);
  });

  test("lists its lanes", () => {
    const { status, stdout } = run("--list");
    assert.equal(status, 0);
    for (const { name } of LANES) assert.match(stdout, new RegExp(`^${name} `, "m"));
  });
});
