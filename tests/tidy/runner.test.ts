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
interface Lane {
  name: string;
  files: () => string[];
  command: () => string[];
  kind: string;
  needs: string[];
  timeoutS: number;
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
const { LANES, TOTAL_S } = (await load("scripts/test/lanes.mjs")) as {
  LANES: Lane[];
  TOTAL_S: number;
};
const { startLane } = (await load("scripts/test/run-lane.mjs")) as {
  startLane: (
    lane: Lane,
    options: { strict: boolean; leftS: number },
  ) => { result: Promise<Outcome & { output: string }> };
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

  test("says why tests were skipped, each reason once", () => {
    const lines = ["a (0.1ms) # no tool", "b (0.2ms) # no tool", "c (1ms) # no right"];
    const output = lines.map((line) => `  ﹣ ${line}\n`).join("") + nodeSummary({ skipped: 3 });
    assert.equal(judge({ output }).problem, "skipped: no tool; no right");
    assert.match(judge({ output, strict: true }).problem ?? "", /no tool; no right.*failure/);
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

  test("have bounds, each below that of all together, which is 45 minutes", () => {
    assert.equal(TOTAL_S, 2_700);
    for (const { name, timeoutS } of LANES) assert.ok(timeoutS < TOTAL_S / 2, name);
  });

  test("fail when their time is up, and leave no process behind", async () => {
    const script = "console.log(process.pid); setInterval(() => {}, 1000)";
    const command = () => ["bash", "-c", `${process.execPath} -e '${script}' & wait`];
    const files = () => ["x"];
    const lane = { name: "x", files, command, kind: "node", needs: [], timeoutS: 2 };
    const { failed, problem, output } = await startLane(lane, { strict: false, leftS: 9 }).result;
    assert.equal(failed, 1);
    assert.match(problem ?? "", /ran out of time$/);
    // Gone, or dead and not yet buried by its new parent.
    const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", output.trim()], { encoding: "utf8" });
    assert.match(stdout.trim(), /^(Z.*)?$/);
    assert.equal((await startLane(lane, { strict: false, leftS: 0 }).result).failed, 1);
  });

  test("are skipped for what is missing, and say how to get it; a failure if strict", async () => {
    const rest = { command: () => ["false"], files: () => ["x"], kind: "node", timeoutS: 2 };
    const lane = { name: "x", ...rest, needs: ["tshark"] };
    const path = process.env["PATH"];
    process.env["PATH"] = "";
    try {
      const skipped = await startLane(lane, { strict: false, leftS: 9 }).result;
      assert.deepEqual([skipped.failed, skipped.skipped], [0, 1]);
      assert.match(skipped.problem ?? "", /tshark is not installed.*sudo apt-get install tshark/);
      assert.equal((await startLane(lane, { strict: true, leftS: 9 }).result).failed, 1);
    } finally {
      process.env["PATH"] = path;
    }
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
