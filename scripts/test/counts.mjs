/**
 * Reads how many tests passed and failed out of what a test runner printed.
 *
 * Used by `run-lane.mjs`. Believes a runner only where it must: a run without a summary, with an
 * exit status that contradicts it, or without a single test, counts as failed.
 */

/** What ends a lane's name in the report when its runner said less than it should have. */
const NO_SUMMARY = "ended without a summary";

/**
 * The outcome of a run: { passed, failed, skipped, problem? }.
 *
 * `kind`: "node" for node:test's spec reporter, "as-pect" for as-pect. `end`: { code, signal,
 * timedOut }. `strict`: skipped and to-do tests count as failed, as under CI=true.
 */
export function readOutcome({ kind, output, end, strict }) {
  const counts = kind === "node" ? readNode(output) : readAsPect(output);
  if (counts === undefined) {
    return { passed: 0, failed: 1, skipped: 0, problem: describeEnd(end, NO_SUMMARY) };
  }
  const { passed, failed, skipped } = counts;
  const reasons = skipped > 0 ? `skipped: ${readReasons(output)}` : undefined;
  if (strict && skipped > 0) {
    const problem = `${reasons} (a failure under CI=true)`;
    return { passed, failed: failed + skipped, skipped: 0, problem };
  }
  if (failed > 0) return counts;
  if (end.code !== 0) return { ...counts, failed: 1, problem: describeEnd(end, "all passed, but") };
  if (passed + skipped === 0) return { ...counts, failed: 1, problem: "ran no test at all" };
  return reasons === undefined ? counts : { ...counts, problem: reasons };
}

/** Why tests were skipped, each reason once: lines like `﹣ what it shows (0.1ms) # why not`. */
function readReasons(output) {
  const lines = [...output.matchAll(/^\s*(?:﹣|✔|✖) .*ms\) # (.+)$/gm)];
  return [...new Set(lines.map(([, reason]) => reason))].join("; ") || "no reason given";
}

function describeEnd({ code, signal, timedOut }, what) {
  if (timedOut) return `${what}: ran out of time`;
  return `${what}: ${signal ? `ended by ${signal}` : `exit status ${code}`}`;
}

/** The block of lines like `ℹ pass 12` at the end of the spec reporter's output. */
function readNode(output) {
  const read = (name) => {
    const last = [...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, "gm"))].at(-1);
    return last === undefined ? undefined : Number(last[1]);
  };
  const passed = read("pass");
  const failed = read("fail");
  if (passed === undefined || failed === undefined) return undefined;
  // A to-do is a test that nobody holds to its word: no better than one that was skipped.
  const skipped = (read("skipped") ?? 0) + (read("todo") ?? 0);
  return { passed, failed: failed + (read("cancelled") ?? 0), skipped };
}

/** `[Tests]: 12 / 12` and `[Result]: ✔ Pass!`, both of which must be there. */
function readAsPect(output) {
  const tests = [...output.matchAll(/\[Tests\]: (\d+) \/ (\d+)/g)].at(-1);
  const result = [...output.matchAll(/\[Result\]: (✔ Pass!|❌ Fail)/g)].at(-1);
  if (tests === undefined || result === undefined) return undefined;
  const passed = Number(tests[1]);
  const failed = Number(tests[2]) - passed;
  // A group can fail by what stands outside its tests.
  const outside = failed === 0 && result[1] !== "✔ Pass!" ? 1 : 0;
  return { passed, failed: failed + outside, skipped: 0 };
}

/** How many tests have ended so far, for the progress line. */
export function countSoFar(output) {
  return [...output.matchAll(/^\s*(?:[✔✖﹣] |\[Success\]|\[Fail\])/gm)].length;
}
